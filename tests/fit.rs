//! Fitting traffic to traces: known sources are found again, others are said not to fit.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use rxplan::fit::{Fit, Options, Pace, Point, Verdict, fit};
use rxplan::model::log::PacketOutcome;
use rxplan::model::system::Progress;
use rxplan::recording::{Form, Queues, Recording, Replay};
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{self, Engine, simulate};

#[path = "support/program.rs"]
mod program;

use program::{Folder, finish};

/// A trace, as CSV, of this traffic at `queues` queues.
fn trace(queues: u32, duration: &str, seed: u64, traffic: &str) -> String {
    let text = format!(
        "[run]\nduration = \"{duration}\"\nwarmup = \"1 ms\"\nreplications = 1\nseed = {seed}\n\
         [nic]\nqueues = {queues}\nrx = 4\nrx_buf_len = \"2 KiB\"\nline_rate = \"400 Gbit/s\"\n\
         [host]\nmodel = \"server\"\nservice = \"10 ns\"\n[[traffic]]\n{traffic}\n"
    );
    let scenario = Scenario::load(&Source::Stdin(text), &[]).unwrap();
    let mut lines = "t_ns,queue,len\n".to_owned();
    let mut keep = |packet: &PacketOutcome| {
        let ps = packet.arrival.as_ps();
        writeln!(lines, "{}.{:03},{},{}", ps / 1000, ps % 1000, packet.queue, packet.len).unwrap();
    };
    let options = simulation::Options { jobs: 1, packets: Some(&mut keep), ..Default::default() };
    simulate(&scenario, options, &Progress::default()).unwrap();
    lines
}

/// The fit to a trace.
fn fitted(csv: &str, seed: u64) -> Fit {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.csv");
    fs::write(&path, csv).unwrap();
    let form = Form::Trace(Queues::All);
    let mut packets = Recording { path, form, replay: Replay::default() }.open().unwrap();
    let options = Options { name: "trace.csv".to_owned(), seed, service: None };
    let progress = Progress::default();
    fit(&mut packets, &options, &Pace { jobs: 0, engine: Engine::Auto, progress: &progress })
        .unwrap()
}

/// Whether the interval of a parameter of the first table has `value` in it.
fn covers(fit: &Fit, name: &str, value: f64) -> bool {
    let found = fit.parameters.iter().find(|own| own.table == 0 && own.name == name);
    found.unwrap().interval.is_some_and(|(low, high)| low <= value && value <= high)
}

const ON_OFF: &str = "kind = \"on-off\"\nrate = \"3 Mpps\"\n\
                      on = { dist = \"exponential\", mean = \"20 us\" }\n\
                      off = { dist = \"exponential\", mean = \"60 us\" }\n";

#[test]
fn intervals_hold_the_parameters_of_a_known_source_as_often_as_they_say() {
    const SEEDS: u64 = 20;
    let (mut rate, mut on, mut off, mut bad) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let fit = fitted(&trace(2, "8 ms", seed, ON_OFF), 100 + seed);
        assert_eq!(fit.model, "on-off by gaps", "seed {seed}");
        rate += u32::from(covers(&fit, "rate", 3e6));
        on += u32::from(covers(&fit, "on", 20.0));
        off += u32::from(covers(&fit, "off", 60.0));
        bad += u32::from(fit.verdict == Verdict::Bad);
    }
    // Of 20 intervals of 95 %, 13 or fewer hold the truth once in 3,000 times; of 20 true sources,
    // each called bad once in 20 times, 6 or more are once in 3,000.
    assert!(rate > 13 && on > 13 && off > 13, "{rate}, {on}, {off} of {SEEDS}");
    assert!(bad < 6, "{bad} of {SEEDS} called bad");
}

#[test]
fn queues_in_step_and_correlated_ones_are_told_apart() {
    let in_step = fitted(&trace(5, "40 ms", 1, &format!("{ON_OFF}in_phase = 3")), 1);
    assert!(in_step.together.starts_with("3 of 5 queues"), "{}", in_step.together);
    assert!(in_step.traffic.contains("in_phase = 3"), "{}", in_step.traffic);
    let apart = fitted(&trace(5, "40 ms", 1, ON_OFF), 1);
    assert_eq!(apart.together, "5 queues, independent, alike");
    let correlated = fitted(&trace(5, "40 ms", 1, &format!("{ON_OFF}correlation = 0.5")), 1);
    // At a fixed seed; the interval is of 95 % confidence.
    assert!(covers(&correlated, "correlation", 0.5), "{:?}", correlated.parameters);
}

