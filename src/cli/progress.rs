//! Watching a long run: a progress bar on a terminal, the time limit, and Ctrl-C.
#![allow(clippy::disallowed_methods, reason = "progress and time limits are of the wall clock")]

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, mpsc};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Global;
use crate::model::system::Progress;
use crate::units::round_to_u64;

/// How often the bar is redrawn and the limit looked at.
const TICK: Duration = Duration::from_millis(50);

/// Exit status of a process that SIGINT ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// Runs `work` and measures its wall-clock time; meanwhile shows a bar of `expected` packets (0:
/// not known) and sets `progress.stop` when the time limit is reached or at Ctrl-C; a second one
/// ends the process.
pub(super) fn watch<T>(
    global: &Global,
    expected: f64,
    progress: &Progress,
    work: impl FnOnce(&ProgressBar) -> T,
) -> (T, Duration) {
    let interrupted = interrupted();
    let bar = bar(global, round_to_u64(expected));
    let started = Instant::now();
    let (done, finished) = mpsc::channel::<()>();
    let result = std::thread::scope(|scope| {
        let bar = &bar;
        scope.spawn(move || {
            while finished.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                bar.set_position(progress.packets.load(Ordering::Relaxed));
                let is_over = global.time_limit.is_some_and(|limit| started.elapsed() >= limit);
                if is_over || interrupted.load(Ordering::Relaxed) {
                    progress.stop.store(true, Ordering::Relaxed);
                }
            }
        });
        let result = work(bar);
        drop(done);
        result
    });
    bar.finish_and_clear();
    (result, started.elapsed())
}

/// Whether Ctrl-C was pressed since the first call.
fn interrupted() -> &'static AtomicBool {
    static INTERRUPTED_ONCE: AtomicBool = AtomicBool::new(false);
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        let pressed = || {
            if INTERRUPTED_ONCE.swap(true, Ordering::Relaxed) {
                std::process::exit(INTERRUPTED);
            }
        };
        // Where there can be no handler Ctrl-C ends the process, as ever.
        let _ = ctrlc::set_handler(pressed);
    });
    &INTERRUPTED_ONCE
}

fn bar(global: &Global, expected: u64) -> ProgressBar {
    if global.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let template = if expected > 0 {
        "{wide_bar} {percent} % {msg} {human_pos} packets, {per_sec}, {eta} left"
    } else {
        "{spinner} {msg} {human_pos} packets, {per_sec}, {elapsed}"
    };
    let style = ProgressStyle::with_template(template).expect("the template is constant");
    ProgressBar::new(expected).with_style(style)
}
