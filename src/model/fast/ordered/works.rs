//! Work of packets, drawn in blocks: the numbers that single draws give.

use crate::model::host::Work;
use crate::model::system::SystemSpec;
use crate::random::Streams;

/// Numbers drawn together.
const BLOCK: usize = 32;

/// What takes longer does not end in the run, however much longer it is.
pub(super) fn longest_ps(spec: &SystemSpec) -> u64 {
    spec.window.end_or_max().as_ps().saturating_add(1)
}

/// Draws each packet's service.
#[derive(Debug)]
pub(super) struct Works {
    work: Work,
    queues: Vec<Queue>,
    /// What takes longer may as well take so long.
    longest_ps: u64,
}

/// What one queue has ready.
#[derive(Debug)]
enum Queue {
    /// Always the same.
    Constant(u64),
    /// Numbers that have been drawn, and the next of them.
    Drawn(Box<[u64; BLOCK]>, usize),
}

impl Works {
    pub(super) fn new(spec: &SystemSpec, streams: Streams) -> Self {
        let queues = spec.buffers.rx.len();
        let work = Work::new(&spec.host, queues, streams);
        let queue = |queue| match work.constant(queue) {
            Some(work) => Queue::Constant(work.as_ps()),
            None => Queue::Drawn(Box::new([0; BLOCK]), BLOCK),
        };
        Self { queues: (0..queues).map(queue).collect(), work, longest_ps: longest_ps(spec) }
    }

    /// The work of the next packet of a queue, in picoseconds, as far as it can matter.
    #[inline]
    pub(super) fn draw(&mut self, queue: usize) -> u64 {
        let work = match &mut self.queues[queue] {
            Queue::Constant(work) => *work,
            Queue::Drawn(block, next) => {
                if *next == BLOCK {
                    self.work.draw_block(queue, &mut **block);
                    *next = 0;
                }
                *next += 1;
                block[*next - 1]
            }
        };
        work.min(self.longest_ps)
    }
}
