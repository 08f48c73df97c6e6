//! Every shipped scenario: says what it is for, resolves, simulates and plans; the same bytes
//! whatever the number of threads.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use rxplan::model::policy::Policy;
use rxplan::model::system::Progress;
use rxplan::plan::{PlanError, plan};
use rxplan::report::SimulateReport;
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{Engine, Options, simulate};

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 6, "scenarios are missing");
    paths
}

/// The scenario cut to a short run, where it is not a recording.
fn brief(path: &Path) -> Scenario {
    let mut scenario = Scenario::load(&Source::File(path.to_owned()), &[]).unwrap();
    if scenario.run.duration.is_some() {
        scenario = Scenario::load(
            &Source::File(path.to_owned()),
            &["run.warmup=1 ms", "run.duration=3 ms", "run.replications=2"].map(str::to_owned),
        )
        .unwrap();
    }
    scenario
}

fn report(scenario: &Scenario, jobs: usize) -> String {
    let options = Options { jobs, ..Options::default() };
    let simulation = simulate(scenario, options, &Progress::default()).unwrap();
    serde_json::to_string(&SimulateReport::new(scenario, &simulation)).unwrap()
}

#[test]
fn every_scenario_opens_with_its_question_finding_and_sources() {
    for path in shipped() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Question: "), "{}", path.display());
        for part in ["\n# Finding: ", "\n# Sources: "] {
            assert!(text.contains(part), "{} has no {part:?}", path.display());
        }
    }
}

#[test]
fn every_scenario_gives_the_same_bytes_twice_and_with_one_or_two_threads() {
    for path in shipped() {
        let scenario = brief(&path);
        let first = report(&scenario, 1);
        assert_eq!(first, report(&scenario, 1), "{}", path.display());
        assert_eq!(first, report(&scenario, 2), "{}", path.display());
        assert_eq!(first, report(&scenario, 2), "{}", path.display());
    }
}

#[test]
fn every_scenario_can_be_planned() {
    for path in shipped() {
        let mut scenario = brief(&path);
        // Only that it runs to an answer: the shipped goals need longer runs than these.
        scenario.plan.rx = vec![64, 256];
        scenario.plan.reserve = vec![0, 1024];
        let lends = scenario.reserve.as_ref().is_some_and(|own| own.policy == Policy::PeerBorrow);
        match plan(&scenario, 2, Engine::Auto, &Progress::default(), &|_| {}) {
            Ok(plan) => assert!(plan.judged >= 1, "{}", path.display()),
            Err(error) => assert!(lends && error == PlanError::PeerBorrow, "{error}"),
        }
    }
}