#[test]
fn queues_that_differ_get_tables_of_their_own() {
    let rate = |rate| format!("kind = \"poisson\"\nqueues = [{rate}]\nrate = \"{rate}00 kpps\"\n");
    let traffic = format!("{}\n[[traffic]]\n{}", rate(1), rate(3));
    let fit = fitted(&trace(4, "20 ms", 1, &traffic), 1);
    assert_eq!((fit.model, fit.verdict), ("poisson", Verdict::Good));
    assert_eq!(fit.traffic.matches("[[traffic]]").count(), 2);
    let rates: Vec<f64> = fit.parameters.iter().map(|own| own.value).collect();
    // 2,000 and 6,000 packets: four standard errors of a Poisson count.
    assert!((rates[0] - 1e5).abs() < 4e5 / 2000_f64.sqrt(), "{rates:?}");
    assert!((rates[1] - 3e5).abs() < 12e5 / 6000_f64.sqrt(), "{rates:?}");
}

#[test]
fn bursts_whose_lengths_depend_on_the_one_before_are_called_a_bad_fit() {
    // Strictly periodic, of 1,000 packets and of 10 in turn: no on-off source, whose periods are
    // independent, has counts that vary so little over many bursts.
    let mut lines = "t_ns,queue,len\n".to_owned();
    for burst in 0..200 {
        for packet in 0..if burst % 2 == 0 { 1000 } else { 10 } {
            writeln!(lines, "{},0,1500", burst * 500_000 + packet * 100).unwrap();
        }
    }
    let fit = fitted(&lines, 1);
    assert_eq!(fit.verdict, Verdict::Bad);
    let differs = |point: &dyn Fn(Point) -> bool| {
        fit.comparisons.iter().any(|own| own.differs && point(own.point))
    };
    assert!(differs(&|point| matches!(point, Point::QueueIdc { .. })), "{:?}", fit.comparisons);
}

#[test]
fn heavy_tailed_flows_are_called_a_bad_fit() {
    let flows = "kind = \"flows\"\nsizes = \"websearch\"\nload = 0.3\n\
                 sender_rate = \"25 Gbit/s\"";
    let fit = fitted(&trace(4, "40 ms", 7, flows), 1);
    assert_eq!(fit.verdict, Verdict::Bad, "{:?}", fit.comparisons);
}

#[test]
fn a_few_bursts_are_too_few_to_tell() {
    let long = "kind = \"on-off\"\nrate = \"3 Mpps\"\n\
                on = { dist = \"exponential\", mean = \"1 ms\" }\n\
                off = { dist = \"exponential\", mean = \"4 ms\" }";
    let fit = fitted(&trace(1, "25 ms", 5, long), 1);
    assert_eq!(fit.verdict, Verdict::CannotTell, "{:?}", fit.comparisons);
}

#[test]
fn a_fit_depends_on_trace_and_seed_alone_and_its_scenario_runs() {
    let folder = Folder::with("");
    folder.write("t.csv", trace(2, "5 ms", 1, ON_OFF));
    let one = folder.run(&["fit", "t.csv", "--jobs", "1", "-o", "one", "--scenario", "f.toml"]);
    assert!(one.success().contains("[[traffic]]\nkind = \"on-off\"\nqueues = \"all\"\n"));
    folder.run(&["fit", "t.csv", "--jobs", "3", "-o", "three"]).success();
    assert_eq!(folder.files("one"), folder.files("three"));
    let names: Vec<String> = folder.files("one").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["fit.csv", "parameters.csv", "traffic.toml"]);
    assert!(folder.read("f.toml").ends_with(&folder.read("one/traffic.toml")));
    let set = ["--set", "run.duration=2 ms", "--set", "run.warmup=1 ms"];
    folder.run(&[&["simulate", "f.toml"][..], &set].concat()).success();
    folder.run(&["reproduce", "one/manifest.toml"]).success();
    folder.write("t.csv", trace(2, "5 ms", 2, ON_OFF));
    assert!(folder.run(&["reproduce", "one/manifest.toml"]).failure(1).contains("has changed"));
}

