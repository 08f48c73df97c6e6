use super::*;
use crate::random::Streams;
use crate::units::to_f64;

/// Mean, squared coefficient of variation and 99th percentile of each table.
///
/// Worked out apart from this crate, by integrating each published table as its reader reads it:
/// a line from (x0, p0) to (x1, p1) adds (p1 - p0) (x0 + x1) / 2 to the mean and (p1 - p0) (x0^2 +
/// x0 x1 + x1^2) / 3 to the second moment.
const EXACT: [(&str, f64, f64, f64); 13] = [
    ("websearch", 1_711_250.0, 5.372_22, 23_333_333.0),
    ("data-mining", 12_658_200.0, 45.829_3, 550_000_000.0),
    ("data-mining-abm", 5_036_540.0, 93.673_5, 100_000_000.0),
    ("hadoop-hpcc", 120_421.0, 30.924_9, 2_000_000.0),
    ("hadoop-abm", 3_423_728.0, 40.183_7, 146_000_000.0),
    // the file's own first line says 194330.9
    ("hadoop-homa", 194_330.9, 35.201, 10_000_000.0),
    ("key-value", 342.235, 53.052_1, 6_326.0),
    ("storage", 40_869.8, 22.022_9, 1_293_930.0),
    ("homa-w1", 188.071, 6.143_57, 1_890.0),
    ("homa-w2", 441.603, 283.013, 3_151.0),
    ("homa-w3", 2_927.68, 527.242, 31_013.0),
    ("homa-w4", 127_796.6, 30.783_4, 3_430_822.0),
    ("homa-w5", 2_527_952.0, 5.733_39, 27_440_050.0),
];

/// Points of Homa's lists that its rule has to fill in, as they stand there.
const FILLED_IN: [(&str, &[(u64, f64)]); 3] = [
    ("homa-w2", &[(34, 0.202751), (284, 0.553151), (1_365, 0.969560), (573_085, 0.999984)]),
    ("homa-w3", &[(36, 0.108913), (1_053, 0.865736), (40_018, 0.991435), (3_166_500, 0.999931)]),
    ("homa-w4", &[(53, 0.00074), (1_130, 0.6171), (33_343, 0.72399), (3_430_822, 0.9909)]),
];

/// The second moment of a table, by the rule above.
fn second_moment(table: &SizeTable) -> f64 {
    if table.reading != Reading::Lines {
        let Distribution::Discrete { values, weights } = table.distribution() else {
            panic!("steps are discrete")
        };
        let squares = values.iter().zip(weights).map(|(value, w)| to_f64(*value).powi(2) * w);
        return squares.sum();
    }
    let (first, share) = table.points[0];
    let lines = table.points.windows(2).map(|pair| {
        let ((from, below), (to, share)) = (pair[0], pair[1]);
        (share - below) * (from * from + from * to + to * to) / 3.0
    });
    first * first * share + lines.sum::<f64>()
}

#[test]
fn every_table_has_the_moments_and_the_tail_that_were_worked_out_for_it() {
    assert_eq!(TABLES.len(), EXACT.len());
    for (table, (name, mean, scv, p99)) in TABLES.iter().zip(EXACT) {
        assert_eq!(table.name, name);
        let distribution = table.distribution();
        // The digits of the values above.
        let close = |value: f64, exact: f64| (value / exact - 1.0).abs() < 1e-5;
        assert!(close(distribution.mean(), mean), "{name}: {}", distribution.mean());
        let found = second_moment(table) / distribution.mean().powi(2) - 1.0;
        assert!(close(found, scv), "{name}: {found}");
        let found = to_f64(distribution.quantile(0.99));
        assert!(close(found, p99), "{name}: {found}");
    }
}

#[test]
fn sizes_are_drawn_with_the_shares_of_their_tables() {
    const DRAWS: u32 = 100_000;
    for table in TABLES {
        let distribution = table.distribution();
        let mut generator = Streams::new(17, 0).stream(table.name);
        let mut drawn: Vec<u64> = (0..DRAWS).map(|_| distribution.sample(&mut generator)).collect();
        drawn.sort_unstable();
        for (bytes, share) in table.points {
            // Draws are rounded to whole bytes.
            let up_to = |limit: f64| {
                let below = drawn.partition_point(|size| to_f64(*size) < limit);
                to_f64(below as u64) / f64::from(DRAWS)
            };
            let (low, high) = (up_to(bytes - 0.6), up_to(bytes + 0.6));
            // 1.95 / sqrt(n): Kolmogorov-Smirnov at 0.001, less for tables of steps
            let distance = 1.95 / f64::from(DRAWS).sqrt();
            assert!(low - distance < *share && *share < high + distance, "{} {bytes}", table.name);
        }
    }
}

#[test]
fn sizes_between_the_corners_of_a_list_are_those_of_the_list() {
    for (name, points) in FILLED_IN {
        let steps = SizeTable::named(name).unwrap().steps();
        for (bytes, share) in points {
            let found = steps.iter().find(|(size, _)| round_to_u64(*size) == *bytes);
            let (_, found) = found.unwrap_or_else(|| panic!("{name} has no {bytes}"));
            assert!((found - share).abs() < 1.1e-6, "{name} {bytes}: {found}");
        }
    }
    // W4's list has 460 points, without the corner that it starts from.
    let lengths = ["homa-w2", "homa-w3", "homa-w4"];
    let lengths = lengths.map(|name| SizeTable::named(name).unwrap().steps().len());
    assert_eq!(lengths, [152, 842, 461]);
}

#[test]
fn tables_called_alike_say_where_they_are_from() {
    let hadoop: Vec<String> =
        TABLES.iter().filter(|t| t.name.starts_with("hadoop")).map(ToString::to_string).collect();
    assert_eq!(hadoop.len(), 3);
    let repositories =
        ["alibaba-edu/High-Precision", "inet-tub/ns3-datacenter", "PlatformLab/Homa"];
    for (text, repository) in hadoop.iter().zip(repositories) {
        assert!(text.contains(repository), "{text}");
    }
    let means = ["120421", "3423728", "194331"];
    for (text, mean) in hadoop.iter().zip(means) {
        assert!(text.contains(&format!("mean {mean} B")), "{text}");
    }
}
