//! Counters of driver and kernel.

use super::{Origin, Reading, Scalar, Section, Subject};

/// A counter, as its source names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Its name.
    pub name: String,
    /// Who counts: the driver, the kernel's link, queue or processor statistics.
    pub subject: Subject,
    /// The count.
    pub count: u64,
    /// Where it was read.
    pub from: Origin,
}

/// All counters of some captures, in order.
pub fn counters(sections: &[Section]) -> impl Iterator<Item = Counter> {
    const COUNTING: [Subject; 4] =
        [Subject::Statistics, Subject::Link, Subject::QueueStatistics, Subject::Softnet];
    let counting = sections.iter().filter(|section| COUNTING.contains(&section.subject));
    let fields = counting.flat_map(|section| {
        section.fields.iter().map(|(name, field)| (section.subject, name, field))
    });
    fields.filter_map(|(subject, name, field)| {
        let Reading::Known(Scalar::Count(count)) = field.value else { return None };
        let counts = subject != Subject::Link || name.starts_with("rx_") || name == "multicast";
        counts.then(|| Counter { name: name.to_owned(), subject, count, from: field.from.clone() })
    })
}
