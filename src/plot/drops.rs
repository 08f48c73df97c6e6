//! Drops by reason: of a whole run from its summary, over time from its packets.

use super::PlotError;
use super::context::Context;
use super::estimate::{rate_text, rates, share_text};
use super::figure::{Figure, Frame, HEAD, Heading};
use super::packets::{Packets, words};
use super::panel::Panel;
use super::scale::Scale;
use super::table::Table;
use super::theme::{INK, MUTED, WIDTH, number, series};
use crate::model::ledger::DropReason;

const HEIGHT: f64 = 330.0;
/// Bars over time.
const BINS: usize = 100;

/// The figure of a `summary.csv`.
pub(super) fn figure(table: &Table) -> Result<Figure, PlotError> {
    let offered = table.numbers("packets_offered")?[0];
    let mut counts = Vec::new();
    for reason in DropReason::ALL {
        counts.push(table.number(&format!("drops_{}", reason.name()), 0).unwrap_or(0.0));
    }
    let replications = table.number("replications", 0).unwrap_or(1.0);
    let seconds = table.number("simulated_s", 0).unwrap_or(0.0);
    let rate = rates(table)?[0];
    let heading = Heading {
        title: format!("Drops by reason: {}", rate_text(&rate)),
        subject: table.text("title", 0)?,
        notes: format!(
            "seed {}; n = {} of {} ms, {} packets; 95 % interval",
            table.text("seed", 0)?,
            super::context::replications(replications),
            number(seconds * 1e3),
            number(offered)
        ),
    };
    let names: Vec<String> = DropReason::ALL.iter().rev().map(|reason| words(*reason)).collect();
    let most = counts.iter().copied().fold(0.0, f64::max);
    let description = match most {
        0.0 => "Nothing was dropped.".to_owned(),
        _ => format!("{} of {} packets dropped.", number(counts.iter().sum()), number(offered)),
    };
    Ok(Figure::draw("drops", &heading, HEIGHT, description, |sheet| {
        let frame = Frame { left: 70.0, top: HEAD, width: WIDTH - 70.0, height: HEIGHT - HEAD };
        let x = Scale::from_zero("packets dropped", (most * 1.25).max(10.0));
        let mut panel = Panel::new(sheet, frame, x, Scale::names("", &names));
        for (place, count) in counts.iter().rev().enumerate() {
            let row = place as f64;
            let (from, to) = ((0.0, row - 0.32), (*count, row + 0.32));
            panel.bar(from, to, series(DropReason::ALL.len() - 1 - place));
            let share = count / offered.max(1.0);
            let text = match count {
                0.0 => "0".to_owned(),
                count => format!("{} ({})", number(*count), share_text(share)),
            };
            let colour = if *count > 0.0 { INK } else { MUTED };
            panel.write((*count, row), &text, colour);
            panel.hover_between(from, (count.max(most * 0.1), row + 0.32), text);
        }
    }))
}

/// Drops by reason over the time of a packet log, if any packet was dropped.
pub(super) fn over_time(packets: &Packets, context: &Context) -> Option<Figure> {
    let (begin, end) = packets.window();
    let width = (end - begin).max(1.0) / BINS as f64;
    let mut counts = vec![[0.0; DropReason::ALL.len()]; BINS];
    for packet in &packets.all {
        if let Some(reason) = packet.dropped {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
            let bin = (((packet.arrival - begin) / width) as usize).min(BINS - 1);
            counts[bin][reason.index()] += 1.0;
        }
    }
    let total = |bin: &[f64; DropReason::ALL.len()]| bin.iter().sum::<f64>();
    let most = counts.iter().map(total).fold(0.0, f64::max);
    let dropped: f64 = counts.iter().map(total).sum();
    if dropped <= 0.0 {
        return None;
    }
    let heading = Heading {
        title: "Drops over time".to_owned(),
        subject: packets.subject(context),
        notes: context.notes(&packets.count_text()),
    };
    let description = format!("{} packets dropped.", number(dropped));
    Some(Figure::draw("drops", &heading, HEIGHT + 60.0, description, |sheet| {
        let present: Vec<_> = DropReason::ALL
            .into_iter()
            .filter(|reason| counts.iter().any(|bin| bin[reason.index()] > 0.0))
            .collect();
        let names: Vec<_> = present.iter().map(|reason| words(*reason)).collect();
        let colours = present.iter().map(|reason| series(reason.index()));
        let entries: Vec<_> = names.iter().map(String::as_str).zip(colours).collect();
        let frame = Frame::row(0, 1, HEIGHT + 60.0);
        sheet.legend(frame.legend(), &entries);
        let x = Scale::linear("time (ms)", begin / 1e6, end / 1e6);
        let y = Scale::from_zero(&format!("packets dropped per {} µs", number(width / 1e3)), most);
        let mut panel = Panel::new(sheet, frame.below_legend(), x, y);
        for (index, bin) in counts.iter().enumerate() {
            let left = (begin + index as f64 * width) / 1e6;
            let right = left + width / 1e6;
            let mut foot = 0.0;
            for reason in &present {
                let count = bin[reason.index()];
                if count > 0.0 {
                    panel.bar((left, foot), (right, foot + count), series(reason.index()));
                    let text = format!("{} ms: {} {}", number(left), number(count), words(*reason));
                    panel.hover_between((left, foot), (right, foot + count), text);
                    foot += count;
                }
            }
        }
    }))
}
