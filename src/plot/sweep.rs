//! A sweep: a heat map of drop rates over two keys, or drop rates along one.

use super::PlotError;
use super::context::{Context, replications};
use super::estimate::{Interval, bytes_text, rate_scale, rate_text, rates, share_text};
use super::fairness;
use super::figure::{Anchor, Figure, Frame, HEAD, Heading, Sheet};
use super::frontier::grid_of;
use super::html::GridPoint;
use super::key::{Key, short};
use super::panel::{NAMES, Panel, Stroke};
use super::scale::Scale;
use super::table::Table;
use super::theme::{BLUE, INK, MUTED, ON_DARK, ON_LIGHT, WIDTH, cut, heat, number, series};
use plotters::style::RGBColor;

const HEIGHT: f64 = 500.0;
/// Width of the colour bar with its text.
const BAR: f64 = 110.0;
/// Values without numbers, each of which has its name below the axis, at most.
const NAMED: usize = 12;
/// Columns of results, the first of which ends the varied keys.
const RESULTS: [&str; 5] = ["schema", "command", "title", "packets_offered", "drop_rate_estimate"];

/// The figures of a sweep.
pub(super) fn figures(table: &Table, context: &Context) -> Result<Vec<Figure>, PlotError> {
    let keys = keys(table)?;
    let path = || table.path().to_owned();
    let rates = rates(table)?;
    match &keys[..] {
        [] => Err(PlotError::Empty { path: path(), what: "no key varies in it" }),
        [key] => {
            let lines = lines(table, context, key, None, &rates)?;
            Ok([lines].into_iter().chain(fairness::figure(table, context, key)?).collect())
        }
        [a, b] => Ok(vec![match (&a.numbers, &b.numbers) {
            (Some(_), Some(_)) => heat_map(table, context, (a, b), &rates)?,
            (None, Some(_)) => lines(table, context, b, Some(a), &rates)?,
            _ => lines(table, context, a, Some(b), &rates)?,
        }]),
        _ => Err(PlotError::TooManyKeys { path: path(), count: keys.len() }),
    }
}

