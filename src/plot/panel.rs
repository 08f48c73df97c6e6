//! One pair of axes, and what is drawn between them.

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::cartesian::Cartesian2d;
use plotters::element::{Circle, Polygon, Rectangle};
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::{Color as _, RGBColor, TRANSPARENT};

use super::estimate::Interval;
use super::figure::{
    Anchor, FOOT, Frame, Hover, IN_MEMORY, LEFT, LINE, Sheet, TICKS, fine, font, text_width,
    unsigned,
};
use super::scale::Scale;
use super::theme::{FINE, GRID, INK, MUTED, PAPER, SMALL, TEXT, cut};

type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Scale, Scale>>;

/// Axes on a part of a sheet.
pub(super) struct Panel<'s, 'a> {
    sheet: &'s mut Sheet<'a>,
    chart: Chart<'a>,
    x: Scale,
    y: Scale,
    /// What labels must not cover, in pixels.
    taken: Vec<Frame>,
}

/// Height of the [names below](Panel::names_below) a panel.
pub(super) const NAMES: f64 = 44.0;

/// Lines of more points are not kept clear of labels.
const LINE_TAKEN: usize = 400;

/// A line's look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
}

impl<'s, 'a> Panel<'s, 'a> {
    /// Axes whose text and lines fill `frame`.
    pub(super) fn new(sheet: &'s mut Sheet<'a>, frame: Frame, x: Scale, y: Scale) -> Self {
        let part = sheet
            .area
            .clone()
            .shrink((fine(frame.left), fine(frame.top)), (fine(frame.width), fine(frame.height)));
        let foot = if x.title.is_empty() { TICKS } else { FOOT };
        let mut chart = ChartBuilder::on(&part)
            .set_label_area_size(LabelAreaPosition::Left, unsigned(LEFT))
            .set_label_area_size(LabelAreaPosition::Bottom, unsigned(foot))
            .margin_top(unsigned(8.0))
            .margin_left(unsigned(8.0))
            .margin_right(unsigned(28.0))
            .build_cartesian_2d(x.clone(), y.clone())
            .expect(IN_MEMORY);
        chart
            .configure_mesh()
            .bold_line_style(GRID.stroke_width(unsigned(1.0)))
            .light_line_style(TRANSPARENT)
            .axis_style(MUTED.stroke_width(unsigned(1.0)))
            .label_style(font(TEXT, INK).build())
            .axis_desc_style(font(TEXT, INK).build())
            .set_all_tick_mark_size(unsigned(4.0))
            .x_desc(x.title.clone())
            .y_desc(y.title.clone())
            .draw()
            .expect(IN_MEMORY);
        Self { sheet, chart, x, y, taken: Vec::new() }
    }

    /// Where a value lies on the sheet, in pixels.
    fn pixel(&self, point: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.chart.plotting_area().map_coordinate(&point);
        (f64::from(x) / FINE, f64::from(y) / FINE)
    }

    /// The part between the axes, in pixels of the sheet.
    pub(super) fn inside(&self) -> Frame {
        let (across, down) = self.chart.plotting_area().get_pixel_range();
        let pixels = |fine: i32| f64::from(fine) / FINE;
        Frame {
            left: pixels(across.start),
            top: pixels(down.start),
            width: pixels(across.end - across.start),
            height: pixels(down.end - down.start),
        }
    }

    /// A line through points.
    pub(super) fn line(
        &mut self,
        points: &[(f64, f64)],
        colour: RGBColor,
        width: f64,
        stroke: Stroke,
    ) {
        let style = colour.stroke_width(unsigned(width));
        let points = points.to_vec();
        match stroke {
            Stroke::Solid => {
                self.chart.draw_series(LineSeries::new(points.clone(), style)).map(drop)
            }
            Stroke::Dashed => {
                let dashes =
                    DashedLineSeries::new(points.clone(), unsigned(6.0), unsigned(4.0), style);
                self.chart.draw_series(dashes).map(drop)
            }
        }
        .expect(IN_MEMORY);
        if points.len() <= LINE_TAKEN {
            self.take_along(&points);
        }
    }

    /// Keeps labels off a line.
    fn take_along(&mut self, points: &[(f64, f64)]) {
        for pair in points.windows(2) {
            let (from, to) = (self.pixel(pair[0]), self.pixel(pair[1]));
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let count = (length / 5.0).ceil().max(1.0);
            let mut step = 0.0;
            while step <= count {
                let along = |from: f64, to: f64| from + (to - from) * step / count;
                let (left, top) = (along(from.0, to.0) - 1.5, along(from.1, to.1) - 1.5);
                self.take(Frame { left, top, width: 3.0, height: 3.0 });
                step += 1.0;
            }
        }
    }

