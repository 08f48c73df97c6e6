//! Times from arrival to delivery: their distribution, and its tail.

use super::context::Context;
use super::figure::{Figure, Frame, HEAD, Heading, Sheet};
use super::packets::{Packet, Packets};
use super::panel::{Panel, Stroke};
use super::scale::Scale;
use super::theme::{BLUE, VERMILLION, WIDTH, number};
use plotters::style::RGBColor;

const HEIGHT: f64 = 430.0;
/// Points of a curve, at equal steps of the logarithm of what is left.
const POINTS: u32 = 100;
/// Quantiles that are named.
const NAMED: [(f64, &str); 3] = [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")];

/// Sorted sojourn times in microseconds, with a name.
struct Curve {
    name: &'static str,
    colour: RGBColor,
    sorted: Vec<f64>,
}

impl Curve {
    fn new(
        name: &'static str,
        colour: RGBColor,
        packets: &[Packet],
        wanted: impl Fn(&Packet) -> bool,
    ) -> Self {
        let times = packets.iter().filter(|packet| wanted(packet)).filter_map(|packet| {
            packet.delivered.map(|delivered| (delivered - packet.arrival) / 1e3)
        });
        let mut sorted: Vec<f64> = times.collect();
        sorted.sort_by(f64::total_cmp);
        Self { name, colour, sorted }
    }

    /// The time that a share of the packets does not exceed.
    fn quantile(&self, share: f64) -> f64 {
        let n = self.sorted.len() as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to n")]
        let rank = (share * n).ceil().max(1.0) as usize;
        self.sorted[rank.min(self.sorted.len()) - 1]
    }

    /// Times and the share of packets that took longer, from all to one in n.
    fn points(&self) -> Vec<(f64, f64)> {
        let n = self.sorted.len() as f64;
        let even = (0..=POINTS).map(|step| f64::from(step) / f64::from(POINTS));
        let tail = (0..=POINTS).map(|step| 1.0 - n.powf(-f64::from(step) / f64::from(POINTS)));
        let mut shares: Vec<f64> = even.chain(tail).collect();
        shares.sort_by(f64::total_cmp);
        shares.into_iter().map(|share| (self.quantile(share), 1.0 - share)).collect()
    }
}

/// The figure of a packet log, if any packet was delivered.
pub(super) fn figure(packets: &Packets, context: &Context) -> Option<Figure> {
    let all = Curve::new("all packets", BLUE, &packets.all, |_| true);
    let reserve = Curve::new("from the reserve", VERMILLION, &packets.all, |packet| {
        packet.from_reserve > 0.0
    });
    let mut curves = vec![all];
    if reserve.sorted.len() > 1 {
        curves.push(reserve);
    }
    let all = &curves[0];
    if all.sorted.is_empty() {
        return None;
    }
    let heading = Heading {
        title: "Time from arrival to delivery".to_owned(),
        subject: packets.subject(context),
        notes: context.notes(&packets.count_text()),
    };
    let named = NAMED.map(|(share, name)| format!("{name} {} µs", number(all.quantile(share))));
    let description = named.join(", ");
    Some(Figure::draw("sojourn", &heading, HEIGHT, description, |sheet| {
        let entries: Vec<_> = curves.iter().map(|curve| (curve.name, curve.colour)).collect();
        sheet.legend((90.0, HEAD + 8.0), &entries);
        let top = HEAD + 16.0;
        let half = WIDTH / 2.0;
        let frame = |left: f64| Frame { left, top, width: half, height: HEIGHT - top };
        body(sheet, frame(0.0), &curves);
        tail(sheet, frame(half), &curves);
    }))
}

fn times(curves: &[Curve]) -> Scale {
    let shortest = curves.iter().map(|curve| curve.quantile(0.001)).fold(f64::MAX, f64::min);
    let longest = curves.iter().map(|curve| curve.quantile(1.0)).fold(0.0, f64::max);
    Scale::times("time (µs)", shortest.max(1e-3), longest.max(1e-2))
}

fn body(sheet: &mut Sheet<'_>, frame: Frame, curves: &[Curve]) {
    let y = Scale::linear("share of packets within", 0.0, 1.0);
    let mut panel = Panel::new(sheet, frame, times(curves), y);
    for curve in curves {
        let points: Vec<_> = curve.points().iter().map(|(x, above)| (*x, 1.0 - above)).collect();
        panel.line(&points, curve.colour, 2.0, Stroke::Solid);
    }
    let median = curves[0].quantile(0.5);
    panel.dot((median, 0.5), 4.0, BLUE);
    panel.label((median, 0.5), &format!("p50 {} µs", number(median)));
}

fn tail(sheet: &mut Sheet<'_>, frame: Frame, curves: &[Curve]) {
    let n = curves[0].sorted.len() as f64;
    let y = Scale::shares("share of packets that took longer", 1.0 / n.max(10.0), 1.0);
    let mut panel = Panel::new(sheet, frame, times(curves), y);
    for curve in curves {
        let points: Vec<_> = curve.points().into_iter().filter(|(_, above)| *above > 0.0).collect();
        panel.line(&points, curve.colour, 2.0, Stroke::Solid);
        for (time, above) in points.iter().step_by(8) {
            let share = format!("{} took longer than {} µs", share(*above), number(*time));
            panel.hover((*time, *above), format!("{}: {share}", curve.name));
        }
    }
    for (quantile, name) in &NAMED[1..] {
        let point = (curves[0].quantile(*quantile), 1.0 - quantile);
        if n * (1.0 - quantile) >= 1.0 {
            panel.dot(point, 4.0, BLUE);
            panel.label(point, &format!("{name} {} µs", number(point.0)));
        }
    }
}

fn share(above: f64) -> String {
    let percent = above * 100.0;
    if percent >= 0.01 { format!("{} %", number(percent)) } else { format!("{above:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_definition() {
        let sorted = (1..=10).map(f64::from).collect();
        let curve = Curve { name: "", colour: BLUE, sorted };
        let quantiles = [0.0, 0.5, 0.51, 0.9, 1.0].map(|share| number(curve.quantile(share)));
        assert_eq!(quantiles, ["1", "5", "6", "9", "10"]);
    }
}
