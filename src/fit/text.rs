//! The fitted source as text: the tables, and a scenario around them.

use super::source::{Table, tables_text, time_text};
use super::statistics::Statistics;
use super::{LOAD, Options};
use crate::units::{SimDuration, to_f64};

/// A time (ps) as it is written with four digits.
pub(super) fn rounded_time(ps: f64) -> SimDuration {
    SimDuration::parse(&time_text(ps)).expect("made to be a time")
}

/// The tables of `[[traffic]]`.
pub(super) fn tables(tables: &[Table], statistics: &Statistics) -> String {
    let text = tables_text(tables, queues(statistics), &statistics.sizes);
    text.trim_start().to_owned()
}

/// A scenario with the source, rings of `rx` entries, and a plain host.
pub(super) fn scenario(
    tables: &[Table],
    statistics: &Statistics,
    service: SimDuration,
    rx: u32,
    options: &Options,
) -> String {
    let safe = |c: char| if c.is_control() || c == '"' || c == '\\' { '?' } else { c };
    let name: String = options.name.chars().map(safe).collect();
    let queues = queues(statistics);
    let buffer = statistics.sizes.longest().next_power_of_two().max(2048);
    let seconds = time_text(to_f64(statistics.duration.as_ps()));
    let assumed = if options.service.is_some() {
        "as given".to_owned()
    } else {
        format!("ASSUMED: the busiest queue is busy {} % of the time", LOAD * 100.0)
    };
    format!(
        "# Traffic fitted to {name}: {} packets in {seconds}.\n\
         # Rings and host are there to have something to run: put yours there.\n\
         title = \"traffic fitted to {name}\"\n\n\
         [nic]\nqueues = {queues}\nrx = {rx} # ASSUMED\nrx_buf_len = \"{buffer} B\" # ASSUMED\n\n\
         [host]\nmodel = \"server\"\nservice = \"{service}\" # {assumed}\n{}",
        statistics.all_packets(),
        tables_text(tables, queues, &statistics.sizes)
    )
}

/// Queues of a NIC that has all those that the trace names.
fn queues(statistics: &Statistics) -> usize {
    statistics.queues.iter().map(|queue| queue.index() + 1).max().unwrap_or(1)
}
