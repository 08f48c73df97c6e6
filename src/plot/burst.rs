//! One burst, packet by packet: how ring and reserve fill, what the host takes, what is dropped.

use std::collections::BTreeMap;

use super::context::Context;
use super::figure::{Figure, Frame, HEAD, Heading, Sheet};
use super::packets::{Packet, Packets};
use super::panel::Panel;
use super::scale::Scale;
use super::theme::{BLUE, GREEN, INK, ORANGE, SKY, VERMILLION, number};

/// Height of a pair of axes, in pixels.
const ROW: f64 = 215.0;
/// Most corners of a curve; between them the highest value is kept.
const CORNERS: usize = 200;

/// Something happens to a queue's buffers.
#[derive(Debug, Clone, Copy)]
struct Change {
    time: f64,
    queue: u64,
    ring: f64,
    reserve: f64,
}

/// A queue and a span of time, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Window {
    queue: u64,
    begin: f64,
    end: f64,
}

/// A curve over time: microseconds and value.
type Curve = Vec<(f64, f64)>;

/// The figure of the greatest burst, if any packet was delivered.
pub(super) fn figure(packets: &Packets, context: &Context) -> Option<Figure> {
    let mut changes = changes(&packets.all);
    if let Some(depths) = context.relabelled_rings() {
        relabel(&mut changes, depths);
    }
    let window = greatest(&packets.all, &changes)?;
    let inside: Vec<&Packet> = packets
        .all
        .iter()
        .filter(|packet| packet.queue == window.queue)
        .filter(|packet| (window.begin..=window.end).contains(&packet.arrival))
        .collect();
    let dropped = inside.iter().filter(|packet| packet.dropped.is_some()).count();
    let heading = Heading {
        title: format!(
            "A burst on queue {}: {} packets, {} dropped",
            window.queue,
            number(inside.len() as f64),
            if dropped == 0 { "none".to_owned() } else { number(dropped as f64) }
        ),
        subject: packets.subject(context),
        notes: context.notes(&packets.count_text()),
    };
    let description = format!(
        "{} packets within {} µs, {} of them dropped.",
        inside.len(),
        number(((window.end - window.begin) / 1e3).round()),
        dropped
    );
    let reserve_size = context.reserve_size();
    let used = window.curve(changes.iter().map(|change| (change.time, change.reserve)));
    let has_reserve = reserve_size.is_some() || most(&used) > 0.0;
    let rows = if has_reserve { 3 } else { 2 };
    let height = HEAD + ROW * rows as f64;
    Some(Figure::draw("burst", &heading, height, description, |sheet| {
        let frame = |index| Frame::row(index, rows, height);
        ring(sheet, frame(0), &changes, window, context);
        if has_reserve {
            reserve(sheet, frame(1), &used, window, reserve_size);
        }
        fates(sheet, frame(rows - 1), &packets.all, window);
    }))
}

/// What takes and frees buffers, in order of time; what is freed at an instant comes first.
fn changes(packets: &[Packet]) -> Vec<Change> {
    let mut changes = Vec::with_capacity(packets.len() * 2);
    for packet in packets.iter().filter(|packet| packet.dropped.is_none()) {
        let (queue, reserve) = (packet.queue, packet.from_reserve);
        let ring = packet.buffers - reserve;
        changes.push(Change { time: packet.arrival, queue, ring, reserve });
        if let Some(time) = packet.delivered {
            changes.push(Change { time, queue, ring: -ring, reserve: -reserve });
        }
    }
    let order = |change: &Change| change.ring + change.reserve > 0.0;
    changes.sort_by(|a, b| a.time.total_cmp(&b.time).then(order(a).cmp(&order(b))));
    changes
}

