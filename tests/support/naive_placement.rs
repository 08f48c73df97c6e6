//! Placement told apart from the engine: what every packet of a transfer needs, in 128 bits and
//! with nothing but the list of changes; then the engine against the naive model.

use proptest::collection::vec;
use proptest::prelude::*;
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::outcome::Outcome;
use rxplan::model::placement::{
    Attack, AttackKind, Change, Fallback, FlowKind, Genuine, Load, Mode, PlacementSpec, Protection,
    RotationSpec,
};
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::{
    Arrival, NetworkSpec, StormSpec, TrafficKind, TrafficSpec, TransfersSpec,
};
use rxplan::random::Streams;
use rxplan::units::{BitRate, PacketRate, SimDuration, SimTime};

use crate::agreement::reproducible;
use crate::naive::{self, Incoming};
use crate::runs::{Run, SEED, config, run};
use crate::scenarios::{self, with_host};

/// What becomes of a packet that passes the PSP check, or `None` if it does not pass.
type Verdict = Option<Result<(), Fallback>>;

/// The rules, with the NIC's table as the changes up to a time make it.
struct Rules<'a> {
    transfers: &'a TransfersSpec,
    changes: &'a [Change],
}

impl Rules<'_> {
    /// Changes of a region by `now`.
    fn uses(&self, region: u16, now: SimTime) -> usize {
        let due = |change: &&Change| change.region.get() == region && change.time <= now;
        self.changes.iter().filter(due).count()
    }

    /// Whether the pair of a flow and one of its regions found room in the allow list.
    fn has_room(&self, region: u16) -> bool {
        match self.transfers.nic.mode {
            Mode::Direct(Protection::AllowList { entries, .. }) => u32::from(region) < entries,
            _ => true,
        }
    }

    /// Whether keys of flows are good: of this rotation or the one before.
    fn has_key(&self, now: SimTime) -> bool {
        let Some(RotationSpec { every, notice }) = &self.transfers.nic.rotation else {
            return true;
        };
        let Distribution::Constant(every) = every else { panic!("rotations at known times") };
        let known = now.as_ps().checked_sub(notice.as_ps()).map_or(0, |since| since / every);
        now.as_ps() / every - known <= 1
    }

    fn judge(&self, load: Load, now: SimTime) -> Verdict {
        if !self.has_key(now) {
            return None;
        }
        match load {
            Load::Genuine(genuine) => Some(self.judge_genuine(&genuine, now)),
            Load::Attack(attack) => self.judge_attack(&attack, now),
        }
    }

    fn judge_genuine(&self, genuine: &Genuine, now: SimTime) -> Result<(), Fallback> {
        let Genuine { segment, split_fails, .. } = genuine;
        if *split_fails {
            return Err(Fallback::SplitFailed);
        }
        let header = &segment.header;
        let region = header.memory.get();
        let uses = self.uses(region, now);
        if uses == 0 {
            return Err(Fallback::UnknownRegion);
        }
        if !self.has_room(region) {
            return Err(Fallback::NotAllowed);
        }
        if (uses - 1) % 65_536 != usize::from(header.generation.get()) {
            return Err(Fallback::StaleGeneration);
        }
        let distance = i128::from(segment.seq.get()) - i128::from(header.base_seq.get());
        let distance = distance.rem_euclid(1 << 32);
        if distance >= 1 << 31 {
            return Err(Fallback::BeforeBase);
        }
        let begin = i128::from(header.base_offset) + distance;
        let len = i128::from(self.transfers.nic.region);
        if begin >= len {
            Err(Fallback::OutOfBounds)
        } else if begin + i128::from(segment.payload) > len {
            Err(Fallback::Straddles)
        } else {
            Ok(())
        }
    }

    fn judge_attack(&self, attack: &Attack, now: SimTime) -> Verdict {
        let target = attack.target.get();
        let region_keys = self.transfers.nic.mode == Mode::Direct(Protection::RegionKeys);
        let listed = || if self.has_room(target) { Ok(()) } else { Err(Fallback::NotAllowed) };
        let known = self.uses(target, now) > 0;
        let unless_unknown = |fallback| if known { fallback } else { Err(Fallback::UnknownRegion) };
        match attack.kind {
            AttackKind::WrongSpi => None,
            AttackKind::WrongRegion if region_keys => None,
            AttackKind::WrongRegion => Some(unless_unknown(Err(Fallback::NotAllowed))),
            AttackKind::OutOfBounds => {
                Some(unless_unknown(listed().and(Err(Fallback::OutOfBounds))))
            }
            AttackKind::Replay => {
                Some(unless_unknown(listed().and(Err(Fallback::StaleGeneration))))
            }
        }
    }
}

