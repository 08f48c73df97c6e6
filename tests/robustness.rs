//! Robustness: whatever a scenario says, reading it ends in a scenario or in one sentence, and
//! whatever could be read can be simulated, planned and reported without a panic.
//!
//! `RXPLAN_FUZZ_CASES` asks for more cases than the few hundred of every day, and
//! `RXPLAN_FUZZ_SEED` for others.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;

use rxplan::model::host::HostSpec;
use rxplan::model::log::PacketOutcome;
use rxplan::model::stall::StallPattern;
use rxplan::model::system::Progress;
use rxplan::model::traffic::TrafficSpec;
use rxplan::plan;
use rxplan::report::{PlanReport, SimulateReport, queues_csv, summary_csv, timeline_csv};
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{Engine, Options, Simulation, SimulationError, simulate};

/// When a simulation is asked to stop.
const ASKED: Duration = Duration::from_millis(300);
/// When one that has not stopped counts as hung.
const HUNG: Duration = Duration::from_secs(10);

/// Extreme values by what they are values of, and at last some that are of nothing.
const VALUES: [&str; 8] = [
    // Spans of time.
    r#""0 ns" | "1 ps" | "1 ns" | "1 us" | "70 us" | "10 ms" | "3 s" | "9000000 s" |
        "18446744 s""#,
    // Distributions of times.
    r#"{ dist = "exponential", mean = "1 ps" } | { dist = "exponential", mean = "30 us" } |
        { dist = "exponential", mean = "9000000 s" } |
        { dist = "pareto", min = "1 ns", shape = 1.01 } |
        { dist = "pareto", min = "1 ps", shape = 0.01, max = "18446744 s" } |
        { dist = "weibull", scale = "1 us", shape = 0.05 } |
        { dist = "weibull", scale = "1 us", shape = 100 } |
        { dist = "lognormal", mean = "1 us", cv = 100 } |
        { dist = "lognormal", median = "1 ps", p99 = "18446744 s" } |
        { dist = "hyperexponential", means = ["0 ns", "9000000 s"], weights = [1e-9, 1e9] } |
        { dist = "hyperexponential", means = ["0 ns", "20 us"], weights = [1, 1] } |
        { dist = "uniform", min = "0 ps", max = "18446744 s" } |
        { dist = "uniform", min = "0 ps", max = "1 ps" } |
        { dist = "empirical", points = [["1 ps", 0.999999], ["9000000 s", 1]] } |
        { dist = "empirical", points = [["0 ps", 0.5], ["9 us", 0.5], ["9 us", 1]] }"#,
    // Sizes.
    r#""0 B" | "1 B" | "64 B" | "9 KiB" | "4 GiB" | "4194303 KiB" | "4000 TiB" |
        "16777215 TiB""#,
    // Distributions of sizes.
    r#""imix" | { dist = "uniform", min = "1 B", max = "4095 MiB" } |
        { dist = "uniform", min = "0 B", max = "16777215 TiB" } |
        { dist = "exponential", mean = "1 B" } |
        { dist = "exponential", mean = "16777215 TiB" } |
        { dist = "lognormal", median = "700 B", p99 = "9000 B" } |
        { dist = "pareto", min = "1 B", shape = 1.1 } |
        { dist = "empirical", points = [[1e-9, 0.5], [1e300, 1]] } |
        { dist = "empirical", points = [[64, 0.5], [1500, 1]] }"#,
    // Rates.
    r#""1 pps" | "50 kpps" | "0.000001 pps" | "0.000000000000000000001 pps" | "1000 Gpps" |
        "1 bit/s" | "1 Gbit/s" | "0.0000001 bit/s" | "99999999 Tbit/s" |
        "999999999999999999999999 Tbit/s""#,
    // Numbers.
    r#"0 | 1 | 2 | 3 | 7 | 64 | 255 | 65536 | 67108864 | 4294967295 | 18446744073709551615 |
        -1 | 0.5 | 0.999999999999999999 | 1e-300 | 1e300 | inf | nan"#,
    // Distributions of counts, lists, ranges.
    r#"[] | [0, 1] | [3, 2, 1, 0] | [0, 67108864, 0] | "4..64 x2" |
        "0..67108864 step 67108863" | "0..4294967295 step 4294967295" |
        { dist = "uniform", min = 0, max = 4294967295 } |
        { dist = "uniform", min = 0, max = 3 } | { dist = "geometric", mean = 1e17 } |
        { dist = "geometric", mean = 1.5 } | { dist = "exponential", mean = 0.001 } |
        { dist = "pareto", min = 1, shape = 1.2 } | "all""#,
    // What is nothing of these.
    r#"true | {} | 2024-01-01 | "" | "all" | "pinned" | "relabelled" | "static-cap" |
        "complete-sharing" | "constant" | "poisson" | "hold" | "server" | "host""#,
];

