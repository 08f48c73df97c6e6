//! Counters that the kernel keeps for every driver.

use super::value::{Counter, CounterMeaning, Source, Sourced};

const IF_LINK_H: Source = Source::linux("include/uapi/linux/if_link.h");

/// Names of /sys/class/net/IFACE/statistics, of ynl's `qstats-get`, and of /proc/net/softnet_stat
/// with the processor before them. A driver's own counters say more where there are any.
pub const KERNEL: Sourced<&[Counter]> = IF_LINK_H.says(&[
    Counter::whole("rx_missed_errors", CounterMeaning::NoBuffer)
        .note("for lack of buffer space, as the kernel defines it; some drivers put others here"),
    Counter::whole("rx_fifo_errors", CounterMeaning::Fifo),
    Counter::whole("rx_over_errors", CounterMeaning::Other),
    Counter::whole("rx_dropped", CounterMeaning::Other)
        .note("by driver or stack, unknown protocols too: as a rule no matter of rings"),
    Counter::queue("queue * rx-hw-drop-overruns", CounterMeaning::NoBuffer),
    Counter::queue("queue * rx-hw-drops", CounterMeaning::Other),
    Counter::queue("queue * rx-alloc-fail", CounterMeaning::Allocation),
    Counter::whole("cpu* dropped", CounterMeaning::Backlog).note("* is a processor"),
]);
