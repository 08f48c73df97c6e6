//! Warm-up, found out.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rxplan::model::system::Progress;
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{Options, simulate};
use rxplan::units::SimDuration;

/// A queue at 98 % load that starts empty settles slowly: its relaxation time is `1 / (1 - sqrt
/// 0.98)^2 = 9.8 ms` at a service of 1 us. What is found is the same with any number of threads.
#[test]
fn a_warm_up_is_found_where_it_is_asked_for() {
    let text = "[run]\nduration = \"400 ms\"\nwarmup = \"mser-5\"\nreplications = 2\n\
        [nic]\nqueues = 8\nrx = 4096\nrx_buf_len = \"2 KiB\"\n\
        [host]\nmodel = \"server\"\nservice = { dist = \"exponential\", mean = \"1 us\" }\n\
        [[traffic]]\nkind = \"poisson\"\nrate = \"980 kpps\"\n";
    let scenario = Scenario::load(&Source::Stdin(text.to_owned()), &[]).unwrap();
    let warmup = |jobs| {
        let options = Options { jobs, ..Options::default() };
        let simulation = simulate(&scenario, options, &Progress::default()).unwrap();
        assert_eq!(simulation.simulated, SimDuration::from_ms(400));
        (simulation.warmup, simulation.packets.offered)
    };
    let found = warmup(1);
    assert_eq!(found, warmup(2));
    assert!(
        found.0 >= SimDuration::from_ms(1) && found.0 <= SimDuration::from_ms(200),
        "{found:?}"
    );
    let recorded = Scenario::load(&Source::Stdin(text.to_owned()), &["run.warmup=mser".to_owned()]);
    assert!(recorded.unwrap_err().to_string().contains("run.warmup"));
}
