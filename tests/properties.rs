//! What holds of every scenario, and the engine against a naive model of the contract.

#[path = "support/agreement.rs"]
mod agreement;
#[path = "support/naive.rs"]
mod naive;
#[path = "support/naive_placement.rs"]
mod naive_placement;
#[path = "support/patterns.rs"]
mod patterns;
#[path = "support/runs.rs"]
mod runs;
#[path = "support/scenarios.rs"]
mod scenarios;

use proptest::prelude::*;
use runs::{Run, SEED, close, config, recorded, run};
use rxplan::id::QueueId;
use rxplan::model::buffers::{Accounting, BufferSpec, Refiller};
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::ledger::{DropReason, PacketCounts};
use rxplan::model::log::{Bin, Fate, PacketOutcome};
use rxplan::model::outcome::{Outcome, QueueOutcome};
use rxplan::model::policy::Policy;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::model::traffic::Window;
use rxplan::random::Streams;
use rxplan::units::{SimDuration, SimTime};
use scenarios::{AMPLE, BUFFER, any_system, one_queue, one_queue_with, server, with_host};

/// Everything measured but the timeline, as text.
fn measured(outcome: &Outcome) -> String {
    let without = Outcome { timeline: None, ..outcome.clone() };
    format!("{without:?}")
}

/// The same scenario with other buffers.
fn with_buffers(system: &SystemSpec, change: impl FnOnce(&mut BufferSpec)) -> SystemSpec {
    let mut changed = system.clone();
    change(&mut changed.buffers);
    changed
}

/// The same scenario with another policy of its reserve, if it has one.
fn with_policy(system: &SystemSpec, policy: Policy) -> SystemSpec {
    with_buffers(system, |buffers| {
        if let Some(reserve) = &mut buffers.reserve {
            reserve.policy = policy;
        }
    })
}

fn assert_sound(system: &SystemSpec, outcome: &Outcome) -> Result<(), TestCaseError> {
    let reserve = system.buffers.reserve.as_ref();
    let lent = system.buffers.rx.iter().map(|rx| u64::from(*rx)).sum();
    let (entries, all) = reserve.map_or((0, 0), |reserve| match reserve.policy {
        Policy::PeerBorrow => (lent, lent),
        _ => (u64::from(reserve.within_reach()), reserve.total_entries()),
    });
    for (queue, rx) in outcome.queues.iter().zip(&system.buffers.rx) {
        let PacketCounts { offered, delivered, dropped } = queue.packets;
        prop_assert_eq!(offered, delivered + dropped + queue.packets.outstanding());
        prop_assert!(queue.in_use.max <= u64::from(*rx) + entries);
        prop_assert!(queue.reserve_in_use.max <= entries);
        prop_assert!(queue.reserve_in_use.mean <= queue.in_use.mean);
    }
    let sum = |count: fn(&PacketCounts) -> u64| -> u64 {
        outcome.queues.iter().map(|queue| count(&queue.packets)).sum()
    };
    let (offered, dropped) = (sum(|packets| packets.offered), sum(|packets| packets.dropped));
    prop_assert_eq!(outcome.drops.iter().sum::<u64>(), dropped);
    prop_assert_eq!(outcome.batches.iter().map(|batch| batch.part).sum::<u64>(), dropped);
    prop_assert_eq!(outcome.batches.iter().map(|batch| batch.whole).sum::<u64>(), offered);
    prop_assert!(outcome.packets_simulated >= offered);
    prop_assert!(outcome.reserve_in_use.max <= all);
    let levels = |queue: &QueueOutcome| [queue.in_use, queue.reserve_in_use];
    let of_queues = outcome.queues.iter().flat_map(levels);
    for level in of_queues.chain([outcome.in_use, outcome.reserve_in_use]) {
        prop_assert!(level.mean >= 0.0 && level.mean <= level.max as f64 + 1e-9, "{level:?}");
    }
    let mean: f64 = outcome.queues.iter().map(|queue| queue.in_use.mean).sum();
    prop_assert!(close(mean, outcome.in_use.mean));
    let mean: f64 = outcome.queues.iter().map(|queue| queue.reserve_in_use.mean).sum();
    prop_assert!(close(mean, outcome.reserve_in_use.mean));
    assert_timeline_agrees(outcome)?;
    let shares = [outcome.exhausted_fraction, outcome.stalled_fraction];
    for share in shares.into_iter().chain([outcome.utilization]) {
        prop_assert!((0.0..=1.0).contains(&share), "{share}");
    }
    Ok(())
}

