//! How often intervals hold the truth: `cargo bench --bench coverage`.
//!
//! Models whose drop rates are known exactly are simulated with many seeds. A 95 % interval should
//! hold the exact value in 95 % of cases; what is printed has a standard error of about 1.1 % at
//! 400 seeds.
#![allow(clippy::print_stdout, reason = "a bench talks to people")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench may panic")]

use rxplan::model::system::Progress;
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{Options, simulate};
use rxplan::stats::Method;

/// Seeds of each model and method.
const SEEDS: u32 = 400;

/// A model with its exact drop rate.
struct Model {
    name: &'static str,
    /// `[nic]` after its number of bytes, service, traffic.
    text: [&'static str; 3],
    exact: f64,
}

/// Closed form, embedded chain, matrix-analytic solution, product form, and a rare closed form.
const MODELS: [Model; 5] = [
    Model {
        name: "M/M/1/16, load 0.9",
        text: [
            "queues = 1\nrx = 16",
            "{ dist = \"exponential\", mean = \"1 us\" }",
            "kind = \"poisson\"\nrate = \"900 kpps\"",
        ],
        exact: 2.223_905e-2,
    },
    Model {
        name: "M/D/1/32, load 0.95",
        text: ["queues = 1\nrx = 32", "\"1 us\"", "kind = \"poisson\"\nrate = \"950 kpps\""],
        exact: 2.148_284e-3,
    },
    Model {
        name: "IPP/M/1/256, bursts of 64",
        text: [
            "queues = 1\nrx = 256",
            "{ dist = \"exponential\", mean = \"1 us\" }",
            "kind = \"on-off\"\nrate = \"10 Mpps\"\n\
             on = { dist = \"exponential\", mean = \"6.4 us\" }\n\
             off = { dist = \"exponential\", mean = \"121.6 us\" }",
        ],
        exact: 4.968_480e-2,
    },
    Model {
        name: "2 x 8 + 8 relabelled, load 0.9",
        text: [
            "queues = 2\nrx = 8\n[reserve]\nentries = 8\naccounting = \"relabelled\"",
            "{ dist = \"exponential\", mean = \"1 us\" }",
            "kind = \"poisson\"\nrate = \"900 kpps\"",
        ],
        exact: 2.632_364_463e-2,
    },
    Model {
        name: "M/M/1/64, load 0.8 (rare)",
        text: [
            "queues = 1\nrx = 64",
            "{ dist = \"exponential\", mean = \"1 us\" }",
            "kind = \"poisson\"\nrate = \"800 kpps\"",
        ],
        exact: 1.255_421e-7,
    },
];

/// A way to an interval: overrides, and what the result must say.
const WAYS: [(&str, &[&str], Method); 4] = [
    ("4 replications", &["run.replications=4"], Method::Replications),
    ("16 replications", &["run.replications=16"], Method::Replications),
    ("batch means of 1", &["run.replications=1"], Method::BatchMeans),
    ("splitting, 4", &["run.replications=4", "run.method=splitting"], Method::Splitting),
];

fn main() {
    println!("share of {SEEDS} intervals at 95 % that hold the exact drop rate; 50 ms a run\n");
    print!("{:<32}", "model");
    for (name, ..) in WAYS {
        print!("{name:>18}");
    }
    println!();
    for model in &MODELS {
        print!("{:<32}", model.name);
        for (_, overrides, method) in WAYS {
            match coverage(model, overrides, method) {
                Some(share) => print!("{:>16.1} %", 100.0 * share),
                None => print!("{:>18}", "nothing seen"),
            }
        }
        println!();
    }
}

/// The share of intervals that hold the exact value; `None` where plain runs see no drop.
fn coverage(model: &Model, overrides: &[&str], method: Method) -> Option<f64> {
    let [nic, service, traffic] = model.text;
    let text = format!(
        "[run]\nduration = \"50 ms\"\nwarmup = \"2 ms\"\n[nic]\nrx_buf_len = \"2 KiB\"\n{nic}\n\
         [host]\nmodel = \"server\"\nservice = {service}\n[[traffic]]\n{traffic}\n"
    );
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let scenario = Scenario::load(&Source::Stdin(text), &overrides).expect("a right scenario");
    let holds = |seed: u32| {
        let mut scenario = scenario.clone();
        scenario.run.seed = seed.into();
        let options = Options { jobs: 1, ..Options::default() };
        let rate = simulate(&scenario, options, &Progress::default()).unwrap().drop_rate;
        let inside = (rate.ci_low..=rate.ci_high).contains(&model.exact);
        (rate.method == method).then_some(inside)
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Not by rayon: each simulation has a pool of its own.
    let held: Vec<Option<bool>> = std::thread::scope(|scope| {
        let part = |first: u32| (first..=SEEDS).step_by(threads).map(holds).collect::<Vec<_>>();
        let firsts = 1..=u32::try_from(threads).expect("not so many");
        let parts: Vec<_> = firsts.map(|first| scope.spawn(move || part(first))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("it does not panic")).collect()
    });
    let held: Vec<bool> = held.into_iter().collect::<Option<_>>()?;
    let count = u32::try_from(held.iter().filter(|inside| **inside).count()).unwrap();
    Some(f64::from(count) / f64::from(SEEDS))
}
