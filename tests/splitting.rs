//! Splitting where the answer is known, and beside plain runs where it is not.
//!
//! Intervals are at 99.9 % confidence, so that of a hundred such tests with seeds chosen blindly
//! one in ten would be expected to fail.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rxplan::model::system::Progress;
use rxplan::report::SimulateReport;
use rxplan::scenario::{RunMethod, Scenario, Source};
use rxplan::simulation::{Options, Simulation, simulate};
use rxplan::stats::{Estimate, Method};

const EXPONENTIAL: &str = "service = { dist = \"exponential\", mean = \"1 us\" }";

/// A scenario of servers with exponential services of 1 us, but for what `host` says.
fn scenario(nic: &str, host: &str, traffic: &str, overrides: &[&str]) -> Scenario {
    let text = format!(
        "[run]\nduration = \"100 ms\"\nreplications = 8\nwarmup = \"5 ms\"\nconfidence = 0.999\n\
         method = \"splitting\"\n[nic]\nrx_buf_len = \"2 KiB\"\n{nic}\n[host]\n{host}\n\
         [[traffic]]\n{traffic}\n"
    );
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Scenario::load(&Source::Stdin(text), &overrides).unwrap()
}

fn server(nic: &str, traffic: &str, overrides: &[&str]) -> Scenario {
    scenario(nic, &format!("model = \"server\"\n{EXPONENTIAL}"), traffic, overrides)
}

fn simulated(scenario: &Scenario, jobs: usize) -> Simulation {
    simulate(scenario, Options { jobs, ..Options::default() }, &Progress::default()).unwrap()
}

/// The interval of a drop rate that was had by splitting.
fn split(scenario: &Scenario) -> Estimate {
    let rate = simulated(scenario, 2).drop_rate;
    assert_eq!(rate.method, Method::Splitting);
    rate
}

fn assert_covers(rate: &Estimate, exact: f64) {
    assert!(rate.ci_low <= exact && exact <= rate.ci_high, "{rate:?} without {exact:e}");
}

/// The same scenario by plain runs, whose drop rate must not differ by more than both intervals
/// together allow.
fn assert_agrees_with_plain_runs(mut scenario: Scenario) {
    let split = split(&scenario);
    scenario.run.method = RunMethod::Plain;
    let plain = simulated(&scenario, 2).drop_rate;
    assert_eq!(plain.method, Method::Replications);
    let overlap = split.ci_low <= plain.ci_high && plain.ci_low <= split.ci_high;
    assert!(overlap, "splitting {split:?}, plain {plain:?}");
    // Both must say something.
    for rate in [split, plain] {
        assert!(rate.estimate > 0.0 && rate.ci_high < 4.0 * rate.estimate, "{rate:?}");
    }
}

/// M/M/1/K: `(1 - r) r^K / (1 - r^(K + 1))`.
#[test]
fn one_queue_drops_as_rarely_as_the_closed_form_says() {
    for (rate, load, entries) in [("800 kpps", 0.8_f64, 64), ("500 kpps", 0.5, 64)] {
        let nic = format!("queues = 1\nrx = {entries}");
        let traffic = format!("kind = \"poisson\"\nrate = \"{rate}\"");
        let exact = (1.0 - load) * load.powi(entries) / (1.0 - load.powi(entries + 1));
        assert_covers(&split(&server(&nic, &traffic, &[])), exact);
    }
}

/// On-off arrivals at twice the rate of service while ON, 16 packets a burst on average, half the
/// load: 6.338844e-9 at 256 entries (matrix-analytic).
#[test]
fn bursts_drop_as_rarely_as_the_matrix_analytic_solution_says() {
    let traffic = "kind = \"on-off\"\nrate = \"2 Mpps\"\n\
                   on = { dist = \"exponential\", mean = \"8 us\" }\n\
                   off = { dist = \"exponential\", mean = \"24 us\" }";
    assert_covers(&split(&server("queues = 2\nrx = 256", traffic, &[])), 6.338_844e-9);
    // In step, each queue still is what it was.
    let in_step = format!("{traffic}\nin_phase = 2");
    assert_covers(&split(&server("queues = 2\nrx = 256", &in_step, &[])), 6.338_844e-9);
}

/// 2.927086911e-4 by the product form.
#[test]
fn a_shared_reserve_drops_as_its_product_form_says() {
    let nic = "queues = 32\nrx = 16\n[reserve]\nentries = 128\naccounting = \"relabelled\"";
    let traffic = "kind = \"poisson\"\nrate = \"900 kpps\"";
    let overrides = ["run.duration=20 ms", "run.warmup=2 ms"];
    assert_covers(&split(&server(nic, traffic, &overrides)), 2.927_086_911e-4);
}

