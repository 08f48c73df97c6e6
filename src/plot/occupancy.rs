//! Occupancy over time and its distribution, of queues and reserve.

use super::PlotError;
use super::context::Context;
use super::figure::{Figure, Frame, HEAD, Heading, Sheet};
use super::panel::{Panel, Stroke};
use super::scale::Scale;
use super::table::Table;
use super::theme::{BLUE, SKY, VERMILLION, number};

/// Height of a pair of axes, in pixels.
const ROW: f64 = 225.0;

/// A timeline, bin by bin.
struct Levels {
    /// Begin of each bin, in milliseconds.
    times: Vec<f64>,
    reserve: Vec<f64>,
    queues: Vec<Vec<f64>>,
    /// Place of the queue with the highest peak, and its number.
    busiest: (usize, String),
}

/// The figure of a timeline.
pub(super) fn figure(table: &Table, context: &Context) -> Result<Figure, PlotError> {
    let levels = Levels::read(table)?;
    let peak = levels.queues[levels.busiest.0].iter().copied().fold(0.0, f64::max);
    let heading = Heading {
        title: "Buffers in use over time".to_owned(),
        subject: context.title().unwrap_or_else(|| table.path().display().to_string()),
        notes: context.notes(&format!(
            "{} bins of the first replication, the most in each",
            number(levels.times.len() as f64)
        )),
    };
    let description = format!("At most {} buffers of queue {}.", peak, levels.busiest.1);
    let size = context.reserve_size();
    let has_reserve = size.is_some() || most(&levels.reserve) > 0.0;
    let rows = if has_reserve { 3 } else { 2 };
    let height = HEAD + ROW * rows as f64;
    Ok(Figure::draw("occupancy", &heading, height, description, |sheet| {
        let frame = |index| Frame::row(index, rows, height);
        queues_over_time(sheet, frame(0), &levels, context, has_reserve);
        if has_reserve {
            reserve_over_time(sheet, frame(1), &levels, size);
        }
        distribution(sheet, frame(rows - 1), &levels);
    }))
}

impl Levels {
    fn read(table: &Table) -> Result<Self, PlotError> {
        let times = table.numbers("t_ns")?.iter().map(|time| time / 1e6).collect();
        let reserve = table.numbers("reserve_in_use_max")?;
        let queue = |name: &&String| name.starts_with('q') && name.ends_with("_in_use_max");
        let names: Vec<&String> = table.names().iter().filter(queue).collect();
        let mut queues = Vec::new();
        for name in &names {
            queues.push(table.numbers(name)?);
        }
        let peak = |levels: &Vec<f64>| levels.iter().copied().fold(0.0, f64::max);
        let busiest = (0..queues.len())
            .max_by(|a, b| peak(&queues[*a]).total_cmp(&peak(&queues[*b])).then(b.cmp(a)));
        let busiest = busiest.ok_or_else(|| PlotError::Empty {
            path: table.path().to_owned(),
            what: "it has no column such as q0_in_use_max",
        })?;
        let number = names[busiest].trim_start_matches('q').trim_end_matches("_in_use_max");
        Ok(Self { times, reserve, queues, busiest: (busiest, number.to_owned()) })
    }

    fn time_scale(&self, title: &str) -> Scale {
        Scale::linear(title, self.times[0], self.times[self.times.len() - 1])
    }

    /// A curve over time, thinned to what a figure can show; no peak is lost.
    fn over_time(&self, levels: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
        const SHOWN: usize = 320;
        let all: Vec<_> = self.times.iter().copied().zip(levels).collect();
        let highest = |bins: &[(f64, f64)]| {
            (bins[0].0, bins.iter().map(|(_, level)| *level).fold(0.0, f64::max))
        };
        all.chunks(all.len().div_ceil(SHOWN)).map(highest).collect()
    }
}

fn most(levels: &[f64]) -> f64 {
    levels.iter().copied().fold(0.0, f64::max)
}