/// A value that may stand where one that looks like `look` stood; one time in ten any.
fn value_like(look: &str, choice: usize) -> &'static str {
    let plain = !look.starts_with('{') && !(choice / 10).is_multiple_of(4);
    let kind = if choice.is_multiple_of(10) {
        choice / 10 % VALUES.len()
    } else if look.contains("pps") || look.contains("bit/s") {
        4
    } else if look.contains(" B") || look.contains("iB") || look.contains("imix") {
        if plain { 2 } else { 3 }
    } else if look.contains("s\"") {
        usize::from(!plain)
    } else if look.starts_with(|c: char| c.is_ascii_digit() || c == '[') {
        if plain { 5 } else { 6 }
    } else {
        7
    };
    let values: Vec<&str> = VALUES[kind].split('|').map(str::trim).collect();
    values[choice / 40 % values.len()]
}

/// Keys an override may name, by the look of their values; indices, misspellings and keys of other
/// variants among them.
const KEYS: [(&str, &str); 5] = [
    (
        "true",
        "title nic reserve reserve.policy reserve.accounting host.model host.stall
        host.stall.0.scope traffic traffic.0.kind traffic.0.spacing traffic.0.rss plan.baseline
        nic.rxx a.b.c  .",
    ),
    (
        "1 s\"",
        "run.duration run.warmup reserve.sync_cost host.service host.service.mean host.wakeup
        host.time host.period host.per_packet host.per_byte host.poll_overhead
        host.stall.0.every host.stall.0.lasts traffic.0.on traffic.0.off traffic.0.every
        traffic.1.every",
    ),
    (
        "0",
        "run.replications run.seed run.confidence nic.queues nic.rx nic.rx.0
        nic.completion_entries reserve.entries reserve.cap reserve.alpha reserve.groups
        reserve.repost host.budget host.refill host.cores traffic.0.queues traffic.0.in_phase
        traffic.0.count traffic.0.speed traffic.0.repeat traffic.1.count plan.max_drop_rate
        plan.rx plan.reserve plan.baseline.rx sweep.nic.rx",
    ),
    (
        "1 B",
        "nic.rx_buf_len nic.descriptor nic.completion nic.fifo nic.header_buffer traffic.0.size
        traffic.1.size",
    ),
    ("1 pps", "nic.line_rate traffic.0.rate traffic.0.rate_off traffic.1.rate"),
];

/// The dotted keys of a scenario with their values, several times, and those it does not have.
fn keys_of(text: &str) -> Vec<(String, String)> {
    let mut own = Vec::new();
    list_keys("", &toml::Value::Table(text.parse().unwrap()), &mut own);
    let others = KEYS.iter().flat_map(|(look, keys)| {
        keys.split_whitespace().map(|key| (key.to_owned(), (*look).to_owned()))
    });
    let times = 1 + 500 / own.len();
    std::iter::repeat_n(own, times).flatten().chain(others).collect()
}

