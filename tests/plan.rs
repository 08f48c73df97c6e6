//! `plan` where the answer is known: closed forms, overload, and what a scenario's forms have in
//! common.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::Ordering;

use rxplan::model::system::Progress;
use rxplan::plan::{Judged, Plan, PlanError, Verdict, plan};
use rxplan::report::{PlanReport, SimulateReport};
use rxplan::scenario::{Scenario, Shape, Source};
use rxplan::simulation::{Engine, Options, SimulationError, simulate};

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

#[test]
fn a_goal_of_delay_refuses_what_would_queue_for_too_long() {
    let keys = |most: &str| {
        format!(
            "[plan]\nmax_drop_rate = 1e-3\nmax_p99_us = {most}\nrx = \"4..128 x2\"\nreserve = 0"
        )
    };
    let plan = planned(&scenario("64", &keys("30"), &[]));
    let best = plan.recommended.unwrap();
    assert_eq!(best.shape, Shape { rx: 32, reserve: 0 });
    assert!(best.p99_us <= 30.0, "{}", best.p99_us);
    let plan = planned(&scenario("64", &keys("5"), &[]));
    assert_eq!(plan.verdict, Verdict::Infeasible);
    assert!(plan.why.contains("above the goal of 5 us"), "{}", plan.why);
}

#[test]
fn a_search_that_is_stopped_gives_the_best_so_far_and_says_so() {
    let keys = "[plan]\nmax_drop_rate = 1e-3\nrx = \"4..128 x2\"\nreserve = 0";
    let scenario = scenario("64", keys, &[]);
    let progress = Progress::default();
    // Baseline, own, largest, and one of the search.
    let stop = |judged: Judged| progress.stop.store(judged.so_far >= 4, Ordering::Relaxed);
    let stopped = plan(&scenario, 2, Engine::Auto, &progress, &stop).unwrap();
    assert!(!stopped.complete);
    let best = stopped.recommended.unwrap();
    assert!(best.shape.rx >= 32 && best.drop_rate.ci_high <= 1e-3);
    assert!(stopped.why.contains("stopped before all was searched"), "{}", stopped.why);
    // Stopped at once there is nothing to give.
    progress.stop.store(true, Ordering::Relaxed);
    let error = plan(&scenario, 1, Engine::Auto, &progress, &|_| {}).unwrap_err();
    assert_eq!(error, PlanError::Simulation(SimulationError::Stopped));
}

#[test]
fn queues_that_lend_to_each_other_have_no_reserve_to_search() {
    let keys = "[reserve]\npolicy = \"peer-borrow\"";
    let progress = Progress::default();
    let scenario = scenario("64", keys, &["run.duration=1 ms"]);
    let error = plan(&scenario, 1, Engine::Auto, &progress, &|_| {}).unwrap_err();
    assert_eq!(error, PlanError::PeerBorrow);
}

#[test]
fn today_can_be_set_up_by_any_tool() {
    let text = "[run]\nduration = \"20 ms\"\nwarmup = \"1 ms\"\n\
        [nic]\nqueues = 2\npreset = \"ice\"\nrx = 64\n\
        [host]\nmodel = \"napi\"\nper_packet = \"100 ns\"\nrx_usecs = 20\nrx_frames = 8\n\
        [plan]\nmax_drop_rate = 1e-2\nrx = \"64..512 x2\"\nreserve = 0\n\
        [[traffic]]\nkind = \"poisson\"\nrate = \"800 kpps\"\n";
    let scenario = Scenario::load(&Source::Stdin(text.to_owned()), &[]).unwrap();
    let report = PlanReport::new(&scenario, &planned(&scenario));
    assert_eq!(
        report.commands,
        [
            "ethtool -G <interface> rx 64",
            "ethtool -L <interface> combined 2",
            "ethtool -C <interface> adaptive-rx off rx-usecs 20 rx-frames 8",
        ]
    );
    let persistent = report.persistent.unwrap();
    for line in ["RxBufferSize=64", "CombinedChannels=2", "RxCoalesceSec=20us"] {
        assert!(persistent.systemd_link.lines().any(|other| other == line), "{line}");
    }
    assert!(persistent.nmcli.contains("ethtool.ring-rx 64 ethtool.channels-combined 2"));
    for line in ["ring=rx 64", "coalesce=adaptive-rx off rx-usecs 20 rx-frames 8"] {
        assert!(persistent.tuned.lines().any(|other| other == line), "{line}");
    }
}