#[test]
fn the_same_packets_in_any_form_give_the_same_fit() {
    let folder = Folder::with("");
    let csv = trace(1, "5 ms", 1, ON_OFF);
    folder.write("t.csv", &csv);
    let plain = folder.run(&["fit", "t.csv", "--format", "csv"]).success();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(csv.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    folder.write("t.gz", &gzip);
    assert_eq!(folder.run(&["fit", "t.gz", "--format", "csv"]).success(), plain);
    let mut piped = folder.command(&["fit", "-", "--format", "csv"]);
    piped.stdin(fs::File::open(folder.path().join("t.gz")).unwrap());
    assert_eq!(finish(piped).success(), plain);
    // A capture with stamps of nanoseconds, and a trace of the same.
    let rows = csv.lines().skip(1).map(|line| line.split_once('.').unwrap().0);
    let times: Vec<u32> = rows.map(|ns| ns.parse().unwrap()).collect();
    let mut capture = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        capture.extend(word.to_le_bytes());
    }
    for ns in &times {
        for word in [1, *ns, 14, 1500] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend([0; 14]);
    }
    folder.write("t.pcap", capture);
    let whole: String = times.iter().map(|ns| format!("{ns},0,1500\n")).collect();
    folder.write("w.csv", format!("t_ns,queue,len\n{whole}"));
    let [pcap, csv] =
        ["t.pcap", "w.csv"].map(|file| folder.run(&["fit", file, "--format", "csv"]).success());
    assert_eq!(pcap, csv);
}

#[test]
fn samples_and_racks_are_fitted_above_the_length_of_a_sample() {
    let folder = Folder::with("");
    let mut state = 1_u64;
    let mut random = move |n: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut samples = "t_ns,duration_ns,queue,packets,bytes\n".to_owned();
    let mut bytes = Vec::new();
    let mut is_on = false;
    for k in 0..2000_u64 {
        is_on = if random(5) == 0 { !is_on } else { is_on };
        let packets = if is_on { 50 + random(20) } else { 0 };
        writeln!(samples, "{},1000000,0,{packets},{}", k * 1_000_000, packets * 1500).unwrap();
        bytes.push((packets * 1500).to_string());
    }
    folder.write("s.csv", samples);
    folder.write("rack.json", format!("{{\"ingressBytes\": [{}]}}", bytes.join(",")));
    let [from_samples, from_rack] = ["s.csv", "rack.json"].map(|file| {
        let ran = folder.run(&["fit", file, "--format", "csv"]);
        assert!(ran.stderr.contains("cannot show bursts shorter than 1 ms"), "{}", ran.stderr);
        ran.success()
    });
    assert_eq!(from_samples, from_rack);
    let scales: Vec<f64> = from_samples
        .lines()
        .filter(|line| line.starts_with("queue_idc"))
        .map(|line| line.split(',').nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(!scales.is_empty() && scales.iter().all(|us| *us >= 1000.0), "{scales:?}");
}

#[test]
fn traces_that_cannot_be_fitted_are_refused_in_one_sentence() {
    let folder = Folder::with("");
    folder.write("few.csv", "t_ns,queue,len\n1,0,64\n2,0,64\n");
    let at_once: String = (0..200).map(|_| "5,0,64\n").collect();
    folder.write("once.csv", format!("t_ns,queue,len\n{at_once}"));
    folder.write("far.csv", "t_ns,queue,len\n1,65536,64\n");
    folder.write("back.csv", "t_ns,queue,len\n2,0,64\n1,0,64\n");
    for (file, expected) in [
        ("few.csv", "few.csv: has 2 packets in"),
        ("once.csv", "once.csv: has 200 packets in 0 ps"),
        ("far.csv", "far.csv: names queue 65536"),
        ("back.csv", "back.csv:3: t_ns 1 comes before 2"),
        ("none.csv", "none.csv: cannot open"),
        ("s.toml", "s.toml:1: no packets"),
    ] {
        let message = folder.run(&["fit", file]).failure(1);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(folder.run(&["fit", "few.csv", "--queues", "0"]).status, 2);
}
