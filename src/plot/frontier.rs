//! Memory against drop rate: what each configuration of a plan's frontier costs and loses.

use super::PlotError;
use super::context::{Context, Shape, shape_name};
use super::estimate::{Interval, bytes_text, rate_scale, rate_text, rates, share_text, whole};
use super::figure::{Figure, Frame, HEAD, Heading, Sheet};
use super::panel::{Panel, Stroke};
use super::scale::Scale;
use super::table::Table;
use super::theme::{BLUE, GREEN, MUTED, ORANGE, VERMILLION, WIDTH};
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
    let named: Vec<(&str, RGBColor, Point)> = plan.map_or_else(Vec::new, |plan| {
        let parts = [
            ("today's default", VERMILLION, &plan.baseline),
            ("as configured", ORANGE, &plan.scenario),
            ("least without a reserve", GREEN, &plan.today),
            ("least memory", BLUE, &plan.recommended),
        ];
        let shapes = parts.into_iter();
        shapes
            .filter_map(|(role, colour, shape)| Some((role, colour, of(shape.as_ref()?))))
            .collect()
    });
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
    let corners: Vec<_> = points.iter().map(place).collect();
    panel.line(&corners, MUTED, 1.2, Stroke::Solid);
    for point in points {
        panel.estimate(point.bytes, point.rate, MUTED);
        panel.hover(place(point), hover_text("", point));
    }
    for (_, colour, point) in named {
        panel.estimate(point.bytes, point.rate, *colour);
    }
    for (role, colour, point) in named {
        let text = format!("{role}: {}, {}", point.name, bytes_text(point.bytes));
        panel.label(place(point), &text, *colour);
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
