//! Other simulators of the ring32 workloads, each a program that prints packets, drop rate and
//! packets per second. What cannot run here is left out, with a message.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Workload;
use crate::measure::Speed;

/// A simulator that is not ours.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    program: PathBuf,
    /// What comes before the workload.
    arguments: Vec<OsString>,
    /// Simulated time: less where it is slow.
    end_us: u32,
}

impl Peer {
    /// Runs it once.
    pub(crate) fn run(&self, workload: Workload, seed: u32) -> Speed {
        let Workload { on_us, off_us, .. } = workload;
        let numbers = [self.end_us, on_us, off_us, seed].map(|number| number.to_string());
        let output = Command::new(&self.program)
            .args(&self.arguments)
            .args(numbers)
            .stderr(Stdio::inherit())
            .output()
            .expect("it ran before");
        assert!(output.status.success(), "{} fails", self.name);
        let text = String::from_utf8(output.stdout).expect("it prints numbers");
        let numbers: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        Speed { packets_per_second: numbers[2], drop_rate: Some(numbers[1]) }
    }
}

/// The textbook simulator in C++, where there is a compiler.
pub(crate) fn textbook() -> Option<Peer> {
    let program = compiled("heap")?;
    Some(Peer { name: "textbook", program, arguments: Vec::new(), end_us: 510_000 })
}

/// Textbook simulators of other hosts in C++, by the names of the hosts; none without a compiler.
pub(crate) fn textbook_hosts() -> Vec<(&'static str, Peer)> {
    let Some(program) = compiled("hosts") else { return Vec::new() };
    let peer = |host: &'static str, end_us| {
        let (program, arguments) = (program.clone(), vec![host.into()]);
        (host, Peer { name: "textbook", program, arguments, end_us })
    };
    // The recording is shorter, as it lies in memory.
    vec![peer("busy-poll", 101_000), peer("napi", 101_000), peer("trace", 31_000)]
}

/// The program made of a C++ file, where there is a compiler.
fn compiled(name: &str) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut compiler = Command::new("c++");
    compiler.args(["-O3", "-march=native", "-o"]).arg(&program);
    if !succeeds(compiler.arg(source(&format!("{name}.cpp")))) {
        eprintln!("no textbook simulator to compare with: c++ is not there or fails");
        return None;
    }
    Some(program)
}

/// Textbook simulators with other policies or services, by the names that they know.
pub(crate) fn textbooks(names: &[&'static str]) -> Vec<Peer> {
    let Some(program) = compiled("policies") else { return Vec::new() };
    let peer = |name: &&'static str| Peer {
        name: "textbook",
        program: program.clone(),
        arguments: vec![(*name).into()],
        end_us: 510_000,
    };
    names.iter().map(peer).collect()
}

/// SimPy, where Python has it.
pub(crate) fn simpy() -> Option<Peer> {
    let mut import = Command::new("python3");
    import.args(["-c", "import simpy"]).stderr(Stdio::null());
    if !succeeds(&mut import) {
        eprintln!(
            "no SimPy to compare with: `python3 -c 'import simpy'` fails (pip install simpy)"
        );
        return None;
    }
    let arguments = vec![source("simpy_rings.py").into()];
    Some(Peer { name: "SimPy", program: "python3".into(), arguments, end_us: 20_000 })
}

/// NeXosim, where the user lets Cargo download and build it.
pub(crate) fn nexosim() -> Option<Peer> {
    if std::env::var_os("RXPLAN_BENCH_PEERS").is_none_or(|peers| peers != "all") {
        eprintln!("no NeXosim to compare with: RXPLAN_BENCH_PEERS=all downloads and builds it");
        return None;
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nexosim");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--locked", "--release", "--manifest-path"]);
    build.arg(source("nexosim/Cargo.toml")).arg("--target-dir").arg(&target);
    if !succeeds(&mut build) {
        eprintln!("no NeXosim to compare with: it cannot be built here");
        return None;
    }
    let program = target.join("release/nexosim-rings");
    Some(Peer { name: "NeXosim", program, arguments: Vec::new(), end_us: 200_000 })
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name)
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