fn list_keys(path: &str, value: &toml::Value, keys: &mut Vec<(String, String)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                list_keys(&below(key), value, keys);
            }
        }
        toml::Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                list_keys(&below(&index.to_string()), value, keys);
            }
        }
        _ => keys.push((path.to_owned(), value.to_string())),
    }
}

/// A change to a scenario's text.
#[derive(Debug, Clone)]
enum Mutation {
    SetByte(Index, u8),
    InsertByte(Index, u8),
    RemoveByte(Index),
    DropLine(Index),
    CopyLine(Index, Index),
    SwapLines(Index, Index),
    SwapTokens(Index, Index),
    /// What stands behind a line's `=`.
    PutValue(Index, usize),
    PutToken(Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<Index>;
    let value = any::<usize>;
    prop_oneof![
        1 => (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::SetByte(at, byte)),
        1 => (place(), 32_u8..127).prop_map(|(at, byte)| Mutation::InsertByte(at, byte)),
        1 => place().prop_map(Mutation::RemoveByte),
        1 => place().prop_map(Mutation::DropLine),
        1 => (place(), place()).prop_map(|(from, to)| Mutation::CopyLine(from, to)),
        1 => (place(), place()).prop_map(|(one, other)| Mutation::SwapLines(one, other)),
        1 => (place(), place()).prop_map(|(one, other)| Mutation::SwapTokens(one, other)),
        15 => (place(), value()).prop_map(|(at, value)| Mutation::PutValue(at, value)),
        2 => (place(), value()).prop_map(|(at, value)| Mutation::PutToken(at, value)),
    ]
}

impl Mutation {
    fn apply(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        match self {
            Self::SetByte(..) | Self::InsertByte(..) | Self::RemoveByte(_) => {
                self.apply_to_byte(text)
            }
            Self::SwapTokens(..) | Self::PutToken(..) => self.apply_to_token(text),
            _ => self.apply_to_line(text),
        }
    }