/// Takes what a queue has above its ring's depth for the reserve's, whichever its packets took when
/// they arrived: relabelled accounting.
fn relabel(changes: &mut [Change], depths: &[u32]) {
    let mut held: BTreeMap<u64, f64> = BTreeMap::new();
    for change in changes {
        let depth = usize::try_from(change.queue).ok().and_then(|queue| depths.get(queue));
        let above = |held: f64| depth.map_or(0.0, |depth| (held - f64::from(*depth)).max(0.0));
        let before = held.get(&change.queue).copied().unwrap_or(0.0);
        let by = change.ring + change.reserve;
        held.insert(change.queue, before + by);
        change.reserve = above(before + by) - above(before);
        change.ring = by - change.reserve;
    }
}

/// The burst that dropped most, or that held most where none dropped: from the last time its queue
/// was empty to the next, or to the end of the log.
fn greatest(packets: &[Packet], changes: &[Change]) -> Option<Window> {
    let mut open: BTreeMap<u64, Burst> = BTreeMap::new();
    let mut best: Option<Burst> = None;
    let mut drops = packets.iter().filter(|packet| packet.dropped.is_some()).peekable();
    for change in changes {
        while let Some(packet) = drops.next_if(|packet| packet.arrival <= change.time) {
            if let Some(burst) = open.get_mut(&packet.queue) {
                burst.dropped += 1;
            }
        }
        let begin = Burst { queue: change.queue, begin: change.time, ..Burst::default() };
        let burst = open.entry(change.queue).or_insert(begin);
        burst.held += change.ring + change.reserve;
        burst.most = burst.most.max(burst.held);
        burst.end = change.time;
        if burst.held <= 0.0 {
            best = best.into_iter().chain(open.remove(&change.queue)).reduce(Burst::greater);
        }
    }
    let Burst { queue, begin, end, .. } =
        best.into_iter().chain(open.into_values()).reduce(Burst::greater)?;
    let margin = (end - begin) * 0.06;
    Some(Window { queue, begin: begin - margin, end: end + margin })
}

/// A time in which a queue holds packets.
#[derive(Debug, Clone, Copy, Default)]
struct Burst {
    queue: u64,
    begin: f64,
    end: f64,
    held: f64,
    most: f64,
    dropped: usize,
}

impl Burst {
    /// The one that dropped more, or held more where both dropped as many; else the first.
    fn greater(self, other: Self) -> Self {
        let order = self.dropped.cmp(&other.dropped).then(self.most.total_cmp(&other.most));
        if order.is_lt() { other } else { self }
    }
}

impl Window {
    /// Microseconds since the window's beginning.
    fn micros(&self, time: f64) -> f64 {
        (time - self.begin) / 1e3
    }

    /// The time axis, with a title or without.
    fn scale(&self, is_titled: bool) -> Scale {
        let begin = number((self.begin / 1e3).round() / 1e3);
        let title = format!("time (µs) since {begin} ms of the run");
        Scale::linear(if is_titled { &title } else { "" }, 0.0, self.micros(self.end))
    }

    /// A running sum of what changes, within the window and thinned.
    fn curve(&self, steps: impl Iterator<Item = (f64, f64)>) -> Curve {
        let mut value = 0.0;
        let mut curve = vec![(0.0, 0.0)];
        for (time, by) in steps {
            if time > self.end {
                break;
            }
            value += by;
            if time < self.begin {
                curve[0] = (0.0, value);
            } else {
                curve.push((self.micros(time), value));
            }
        }
        curve.push((self.micros(self.end), value));
        thinned(&curve)
    }
}

/// At most about twice [`CORNERS`] corners: the lowest and highest of each slice.
fn thinned(curve: &[(f64, f64)]) -> Curve {
    if curve.len() <= 2 * CORNERS {
        return curve.to_vec();
    }
    let slice = curve.len().div_ceil(CORNERS);
    let ends = |points: &[(f64, f64)]| {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let least = points.iter().min_by(by_value).copied();
        let most = points.iter().max_by(by_value).copied();
        let mut pair: Vec<_> = least.into_iter().chain(most).collect();
        pair.sort_by(|a, b| a.0.total_cmp(&b.0));
        pair
    };
    let mut thin: Curve = curve.chunks(slice).flat_map(ends).collect();
    thin.extend(curve.last());
    thin
}

