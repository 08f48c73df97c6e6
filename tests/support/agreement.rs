//! The engine against the naive model, packet by packet.

use proptest::prelude::*;
use rxplan::model::distribution::Distribution;
use rxplan::model::host::{Coalescing, HostSpec, Moderation, NapiContext};
use rxplan::model::log::{Fate, PacketOutcome};
use rxplan::model::policy::Policy;
use rxplan::model::stall::StallPattern;
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::Window;
use rxplan::units::{SimDuration, SimTime};

use crate::naive::{self, Incoming};
use crate::runs::{Run, close, config, recorded, run, without_loss};
use crate::scenarios::{self, with_host};

/// The packets as they arrive at the NIC, each with its service or holding time.
///
/// The times are read off a run of the same packets that loses none and waits for all of them.
fn arrivals(system: &SystemSpec) -> Vec<Incoming> {
    let mut roomy = without_loss(&recorded(system));
    if system.fifo.pause {
        // The naive model has the wire itself, and wants the packets as senders have them.
        let sent = SystemSpec { line_rate: None, ..system.clone() };
        roomy = without_loss(&recorded(&sent));
    }
    roomy.window = Window { start: SimTime::ZERO, end: None };
    let mut free = vec![0; roomy.buffers.rx.len()];
    let incoming = |packet: PacketOutcome| {
        let (time, queue) = (packet.arrival.as_ps(), packet.queue.index());
        let work = match (&roomy.host, packet.fate) {
            (HostSpec::Server { .. }, Fate::Delivered(done)) => {
                let begin = time.max(std::mem::replace(&mut free[queue], done.as_ps()));
                done.as_ps() - begin
            }
            (HostSpec::Hold { .. }, Fate::Delivered(done)) => done.as_ps() - time,
            _ => 0,
        };
        Incoming::plain(time, queue, packet.len, work)
    };
    run(&roomy).packets.into_iter().map(incoming).collect()
}

/// The scenario as the naive model wants it: constant wake-ups and recorded stalls only.
///
/// Where packets of several queues wait in or before the FIFO, or cores for a lock, or buffers for
/// a limit, work takes time, too: whether a service of no time ends before another queue's service
/// starts at the same instant is left open by the contract, and what waits could tell.
pub(crate) fn reproducible(mut system: SystemSpec) -> SystemSpec {
    system.stalls.retain(|stall| matches!(stall.pattern, StallPattern::Recorded(_)));
    if let Some(reserve) = &mut system.buffers.reserve
        && let Policy::EarlyDrop { pass, drop } = &mut reserve.policy
    {
        // No share of a few buffers is between these.
        *pass = *drop + 1e-9;
    }
    let reserve = system.buffers.reserve.as_ref();
    let waits = system.fifo.capacity > 0
        || system.fifo.pause
        || reserve.is_some_and(|reserve| reserve.lock || reserve.low_watermark.is_some());
    let waits = waits && system.buffers.rx.len() > 1;
    match &mut system.host {
        HostSpec::Server { service, wakeup } => {
            if !wakeup.is_constant() {
                *wakeup = Distribution::Constant(2);
            }
            for time in service.iter_mut().filter(|time| waits && !positive(time)) {
                *time = Distribution::Uniform { min: 1, max: 9 };
            }
        }
        HostSpec::BusyPoll(spec) if waits && spec.per_packet.is_zero() => {
            spec.per_packet = SimDuration::from_ps(1);
        }
        HostSpec::Napi(spec) => {
            for time in [&mut spec.wakeup, &mut spec.hold] {
                *time = constant(time);
            }
            if let NapiContext::Softirq { ksoftirqd_delay, .. } = &mut spec.context {
                *ksoftirqd_delay = constant(ksoftirqd_delay);
            }
            if spec.moderation == Moderation::Adaptive {
                let usecs = SimDuration::from_ps(3);
                spec.moderation = Moderation::Fixed(Coalescing { usecs, frames: 2 });
            }
            spec.cache = None;
            if waits && spec.per_packet.is_zero() {
                spec.per_packet = SimDuration::from_ps(1);
            }
        }
        _ => {}
    }
    system
}

/// The time itself where it is constant.
fn constant(time: &Distribution) -> Distribution {
    if time.is_constant() { time.clone() } else { Distribution::Constant(4) }
}

/// Whether a time is never zero.
fn positive(time: &Distribution) -> bool {
    matches!(time, Distribution::Constant(1..) | Distribution::Uniform { min: 1.., .. })
}

/// Fails unless engine and naive model tell the same of every packet and of the buffers.
fn assert_naive_agrees(system: &SystemSpec) -> Result<(), TestCaseError> {
    let told = naive::simulate(system, &arrivals(system));
    let Run { outcome, packets } = run(system);
    for (engine, naive) in packets.iter().zip(&told.packets) {
        prop_assert_eq!(engine, naive);
    }
    prop_assert_eq!(packets.len(), told.packets.len());
    let peaks = system.window.start == SimTime::ZERO;
    let of_queues = outcome.queues.iter().map(|queue| [queue.in_use, queue.reserve_in_use]);
    let engine = of_queues.chain([[outcome.in_use, outcome.reserve_in_use]]);
    let naive = told.queues.iter().chain([&told.total]);
    for (engine, naive) in engine.flatten().zip(naive.flatten()) {
        prop_assert!(close(engine.mean, naive.mean), "{engine:?}, not {naive:?}");
        prop_assert!(!peaks || engine.max == u64::from(naive.max), "{engine:?}, not {naive:?}");
    }
    let (engine, naive) = (outcome.packet_bytes_mean, told.packet_bytes);
    prop_assert!(close(engine, naive), "packet bytes: {engine}, not {naive}");
    if system.buffers.reserve.as_ref().is_some_and(|reserve| reserve.entries > 0) {
        let (engine, naive) = (outcome.exhausted_fraction, told.exhausted);
        prop_assert!(close(engine, naive), "exhausted: {engine}, not {naive}");
    }
    prop_assert_eq!(outcome.sync_ps, u128::from(told.sync));
    prop_assert_eq!(outcome.wire.map_or(0, |wire| wire.paused_ps), u128::from(told.paused));
    Ok(())
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn servers_do_as_the_naive_model(system in with_host(scenarios::server)) {
        assert_naive_agrees(&reproducible(system))?;
    }

    #[test]
    fn holding_does_as_the_naive_model(system in with_host(|_| scenarios::holding())) {
        assert_naive_agrees(&reproducible(system))?;
    }

    #[test]
    fn polls_do_as_the_naive_model(system in with_host(|_| scenarios::polling())) {
        assert_naive_agrees(&reproducible(system))?;
    }

    #[test]
    fn busy_polling_does_as_the_naive_model(system in with_host(|_| scenarios::busy_polling())) {
        assert_naive_agrees(&reproducible(system))?;
    }

    #[test]
    fn napi_does_as_the_naive_model(system in with_host(|_| scenarios::napi())) {
        assert_naive_agrees(&reproducible(system))?;
    }

    #[test]
    fn replayed_returns_do_as_the_naive_model(system in with_host(scenarios::replaying)) {
        assert_naive_agrees(&reproducible(system))?;
    }
}