    fn apply_to_byte(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        match self {
            Self::SetByte(at, byte) => bytes[at.index(text.len())] = *byte,
            Self::InsertByte(at, byte) => bytes.insert(at.index(text.len()), *byte),
            Self::RemoveByte(at) => _ = bytes.remove(at.index(text.len())),
            _ => unreachable!("a change of a byte"),
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn apply_to_line(&self, text: &str) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let count = lines.len();
        match self {
            Self::DropLine(at) => _ = lines.remove(at.index(count)),
            Self::CopyLine(from, to) => {
                let line = lines[from.index(count)].clone();
                lines.insert(to.index(count), line);
            }
            Self::SwapLines(one, other) => lines.swap(one.index(count), other.index(count)),
            Self::PutValue(at, value) => {
                let with_value: Vec<usize> =
                    (0..count).filter(|line| lines[*line].contains('=')).collect();
                if !with_value.is_empty() {
                    let line = &mut lines[with_value[at.index(with_value.len())]];
                    let (key, old) = line.split_once('=').unwrap();
                    *line = format!("{key}= {}", value_like(old.trim(), *value));
                }
            }
            _ => unreachable!("a change of lines"),
        }
        lines.join("\n") + "\n"
    }

    fn apply_to_token(&self, text: &str) -> String {
        let tokens = tokens(text);
        if tokens.is_empty() {
            return text.to_owned();
        }
        let pick = |at: &Index| tokens[at.index(tokens.len())].clone();
        match self {
            Self::PutToken(at, value) => {
                let at = pick(at);
                let new = value_like(&text[at.clone()], *value);
                [&text[..at.start], new, &text[at.end..]].concat()
            }
            Self::SwapTokens(one, other) => {
                let (one, other) = (pick(one), pick(other));
                let (first, second) =
                    if one.start <= other.start { (one, other) } else { (other, one) };
                let between = if first == second { 0..0 } else { first.end..second.start };
                [
                    &text[..first.start],
                    &text[second.clone()],
                    &text[between],
                    if first == second { "" } else { &text[first] },
                    &text[second.end..],
                ]
                .concat()
            }
            _ => unreachable!("a change of tokens"),
        }
    }
}

/// Where words, numbers and quoted strings stand.
fn tokens(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut tokens = Vec::new();
    let mut rest = 0;
    while let Some(offset) = text[rest..].find(|c: char| c.is_ascii_alphanumeric() || c == '"') {
        let start = rest + offset;
        let quoted = text[start..].starts_with('"');
        let inside = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let length = if quoted {
            text[start + 1..].find('"').map_or(1, |end| end + 2)
        } else {
            text[start..].find(|c| !inside(c)).unwrap_or(text.len() - start)
        };
        tokens.push(start..start + length);
        rest = start + length;
    }
    tokens
}

/// The scenarios of a folder whose names start like this, in order.
fn scenarios(folder: &str, start: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.starts_with(start) && name.ends_with(".toml"))
        .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    found
}

/// Scenarios that together have every host, traffic, distribution and policy, and run in no time.
fn valid() -> Vec<String> {
    scenarios("tests/data/corpus", "valid-").into_iter().map(|(_, text)| text).collect()
}

fn valid_and_shipped() -> Vec<String> {
    let shipped = scenarios("scenarios", "").into_iter().map(|(_, text)| text);
    let valid = valid();
    let thrice = [valid.clone(), valid.clone(), valid].concat();
    thrice.into_iter().chain(shipped).collect()
}

/// Makes a run short enough to be simulated in thousands of cases.
const SHORT: &[&str] = &["run.duration=200 us", "run.warmup=0 us", "run.replications=2"];

/// Reads a scenario, and simulates it if it is small or can be made so.
fn survives(text: &str, overrides: &[String]) {
    let source = Source::Stdin(text.to_owned());
    match Scenario::load(&source, overrides) {
        Err(error) => assert_one_sentence(&error.to_string()),
        Ok(scenario) if is_small(&scenario) => run(&scenario, text, overrides),
        Ok(_) => {
            let shorter: Vec<String> =
                overrides.iter().cloned().chain(SHORT.iter().map(|&it| it.to_owned())).collect();
            if let Ok(scenario) = Scenario::load(&source, &shorter)
                && is_small(&scenario)
            {
                run(&scenario, text, &shorter);
            }
        }
    }
}

fn assert_one_sentence(message: &str) {
    assert!(!message.is_empty());
    assert!(!message.contains(char::is_control), "not one line of text: {message:?}");
}

/// Whether a simulation has so few packets and periods that it ends soon.
fn is_small(scenario: &Scenario) -> bool {
    let run = &scenario.run;
    let entries: u64 = scenario.nic.rx.iter().map(|rx| u64::from(*rx)).sum();
    scenario.expected_packets() < 2e4
        && entries < 1 << 24
        && scenario.queues() <= 64
        && run.replications <= 20
        && periods(scenario) < 1e5
}

/// On-off periods, epochs and stalls of a run: they take time without any packet.
fn periods(scenario: &Scenario) -> f64 {
    let recorded = scenario.traffic.iter().filter_map(TrafficSpec::recorded);
    let recorded = recorded.map(|recorded| recorded.last().as_ps());
    let ps = scenario.run.duration.map_or_else(|| recorded.max().unwrap_or(0), |d| d.as_ps())
        + scenario.run.warmup.as_ps();
    let reach = match &scenario.host {
        HostSpec::BusyPoll(spec) => ps.max(spec.poll_overhead.as_ps()),
        _ => ps,
    };
    #[expect(clippy::cast_precision_loss, reason = "orders of magnitude")]
    let (ps, reach) = (ps as f64, reach as f64);
    let traffic = scenario.traffic.iter().map(|traffic| ps / 1e12 * traffic.periods_per_queue());
    let stalls = scenario.stalls.iter().map(|stall| match &stall.pattern {
        StallPattern::Random { every, lasts } if lasts.mean() < 0.9 * every.mean() => {
            reach / every.mean()
        }
        StallPattern::Random { .. } => f64::INFINITY,
        StallPattern::Recorded(_) => 0.0,
    });
    traffic.chain(stalls).sum()
}

fn run(scenario: &Scenario, text: &str, overrides: &[String]) {
    let what = format!("overrides {overrides:?} on\n{text}");
    let (simulated, _) = stopped_in_time(&what, |progress| {
        let mut packets = 0_u64;
        let mut count = |_: &PacketOutcome| packets += 1;
        let options =
            Options { jobs: 1, packets: Some(&mut count), timeline: true, ..Options::default() };
        let simulated = simulate(scenario, options, progress);
        (simulated, packets)
    });
    match simulated {
        Err(SimulationError::Stopped) => return,
        Err(other) => panic!("{other}"),
        Ok(simulation) => check(scenario, &simulation),
    }
    let plan = &scenario.plan;
    if scenario.expected_packets() < 300.0 && plan.rx.len() * plan.reserve.len() < 100 {
        let planned =
            stopped_in_time(&what, |it| plan::plan(scenario, 1, Engine::Auto, it, &|_| {}));
        if let Ok(planned) = planned {
            let report = PlanReport::new(scenario, &planned);
            assert!(!report.table().is_empty() && !report.csv().is_empty());
        }
    }
}

/// What must hold of every result, and that it can be shown.
fn check(scenario: &Scenario, simulation: &Simulation) {
    let packets = &simulation.packets;
    assert!(packets.delivered + packets.dropped <= packets.offered);
    assert_eq!(simulation.drops.iter().sum::<u64>(), packets.dropped);
    let rate = &simulation.drop_rate;
    assert!(0.0 <= rate.ci_low && rate.ci_low <= rate.estimate, "{rate:?}");
    assert!(rate.estimate <= rate.ci_high && rate.ci_high <= 1.0, "{rate:?}");
    let report = SimulateReport::new(scenario, simulation);
    let pinned = report.memory.pinned.buffers_bytes;
    assert!(report.memory.in_use_bytes_max <= pinned);
    for share in [simulation.exhausted_fraction, simulation.stalled_fraction] {
        assert!((0.0..=1.0 + 1e-9).contains(&share), "a share of {share}");
    }
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("null,\"p50\""), "a sojourn time that is no number: {json}");
    assert!(!report.table().is_empty());
    assert_eq!(summary_csv(&report).lines().count(), 2 + report.title.matches('\n').count());
    assert_eq!(queues_csv(&report).lines().count(), 1 + scenario.queues());
    let timeline = simulation.timeline.as_ref().unwrap();
    assert!(timeline.bins().len() <= 2_000);
    assert!(!timeline_csv(timeline).is_empty());
}