/// What a packet needs; `free` application buffers are posted.
fn incoming(
    transfers: &TransfersSpec,
    (arrival, load): (Arrival, Load),
    verdict: Verdict,
    work: u64,
) -> Incoming {
    let Arrival { time, queue, len } = arrival;
    let plain = Incoming::plain(time.as_ps(), queue.index(), len, work);
    let Some(verdict) = verdict else { return Incoming { rejected: true, ..plain } };
    let payload = match load {
        Load::Genuine(genuine) => genuine.segment.payload,
        Load::Attack(attack) => attack.payload,
    };
    let nic = &transfers.nic;
    let copying = nic.copy_per_byte.as_ps() * u64::from(payload);
    let copied = Incoming { stored: payload, header: true, work: work + copying, ..plain };
    let whole = Incoming { stored: len, header: false, ..copied };
    match nic.mode {
        Mode::Off => whole,
        _ if verdict == Err(Fallback::SplitFailed) => whole,
        Mode::PageMap { page } if u64::from(payload) % page == 0 => {
            let mapping = nic.map_per_page.as_ps() * (u64::from(payload) / page);
            Incoming { work: work + mapping, ..copied }
        }
        Mode::Direct(_) if verdict.is_ok() => Incoming { stored: 0, work, ..copied },
        _ => copied,
    }
}

fn modes() -> impl Strategy<Value = Mode> {
    let kind = prop_oneof![Just(FlowKind::Spi), Just(FlowKind::Ipv6)];
    let allow_list =
        (kind, 0_u32..12).prop_map(|(kind, entries)| Protection::AllowList { kind, entries });
    let protection = prop_oneof![3 => allow_list, 1 => Just(Protection::RegionKeys)];
    prop_oneof![
        1 => Just(Mode::Off),
        1 => Just(Mode::HeaderSplit),
        1 => (1_u64..30).prop_map(|page| Mode::PageMap { page }),
        5 => protection.prop_map(Mode::Direct),
    ]
}

fn short() -> impl Strategy<Value = Distribution> {
    prop_oneof![
        (0_u64..20).prop_map(Distribution::Constant),
        Just(Distribution::Uniform { min: 1, max: 40 }),
    ]
}

fn transfers() -> impl Strategy<Value = TransfersSpec> {
    let nic = (modes(), 1_u64..200, 1_u32..6, 0_u64..3, 0_u64..5).prop_map(
        |(mode, region, header_entries, copy, map)| PlacementSpec {
            mode,
            region,
            header_entries,
            copy_per_byte: SimDuration::from_ps(copy),
            map_per_page: SimDuration::from_ps(map),
            lro: None,
            rotation: None,
        },
    );
    let rotation = (20_u64..200, 0_u64..400).prop_map(|(every, notice)| RotationSpec {
        every: Distribution::Constant(every),
        notice: SimDuration::from_ps(notice),
    });
    let nic = (nic, prop::option::weighted(0.3, rotation))
        .prop_map(|(nic, rotation)| PlacementSpec { rotation, ..nic });
    let chance = || prop_oneof![Just(0.0), Just(0.2)];
    let network = (vec(chance(), 4), short(), short()).prop_map(|(chances, retransmit, by)| {
        let [loss, duplicate, reorder, split_fails] = chances[..] else { unreachable!() };
        NetworkSpec { loss, retransmit, duplicate, reorder, reorder_by: by, split_fails }
    });
    let storm = (10_u64..80, 0_u64..30).prop_map(|(every, notice)| StormSpec {
        every: Distribution::Constant(every),
        notice: SimDuration::from_ps(notice),
    });
    let shape = (2_u32..5, 1_u32..4, 1_u32..=100, 0_u32..40, 1_u64..300, any::<bool>());
    let times = (1_u64..60, 1_u64..400, short(), 0_u64..10);
    let attack = prop_oneof![Just(None), Just(PacketRate::new(1, 7))];
    (shape, times, network, prop::option::of(storm), attack, nic).prop_map(
        |(shape, times, network, storm, attack, nic)| {
            let (flows, regions, mss, overhead, tso, align) = shape;
            let (every, bytes, config_latency, lead) = times;
            TransfersSpec {
                flows,
                regions,
                every: Distribution::Exponential { mean: every as f64 },
                bytes: Distribution::Uniform { min: 1, max: bytes },
                mss,
                overhead,
                tso,
                align,
                rate: BitRate::parse("170 Tbit/s").expect("a rate"),
                lead: SimDuration::from_ps(lead),
                config_latency,
                network,
                attack,
                storm,
                nic,
            }
        },
    )
}