/// However coarse its bins, a timeline keeps every maximum.
fn assert_timeline_agrees(outcome: &Outcome) -> Result<(), TestCaseError> {
    let bins = outcome.timeline.as_ref().expect("it was asked for").bins();
    let highest = |level: &dyn Fn(&Bin) -> u32| bins.iter().map(level).max().map_or(0, u64::from);
    prop_assert_eq!(outcome.in_use.max, highest(&|bin| bin.total));
    prop_assert_eq!(outcome.reserve_in_use.max, highest(&|bin| bin.reserve));
    for (index, queue) in outcome.queues.iter().enumerate() {
        prop_assert_eq!(queue.in_use.max, highest(&|bin| bin.queues[index]));
    }
    Ok(())
}

/// The packets tell what the counters count.
fn assert_log_agrees(run: &Run) -> Result<(), TestCaseError> {
    let Run { outcome, packets } = run;
    prop_assert!(packets.is_sorted_by_key(|packet| packet.arrival));
    let count = |wanted: &dyn Fn(&PacketOutcome) -> bool| -> u64 {
        packets.iter().filter(|packet| wanted(packet)).count() as u64
    };
    for (queue, counted) in (0..).map(QueueId::new).zip(&outcome.queues) {
        let PacketCounts { offered, delivered, dropped } = counted.packets;
        let fate = |wanted: fn(Fate) -> bool| {
            count(&|packet| packet.queue == queue && wanted(packet.fate))
        };
        prop_assert_eq!(offered, fate(|_| true));
        prop_assert_eq!(delivered, fate(|fate| matches!(fate, Fate::Delivered(_))));
        prop_assert_eq!(dropped, fate(|fate| matches!(fate, Fate::Dropped(_))));
    }
    for (reason, counted) in DropReason::ALL.into_iter().zip(outcome.drops) {
        prop_assert_eq!(counted, count(&|packet| packet.fate == Fate::Dropped(reason)));
    }
    assert_sojourns_agree(run)?;
    for packet in packets {
        prop_assert!(packet.from_reserve <= packet.len.div_ceil(BUFFER));
        match packet.fate {
            Fate::Delivered(time) => prop_assert!(time >= packet.arrival),
            Fate::Dropped(DropReason::PushedOut) | Fate::Outstanding => {}
            Fate::Dropped(_) => prop_assert_eq!(packet.from_reserve, 0),
        }
    }
    Ok(())
}

/// Where nothing arrived before the window, its packets are the ones whose sojourns are known.
fn assert_sojourns_agree(Run { outcome, packets }: &Run) -> Result<(), TestCaseError> {
    let sojourn = |packet: &PacketOutcome| match packet.fate {
        Fate::Delivered(time) => Some((time - packet.arrival).as_ps()),
        _ => None,
    };
    let sojourns: Vec<u64> = packets.iter().filter_map(sojourn).collect();
    if outcome.packets_simulated == packets.len() as u64 && !sojourns.is_empty() {
        let (count, sum) = (sojourns.len(), sojourns.iter().sum::<u64>());
        prop_assert_eq!(outcome.sojourn.count(), count as u64);
        prop_assert!(close(outcome.sojourn.mean_us() * 1e6, sum as f64 / count as f64));
        let longest = sojourns.into_iter().max().map_or(0.0, |ps| ps as f64);
        prop_assert!(close(outcome.sojourn.max_us() * 1e6, longest));
    }
    Ok(())
}

/// Packets lost at each queue.
fn lost(run: &Run) -> Vec<u64> {
    run.outcome.queues.iter().map(|queue| queue.packets.dropped).collect()
}

/// Servers whose losses are known to fall as room grows: service is constant, packets need one
/// buffer, nothing waits in a FIFO or for completion entries, and losses count from the start.
///
/// With random service it would not hold: one more packet accepted can be a long one that keeps
/// many others out.
fn growing(mut system: SystemSpec) -> SystemSpec {
    if let HostSpec::Server { service, wakeup } = &mut system.host {
        *wakeup = Distribution::Constant(0);
        for time in service.iter_mut().filter(|time| !time.is_constant()) {
            *time = Distribution::Constant(5);
        }
    }
    system.fifo = FifoSpec::default();
    system.buffers.completion_entries = AMPLE;
    system.window.start = SimTime::ZERO;
    single_buffers(system)
}

