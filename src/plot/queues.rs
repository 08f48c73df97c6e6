//! Buffers in use by queue: the time average and the most, of each queue.

use super::PlotError;
use super::context::Context;
use super::figure::{Figure, Frame, Heading};
use super::panel::Panel;
use super::scale::Scale;
use super::table::Table;
use super::theme::{BLUE, SKY, number};

const HEIGHT: f64 = 400.0;

/// The figure of a `queues.csv`.
pub(super) fn figure(table: &Table, context: &Context) -> Result<Figure, PlotError> {
    let columns = ["queue", "outstanding_mean", "outstanding_max"];
    let [queues, means, maxima] = columns.map(|name| table.numbers(name));
    let (queues, means, maxima) = (queues?, means?, maxima?);
    let count = context.replications();
    let heading = Heading {
        title: "Buffers in use, by queue".to_owned(),
        subject: context.title().unwrap_or_else(|| table.path().display().to_string()),
        notes: context.notes(&count.unwrap_or_else(|| format!("{} queues", queues.len()))),
    };
    let most = maxima.iter().copied().fold(0.0, f64::max);
    let description = format!("At most {} buffers of a queue in use at once.", number(most));
    let ring = context.ring_depth(0, most);
    Ok(Figure::draw("in-use", &heading, HEIGHT, description, |sheet| {
        let frame = Frame::row(0, 1, HEIGHT);
        sheet.legend(frame.legend(), &[("most at once", SKY), ("time average", BLUE)]);
        let first = queues.iter().copied().fold(f64::MAX, f64::min);
        let last = queues.iter().copied().fold(0.0, f64::max);
        let x = Scale::linear("queue", first - 0.6, last + 0.6).whole_only();
        let y = Scale::from_zero("buffers in use", ring.unwrap_or(0.0).max(most));
        let mut panel = Panel::new(sheet, frame.below_legend(), x, y);
        for (queue, (mean, max)) in queues.iter().zip(means.iter().zip(&maxima)) {
            panel.bar((queue - 0.36, 0.0), (queue + 0.36, *max), SKY);
            panel.bar((queue - 0.36, 0.0), (queue + 0.36, *mean), BLUE);
            let (mean, most) = (number(*mean), number(*max));
            let text = format!("queue {queue}: {mean} in use on average, {most} at most");
            panel.hover_between((queue - 0.5, 0.0), (queue + 0.5, *max), text);
        }
        if let Some(ring) = ring {
            panel.level_above(ring, &format!("ring of {}", number(ring)));
        }
    }))
}