    /// A level across the panel, named at its right end.
    pub(super) fn level(&mut self, value: f64, name: &str, colour: RGBColor) {
        let (left, right) = self.x.ends();
        self.line(&[(left, value), (right, value)], colour, 1.5, Stroke::Dashed);
        let inside = self.inside();
        let (_, down) = self.pixel((right, value));
        let middle = if down - inside.top > 20.0 { down - 10.0 } else { down + 11.0 };
        let width = text_width(name, SMALL) + 6.0;
        let left = inside.left + inside.width - width - 2.0;
        let behind = Frame { left, top: middle - 8.0, width, height: 16.0 };
        self.sheet.fill(behind, PAPER);
        self.sheet.text(name, (left + width - 3.0, middle), Anchor::Right, colour);
        self.take(behind);
    }

    /// Names of places evenly apart, in two rows below the panel, in turn.
    pub(super) fn names_below(&self, names: &[String]) {
        let inside = self.inside();
        for (place, name) in names.iter().enumerate() {
            let share = (place as f64 + 0.5) / names.len() as f64;
            let across = inside.left + share * inside.width;
            let down = inside.top + inside.height + if place % 2 == 0 { 22.0 } else { 38.0 };
            self.sheet.text(&cut(name, 30), (across, down), Anchor::Centre, INK);
        }
    }

    /// A level across the panel, named in the row of the legend so that no filled area is covered;
    /// none at zero, where the axis is.
    pub(super) fn level_above(&mut self, value: f64, name: &str) {
        if value <= 0.0 {
            return;
        }
        let (left, right) = self.x.ends();
        self.line(&[(left, value), (right, value)], INK, 1.5, Stroke::Dashed);
        let inside = self.inside();
        let at = (inside.left + inside.width, inside.top - 14.0);
        self.sheet.text(&format!("dashed: {name}"), at, Anchor::Right, INK);
    }