fn most(curve: &Curve) -> f64 {
    curve.iter().map(|(_, value)| *value).fold(0.0, f64::max)
}

fn ring(
    sheet: &mut Sheet<'_>,
    frame: Frame,
    changes: &[Change],
    window: Window,
    context: &Context,
) {
    let own = || changes.iter().filter(|change| change.queue == window.queue);
    let ring = window.curve(own().map(|change| (change.time, change.ring)));
    let both = window.curve(own().map(|change| (change.time, change.ring + change.reserve)));
    let queue = usize::try_from(window.queue).unwrap_or(usize::MAX);
    let depth = context.ring_depth(queue, most(&both));
    let has_reserve = most(&both) > most(&ring);
    let mut entries = vec![("from its own ring", BLUE)];
    if has_reserve {
        entries.push(("and from the reserve", ORANGE));
    }
    sheet.legend(frame.legend(), &entries);
    let frame = frame.below_legend();
    let y = Scale::from_zero("buffers that it holds", most(&both).max(depth.unwrap_or(0.0)));
    let mut panel = Panel::new(sheet, frame, window.scale(false), y);
    if has_reserve {
        panel.steps_filled(&both, ORANGE, 0.55);
    }
    panel.steps_filled(&ring, BLUE, 0.75);
    if let Some(depth) = depth {
        panel.level_above(depth, &format!("ring of {}", number(depth)));
    }
    values(&mut panel, &both, "buffers held");
}

fn reserve(sheet: &mut Sheet<'_>, frame: Frame, used: &Curve, window: Window, size: Option<f64>) {
    sheet.legend(frame.legend(), &[("reserve, used by all queues", ORANGE)]);
    let y = Scale::from_zero("buffers of the reserve", most(used).max(size.unwrap_or(0.0)));
    let mut panel = Panel::new(sheet, frame.below_legend(), window.scale(false), y);
    panel.steps_filled(used, ORANGE, 0.55);
    if let Some(size) = size {
        panel.level_above(size, &format!("reserve of {}", number(size)));
    }
    values(&mut panel, used, "reserve buffers in use");
}

fn fates(sheet: &mut Sheet<'_>, frame: Frame, packets: &[Packet], window: Window) {
    let own = || {
        let inside = |packet: &&Packet| (window.begin..=window.end).contains(&packet.arrival);
        packets.iter().filter(move |packet| packet.queue == window.queue).filter(inside)
    };
    let arrived = window.curve(own().map(|packet| (packet.arrival, 1.0)));
    let mut times: Vec<f64> = own().filter_map(|packet| packet.delivered).collect();
    times.sort_by(f64::total_cmp);
    let work = work(&times);
    let delivered = window.curve(times.into_iter().map(|time| (time, 1.0)));
    let dropped = own().filter(|packet| packet.dropped.is_some());
    let dropped = window.curve(dropped.map(|packet| (packet.arrival, 1.0)));
    let entries =
        [("arrived", INK), ("delivered", GREEN), ("dropped", VERMILLION), ("host at work", SKY)];
    sheet.legend(frame.legend(), &entries);
    let frame = frame.below_legend();
    let y = Scale::from_zero("packets so far", most(&arrived));
    let mut panel = Panel::new(sheet, frame, window.scale(true), y);
    let top = most(&arrived).max(1.0);
    for (begin, end) in work {
        let [begin, end] = [begin, end].map(|time| window.micros(time.min(window.end)));
        panel.bar((begin, top * 1.015), (end, top * 1.055), SKY);
        let text = format!("host at work, {} to {} µs", number(begin), number(end));
        panel.hover_between((begin, top), (end, top * 1.06), text);
    }
    for (curve, colour) in [(&arrived, INK), (&delivered, GREEN), (&dropped, VERMILLION)] {
        panel.steps(curve, colour, 2.0);
    }
    for (curve, name) in [(&arrived, "arrived"), (&delivered, "delivered"), (&dropped, "dropped")] {
        values(&mut panel, curve, name);
    }
}

