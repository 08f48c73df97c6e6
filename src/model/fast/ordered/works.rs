//! Work of packets, drawn in blocks: the numbers that single draws give.

use crate::model::host::{HostSpec, Work};
use crate::random::Streams;

/// Numbers drawn together.
const BLOCK: usize = 32;

/// Draws each packet's service.
#[derive(Debug)]
pub(super) struct Works {
    work: Work,
    queues: Vec<Queue>,
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
    pub(super) fn new(spec: &HostSpec, queues: usize, streams: Streams) -> Self {
        let work = Work::new(spec, queues, streams);
        let queue = |queue| match work.constant(queue) {
            Some(work) => Queue::Constant(work.as_ps()),
            None => Queue::Drawn(Box::new([0; BLOCK]), BLOCK),
        };
        Self { queues: (0..queues).map(queue).collect(), work }
    }

    /// The work of the next packet of a queue, in picoseconds.
    #[inline]
    pub(super) fn draw(&mut self, queue: usize) -> u64 {
        match &mut self.queues[queue] {
            Queue::Constant(work) => *work,
            Queue::Drawn(block, next) => {
                if *next == BLOCK {
                    self.work.draw_block(queue, &mut **block);
                    *next = 0;
                }
                *next += 1;
                block[*next - 1]
            }
        }
    }
}