fn queues_over_time(
    sheet: &mut Sheet<'_>,
    frame: Frame,
    levels: &Levels,
    context: &Context,
    is_above_another: bool,
) {
    let busiest = &levels.queues[levels.busiest.0];
    let name = format!("queue {}, the highest", levels.busiest.1);
    sheet.legend(frame.legend(), &[(&name, BLUE), ("median of the queues", SKY)]);
    let middle = levels.over_time((0..levels.times.len()).map(|bin| {
        let mut now: Vec<f64> = levels.queues.iter().map(|queue| queue[bin]).collect();
        now.sort_by(f64::total_cmp);
        now[now.len() / 2]
    }));
    let depth = context.ring_depth(levels.busiest.0, most(busiest));
    let y = Scale::from_zero("buffers in use", most(busiest).max(depth.unwrap_or(0.0)));
    let x = levels.time_scale(if is_above_another { "" } else { "time (ms)" });
    let mut panel = Panel::new(sheet, frame.below_legend(), x, y);
    let curve = levels.over_time(busiest.iter().copied());
    panel.steps_filled(&curve, BLUE, 0.8);
    panel.steps_filled(&middle, SKY, 0.9);
    if let Some(depth) = depth {
        panel.level_above(depth, &format!("ring of {}", number(depth)));
    }
    peaks(&mut panel, &curve, "in use");
}

fn reserve_over_time(sheet: &mut Sheet<'_>, frame: Frame, levels: &Levels, size: Option<f64>) {
    sheet.legend(frame.legend(), &[("reserve, used by all queues", VERMILLION)]);
    let y =
        Scale::from_zero("buffers of the reserve", most(&levels.reserve).max(size.unwrap_or(0.0)));
    let x = levels.time_scale("time (ms)");
    let mut panel = Panel::new(sheet, frame.below_legend(), x, y);
    let curve = levels.over_time(levels.reserve.iter().copied());
    panel.steps_filled(&curve, VERMILLION, 0.7);
    if let Some(size) = size {
        panel.level_above(size, &format!("reserve of {}", number(size)));
    }
    peaks(&mut panel, &curve, "reserve buffers in use");
}

/// Share of bins in which more than so many were in use: each queue thin, the reserve bold.
fn distribution(sheet: &mut Sheet<'_>, frame: Frame, levels: &Levels) {
    let entries = [("each queue", SKY), ("the highest queue", BLUE), ("reserve", VERMILLION)];
    let has_reserve = most(&levels.reserve) > 0.0;
    sheet.legend(frame.legend(), &entries[..if has_reserve { 3 } else { 2 }]);
    let highest = most(&levels.queues[levels.busiest.0]).max(most(&levels.reserve)).max(10.0);
    let y = Scale::shares("share of time above", 1.01 / levels.times.len() as f64, 1.0);
    let mut panel =
        Panel::new(sheet, frame.below_legend(), Scale::times("buffers in use", 1.0, highest), y);
    for queue in &levels.queues {
        panel.line(&exceedance(queue), SKY, 0.8, Stroke::Solid);
    }
    let busiest = exceedance(&levels.queues[levels.busiest.0]);
    panel.line(&busiest, BLUE, 2.0, Stroke::Solid);
    if has_reserve {
        panel.line(&exceedance(&levels.reserve), VERMILLION, 2.0, Stroke::Solid);
    }
}

/// Levels of at least 1, each with the share of bins at or above it; thinned.
fn exceedance(levels: &[f64]) -> Vec<(f64, f64)> {
    const POINTS: usize = 40;
    let mut sorted = levels.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let mut points = Vec::new();
    for step in 0..=POINTS {
        // Even in the logarithm of what is left: the tail is what matters.
        let left = (n as f64).powf(1.0 - step as f64 / POINTS as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to n")]
        let left = (left.round() as usize).clamp(1, n);
        let level = sorted[n - left];
        if level >= 1.0 && points.last() != Some(&(level, left as f64 / n as f64)) {
            points.push((level, left as f64 / n as f64));
        }
    }
    points
}

/// Values on hovering: the highest in each part of a curve.
fn peaks(panel: &mut Panel<'_, '_>, curve: &[(f64, f64)], name: &str) {
    for part in curve.chunks(curve.len().div_ceil(60)) {
        let highest = part.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((time, value)) = highest {
            let text = format!("{} ms: {} {name}", number(*time), number(*value));
            panel.hover((*time, *value), text);
        }
    }
}