#[test]
fn splitting_agrees_with_plain_runs_on_every_host() {
    let poisson = "kind = \"poisson\"\nrate = \"800 kpps\"";
    let stall = "model = \"server\"\nservice = \"1 us\"\n[[host.stall]]\nlasts = \"6 us\"\n\
                 every = { dist = \"exponential\", mean = \"500 us\" }";
    let hosts = [
        (6, "model = \"hold\"\ntime = { dist = \"exponential\", mean = \"5 us\" }".to_owned()),
        (10, "model = \"poll\"\nperiod = \"8 us\"\nbudget = 16".to_owned()),
        (12, "model = \"busy-poll\"\nper_packet = \"550 ns\"\nbudget = 8\nrefill = 4".to_owned()),
        (
            20,
            "model = \"napi\"\ncores = 1\nrx_usecs = 6\nper_packet = \"500 ns\"\n\
             poll_overhead = \"1 us\""
                .to_owned(),
        ),
        (12, format!("{stall}\nscope = \"core\"")),
        (12, format!("{stall}\nscope = \"host\"")),
    ];
    for (rx, host) in hosts {
        let nic = format!("queues = 2\nrx = {rx}\n[reserve]\nentries = 4");
        assert_agrees_with_plain_runs(scenario(&nic, &host, poisson, &[]));
    }
}

#[test]
fn splitting_agrees_with_plain_runs_under_every_policy() {
    let traffic = "kind = \"poisson\"\nrate = \"800 kpps\"";
    let policies = [
        "policy = \"static-cap\"\ncap = 6",
        "policy = \"dynamic-threshold\"\nalpha = 1.0",
        "policy = \"peer-borrow\"",
        "policy = \"longest-queue-drop\"",
    ];
    for policy in policies {
        let entries = if policy.contains("peer") { "" } else { "entries = 12\n" };
        let nic = format!("queues = 3\nrx = 10\n[reserve]\n{entries}{policy}");
        assert_agrees_with_plain_runs(server(&nic, traffic, &[]));
    }
}

#[test]
fn splitting_agrees_with_plain_runs_on_every_kind_of_bursts() {
    let bursts = [
        "kind = \"on-off\"\nrate = \"3 Mpps\"\nrate_off = \"200 kpps\"\nin_phase = 3\n\
         on = { dist = \"exponential\", mean = \"10 us\" }\n\
         off = { dist = \"uniform\", min = \"30 us\", max = \"50 us\" }",
        "kind = \"on-off\"\nrate = \"3 Mpps\"\nspacing = \"constant\"\nin_phase = 2\n\
         on = { dist = \"exponential\", mean = \"10 us\" }\n\
         off = { dist = \"exponential\", mean = \"40 us\" }",
        "kind = \"mmpp\"\nrates = [\"3 Mpps\", \"100 kpps\"]\n\
         transition = [[\"never\", \"10 us\"], [\"40 us\", \"never\"]]\nin_phase = 3",
        "kind = \"batch\"\nevery = { dist = \"exponential\", mean = \"20 us\" }\n\
         count = { dist = \"geometric\", mean = 12 }\nin_phase = 2",
    ];
    for traffic in bursts {
        let nic = "queues = 3\nrx = 48\n[reserve]\nentries = 48";
        assert_agrees_with_plain_runs(server(nic, traffic, &[]));
    }
}

/// The main run is the one that it would be alone, and threads do not matter.
#[test]
fn only_the_drop_rate_is_another() {
    let nic = "queues = 4\nrx = 24";
    let traffic = "kind = \"poisson\"\nrate = \"800 kpps\"";
    let scenario = server(nic, traffic, &["run.duration=20 ms"]);
    let report = |scenario: &Scenario, jobs| {
        let report = SimulateReport::new(scenario, &simulated(scenario, jobs));
        serde_json::to_value(&report).unwrap()
    };
    let split = report(&scenario, 1);
    assert_eq!(split, report(&scenario, 2));
    let mut plain = scenario;
    plain.run.method = RunMethod::Plain;
    let plain = report(&plain, 2);
    for (key, value) in split.as_object().unwrap() {
        let same = *value == plain[key];
        assert_eq!(same, !["drop_rate", "warnings"].contains(&key.as_str()), "{key}");
    }
}

#[test]
fn where_great_things_happen_at_once_splitting_is_refused() {
    let traffic = "kind = \"on-off\"\nrate = \"2 Mpps\"\n\
                   on = { dist = \"pareto\", min = \"1 us\", shape = 1.5 }\n\
                   off = { dist = \"exponential\", mean = \"24 us\" }";
    let text = format!(
        "[run]\nmethod = \"splitting\"\n[nic]\nqueues = 1\nrx = 64\nrx_buf_len = \"2 KiB\"\n\
         [host]\nmodel = \"server\"\n{EXPONENTIAL}\n[[traffic]]\n{traffic}\n"
    );
    let error = Scenario::load(&Source::Stdin(text), &[]).unwrap_err().to_string();
    assert!(error.contains("run.method") && error.contains("heavy tail"), "{error}");
}
