//! Counters, and the queues they belong to.

use super::{Reading, Reported, Scalar, Section, Subject};

/// A counter of a driver or of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Its name.
    pub name: String,
    /// Its name with `N` for the number of the queue: `rx_queue_N_drops`, `[N]: rx_discards`.
    pub pattern: String,
    /// The queue, where it counts one queue's packets.
    pub queue: Option<u32>,
    /// Who counts: the driver, the kernel's link statistics, or its queue statistics.
    pub subject: Subject,
    /// The count, and where it was read.
    pub count: Reported<u64>,
}

/// What a processor's backlog says (/proc/net/softnet_stat).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Softnet {
    /// Packets that were processed.
    pub processed: u64,
    /// Packets dropped because the backlog was full; no matter of rings.
    pub dropped: u64,
    /// Times that polling was cut short with work left.
    pub time_squeeze: u64,
}

/// All counters of some captures, in order.
#[must_use]
pub fn counters(sections: &[Section]) -> Vec<Counter> {
    const COUNTING: [Subject; 3] = [Subject::Statistics, Subject::Link, Subject::QueueStatistics];
    let counting = sections.iter().filter(|section| COUNTING.contains(&section.subject));
    let fields = counting.flat_map(|section| {
        section.fields.iter().map(|(name, field)| (section.subject, name, field))
    });
    fields
        .filter(|(subject, name, _)| *subject != Subject::Link || is_kernel_counter(name))
        .filter_map(|(subject, name, field)| {
            let Reading::Known(Scalar::Count(count)) = field.value else { return None };
            let (pattern, queue) = split_queue(name);
            let count = Reported { value: Reading::Known(count), from: field.from.clone() };
            Some(Counter { name: name.to_owned(), pattern, queue, subject, count })
        })
        .collect()
}

/// What the backlogs of all processors say together; `None` where no capture has them.
#[must_use]
pub fn softnet(sections: &[Section]) -> Option<Softnet> {
    let section = sections.iter().find(|section| section.subject == Subject::Softnet)?;
    let sum = |column: &str| {
        let counts = section.fields.iter().filter_map(|(name, field)| match field.value {
            Reading::Known(Scalar::Count(count)) if name.ends_with(column) => Some(count),
            _ => None,
        });
        counts.fold(0, u64::saturating_add)
    };
    Some(Softnet {
        processed: sum(" processed"),
        dropped: sum(" dropped"),
        time_squeeze: sum(" time_squeeze"),
    })
}

/// Whether a field of a link counts packets received, and is no MTU or address.
fn is_kernel_counter(name: &str) -> bool {
    name.starts_with("rx_") || name == "multicast"
}

/// A counter's name with `N` for the number of its queue, and that number.
fn split_queue(name: &str) -> (String, Option<u32>) {
    const BEFORE: [&str; 8] =
        ["[", "rx_queue_", "rx-", "queue_", "queue ", "rde_", "rx_ovflow", "rx"];
    for before in BEFORE {
        let Some(rest) = name.strip_prefix(before) else { continue };
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let goes_on = rest[end..].starts_with(|c: char| c.is_ascii_alphabetic());
        if let Ok(queue) = rest[..end].parse()
            && !goes_on
        {
            return (format!("{before}N{}", &rest[end..]), Some(queue));
        }
    }
    (name.to_owned(), None)
}
