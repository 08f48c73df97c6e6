//! The ring32 workload on NeXosim: one model with all queues, two scheduled events a packet.
//!
//! An actor a queue would be the library's way; one model is its faster one. Times are whole
//! nanoseconds, as the library has them. Usage: `nexosim-rings END_US ON_US OFF_US SEED`; prints
//! packets, drop rate and packets per second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::{EventSinkReader, EventSource, Output, SinkState, event_slot};
use nexosim::simulation::{Mailbox, SimInit, SimulationError};
use nexosim::time::MonotonicTime;
use rand::{RngExt, SeedableRng};
use rand_distr::Exp1;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

const QUEUES: usize = 32;
const RX: u32 = 128;
const ENTRIES: u32 = 512;
const SERVICE: Duration = Duration::from_micros(1);
/// Mean gap while ON.
const GAP_US: f64 = 1.0 / 3.0;

#[derive(Serialize, Deserialize)]
struct Queue {
    on: bool,
    now_us: f64,
    phase_end_us: f64,
    dedicated: u32,
    /// Of each waiting packet, whether its buffer is the reserve's.
    packets: VecDeque<bool>,
}

#[derive(Serialize, Deserialize)]
struct Rings {
    counts: Output<(u64, u64)>,
    random: Xoshiro256PlusPlus,
    on_us: f64,
    off_us: f64,
    queues: Vec<Queue>,
    reserve: u32,
    offered: u64,
    dropped: u64,
}

#[Model]
impl Rings {
    fn new(on_us: f64, off_us: f64, seed: u64) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (counts, queues) = (Output::default(), Vec::new());
        Self { counts, random, on_us, off_us, queues, reserve: 0, offered: 0, dropped: 0 }
    }

    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        for queue in 0..QUEUES {
            let on = self.random.random::<f64>() < self.on_us / (self.on_us + self.off_us);
            let phase_end_us = self.period_us(on);
            let packets = VecDeque::new();
            self.queues.push(Queue { on, now_us: 0.0, phase_end_us, dedicated: 0, packets });
            self.schedule_arrival(queue, cx);
        }
    }

    #[nexosim(schedulable)]
    async fn arrive(&mut self, index: usize, cx: &Context<Self>) {
        self.offered += 1;
        let queue = &mut self.queues[index];
        let buffer = if queue.dedicated < RX {
            queue.dedicated += 1;
            Some(false)
        } else if self.reserve < ENTRIES {
            self.reserve += 1;
            Some(true)
        } else {
            self.dropped += 1;
            None
        };
        if let Some(from_reserve) = buffer {
            queue.packets.push_back(from_reserve);
            if queue.packets.len() == 1 {
                cx.schedule_event(SERVICE, schedulable!(Self::depart), index).unwrap();
            }
        }
        self.schedule_arrival(index, cx);
    }

    #[nexosim(schedulable)]
    async fn depart(&mut self, index: usize, cx: &Context<Self>) {
        let queue = &mut self.queues[index];
        if queue.packets.pop_front().unwrap() {
            self.reserve -= 1;
        } else {
            queue.dedicated -= 1;
        }
        if !queue.packets.is_empty() {
            cx.schedule_event(SERVICE, schedulable!(Self::depart), index).unwrap();
        }
    }

    /// Tells packets offered and dropped.
    async fn report(&mut self, _: ()) {
        self.counts.send((self.offered, self.dropped)).await;
    }

    fn period_us(&mut self, on: bool) -> f64 {
        let unit: f64 = self.random.sample(Exp1);
        unit * if on { self.on_us } else { self.off_us }
    }

    fn schedule_arrival(&mut self, index: usize, cx: &Context<Self>) {
        loop {
            if self.queues[index].on {
                let gap: f64 = self.random.sample(Exp1);
                let queue = &mut self.queues[index];
                let at = queue.now_us + gap * GAP_US;
                if at <= queue.phase_end_us {
                    queue.now_us = at;
                    let at = Duration::from_nanos((at * 1e3) as u64 + 1);
                    // Two packets of one nanosecond: the later one a nanosecond on.
                    let at = (MonotonicTime::EPOCH + at).max(cx.time() + Duration::from_nanos(1));
                    cx.schedule_event(at, schedulable!(Self::arrive), index).unwrap();
                    return;
                }
            }
            let on = !self.queues[index].on;
            let period = self.period_us(on);
            let queue = &mut self.queues[index];
            queue.on = on;
            queue.now_us = queue.phase_end_us;
            queue.phase_end_us += period;
        }
    }
}

fn main() -> Result<(), SimulationError> {
    let numbers: Vec<f64> = std::env::args().skip(1).map(|word| word.parse().unwrap()).collect();
    let [end_us, on_us, off_us, seed] = numbers[..] else { panic!("END_US ON_US OFF_US SEED") };
    let mut rings = Rings::new(on_us, off_us, seed as u64);
    let (mailbox, mut bench) = (Mailbox::new(), SimInit::with_num_threads(1));
    let (sink, mut counts) = event_slot(SinkState::Enabled);
    rings.counts.connect_sink(sink);
    let report = EventSource::new().connect(Rings::report, &mailbox).register(&mut bench);
    let mut simulation = bench.add_model(rings, mailbox, "rings").init(MonotonicTime::EPOCH)?;
    let began = Instant::now();
    simulation.step_until(Duration::from_secs_f64(end_us / 1e6))?;
    let seconds = began.elapsed().as_secs_f64();
    simulation.process_event(&report, ())?;
    let (offered, dropped) = counts.try_read().unwrap();
    let rate = offered as f64 / seconds;
    println!("{offered} {:.6} {rate:.0}", dropped as f64 / offered as f64);
    Ok(())
}