    /// The area under a curve that keeps each value until the next.
    pub(super) fn steps_filled(&mut self, points: &[(f64, f64)], colour: RGBColor, opacity: f64) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        let (floor, _) = self.y.ends();
        let mut corners = vec![(first.0, floor)];
        corners.extend(stepped(points));
        corners.push((last.0, floor));
        let shape = Polygon::new(corners, colour.mix(opacity).filled());
        self.chart.draw_series(std::iter::once(shape)).expect(IN_MEMORY);
    }

    /// The area between two curves: places, and the lower and the upper value at each.
    pub(super) fn band(&mut self, points: &[(f64, f64, f64)], colour: RGBColor, opacity: f64) {
        let lower = points.iter().map(|(x, low, _)| (*x, *low));
        let upper = points.iter().rev().map(|(x, _, high)| (*x, *high));
        let shape =
            Polygon::new(lower.chain(upper).collect::<Vec<_>>(), colour.mix(opacity).filled());
        self.chart.draw_series(std::iter::once(shape)).expect(IN_MEMORY);
    }

    /// A curve that keeps each value until the next.
    pub(super) fn steps(&mut self, points: &[(f64, f64)], colour: RGBColor, width: f64) {
        self.line(&stepped(points), colour, width, Stroke::Solid);
    }

    /// A rectangle between two corners.
    pub(super) fn bar(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor) {
        let shape = Rectangle::new([from, to], colour.filled());
        self.chart.draw_series(std::iter::once(shape)).expect(IN_MEMORY);
    }

    /// A mark for an estimate, its interval as a bar with ends.
    ///
    /// Where nothing was seen the mark is open, at the bound, with an arrow down: the value lies
    /// anywhere below.
    pub(super) fn estimate(&mut self, x: f64, value: Interval, colour: RGBColor) {
        if value.estimate <= 0.0 && value.high > 0.0 {
            self.bound(x, value.high, colour);
            return;
        }
        let (across, middle) = self.pixel((x, value.estimate));
        let (_, top) = self.pixel((x, value.high));
        let (_, foot) = self.pixel((x, value.low));
        self.sheet.path(&[(across, top), (across, foot)], colour, 1.4);
        for (end, holds) in [(top, self.y.holds(value.high)), (foot, self.y.holds(value.low))] {
            if holds {
                self.sheet.path(&[(across - 4.0, end), (across + 4.0, end)], colour, 1.4);
            }
        }
        let middle = (fine(across), fine(middle));
        let dot = Circle::new(middle, fine(4.0), colour.filled());
        self.sheet.area.draw(&dot).expect(IN_MEMORY);
        self.take(Frame { left: across - 5.0, top, width: 10.0, height: foot - top });
        self.take_around((x, value.estimate));
    }

    fn bound(&mut self, x: f64, high: f64, colour: RGBColor) {
        let (across, top) = self.pixel((x, high));
        let inside = self.inside();
        let tip = (top + 26.0).min(inside.top + inside.height);
        self.sheet.path(&[(across, top), (across, tip)], colour, 1.4);
        let head = [(across - 4.0, tip - 6.0), (across, tip), (across + 4.0, tip - 6.0)];
        self.sheet.path(&head, colour, 1.4);
        for style in [PAPER.filled(), colour.stroke_width(unsigned(1.6))] {
            let dot = Circle::new((fine(across), fine(top)), fine(4.0), style);
            self.sheet.area.draw(&dot).expect(IN_MEMORY);
        }
        self.take(Frame { left: across - 6.0, top: top - 6.0, width: 12.0, height: tip - top });
    }

    /// A filled mark.
    pub(super) fn dot(&mut self, point: (f64, f64), radius: f64, colour: RGBColor) {
        let (across, down) = self.pixel(point);
        let dot = Circle::new((fine(across), fine(down)), fine(radius), colour.filled());
        self.sheet.area.draw(&dot).expect(IN_MEMORY);
        self.take_around(point);
    }

    /// A text that appears on hovering around a point.
    pub(super) fn hover(&mut self, point: (f64, f64), text: String) {
        let (across, down) = self.pixel(point);
        self.hover_frame(
            Frame { left: across - 9.0, top: down - 9.0, width: 18.0, height: 18.0 },
            text,
        );
    }

    /// A text that appears on hovering over a rectangle.
    pub(super) fn hover_between(&mut self, from: (f64, f64), to: (f64, f64), text: String) {
        let ((left, foot), (right, top)) = (self.pixel(from), self.pixel(to));
        self.hover_frame(Frame { left, top, width: right - left, height: foot - top }, text);
    }

    fn hover_frame(&mut self, frame: Frame, text: String) {
        let Frame { left, top, width, height } = frame;
        let area = (fine(left), fine(top), fine(left + width), fine(top + height));
        self.sheet.hovers.push(Hover { area, text });
    }

    /// Writes lines of text beside a point where nothing is covered, with a thin line to it if that
    /// is far.
    pub(super) fn label(&mut self, point: (f64, f64), text: &str) {
        let (across, down) = self.pixel(point);
        let lines: Vec<&str> = text.lines().collect();
        let width = lines.iter().map(|line| text_width(line, SMALL)).fold(0.0, f64::max);
        let height = LINE * lines.len() as f64;
        let inside = self.inside();
        let free = |frame: &Frame| {
            inside.contains((frame.left, frame.top))
                && inside.contains((frame.left + width, frame.top + height))
                && !self.taken.iter().any(|taken| taken.meets(frame))
        };
        let gaps = (0..20).map(|step| 7.0 + 9.0 * f64::from(step));
        let frame = gaps
            .flat_map(|gap| {
                let lefts = [across + gap, across - gap - width, across - width / 2.0];
                let tops = [down - height / 2.0, down - gap - height, down + gap];
                tops.into_iter().flat_map(move |top| lefts.map(|left| (left, top)))
            })
            .map(|(left, top)| Frame { left, top, width, height })
            .filter(|frame| !frame.contains((across, down)))
            .find(free);
        let Some(frame) = frame else { return };
        let nearest = (
            across.clamp(frame.left, frame.left + width),
            down.clamp(frame.top, frame.top + height),
        );
        if (nearest.0 - across).hypot(nearest.1 - down) > 18.0 {
            self.sheet.path(&[(across, down), nearest], MUTED, 0.8);
        }
        for (index, line) in lines.iter().enumerate() {
            let middle = frame.top + LINE * (index as f64 + 0.5);
            // Towards its point.
            let (side, anchor) = match frame.left {
                left if left >= across => (left, Anchor::Left),
                left if left + width <= across => (left + width, Anchor::Right),
                left => (left + width / 2.0, Anchor::Centre),
            };
            self.sheet.text(line, (side, middle), anchor, INK);
        }
        self.take(frame);
    }

    /// Writes to the right of a point, whatever is there.
    pub(super) fn write(&mut self, point: (f64, f64), text: &str, colour: RGBColor) {
        let (across, down) = self.pixel(point);
        self.sheet.text(text, (across + 6.0, down), Anchor::Left, colour);
    }

    /// Writes at the top right of the panel.
    pub(super) fn caption(&mut self, text: &str) {
        let inside = self.inside();
        let right = inside.left + inside.width - 6.0;
        self.sheet.text(text, (right, inside.top + 10.0), Anchor::Right, MUTED);
    }

    /// Writes in the middle of a point, moved down by so many pixels.
    pub(super) fn write_shifted(
        &mut self,
        point: (f64, f64),
        down: f64,
        text: &str,
        colour: RGBColor,
    ) {
        let (across, middle) = self.pixel(point);
        self.sheet.text(text, (across, middle + down), Anchor::Centre, colour);
    }

    /// An empty rectangle between two corners.
    pub(super) fn frame(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor) {
        let ((left, foot), (right, top)) = (self.pixel(from), self.pixel(to));
        let corners = [(left, foot), (right, foot), (right, top), (left, top), (left, foot)];
        self.sheet.path(&corners, colour, 1.8);
    }

    /// Keeps labels away from a point.
    pub(super) fn take_around(&mut self, point: (f64, f64)) {
        let (across, down) = self.pixel(point);
        self.take(Frame { left: across - 5.0, top: down - 5.0, width: 10.0, height: 10.0 });
    }

    fn take(&mut self, frame: Frame) {
        self.taken.push(frame);
    }
}

/// The corners of a curve that keeps each value until the next.
fn stepped(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners = Vec::with_capacity(points.len() * 2);
    for pair in points.windows(2) {
        corners.extend([pair[0], (pair[1].0, pair[0].1)]);
    }
    corners.extend(points.last());
    corners
}