/// The keys that take more than one value: columns before the results.
pub(super) fn keys(table: &Table) -> Result<Vec<Key>, PlotError> {
    let names = table.names().iter();
    let varied = names.take_while(|name| !RESULTS.contains(&name.as_str()));
    let mut keys = Vec::new();
    for name in varied {
        let key = Key::read(table, name)?;
        if key.values.len() > 1 {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// What the sliders of the report move over, if rings and reserve are all that varies.
pub(super) fn grid(table: &Table) -> Option<Vec<GridPoint>> {
    let columns = ["nic_rx", "reserve_entries", "memory_total_bytes", "sojourn_us_p99"];
    let is_shape = |key: &Key| columns[..2].contains(&key.name.as_str());
    if !keys(table).ok()?.iter().all(is_shape) {
        return None;
    }
    grid_of(table, columns)
}

pub(super) fn heading(
    table: &Table,
    context: &Context,
    title: String,
) -> Result<Heading, PlotError> {
    let from_row = |name: &str| table.has(&[name]).then(|| table.text(name, 0)).transpose();
    let seed = from_row("seed")?.map(|seed| format!("seed {seed}"));
    let title_of_row = from_row("title")?;
    let points = format!("{} points", table.rows());
    let each = table.number("replications", 0).map_or_else(String::new, |count| {
        let level = table.number("drop_rate_confidence", 0).unwrap_or(0.95) * 100.0;
        format!(" of {}; {} % intervals", replications(count), number(level))
    });
    let notes = match seed {
        Some(seed) => format!("{seed}; n = {points}{each}"),
        None => context.notes(&format!("{points}{each}")),
    };
    let subject = title_of_row.or_else(|| context.title());
    let subject = subject.unwrap_or_else(|| table.path().display().to_string());
    Ok(Heading { title, subject, notes })
}

fn memory(table: &Table, row: usize) -> Option<f64> {
    table.number("memory_total_bytes", row).or_else(|| table.number("total_bytes", row))
}

fn heat_map(
    table: &Table,
    context: &Context,
    (x, y): (&Key, &Key),
    rates: &[Interval],
) -> Result<Figure, PlotError> {
    let title = format!("Drop rate over {} and {}", short(&x.name), short(&y.name));
    let heading = heading(table, context, title)?;
    let goal = context.goal();
    let colours = rate_scale(rates.iter(), goal);
    let met = match goal {
        Some(goal) => {
            let count = rates.iter().filter(|rate| rate.high <= goal).count();
            format!(", {count} of which meet the goal of {} and are framed", share_text(goal))
        }
        None => String::new(),
    };
    let description = format!("Drop rate and memory of {} configurations{met}.", rates.len());
    Ok(Figure::draw("heatmap", &heading, HEIGHT, description, |sheet| {
        let frame = Frame { left: 0.0, top: HEAD, width: WIDTH - BAR, height: HEIGHT - HEAD };
        let mut panel = Panel::new(sheet, frame, x.even(), y.even());
        let inside = panel.inside();
        let cell_width = inside.width / x.values.len() as f64;
        let cell_height = inside.height / y.values.len() as f64;
        for (row, rate) in rates.iter().enumerate() {
            let (across, up) = (x.places[row] as f64, y.places[row] as f64);
            let share = share_of(&colours, rate);
            let (from, to) = ((across - 0.48, up - 0.47), (across + 0.48, up + 0.47));
            panel.bar(from, to, heat(share));
            let ink = if share > 0.45 { ON_DARK } else { ON_LIGHT };
            let is_met = goal.is_some_and(|goal| rate.high <= goal);
            if is_met {
                panel.frame(from, to, INK);
            }
            let bytes = memory(table, row);
            if cell_width >= 62.0 && cell_height >= 20.0 {
                cell_text(&mut panel, (across, up), rate, bytes, ink, cell_height >= 40.0);
            }
            let size = bytes.map_or_else(String::new, |bytes| format!(", {}", bytes_text(bytes)));
            let text = format!(
                "{} {}, {} {}: {}{size}",
                short(&x.name),
                x.values[x.places[row]],
                short(&y.name),
                y.values[y.places[row]],
                rate_text(rate)
            );
            panel.hover_between(from, to, text);
        }
        colour_bar(sheet, &colours, inside, goal);
    }))
}

fn cell_text(
    panel: &mut Panel<'_, '_>,
    at: (f64, f64),
    rate: &Interval,
    bytes: Option<f64>,
    ink: RGBColor,
    has_two_lines: bool,
) {
    let text = match rate {
        Interval { estimate, high, .. } if *estimate <= 0.0 && *high > 0.0 => {
            format!("< {}", share_text(*high))
        }
        rate => share_text(rate.estimate),
    };
    match bytes {
        Some(bytes) if has_two_lines => {
            panel.write_shifted(at, -8.0, &text, ink);
            panel.write_shifted(at, 8.0, &bytes_text(bytes), ink);
        }
        _ => panel.write_shifted(at, 0.0, &text, ink),
    }
}

/// Where a rate lies between the ends of the colours.
fn share_of(colours: &Scale, rate: &Interval) -> f64 {
    let (low, high) = colours.range;
    let value = if rate.estimate > 0.0 { rate.estimate } else { 0.0 };
    (colours.place(value) - low) / (high - low)
}

fn colour_bar(sheet: &Sheet<'_>, colours: &Scale, beside: Frame, goal: Option<f64>) {
    const STEPS: u32 = 48;
    let left = beside.left + beside.width + 30.0;
    let height = beside.height - 44.0;
    let top = beside.top + 26.0;
    for step in 0..STEPS {
        let share = f64::from(step) / f64::from(STEPS - 1);
        let part = height / f64::from(STEPS);
        let foot = top + height - f64::from(step) * part;
        let frame = Frame { left, top: foot - part, width: 16.0, height: part + 0.3 };
        sheet.fill(frame, heat(share));
    }
    let (low, high) = colours.range;
    for (place, name) in &colours.ticks {
        let down = top + height * (1.0 - (place - low) / (high - low));
        sheet.path(&[(left + 16.0, down), (left + 20.0, down)], MUTED, 1.0);
        sheet.text(name, (left + 24.0, down), Anchor::Left, INK);
    }
    sheet.text("drop rate", (left - 14.0, beside.top + 6.0), Anchor::Left, INK);
    if goal.is_some() {
        for (line, text) in ["framed:", "goal met"].into_iter().enumerate() {
            let down = top + height + 16.0 + 15.0 * line as f64;
            sheet.text(text, (left - 14.0, down), Anchor::Left, MUTED);
        }
    }
}

fn lines(
    table: &Table,
    context: &Context,
    key: &Key,
    by: Option<&Key>,
    rates: &[Interval],
) -> Result<Figure, PlotError> {
    let along = key.short();
    let title = match by {
        Some(by) => format!("Drop rate along {along}, by {}", by.short()),
        None => format!("Drop rate along {along}"),
    };
    let heading = heading(table, context, title)?;
    let goal = context.goal();
    let description = format!(
        "From {} at {} to {} at {}.",
        rate_text(&rates[0]),
        key.values[key.places[0]],
        rate_text(&rates[rates.len() - 1]),
        key.values[key.places[rates.len() - 1]]
    );
    Ok(Figure::draw("lines", &heading, HEIGHT, description, |sheet| {
        let groups = by.map_or(1, |by| by.values.len());
        let mut top = HEAD;
        if let Some(by) = by {
            let names: Vec<String> = by.legend().iter().map(|name| cut(name, 28)).collect();
            let colours = (0..groups).map(series);
            let entries: Vec<_> = names.iter().map(String::as_str).zip(colours).collect();
            sheet.legend((90.0, top + 8.0), &entries);
            top += 16.0;
        }
        let has_names = key.numbers.is_none() && key.values.len() <= NAMED;
        let height = HEIGHT - top - if has_names { NAMES } else { 0.0 };
        let frame = Frame { left: 0.0, top, width: WIDTH, height };
        let x = if has_names { Scale::places(key.values.len()) } else { key.along() };
        let mut panel = Panel::new(sheet, frame, x, rate_scale(rates.iter(), goal));
        if has_names {
            panel.names_below(&key.legend());
        }
        if let Some(goal) = goal {
            panel.level(goal, &format!("goal {}", share_text(goal)), MUTED);
        }
        for group in 0..groups {
            let colour = if by.is_some() { series(group) } else { BLUE };
            let is_own = |row: &usize| by.is_none_or(|by| by.places[*row] == group);
            let mut rows: Vec<usize> = (0..rates.len()).filter(is_own).collect();
            rows.sort_by(|a, b| key.at(*a).total_cmp(&key.at(*b)));
            // Side by side, where the groups share a place.
            let aside =
                if has_names { 0.1 * (group as f64 - (groups - 1) as f64 / 2.0) } else { 0.0 };
            let across = |row: usize| key.at(row) + aside;
            let corners: Vec<_> =
                rows.iter().map(|row| (across(*row), rates[*row].shown())).collect();
            if key.numbers.is_some() {
                panel.line(&corners, colour, 1.6, Stroke::Solid);
            }
            for row in rows {
                panel.estimate(across(row), rates[row], colour);
                let size = memory(table, row)
                    .map_or_else(String::new, |bytes| format!(", {}", bytes_text(bytes)));
                let name = by.map_or_else(String::new, |by| format!("{}, ", by.values[group]));
                let value = &key.values[key.places[row]];
                let text = format!("{name}{along} {value}: {}{size}", rate_text(&rates[row]));
                panel.hover((across(row), rates[row].shown()), text);
            }
        }
    }))
}