/// Every packet fits one buffer, and reserve buffers are reposted one by one at no cost, compete
/// for no cache, and are given out by what is held and free alone.
fn single_buffers(mut system: SystemSpec) -> SystemSpec {
    system.buffers.rx_buf_len = u64::from(3 * BUFFER);
    if let Some(reserve) = &mut system.buffers.reserve {
        reserve.sync_cost = SimDuration::ZERO;
        reserve.refiller = Refiller::ConsumingCore;
        reserve.repost = 1;
        reserve.low_watermark = None;
        reserve.small = None;
        if !reserve.policy.is_memoryless() {
            reserve.policy = Policy::CompleteSharing;
        }
    }
    if let HostSpec::Napi(spec) = &mut system.host {
        // Reserve buffers are in rotation only while they are in use.
        spec.cache = None;
    }
    system
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn every_run_is_sound_and_its_packets_tell_the_same(system in any_system()) {
        let run = run(&system);
        assert_sound(&system, &run.outcome)?;
        assert_log_agrees(&run)?;
    }

    #[test]
    fn a_seed_gives_the_same_outcome_again_watched_or_not(system in any_system()) {
        let watched = run(&system);
        let again = run(&system);
        prop_assert_eq!(format!("{:?}", watched.outcome), format!("{:?}", again.outcome));
        prop_assert_eq!(&watched.packets, &again.packets);
        let (streams, progress) = (Streams::new(SEED, 0), Progress::default());
        let unwatched = system.run(streams, &progress, Observers::default()).unwrap();
        prop_assert_eq!(measured(&watched.outcome), measured(&unwatched));
    }

    #[test]
    fn one_queue_loses_the_same_under_both_accountings(system in one_queue()) {
        let system = single_buffers(system);
        let [pinned, relabelled] = [Accounting::Pinned, Accounting::Relabelled].map(|accounting| {
            run(&with_buffers(&system, |buffers| {
                if let Some(reserve) = &mut buffers.reserve {
                    reserve.accounting = accounting;
                }
            }))
        });
        prop_assert_eq!(pinned.outcome.drops, relabelled.outcome.drops);
        let fates = |run: &Run| run.packets.iter().map(|packet| packet.fate).collect::<Vec<_>>();
        prop_assert_eq!(fates(&pinned), fates(&relabelled));
        prop_assert!(close(pinned.outcome.in_use.mean, relabelled.outcome.in_use.mean));
    }

    #[test]
    fn an_empty_reserve_is_none(system in any_system()) {
        let none = run(&with_buffers(&system, |buffers| buffers.reserve = None));
        let empty = run(&with_buffers(&system, |buffers| {
            if let Some(reserve) = &mut buffers.reserve {
                (reserve.entries, reserve.device_entries) = (0, 0);
                reserve.small = None;
                if reserve.policy == Policy::PeerBorrow {
                    reserve.policy = Policy::CompleteSharing;
                }
            }
        }));
        prop_assert_eq!(&none.packets, &empty.packets);
        let comparable = |run: Run| measured(&Outcome { exhausted_fraction: 0.0, ..run.outcome });
        prop_assert_eq!(comparable(none), comparable(empty));
    }

    #[test]
    fn one_group_before_a_device_is_one_reserve_of_both(system in any_system()) {
        let one_group = |move_to_device: bool| {
            run(&with_buffers(&system, |buffers| {
                if let Some(reserve) = &mut buffers.reserve {
                    reserve.groups = 1;
                    if move_to_device {
                        let own = reserve.entries / 2;
                        reserve.device_entries += reserve.entries - own;
                        reserve.entries = own;
                    } else {
                        reserve.entries += std::mem::take(&mut reserve.device_entries);
                    }
                }
            }))
        };
        let (two_levels, one) = (one_group(true), one_group(false));
        prop_assert_eq!(&two_levels.packets, &one.packets);
        prop_assert_eq!(measured(&two_levels.outcome), measured(&one.outcome));
    }

    #[test]
    fn groups_with_nothing_of_their_own_are_one_reserve(system in any_system()) {
        let of_device = |groups: u32| {
            run(&with_buffers(&system, |buffers| {
                if let Some(reserve) = &mut buffers.reserve {
                    let all = reserve.entries + reserve.device_entries;
                    (reserve.entries, reserve.device_entries) = (0, all);
                    let queues = u32::try_from(buffers.rx.len()).unwrap();
                    reserve.groups = groups.min(queues);
                    // What looks at its own group only, locks it, or draws lots is not the same.
                    reserve.lock = false;
                    reserve.refiller = Refiller::ConsumingCore;
                    reserve.low_watermark = None;
                    reserve.small = None;
                    if matches!(
                        reserve.policy,
                        Policy::Abm { .. }
                            | Policy::EarlyDrop { .. }
                            | Policy::LongestQueueDrop
                            | Policy::PeerBorrow
                    ) {
                        reserve.policy = Policy::CompleteSharing;
                    }
                }
            }))
        };
        let (several, one) = (of_device(3), of_device(1));
        prop_assert_eq!(&several.packets, &one.packets);
        prop_assert_eq!(measured(&several.outcome), measured(&one.outcome));
    }

    #[test]
    fn policies_that_refuse_nobody_are_complete_sharing(system in any_system()) {
        let policies = [
            Policy::CompleteSharing,
            Policy::StaticCap { cap: 1_000_000 },
            Policy::DynamicThreshold { alpha: 1e12 },
        ];
        let [shared, capped, threshold] = policies.map(|policy| run(&with_policy(&system, policy)));
        prop_assert_eq!(&shared.packets, &capped.packets);
        prop_assert_eq!(&shared.packets, &threshold.packets);
        prop_assert_eq!(measured(&shared.outcome), measured(&capped.outcome));
        prop_assert_eq!(measured(&shared.outcome), measured(&threshold.outcome));
    }

    #[test]
    fn borrowing_from_peers_loses_what_one_shared_ring_does(system in with_host(server)) {
        let shared = with_buffers(&single_buffers(system), |buffers| {
            buffers.completion_entries = AMPLE;
            if let Some(reserve) = &mut buffers.reserve {
                (reserve.groups, reserve.entries) = (1, buffers.rx.iter().sum());
                reserve.policy = Policy::CompleteSharing;
            }
            buffers.rx.fill(0);
        });
        let lent = with_buffers(&shared, |buffers| {
            if let Some(reserve) = &mut buffers.reserve {
                buffers.rx[0] = std::mem::take(&mut reserve.entries);
                reserve.policy = Policy::PeerBorrow;
            }
        });
        prop_assert_eq!(run(&shared).outcome.drops, run(&lent).outcome.drops);
    }

    #[test]
    fn more_dedicated_entries_never_lose_more(
        system in with_host(server),
        more in 1_u32..4,
    ) {
        let private = with_buffers(&growing(system), |buffers| buffers.reserve = None);
        let larger = with_buffers(&private, |buffers| {
            buffers.rx.iter_mut().for_each(|rx| *rx += more);
        });
        let (private, larger) = (run(&private), run(&larger));
        prop_assert_eq!(private.packets.len(), larger.packets.len());
        for (larger, private) in lost(&larger).into_iter().zip(lost(&private)) {
            prop_assert!(larger <= private, "{larger} > {private}");
        }
    }

    #[test]
    fn a_larger_reserve_of_one_queue_never_loses_more(
        system in one_queue_with(server(1)),
        more in 1_u32..4,
    ) {
        let system = growing(system);
        let larger = with_buffers(&system, |buffers| {
            if let Some(reserve) = &mut buffers.reserve {
                reserve.entries += more;
            }
        });
        prop_assert!(lost(&run(&larger)) <= lost(&run(&system)));
    }

    #[test]
    fn a_recording_of_the_traffic_gives_the_same_run(mut system in any_system()) {
        // What a paused sender has ready is not what arrives.
        system.fifo.pause = false;
        let original = run(&system);
        let replayed = run(&recorded(&system));
        prop_assert_eq!(&original.packets, &replayed.packets);
        let comparable = |run: Run| measured(&Outcome { bursts: 0, wire: None, ..run.outcome });
        prop_assert_eq!(comparable(original), comparable(replayed));
    }

    #[test]
    fn a_recording_without_an_end_runs_until_all_is_done(
        system in any_system(),
        later in 1_u64..50,
    ) {
        let mut system = recorded(&system);
        system.window = Window { start: SimTime::ZERO, end: None };
        let whole = run(&system);
        let end = SimTime::ZERO + whole.outcome.simulated + SimDuration::from_ps(later);
        system.window.end = Some(end);
        prop_assert_eq!(&whole.packets, &run(&system).packets);
        // Returns may lack, and packets that never fit wait in the FIFO for ever.
        let may_remain = matches!(system.host, HostSpec::Trace { .. }) || system.fifo.capacity > 0;
        let outstanding = |packet: &PacketOutcome| packet.fate == Fate::Outstanding;
        prop_assert!(may_remain || !whole.packets.iter().any(outstanding));
    }
}
