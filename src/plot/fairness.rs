//! What each policy, or other choice of a sweep, does to the queue that fares worst, and to others.

use super::PlotError;
use super::context::Context;
use super::estimate::share_text;
use super::figure::{Figure, Frame, HEAD};
use super::key::Key;
use super::panel::{NAMES, Panel};
use super::scale::Scale;
use super::sweep::heading;
use super::table::Table;
use super::theme::{BLUE, SKY, VERMILLION, WIDTH};

const HEIGHT: f64 = 440.0;
/// The least, the middle and the greatest drop rate of a queue.
const COLUMNS: [&str; 3] =
    ["fairness_drop_rate_min", "fairness_drop_rate_median", "fairness_drop_rate_max"];

/// The figure of a sweep along a key without numbers, if queues fare differently in it.
pub(super) fn figure(
    table: &Table,
    context: &Context,
    key: &Key,
) -> Result<Option<Figure>, PlotError> {
    if key.numbers.is_some() || !table.has(&COLUMNS) {
        return Ok(None);
    }
    let [least, median, most] = COLUMNS.map(|name| table.numbers(name));
    let (least, median, most) = (least?, median?, most?);
    let differ = least.iter().zip(&most).any(|(least, most)| *most > 2.0 * least);
    if !differ {
        return Ok(None);
    }
    let heading = heading(table, context, format!("Queues that fare worst, by {}", key.short()))?;
    let worst = most.iter().copied().fold(0.0, f64::max);
    let description = format!("No queue drops more than {}.", share_text(worst));
    let names = key.legend();
    Ok(Some(Figure::draw("fairness", &heading, HEIGHT, description, |sheet| {
        let entries = [
            ("the worst queue", VERMILLION),
            ("the middle one", BLUE),
            ("from best to worst", SKY),
        ];
        sheet.legend((90.0, HEAD + 8.0), &entries);
        let top = HEAD + 16.0;
        let frame = Frame { left: 0.0, top, width: WIDTH, height: HEIGHT - top - NAMES };
        let y = Scale::from_zero("share of packets that a queue drops", worst);
        let mut panel = Panel::new(sheet, frame, Scale::places(names.len()), y);
        for row in 0..table.rows() {
            let place = key.at(row);
            panel.bar((place - 0.04, least[row]), (place + 0.04, most[row]), SKY);
            panel.dot((place, median[row]), 5.0, BLUE);
            panel.dot((place, most[row]), 5.0, VERMILLION);
            let rates = [&least, &median, &most].map(|rates| share_text(rates[row]));
            let [least, median, most] = rates;
            let text =
                format!("{}: {least} to {most}, {median} in the middle", names[key.places[row]]);
            panel.hover_between((place - 0.4, 0.0), (place + 0.4, worst), text);
        }
        panel.names_below(&names);
    })))
}
