use super::*;

const US: u64 = 1_000_000;

/// Readings at whole milliseconds that take 2 us: (queue, packets, bytes) of each.
fn observe(readings: &[&[(u32, u64, u64)]]) -> (Vec<Vec<[u64; 3]>>, Observer) {
    let mut observer = Observer::default();
    let samples = readings.iter().zip(0_u64..).map(|(reading, ms)| {
        let count = |&(queue, packets, bytes)| QueueCount { queue, packets, bytes };
        let counts: Vec<QueueCount> = reading.iter().map(count).collect();
        let begun = SimDuration::from_us(1_000 * ms);
        let ended = SimDuration::from_us(1_000 * ms + 2);
        let samples = observer.take(begun, ended, &counts);
        for sample in &samples {
            assert_eq!(sample.begin_ps, (1_000 * (ms - 1) + 1) * US);
            assert_eq!(sample.duration_ps, 1_000 * US);
        }
        let plain = samples.iter().map(|own| [u64::from(own.queue), own.packets.into(), own.bytes]);
        plain.collect()
    });
    let samples = samples.collect();
    (samples, observer)
}

#[test]
fn a_sample_is_what_came_between_two_readings() {
    let (samples, observer) = observe(&[
        &[(0, 1_000, 90_000), (7, 5, 500)],
        &[(0, 1_010, 90_640), (7, 5, 500)],
        &[(0, 1_010, 90_640), (7, 5, 500)],
        &[(0, 1_011, 90_704), (7, 25, 2_000)],
    ]);
    let expected: [&[[u64; 3]]; 4] =
        [&[], &[[0, 10, 640]], &[[0, 0, 0]], &[[0, 1, 64], [7, 20, 1_500]]];
    assert_eq!(samples, expected);
    let totals = observer.totals();
    assert_eq!((totals.packets(), totals.duration), (31, SimDuration::from_us(3_000)));
    let busiest = QueueTotal { packets: 20, bytes: 1_500, busiest_pps: 20_000.0 };
    assert_eq!(totals.queues[&7], busiest);
    assert_eq!((totals.restarts, totals.wraps), (0, 0));
    assert_eq!((totals.spans.count(), totals.readings.count()), (3, 4));
}

#[test]
fn a_counter_that_begins_again_leaves_a_span_out_of_that_queue_only() {
    let (samples, observer) = observe(&[
        &[(0, 1 << 40, 1 << 50), (1, 10, 1_000)],
        &[(0, 3, 200), (1, 12, 1_200)],
        &[(0, 5, 328), (1, 12, 1_200)],
    ]);
    assert_eq!(samples, [vec![], vec![[1, 2, 200]], vec![[0, 2, 128]]]);
    assert_eq!((observer.totals().restarts, observer.totals().wraps), (1, 0));
}

#[test]
fn a_counter_of_32_bits_passes_its_end_if_it_could_have_in_the_time() {
    let top = u64::from(u32::MAX);
    let (samples, observer) = observe(&[&[(0, 100, top - 499)], &[(0, 110, 500)]]);
    assert_eq!(samples[1], [[0, 10, 1_000]]);
    assert_eq!(observer.totals().wraps, 1);
    // A million packets in 1 ms could be: one more could not.
    let (samples, _) = observe(&[&[(0, top - 499_999, 0)], &[(0, 500_000, 99 << 20)]]);
    assert_eq!(samples[1], [[0, 1_000_000, 99 << 20]]);
    let (samples, observer) = observe(&[&[(0, top - 499_999, 0)], &[(0, 500_001, 99 << 20)]]);
    assert!(samples[1].is_empty());
    assert_eq!((observer.totals().restarts, observer.totals().wraps), (1, 0));
}

#[test]
fn queues_come_and_go() {
    let (samples, observer) = observe(&[
        &[(0, 5, 500), (1, 5, 500)],
        &[(0, 6, 600)],
        &[(0, 7, 700), (1, 9, 900)],
        &[(0, 7, 700), (1, 10, 1_000)],
    ]);
    let expected: [&[[u64; 3]]; 4] = [&[], &[[0, 1, 100]], &[[0, 1, 100]], &[[1, 1, 100]]];
    assert_eq!(samples, expected);
    assert_eq!(observer.totals().restarts, 1);
}

#[test]
fn bytes_counted_before_or_after_their_packet_make_no_sample_that_cannot_be() {
    let (samples, _) = observe(&[&[(0, 0, 0)], &[(0, 0, 64)], &[(0, 1, 64)], &[(0, 2, 64)]]);
    assert_eq!(samples, [vec![], vec![[0, 0, 0]], vec![[0, 1, 64]], vec![[0, 1, 1]]]);
}

#[test]
fn two_readings_at_one_time_are_one() {
    let mut observer = Observer::default();
    let at = SimDuration::from_us(5);
    for packets in [1, 2] {
        let counts = [QueueCount { queue: 0, packets, bytes: 64 * packets }];
        assert!(observer.take(at, at, &counts).is_empty());
    }
    let later = SimDuration::from_us(6);
    let samples = observer.take(later, later, &[QueueCount { queue: 0, packets: 4, bytes: 256 }]);
    assert_eq!(samples[0].packets, 3);
}