/// The system with transfers as its only traffic and hosts of which nothing is random.
fn with_transfers(mut system: SystemSpec, transfers: TransfersSpec, work: u64) -> SystemSpec {
    let queues = system.traffic[0].queues.clone();
    let kind = TrafficKind::Transfers(Box::new(transfers));
    system.traffic = std::vec![TrafficSpec { queues, size: Distribution::Constant(1), kind }];
    system.line_rate = None;
    system.fifo.pause = false;
    system.stalls.clear();
    match &mut system.host {
        HostSpec::Server { service, wakeup } => {
            service.fill(Distribution::Constant(work));
            *wakeup = Distribution::Constant(0);
        }
        HostSpec::Hold { time } => *time = Distribution::Constant(work),
        _ => {}
    }
    reproducible(system)
}

/// Fails unless engine and naive model tell the same of every packet, and the rules of every count.
fn assert_agrees(system: &SystemSpec, work: u64) -> Result<(), TestCaseError> {
    let transfers = system.transfers().expect("its only traffic");
    let (sent, changes) = system.traffic[0].sent(0, Streams::new(SEED, 0), system.window);
    let rules = Rules { transfers, changes: &changes };
    // Where the host has no work of its own per packet, copying is no part of it.
    let copies = matches!(system.host, HostSpec::Server { .. });
    let (mut told, mut arrivals) = (Vec::new(), Vec::new());
    for (arrival, load) in sent {
        let load = load.expect("all packets carry something");
        let verdict = rules.judge(load, arrival.time);
        told.push((arrival.time, load, verdict));
        let incoming = incoming(transfers, (arrival, load), verdict, work);
        arrivals.push(if copies { incoming } else { Incoming { work, ..incoming } });
    }
    let naive = naive::simulate(system, &arrivals);
    let Run { outcome, packets } = run(system);
    for (engine, naive) in packets.iter().zip(&naive.packets) {
        prop_assert_eq!(engine, naive);
    }
    prop_assert_eq!(packets.len(), naive.packets.len());
    assert_counts(system, &outcome, &told)
}

fn assert_counts(
    system: &SystemSpec,
    outcome: &Outcome,
    told: &[(SimTime, Load, Verdict)],
) -> Result<(), TestCaseError> {
    let PlacementSpec { mode, rotation, .. } = &system.transfers().expect("its only traffic").nic;
    let counts = outcome.placement.as_ref().expect("there are transfers");
    let count = |is_attack: bool, wanted: &dyn Fn(Verdict) -> bool| {
        let measured = told.iter().filter(|(time, ..)| *time >= system.window.start);
        let same = measured.filter(|(_, load, _)| matches!(load, Load::Attack(_)) == is_attack);
        same.filter(|(.., verdict)| wanted(*verdict)).count() as u64
    };
    let direct = matches!(mode, Mode::Direct(_));
    for (is_attack, outcomes) in [(false, &counts.genuine), (true, &counts.attack)] {
        prop_assert_eq!(outcomes.offered, count(is_attack, &|_| true));
        prop_assert_eq!(outcomes.psp_rejected, count(is_attack, &|verdict| verdict.is_none()));
        let placed = count(is_attack, &|verdict| verdict == Some(Ok(())));
        prop_assert_eq!(outcomes.placed, if direct { placed } else { 0 });
        for reason in Fallback::ALL {
            let fell_back = count(is_attack, &|verdict| verdict == Some(Err(reason)));
            let judged = direct || (reason == Fallback::SplitFailed && *mode != Mode::Off);
            prop_assert_eq!(outcomes.of(reason), if judged { fell_back } else { 0 });
        }
    }
    prop_assert_eq!(counts.attack.placed, 0, "an attack is never placed");
    if rotation.is_none() {
        prop_assert_eq!(counts.genuine.psp_rejected, 0, "the innocent pass");
    }
    let ways = [counts.placed_bytes, counts.mapped_bytes, counts.registered_bytes];
    prop_assert_eq!(ways.iter().sum::<u64>() + counts.copied_bytes, counts.payload_bytes);
    Ok(())
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn placed_packets_are_served_as_by_the_naive_model(
        system in with_host(scenarios::server), transfers in transfers(), work in 1_u64..9,
    ) {
        assert_agrees(&with_transfers(system, transfers, work), work)?;
    }

    #[test]
    fn placed_packets_are_held_as_by_the_naive_model(
        system in with_host(|_| scenarios::holding()), transfers in transfers(), work in 0_u64..30,
    ) {
        assert_agrees(&with_transfers(system, transfers, work), work)?;
    }

    #[test]
    fn placed_packets_are_polled_as_by_the_naive_model(
        system in with_host(|_| scenarios::polling()), transfers in transfers(),
    ) {
        assert_agrees(&with_transfers(system, transfers, 0), 0)?;
    }
}
