//! What counters say: which drops a deeper ring could have prevented, and which not.

use std::collections::BTreeSet;

use crate::input::ethtool::{Counter, Inventory, Origin, Subject, counters};
use crate::preset::{self, CounterMeaning, Preset};

/// Drops that one counter counts, or that its namesakes count for each queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drops {
    /// Its name, with `*` for the number of a queue.
    pub name: String,
    /// What it counts; `None`: its name speaks of drops, but nothing is known of it.
    pub meaning: Option<CounterMeaning>,
    /// Who counts.
    pub subject: Subject,
    /// The count, of all queues together.
    pub total: u64,
    /// Queues that dropped, the worst first, where the counter is of one queue.
    pub queues: Vec<(u32, u64)>,
    /// What else to know of it; may be empty.
    pub note: &'static str,
    /// Where it was read; the first one, where there are several.
    pub from: Origin,
}

/// The counters of drops, in the order in which they were read.
pub(super) fn drops(inventory: &Inventory, preset: Option<&Preset>) -> Vec<Drops> {
    let mut found: Vec<Drops> = Vec::new();
    let mut read = BTreeSet::new();
    for counter in counters(&inventory.sections) {
        let known = known(&counter, preset);
        // Of a counter that was saved several times the first one counts.
        let is_again = !read.insert((counter.subject, counter.name.clone()));
        if is_again || known.is_none() && !speaks_of_drops(&counter) {
            continue;
        }
        let name = known.map_or(counter.name.as_str(), |known| known.pattern);
        let same = |drops: &&mut Drops| drops.name == name && drops.subject == counter.subject;
        let queue = known
            .filter(|known| known.per_queue && counter.count > 0)
            .and_then(|known| known.number(&counter.name));
        let queues = queue.map(|queue| (queue, counter.count));
        if let Some(drops) = found.iter_mut().find(same) {
            drops.total = drops.total.saturating_add(counter.count);
            drops.queues.extend(queues);
        } else {
            found.push(Drops {
                name: name.to_owned(),
                meaning: known.map(|known| known.meaning),
                subject: counter.subject,
                total: counter.count,
                queues: queues.into_iter().collect(),
                note: known.map_or("", |known| known.note),
                from: counter.from,
            });
        }
    }
    for drops in &mut found {
        drops.queues.sort_by_key(|(queue, count)| (std::cmp::Reverse(*count), *queue));
    }
    found
}

/// What is known of a counter. The kernel's `rx_missed_errors` is what the driver puts there.
fn known(counter: &Counter, preset: Option<&Preset>) -> Option<preset::Counter> {
    let of_driver = counter.subject == Subject::Statistics || counter.name == "rx_missed_errors";
    let own = preset.filter(|_| of_driver).map_or(&[][..], |preset| preset.counters.value);
    let kernel = match counter.subject {
        Subject::Statistics => &[],
        _ => preset::KERNEL.value,
    };
    own.iter().chain(kernel).find(|known| known.matches(&counter.name)).copied()
}

/// Whether a name that no table has could be one of drops.
fn speaks_of_drops(counter: &Counter) -> bool {
    const WORDS: [&str; 8] =
        ["drop", "discard", "miss", "no_buf", "nobuf", "overrun", "nodesc", "out_of_buffer"];
    let name = counter.name.to_lowercase();
    let receives = !name.contains("tx");
    let own = matches!(counter.subject, Subject::Statistics | Subject::QueueStatistics);
    own && receives && counter.count > 0 && WORDS.iter().any(|word| name.contains(word))
}
