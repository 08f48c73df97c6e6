//! Memory against drop rate: what each configuration of a plan's frontier costs and loses.

use super::PlotError;
use super::context::{Context, PlanFile, Shape, shape_name};
use super::estimate::{Interval, bytes_text, rate_scale, rate_text, rates, share_text, whole};
use super::figure::{Figure, Frame, HEAD, Heading, Sheet};
use super::html::GridPoint;
use super::panel::{Panel, Stroke};
use super::scale::Scale;
use super::table::Table;
use super::theme::{BLUE, GREEN, MUTED, PURPLE, VERMILLION, WIDTH};
use plotters::style::RGBColor;

const HEIGHT: f64 = 500.0;

/// A configuration as drawn.
struct Point {
    name: String,
    bytes: f64,
    rate: Interval,
}

/// The figure of a `frontier.csv`; with the plan beside it also the goal and what is compared.
pub(super) fn figure(table: &Table, context: &Context) -> Result<Figure, PlotError> {
    let points = read(table)?;
    let plan = context.plan.as_ref();
    let named = plan.map_or_else(Vec::new, named);
    let goal = plan.map(|plan| plan.goal.max_drop_rate);
    let all: Vec<&Point> = points.iter().chain(named.iter().map(|(_, _, point)| point)).collect();
    let (x, y) = scales(&all, goal);
    let heading = Heading {
        title: "Drop rate against memory".to_owned(),
        subject: context.title().unwrap_or_else(|| table.path().display().to_string()),
        notes: context.notes(
            &context
                .replications()
                .unwrap_or_else(|| format!("{} configurations, 95 % intervals", points.len())),
        ),
    };
    let description = format!(
        "{} configurations that no cheaper one beats, from {} to {} of memory.",
        points.len(),
        bytes_text(points[0].bytes),
        bytes_text(points[points.len() - 1].bytes)
    );
    Ok(Figure::draw("frontier", &heading, HEIGHT, description, |sheet| {
        draw(sheet, &points, &named, goal, (x, y));
    }))
}

/// What a plan compares, with names and colours; one that is in two parts, once.
fn named(plan: &PlanFile) -> Vec<(&'static str, RGBColor, Point)> {
    let is_private = |shape: &&Shape| shape.reserve_entries == 0;
    let least = match plan.recommended.as_ref().filter(is_private) {
        Some(_) => "least memory, no reserve",
        None => "least memory",
    };
    let parts = [
        (least, BLUE, &plan.recommended),
        ("least without a reserve", GREEN, &plan.today),
        ("as configured", PURPLE, &plan.scenario),
        ("baseline", VERMILLION, &plan.baseline),
    ];
    let mut named: Vec<(_, _, Point)> = Vec::new();
    for (role, colour, shape) in parts {
        let Some(point) = shape.as_ref().map(of) else { continue };
        if named.iter().all(|(_, _, other)| other.name != point.name) {
            named.push((role, colour, point));
        }
    }
    named
}

fn draw(
    sheet: &mut Sheet<'_>,
    points: &[Point],
    named: &[(&str, RGBColor, Point)],
    goal: Option<f64>,
    (x, y): (Scale, Scale),
) {
    let frame = Frame { left: 0.0, top: HEAD, width: WIDTH, height: HEIGHT - HEAD };
    let mut panel = Panel::new(sheet, frame, x, y);
    if let Some(goal) = goal {
        panel.level(goal, &format!("goal {}", share_text(goal)), MUTED);
    }
    let place = |point: &Point| (point.bytes, point.rate.shown());
    for pair in points.windows(2) {
        // A bound says only that the next lies below it.
        let is_bound = pair[1].rate.estimate <= 0.0;
        let stroke = if is_bound { Stroke::Dashed } else { Stroke::Solid };
        if !is_bound || pair[1].rate.shown() < pair[0].rate.shown() {
            panel.line(&[place(&pair[0]), place(&pair[1])], MUTED, 1.2, stroke);
        }
    }
    for point in points {
        panel.estimate(point.bytes, point.rate, MUTED);
        panel.hover(place(point), hover_text("", point));
    }
    for (_, colour, point) in named {
        panel.estimate(point.bytes, point.rate, *colour);
    }
    for (role, _, point) in named {
        let text = format!("{role}\n{}, {}", point.name, bytes_text(point.bytes));
        panel.label(place(point), &text);
        panel.hover(place(point), hover_text(&format!("{role}: "), point));
    }
}

fn read(table: &Table) -> Result<Vec<Point>, PlotError> {
    let columns = ["queues", "rx", "reserve_entries", "total_bytes"];
    let [queues, rx, reserve, bytes] = columns.map(|name| table.numbers(name));
    let (queues, rx, reserve, bytes) = (queues?, rx?, reserve?, bytes?);
    let rates = rates(table)?;
    let mut points: Vec<Point> = (0..table.rows())
        .map(|row| Point {
            name: shape_name(whole(queues[row]), whole(rx[row]), whole(reserve[row])),
            bytes: bytes[row],
            rate: rates[row],
        })
        .collect();
    points.sort_by(|a, b| a.bytes.total_cmp(&b.bytes));
    Ok(points)
}

/// What the sliders of the report move over.
pub(super) fn grid(table: &Table) -> Option<Vec<GridPoint>> {
    grid_of(table, ["rx", "reserve_entries", "total_bytes", "p99_us"])
}

/// The configurations of a table whose columns have these names.
pub(super) fn grid_of(
    table: &Table,
    [rx, reserve, bytes, p99]: [&str; 4],
) -> Option<Vec<GridPoint>> {
    let rates = rates(table).ok()?;
    let points = rates.iter().enumerate().map(|(row, rate)| {
        Some(GridPoint {
            rx: table.number(rx, row)?,
            reserve: table.number(reserve, row)?,
            bytes: table.number(bytes, row)?,
            estimate: rate.estimate,
            low: rate.low,
            high: rate.high,
            p99_us: table.number(p99, row),
        })
    });
    points.collect()
}

fn of(shape: &Shape) -> Point {
    let rate = &shape.drop_rate;
    Point {
        name: shape.name(),
        bytes: shape.total_bytes,
        rate: Interval { estimate: rate.estimate, low: rate.ci_low, high: rate.ci_high },
    }
}

fn scales(points: &[&Point], goal: Option<f64>) -> (Scale, Scale) {
    let sizes = || points.iter().map(|point| point.bytes);
    let (least, most) = (sizes().fold(f64::MAX, f64::min), sizes().fold(0.0, f64::max));
    let x = Scale::bytes("memory pinned, all parts", least, most);
    (x, rate_scale(points.iter().map(|point| &point.rate), goal))
}

fn hover_text(role: &str, point: &Point) -> String {
    format!("{role}{}: {}, {}", point.name, bytes_text(point.bytes), rate_text(&point.rate))
}
