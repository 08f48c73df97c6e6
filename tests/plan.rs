//! `plan` where the answer is known: closed forms, overload, and what a scenario's forms have in
//! common.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rxplan::model::system::Progress;
use rxplan::plan::{Plan, Verdict, plan};
use rxplan::report::SimulateReport;
use rxplan::scenario::{Scenario, Shape, Source};
use rxplan::simulation::{Engine, Options, simulate};

/// Four M/M/1/K queues at 80 % load, with `more` keys.
fn scenario(rx: &str, more: &str, overrides: &[&str]) -> Scenario {
    let text = format!(
        "[run]\nduration = \"100 ms\"\nwarmup = \"1 ms\"\n\
         [nic]\nqueues = 4\nrx = {rx}\nrx_buf_len = \"2 KiB\"\n{more}\n\
         [host]\nmodel = \"server\"\nservice = {{ dist = \"exponential\", mean = \"1 us\" }}\n\
         [[traffic]]\nkind = \"poisson\"\nrate = \"800 kpps\"\n"
    );
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Scenario::load(&Source::Stdin(text), &overrides).unwrap()
}

fn planned(scenario: &Scenario) -> Plan {
    plan(scenario, 2, Engine::Auto, &Progress::default(), &|_| {}).unwrap()
}

fn report(scenario: &Scenario) -> String {
    let simulation = simulate(scenario, Options::default(), &Progress::default()).unwrap();
    serde_json::to_string(&SimulateReport::new(scenario, &simulation)).unwrap()
}

/// `(1 - r) r^K / (1 - r^(K + 1))` at r = 0.8 is 5.8e-3 for K = 16 and 1.6e-4 for K = 32.
#[test]
fn the_least_ring_is_that_of_the_closed_form() {
    let keys = "[plan]\nmax_drop_rate = 1e-3\nrx = \"4..128 x2\"\nreserve = 0";
    let plan = planned(&scenario("64", keys, &[]));
    assert_eq!(plan.verdict, Verdict::Feasible);
    assert_eq!(plan.recommended.unwrap().shape, Shape { rx: 32, reserve: 0 });
    assert_eq!(plan.today.unwrap().shape, Shape { rx: 32, reserve: 0 });
    assert!(plan.why.contains("one step cheaper does not: rx 16"), "{}", plan.why);
}

#[test]
fn today_is_answered_even_where_only_reserves_are_searched() {
    let keys = "[plan]\nmax_drop_rate = 1e-3\nrx = \"4..128 x2\"\nreserve = [64]";
    let plan = planned(&scenario("64", keys, &[]));
    assert_eq!(plan.today.unwrap().shape, Shape { rx: 32, reserve: 0 });
    assert_eq!(plan.recommended.unwrap().shape.reserve, 64);
}

#[test]
fn a_host_that_takes_less_than_arrives_makes_the_goal_infeasible() {
    let scenario = scenario("64", "", &["traffic.0.rate=1.1 Mpps", "run.duration=2 ms"]);
    let plan = planned(&scenario);
    assert_eq!(plan.verdict, Verdict::Infeasible);
    assert!(plan.recommended.is_none() && plan.today.is_none());
    assert!(plan.why.contains("utilisation is 1.100"), "{}", plan.why);
}

#[test]
fn one_depth_and_a_list_of_equal_depths_are_the_same() {
    let brief = ["run.duration=5 ms"];
    assert_eq!(
        report(&scenario("16", "", &brief)),
        report(&scenario("[16, 16, 16, 16]", "", &brief))
    );
}

#[test]
fn a_reserve_of_nothing_is_no_reserve() {
    let brief = ["run.duration=5 ms"];
    assert_eq!(
        report(&scenario("16", "", &brief)),
        report(&scenario("16", "[reserve]\nentries = 0", &brief))
    );
}
