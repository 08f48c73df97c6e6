//! Moderation against its published tables, and its decisions step by step.

use super::*;

/// `NET_DIM_RX_EQE_PROFILES` and `NET_DIM_RX_CQE_PROFILES` of lib/dim/net_dim.c, Linux 7.3.
const PUBLISHED: [&str; 2] =
    ["1/256 8/256 64/256 128/256 256/256", "2/256 8/128 16/64 32/64 64/64"];

/// The profile after each of `looks` measurements of 64 interrupts, `interval_us` apart as the
/// profile says, at `packets` a microsecond.
fn profiles(
    dim: &mut Dim,
    looks: usize,
    packets: u64,
    interval_us: impl Fn(usize) -> u64,
) -> Vec<usize> {
    let mut now = Sample::default();
    let mut measured = Vec::new();
    for _ in 0..looks {
        dim.sample(now);
        let us = EVENTS * interval_us(dim.profile);
        now.time += SimDuration::from_us(us);
        now.interrupts += EVENTS;
        now.packets += packets * us;
        now.bytes += 1_500 * packets * us;
        dim.sample(now);
        measured.push(dim.profile);
    }
    measured
}

#[test]
fn the_profiles_are_the_published_ones() {
    for (cqe_mode, published) in [false, true].into_iter().zip(PUBLISHED) {
        let mut dim = Dim::new(cqe_mode);
        let text: Vec<String> = (0..PROFILES)
            .map(|profile| {
                dim.profile = profile;
                let Coalescing { usecs, frames } = dim.coalescing();
                format!("{}/{frames}", usecs.as_ps() / 1_000_000)
            })
            .collect();
        assert_eq!(text.join(" "), published);
        assert_eq!(Dim::new(cqe_mode).profile, 1);
    }
}

#[test]
fn fewer_interrupts_for_the_same_packets_lead_to_the_longest_profile() {
    let mut dim = Dim::new(false);
    let interval = |profile: usize| EQE[profile].0 + 1;
    // Left first, where it is worse; then right to the edge, where it parks.
    assert_eq!(profiles(&mut dim, 8, 10, interval), [0, 1, 2, 3, 4, 4, 4, 4]);
    assert_eq!(dim.state, Tuning::ParkingOnTop);
}

#[test]
fn where_nothing_differs_it_gets_tired_and_rests() {
    let mut dim = Dim::new(false);
    let to_and_fro = profiles(&mut dim, 11, 1, |_| 20);
    assert_eq!(to_and_fro, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1]);
    assert_eq!((dim.state, dim.tired), (Tuning::ParkingTired, 10));
    dim.start = None;
    // Ten looks long, and then it tries the left again.
    assert_eq!(profiles(&mut dim, 10, 1, |_| 20), [1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
}

#[test]
fn a_parked_queue_starts_again_when_its_traffic_changes() {
    let mut dim = Dim::new(false);
    let interval = |profile: usize| EQE[profile].0 + 1;
    profiles(&mut dim, 6, 10, interval);
    dim.start = None;
    assert_eq!(profiles(&mut dim, 1, 11, interval), [4], "10 % more are no difference");
    dim.start = None;
    assert_eq!(profiles(&mut dim, 1, 20, interval), [3]);
}

#[test]
fn fewer_than_64_interrupts_or_no_time_decide_nothing() {
    let mut dim = Dim::new(false);
    let sample = |interrupts, us| Sample {
        time: SimTime::ZERO + SimDuration::from_us(us),
        interrupts,
        packets: interrupts,
        bytes: interrupts,
    };
    dim.sample(sample(0, 0));
    dim.sample(sample(63, 100));
    dim.sample(sample(64, 0));
    assert_eq!(dim.profile, 1);
    dim.sample(sample(64, 101));
    assert_eq!(dim.profile, 0);
}
