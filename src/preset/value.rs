//! What a preset's values are: numbers and rules with the place they come from.

use std::fmt;

use crate::model::host::Refill;
use crate::model::memory::driver::QueueLayout;

/// A value and where it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A file of the kernel.
    Linux {
        /// Version of the kernel, such as `7.3`.
        version: &'static str,
        /// Path in its source tree.
        file: &'static str,
    },
    /// Something else, named in words.
    Text(&'static str),
    /// No source at hand: a default to be checked on the machine.
    Unsourced,
}

impl Source {
    /// A file of Linux 7.3.
    pub(super) const fn linux(file: &'static str) -> Self {
        Self::Linux { version: "7.3", file }
    }

    /// A file of Linux 6.12.
    pub(super) const fn linux_6_12(file: &'static str) -> Self {
        Self::Linux { version: "6.12", file }
    }

    /// A value from here.
    pub(super) const fn says<T: Copy>(self, value: T) -> Sourced<T> {
        Sourced { value, source: self }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linux { version, file } => write!(f, "Linux {version} {file}"),
            Self::Text(text) => f.write_str(text),
            Self::Unsourced => f.write_str("unsourced: check it on the machine"),
        }
    }
}

/// How a driver changes a ring depth that it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Not at all.
    Any,
    /// Up to a power of two.
    PowerOfTwoUp,
    /// Down to a power of two.
    PowerOfTwoDown,
    /// Not at all: it refuses what is no power of two.
    PowerOfTwoOnly,
    /// Up to a multiple.
    MultipleUp(u32),
}

impl Rounding {
    /// The depth that the driver makes of `rx`; `None`: it refuses.
    #[must_use]
    pub fn apply(self, rx: u32) -> Option<u32> {
        match self {
            Self::Any => Some(rx),
            Self::PowerOfTwoUp => rx.checked_next_power_of_two(),
            Self::PowerOfTwoDown => rx.checked_ilog2().map(|log| 1 << log),
            Self::PowerOfTwoOnly => rx.is_power_of_two().then_some(rx),
            Self::MultipleUp(of) => rx.checked_next_multiple_of(of),
        }
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any number"),
            Self::PowerOfTwoUp => f.write_str("up to a power of two"),
            Self::PowerOfTwoDown => f.write_str("down to a power of two"),
            Self::PowerOfTwoOnly => f.write_str("only powers of two"),
            Self::MultipleUp(of) => write!(f, "up to a multiple of {of}"),
        }
    }
}

/// How many queues an interface has where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueRule {
    /// Always so many.
    Fixed(u32),
    /// By a rule that needs to know the machine or the device.
    Rule(&'static str),
}

impl fmt::Display for QueueRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(queues) => write!(f, "{queues}"),
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}

/// When a driver posts processed slots again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefillRule {
    /// All of them at the end of a poll.
    EveryPoll,
    /// As soon as there are so many descriptors.
    Batch(u32),
    /// As soon as there is this part of the ring, at most `most`.
    Part {
        /// One in so many.
        of: u32,
        /// The most that it waits for.
        most: RefillMost,
    },
}

/// The most that a refill waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefillMost {
    /// No limit.
    Ring,
    /// Descriptors.
    Entries(u32),
    /// Bytes of buffers.
    Bytes(u64),
}

impl RefillRule {
    /// The rule in buffers of a queue of `rx` entries with this layout.
    #[must_use]
    pub fn refill(self, rx: u32, layout: QueueLayout) -> Refill {
        let buffers = |entries: u32| entries * (layout.buffers / rx.max(1)).max(1);
        let part = |of: u32, most: u32| Refill::Fraction { numerator: 1, denominator: of, most };
        match self {
            Self::EveryPoll => Refill::EveryPoll,
            Self::Batch(entries) => Refill::Batch(buffers(entries)),
            Self::Part { of, most: RefillMost::Ring } => part(of, u32::MAX),
            Self::Part { of, most: RefillMost::Entries(entries) } => part(of, buffers(entries)),
            Self::Part { of, most: RefillMost::Bytes(bytes) } => {
                let each = layout.bytes.div_ceil(u64::from(layout.buffers.max(1))).max(1);
                let most = u32::try_from(bytes.div_ceil(each)).unwrap_or(u32::MAX);
                part(of, most)
            }
        }
    }
}

