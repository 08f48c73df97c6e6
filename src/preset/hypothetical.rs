//! NICs that do not exist: the two that J. Kicinski's post compares.

use super::value::{QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};

const POST: Source = Source::Text("people.kernel.org/kuba/nic-memory-reserve");
/// The largest ring a scenario may have.
const ENTRIES_MAX: u32 = 1 << 26;

/// 512 entries a queue, and a reserve of 4096 for all.
pub(super) const RESERVE_REFERENCE: Preset = Preset {
    name: "reserve-reference",
    about: "hypothetical: short rings and one shared reserve (160 MiB)",
    drivers: &[],
    rx: Depths {
        default: POST.says(512),
        min: Source::Unsourced.says(1),
        max: Source::Unsourced.says(ENTRIES_MAX),
        rounding: Source::Unsourced.says(Rounding::Any),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: POST.says(QueueRule::Fixed(32)),
    buffers: POST.says(BufferModel::Plain(8192)),
    buffers_text: "a buffer of 8 KiB for every entry of rings and reserve",
    descriptor: Source::Unsourced.says(16),
    completion: Source::Unsourced.says(64),
    header_buffer: Source::Unsourced.says(0),
    refill: Source::Unsourced.says(RefillRule::EveryPoll),
    reserve: 4096,
    counters: Source::Unsourced.says(&[]),
    notes: &["no shipping NIC works like this"],
};

/// 4096 entries a queue.
pub(super) const PRIVATE_REFERENCE: Preset = Preset {
    name: "private-reference",
    about: "hypothetical: deep private rings (1 GiB)",
    rx: Depths { default: POST.says(4096), ..RESERVE_REFERENCE.rx },
    buffers_text: "a buffer of 8 KiB for every entry",
    reserve: 0,
    notes: &[],
    ..RESERVE_REFERENCE
};
