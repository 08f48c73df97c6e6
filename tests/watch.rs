//! Looks into a run: what they show is what the packets say.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rxplan::model::ledger::DropReason;
use rxplan::model::log::{Fate, PacketOutcome};
use rxplan::model::system::Progress;
use rxplan::model::watch::Look;
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{Engine, Options, simulate, watch};
use rxplan::units::{SimDuration, SimTime};

const SCENARIO: &str = r#"
[nic]
queues = 3
rx = 8
rx_buf_len = "2 KiB"
[reserve]
entries = 12
[host]
model = "server"
service = { dist = "exponential", mean = "1 us" }
[[traffic]]
kind = "on-off"
rate = "3 Mpps"
on = { dist = "exponential", mean = "20 us" }
off = { dist = "exponential", mean = "60 us" }
[run]
duration = "3 ms"
warmup = "100 us"
replications = 1
"#;

fn scenario() -> Scenario {
    Scenario::load(&Source::Stdin(SCENARIO.to_owned()), &[]).unwrap()
}

fn looks(scenario: &Scenario, every: SimDuration) -> Vec<Look> {
    let mut looks = Vec::new();
    let mut keep = |look: &Look| {
        looks.push(look.clone());
        look.time + every
    };
    assert_eq!(watch(scenario, &mut keep, &Progress::default()), Ok(true));
    looks
}

fn packets(scenario: &Scenario) -> Vec<PacketOutcome> {
    let mut packets = Vec::new();
    let mut keep = |packet: &PacketOutcome| packets.push(*packet);
    let options =
        Options { jobs: 1, packets: Some(&mut keep), engine: Engine::Reference, timeline: false };
    simulate(scenario, options, &Progress::default()).unwrap();
    packets
}

#[test]
fn every_look_is_what_packets_say_of_its_instant() {
    let mut scenario = scenario();
    // Without a warm-up every packet in a buffer is in the log.
    scenario.run.warmup = SimDuration::ZERO;
    let packets = packets(&scenario);
    let every = SimDuration::from_us(7);
    let looks = looks(&scenario, every);
    // At 0, 7 ... 2,996 us, and at the end.
    assert_eq!(looks.len(), 430);
    let mut before = SimTime::ZERO;
    for look in &looks {
        let now = look.time;
        for (queue, own) in (0..).zip(&look.queues) {
            let of_queue = || packets.iter().filter(move |packet| packet.queue.get() == queue);
            // Nothing of the instant itself has happened, but at the end all has.
            let is_past = |time: SimTime| time < now || now.as_ps() == 3_000_000_000;
            let offered = of_queue().filter(|packet| is_past(packet.arrival)).count();
            assert_eq!(own.packets.offered, offered as u64, "{queue} at {now}");
            let placed = |packet: &&PacketOutcome| !matches!(packet.fate, Fate::Dropped(_));
            let dropped = of_queue().filter(|packet| is_past(packet.arrival) && !placed(packet));
            assert_eq!(own.packets.dropped, dropped.count() as u64, "{queue} at {now}");
            let held = |packet: &PacketOutcome| match packet.fate {
                Fate::Delivered(time) => !is_past(time),
                Fate::Outstanding => true,
                Fate::Dropped(_) => false,
            };
            let here = || of_queue().filter(|packet| is_past(packet.arrival) && held(packet));
            assert_eq!(own.in_use, u32::try_from(here().count()).unwrap(), "{queue} at {now}");
            let of_reserve: u32 = here().map(|packet| packet.from_reserve).sum();
            assert_eq!(own.reserve_in_use, of_reserve, "{queue} at {now}");
            let came = of_queue().any(|packet| {
                placed(&packet) && is_past(packet.arrival) && packet.arrival >= before
            });
            assert!(own.highest >= own.in_use.max(u32::from(came)), "{queue} at {now}");
        }
        let reserve: u32 = look.queues.iter().map(|own| own.reserve_in_use).sum();
        assert_eq!(look.reserve_in_use, reserve);
        assert!(look.reserve_highest >= reserve);
        before = now;
    }
    let last = looks.last().unwrap();
    let dropped: u64 = last.queues.iter().map(|own| own.packets.dropped).sum();
    assert_eq!(last.drops.iter().sum::<u64>(), dropped);
    let denied = DropReason::ALL.iter().position(|own| *own == DropReason::NoBuffer).unwrap();
    assert!(last.drops[denied] > 0 && dropped > 0, "the rings are too large for this test");
}

#[test]
fn looks_begin_with_the_window_and_do_not_change_the_run() {
    let scenario = scenario();
    let first = looks(&scenario, SimDuration::from_us(1));
    assert_eq!(first[0].time, SimTime::ZERO + SimDuration::from_us(100));
    let rare = looks(&scenario, SimDuration::from_ms(1));
    assert_eq!(first.last().unwrap().queues.len(), 3);
    let counts = |looks: &[Look]| {
        let queues = &looks.last().unwrap().queues;
        queues.iter().map(|own| own.packets).collect::<Vec<_>>()
    };
    assert_eq!(counts(&first), counts(&rare));
    // Of many looks the highest is that of few.
    let highest = |looks: &[Look]| looks.iter().map(|look| look.reserve_highest).max();
    assert_eq!(highest(&first), highest(&rare));
}

#[test]
fn a_watcher_may_have_seen_enough() {
    let mut count = 0;
    let mut once = |_: &Look| {
        count += 1;
        SimTime::MAX
    };
    assert_eq!(watch(&scenario(), &mut once, &Progress::default()), Ok(true));
    // The first look, and the end.
    assert_eq!(count, 2);
}