/// Does `work`, which is asked to stop when it takes long, and must then do so.
fn stopped_in_time<T>(what: &str, work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::default();
    let (done, finished) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let stop = &progress.stop;
        scope.spawn(move || {
            if finished.recv_timeout(ASKED) == Err(RecvTimeoutError::Timeout) {
                stop.store(true, Ordering::Relaxed);
                if finished.recv_timeout(HUNG) == Err(RecvTimeoutError::Timeout) {
                    let _ = writeln!(std::io::stderr(), "does not stop: {what}");
                    std::process::abort();
                }
            }
        });
        let result = work(&progress);
        drop(done);
        result
    })
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn config() -> ProptestConfig {
    let cases = number("RXPLAN_FUZZ_CASES", 400);
    let seed = number("RXPLAN_FUZZ_SEED", 1);
    ProptestConfig {
        cases: u32::try_from(cases).unwrap(),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_mutated_scenario_is_refused_in_one_sentence_or_runs(
        seed in any::<Index>(),
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let seeds = valid_and_shipped();
        let mut text = seeds[seed.index(seeds.len())].clone();
        for mutation in &mutations {
            text = mutation.apply(&text);
        }
        survives(&text, &[]);
    }

    #[test]
    fn an_overridden_scenario_is_refused_in_one_sentence_or_runs(
        seed in any::<Index>(),
        pairs in prop::collection::vec((any::<Index>(), any::<usize>()), 1..4),
        garbage in prop::option::weighted(0.1, "[a-z0-9.=\"'{}\\[\\] ]{0,12}"),
    ) {
        let seeds = valid();
        let text = &seeds[seed.index(seeds.len())];
        let keys = keys_of(text);
        let pairs = pairs.iter().map(|(key, value)| {
            let (key, look) = &keys[key.index(keys.len())];
            format!("{key}={}", value_like(look, *value))
        });
        let overrides: Vec<String> = pairs.chain(garbage).collect();
        survives(text, &overrides);
    }
}

#[test]
fn every_valid_scenario_of_the_corpus_is_small_and_runs() {
    let valid = valid();
    assert!(valid.len() >= 6, "seeds are missing");
    for text in valid {
        let scenario = Scenario::load(&Source::Stdin(text.clone()), &[]).unwrap();
        assert!(is_small(&scenario), "{text}");
        run(&scenario, &text, &[]);
    }
}

/// Each file names what once went wrong, the arguments if they are not `simulate -`, and what the
/// message must say if it is refused. `OUT` is a folder.
#[test]
fn what_once_found_a_fault_ends_in_a_result_or_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let mut failures = Vec::new();
    for (name, text) in scenarios("tests/data/corpus", "fault-") {
        let marked = |mark: &str| -> Vec<String> {
            text.lines().filter_map(|line| line.strip_prefix(mark)).map(str::to_owned).collect()
        };
        let args = marked("# args: ").pop().unwrap_or_else(|| "simulate -".to_owned());
        let args: Vec<String> =
            args.split_whitespace().map(|word| word.replace("OUT", out)).collect();
        let expected = marked("# expect: ");
        if let Err(message) = ends_well(&args, &text, &expected) {
            failures.push(format!("{name}: {message} ({})", marked("# fault: ").join(" ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_key_of_very_many_parts_is_refused_in_one_sentence() {
    let set = "a.".repeat(60_000) + "a=1";
    let args = ["check", "-", "--set", &set].map(str::to_owned);
    ends_well(&args, "", &["--set a.a".to_owned()]).unwrap();
}

/// Renaming a new file into place ends what stood there, even a device such as /dev/stdout.
#[cfg(unix)]
#[test]
fn an_output_that_is_a_link_or_a_device_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let (link, file) = (folder.path().join("link.csv"), folder.path().join("file.csv"));
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let args = ["simulate", "-", "--packets", link.to_str().unwrap()].map(str::to_owned);
    ends_well(&args, &valid()[0], &[]).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink(), "the link has been replaced");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("t_ns,queue,len,outcome,"));
}

/// Runs the program, which must end soon, with a result or with a sentence that has all of
/// `expected`; nothing but the latter if there is any.
fn ends_well(args: &[String], scenario: &str, expected: &[String]) -> Result<(), String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rxplan"))
        .args(args)
        .args(["--format", "csv", "--time-limit", "500 ms"])
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(scenario.as_bytes());
    let mut stderr = child.stderr.take().unwrap();
    let (done, text) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        let _ = done.send(text);
    });
    let Ok(text) = text.recv_timeout(HUNG) else {
        child.kill().unwrap();
        child.wait().unwrap();
        return Err(format!("does not end within {HUNG:?}"));
    };
    let status = child.wait().unwrap();
    let refused = status.code() == Some(1);
    if !refused && !matches!(status.code(), Some(0 | 3)) {
        return Err(format!("{status}: {}", text.trim()));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    if refused && (!line.starts_with("error: ") || line.contains(char::is_control)) {
        return Err(format!("not one line of text: {line:?}"));
    }
    let says = refused && expected.iter().all(|part| line.contains(part));
    if !expected.is_empty() && !says {
        return Err(format!("does not say {expected:?}: {line}"));
    }
    Ok(())
}