impl fmt::Display for RefillRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryPoll => f.write_str("all processed slots at the end of a poll"),
            Self::Batch(1) => f.write_str("each slot as its packet is processed"),
            Self::Batch(entries) => write!(f, "as soon as {entries} slots are processed"),
            Self::Part { of, most } => {
                write!(f, "as soon as 1/{of} of the ring is processed")?;
                match most {
                    RefillMost::Ring => Ok(()),
                    RefillMost::Entries(entries) => write!(f, ", at most {entries}"),
                    RefillMost::Bytes(bytes) => write!(f, ", at most {} KiB", bytes >> 10),
                }
            }
        }
    }
}

/// A counter of drops, as `ethtool -S` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Its name; `*` stands for the number of a queue, FIFO or priority.
    pub pattern: &'static str,
    /// What it counts.
    pub meaning: CounterMeaning,
    /// Whether `*` is a queue.
    pub per_queue: bool,
    /// What else to know; may be empty.
    pub note: &'static str,
}

/// What a drop counter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterMeaning {
    /// A ring had no posted buffer: a deeper ring or a faster host helps.
    NoBuffer,
    /// A completion ring was full.
    CompletionFull,
    /// The NIC's own packet memory was full.
    Fifo,
    /// The same, or the path to memory was too slow: a deeper ring does not help.
    PcieOrFifo,
    /// The host could not allocate a buffer.
    Allocation,
    /// An allowance was used up: nothing to do with rings.
    RateLimit,
    /// A processor's backlog was full, behind the rings.
    Backlog,
    /// Several causes.
    Other,
}

impl CounterMeaning {
    /// In a few words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoBuffer => "ring empty",
            Self::CompletionFull => "completion ring full",
            Self::Fifo => "NIC FIFO full",
            Self::PcieOrFifo => "NIC FIFO full, or PCIe too slow",
            Self::Allocation => "no memory for a buffer",
            Self::RateLimit => "allowance used up, not ring related",
            Self::Backlog => "backlog full, behind the rings",
            Self::Other => "several causes",
        }
    }

    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoBuffer => "no_buffer",
            Self::CompletionFull => "completion_full",
            Self::Fifo => "fifo",
            Self::PcieOrFifo => "pcie_or_fifo",
            Self::Allocation => "allocation",
            Self::RateLimit => "rate_limit",
            Self::Backlog => "backlog",
            Self::Other => "other",
        }
    }
}

impl Counter {
    /// A counter of the whole interface.
    pub(super) const fn whole(pattern: &'static str, meaning: CounterMeaning) -> Self {
        Self { pattern, meaning, per_queue: false, note: "" }
    }

    /// A counter of each queue.
    pub(super) const fn queue(pattern: &'static str, meaning: CounterMeaning) -> Self {
        Self { pattern, meaning, per_queue: true, note: "" }
    }

    /// The same with a note.
    pub(super) const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// Whether a counter called `name` is this one.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.pattern == name || self.number(name).is_some()
    }

    /// The number in a counter's name, where the pattern has `*` for it.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        let (before, after) = self.pattern.split_once('*')?;
        let digits = name.strip_prefix(before)?.strip_suffix(after)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_its_pattern_and_tells_its_queue() {
        let per_queue = Counter::queue("rx_queue_*_drops", CounterMeaning::NoBuffer);
        assert!(per_queue.matches("rx_queue_17_drops") && per_queue.matches("rx_queue_*_drops"));
        assert_eq!(per_queue.number("rx_queue_17_drops"), Some(17));
        for other in ["rx_queue__drops", "rx_queue_1_packets", "rx_queue_+1_drops", "drops"] {
            assert!(!per_queue.matches(other), "{other}");
        }
        let whole = Counter::whole("rx_out_of_buffer", CounterMeaning::NoBuffer);
        assert!(whole.matches("rx_out_of_buffer") && whole.number("rx_out_of_buffer").is_none());
        let bracket = Counter::queue("[*]: rx_discards", CounterMeaning::NoBuffer);
        assert_eq!(bracket.number("[3]: rx_discards"), Some(3));
    }

    #[test]
    fn a_depth_is_rounded_as_the_driver_does_it() {
        for (rounding, rx, expected) in [
            (Rounding::Any, 511, Some(511)),
            (Rounding::PowerOfTwoUp, 1000, Some(1024)),
            (Rounding::PowerOfTwoUp, 1024, Some(1024)),
            (Rounding::PowerOfTwoDown, 1000, Some(512)),
            (Rounding::PowerOfTwoDown, 0, None),
            (Rounding::PowerOfTwoOnly, 1000, None),
            (Rounding::PowerOfTwoOnly, 512, Some(512)),
            (Rounding::MultipleUp(32), 1000, Some(1024)),
            (Rounding::MultipleUp(8), 1000, Some(1000)),
        ] {
            assert_eq!(rounding.apply(rx), expected, "{rounding} {rx}");
        }
    }
}