/// Most spans of work that are drawn; more could not be told apart.
const SPANS: usize = 100;

/// When the host takes packets, as far as deliveries show: spans without a gap of more than four
/// times the median, each beginning a median gap before its first delivery. A poll of NAPI is one,
/// or several that follow each other at once.
fn work(delivered: &[f64]) -> Vec<(f64, f64)> {
    let mut gaps: Vec<f64> = delivered.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let Some(median) = gaps.get(gaps.len() / 2).copied() else { return Vec::new() };
    let mut spans: Vec<(f64, f64)> = Vec::new();
    for &time in delivered {
        match spans.last_mut() {
            Some((_, end)) if time - *end <= 4.0 * median => *end = time,
            _ => spans.push((time - median, time)),
        }
    }
    if spans.len() > SPANS { Vec::new() } else { spans }
}

/// Values on hovering, at some corners of a curve.
fn values(panel: &mut Panel<'_, '_>, curve: &Curve, name: &str) {
    for (time, value) in curve.iter().step_by((curve.len() / 30).max(1)) {
        let text = format!("{} µs: {} {name}", number(*time), number(*value));
        panel.hover((*time, *value), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(arrival: f64, delivered: f64) -> Packet {
        let delivered = Some(delivered);
        Packet { arrival, queue: 0, delivered, dropped: None, buffers: 1.0, from_reserve: 0.0 }
    }

    #[test]
    fn the_greatest_burst_is_the_one_that_holds_most() {
        let packets =
            [packet(0.0, 10.0), packet(100.0, 130.0), packet(110.0, 140.0), packet(200.0, 201.0)];
        let window = greatest(&packets, &changes(&packets)).unwrap();
        assert!(window.begin < 100.0 && window.begin > 10.0, "{window:?}");
        assert!(window.end > 140.0 && window.end < 200.0, "{window:?}");
    }

    #[test]
    fn a_burst_that_the_log_cuts_off_ends_with_it() {
        let mut last = packet(120.0, 0.0);
        last.delivered = None;
        let packets = [packet(0.0, 10.0), packet(100.0, 130.0), last];
        let window = greatest(&packets, &changes(&packets)).unwrap();
        assert!(window.begin > 90.0 && window.end > 130.0, "{window:?}");
    }

    #[test]
    fn relabelled_buffers_are_the_reserves_as_long_as_the_ring_is_full() {
        let mut second = packet(1.0, 30.0);
        second.from_reserve = 1.0;
        let mut changes = changes(&[packet(0.0, 10.0), second]);
        relabel(&mut changes, &[1]);
        let moves: Vec<_> = changes.iter().map(|it| (it.time, it.ring, it.reserve)).collect();
        let expected = [(0.0, 1.0, 0.0), (1.0, 0.0, 1.0), (10.0, 0.0, -1.0), (30.0, -1.0, 0.0)];
        assert_eq!(moves, expected);
    }

    #[test]
    fn the_host_is_at_work_where_deliveries_follow_each_other() {
        let polls = [100.0, 110.0, 120.0, 130.0, 300.0, 310.0, 350.0, 391.0];
        assert_eq!(work(&polls), [(90.0, 130.0), (290.0, 350.0), (381.0, 391.0)]);
        assert_eq!(work(&[5.0]), []);
        let apart: Vec<f64> = (0..SPANS + 1).flat_map(|k| [k as f64, k as f64 + 0.1]).collect();
        assert_eq!(work(&apart), []);
    }

    #[test]
    fn thinning_keeps_the_peak() {
        let mut curve: Curve = (0..100_000).map(|time| (f64::from(time), 1.0)).collect();
        curve[31_234].1 = 9.0;
        let thin = thinned(&curve);
        assert!(thin.len() <= 2 * CORNERS + 1);
        assert!((most(&thin) - 9.0).abs() < 1e-12);
    }
}
