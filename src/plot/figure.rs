//! A figure: an SVG with a title, what it shows, seed and n, and values that appear on hovering.

use std::fmt::Write as _;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontFamily, FontStyle, IntoTextStyle as _, RGBColor, TextStyle};

use super::theme::{self, FINE, INK, MUTED, PAPER, SMALL, TITLE, WIDTH};

/// The area that a figure is drawn on.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A finished figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What it shows, as in its file's name: `frontier`.
    pub name: &'static str,
    /// Its title.
    pub title: String,
    /// What can be seen in it, for those who cannot see it.
    pub description: String,
    /// The drawing.
    pub svg: String,
}

/// The lines above a figure.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    /// What the figure shows.
    pub(super) title: String,
    /// Of which scenario.
    pub(super) subject: String,
    /// Seed, n and how intervals were made.
    pub(super) notes: String,
}

/// A place where a value appears on hovering.
#[derive(Debug, Clone)]
pub(super) struct Hover {
    /// Left, top, right and bottom, in fine pixels.
    pub(super) area: (i32, i32, i32, i32),
    /// The value.
    pub(super) text: String,
}

/// What a figure is drawn on, with its text and hover values.
pub(super) struct Sheet<'a> {
    pub(super) area: Area<'a>,
    pub(super) hovers: Vec<Hover>,
}

/// A rectangle of a sheet, in pixels: left, top, width, height.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where the text stands against its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Left,
    Centre,
    Right,
}

/// Why drawing cannot fail.
pub(super) const IN_MEMORY: &str = "drawing text and lines into memory";

/// Height of the lines above the first panel, in pixels.
pub(super) const HEAD: f64 = 78.0;

impl Figure {
    /// Draws a figure `height` pixels high.
    pub(super) fn draw(
        name: &'static str,
        heading: &Heading,
        height: f64,
        description: String,
        draw: impl FnOnce(&mut Sheet<'_>),
    ) -> Self {
        let mut svg = String::new();
        let size = (unsigned(WIDTH), unsigned(height));
        let backend = SVGBackend::with_string(&mut svg, size);
        let mut sheet = Sheet { area: backend.into_drawing_area(), hovers: Vec::new() };
        sheet.area.fill(&PAPER).expect(IN_MEMORY);
        sheet.head(heading);
        draw(&mut sheet);
        sheet.area.present().expect(IN_MEMORY);
        let hovers = std::mem::take(&mut sheet.hovers);
        drop(sheet);
        let svg = finish(&svg, size, height, &heading.title, &description, &hovers);
        Self { name, title: heading.title.clone(), description, svg }
    }
}

impl Sheet<'_> {
    fn head(&self, heading: &Heading) {
        let bold = font(TITLE, INK).bold();
        self.write(&heading.title, (16.0, 14.0), bold.build());
        let fits = |text: &str| theme::cut(text, 104);
        self.write(&fits(&heading.subject), (16.0, 38.0), font(SMALL, INK).build());
        self.write(&fits(&heading.notes), (16.0, 56.0), font(SMALL, MUTED).build());
    }

    fn write(&self, text: &str, (left, top): (f64, f64), style: TextStyle<'static>) {
        let place = (fine(left), fine(top));
        self.area.draw(&Text::new(text.to_owned(), place, style)).expect(IN_MEMORY);
    }

    /// Writes a text with its middle at `top`.
    pub(super) fn text(&self, text: &str, at: (f64, f64), anchor: Anchor, colour: RGBColor) {
        self.write(text, at, anchored(font(SMALL, colour), anchor));
    }

    /// A row of names with swatches of their colours.
    pub(super) fn legend(&self, at: (f64, f64), entries: &[(&str, RGBColor)]) {
        let (mut left, top) = at;
        for (name, colour) in entries {
            let swatch = [(fine(left), fine(top - 4.5)), (fine(left + 14.0), fine(top + 4.5))];
            self.area.draw(&Rectangle::new(swatch, colour.filled())).expect(IN_MEMORY);
            self.text(name, (left + 19.0, top), Anchor::Left, INK);
            left += 19.0 + text_width(name, SMALL) + 22.0;
        }
    }

    /// A line between points, in pixels of the sheet.
    pub(super) fn path(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) {
        let points: Vec<_> = points.iter().map(|(x, y)| (fine(*x), fine(*y))).collect();
        let style = colour.stroke_width(unsigned(width));
        self.area.draw(&PathElement::new(points, style)).expect(IN_MEMORY);
    }

    /// A filled rectangle.
    pub(super) fn fill(&self, frame: Frame, colour: RGBColor) {
        let Frame { left, top, width, height } = frame;
        let corners = [(fine(left), fine(top)), (fine(left + width), fine(top + height))];
        self.area.draw(&Rectangle::new(corners, colour.filled())).expect(IN_MEMORY);
    }
}

/// A generic face in a size in pixels.
pub(super) struct Font {
    size: f64,
    colour: RGBColor,
    style: FontStyle,
}

pub(super) const fn font(size: f64, colour: RGBColor) -> Font {
    Font { size, colour, style: FontStyle::Normal }
}

impl Font {
    pub(super) const fn bold(mut self) -> Self {
        self.style = FontStyle::Bold;
        self
    }

    pub(super) fn build(self) -> TextStyle<'static> {
        // plotters-svg divides sizes by 1.24.
        let size = self.size * FINE * 1.24;
        let mut style = (FontFamily::SansSerif, size, self.style).into_text_style(&(1, 1));
        style.color = self.colour.to_backend_color();
        style
    }
}

/// A style whose text stands against its point, its middle level with it.
pub(super) fn anchored(font: Font, anchor: Anchor) -> TextStyle<'static> {
    let across = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Centre => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    font.build().pos(Pos::new(across, VPos::Center))
}

/// Width of a text in pixels, as far as can be told without its face.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * theme::CHARACTER
}

/// Fine pixels of a length in pixels.
#[expect(clippy::cast_possible_truncation, reason = "figures are some thousand pixels wide")]
pub(super) fn fine(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

/// Fine pixels of a width.
pub(super) fn unsigned(pixels: f64) -> u32 {
    fine(pixels).unsigned_abs()
}

/// The drawing at its true size, with a description and what appears on hovering.
fn finish(
    svg: &str,
    (width, height): (u32, u32),
    true_height: f64,
    title: &str,
    description: &str,
    hovers: &[Hover],
) -> String {
    let drawn = format!("<svg width=\"{width}\" height=\"{height}\"");
    let named = format!(
        "<svg width=\"{WIDTH}\" height=\"{true_height}\" role=\"img\" aria-label=\"{}\"",
        escape(&format!("{title}. {description}"))
    );
    let svg = svg.replacen(&drawn, &named, 1);
    let mut values = String::new();
    for Hover { area: (left, top, right, bottom), text } in hovers {
        let (width, height) = (right - left, bottom - top);
        let _ = writeln!(
            values,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\">\
             <title>{}</title></rect>",
            escape(text)
        );
    }
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    let body = compact(&svg[..end]);
    format!("{body}<g class=\"values\" opacity=\"0\">\n{values}</g>\n</svg>\n")
}

/// Drops what says nothing: full opacity, and line ends within text.
fn compact(svg: &str) -> String {
    svg.replace(" opacity=\"1\"", "").replace(">\n<", "><").replace("\n</text>", "</text>\n")
}

/// A text within XML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML 1.0 has no other control characters.
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            plain => escaped.push(plain),
        }
    }
    escaped
}

impl Frame {
    /// The full width of the sheet below its head, cut into `count` rows; the row `index` of them.
    /// The last is higher by what its x axis needs more.
    pub(super) fn row(index: usize, count: usize, height: f64) -> Self {
        let last = FOOT - TICKS;
        let each = (height - HEAD - last) / count as f64;
        let top = HEAD + index as f64 * each;
        let own = if index + 1 == count { each + last } else { each };
        Self { left: 0.0, top, width: WIDTH, height: own }
    }

    /// What is left below a legend.
    pub(super) fn below_legend(self) -> Self {
        Self { top: self.top + 16.0, height: self.height - 16.0, ..self }
    }

    /// Where its legend starts.
    pub(super) fn legend(&self) -> (f64, f64) {
        (self.left + LEFT + 12.0, self.top + 10.0)
    }

    pub(super) fn contains(&self, (x, y): (f64, f64)) -> bool {
        let across = x >= self.left && x <= self.left + self.width;
        across && y >= self.top && y <= self.top + self.height
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.left < other.left + other.width
            && other.left < self.left + self.width
            && self.top < other.top + other.height
            && other.top < self.top + self.height
    }
}

/// Space for axis text at a panel's left, in pixels.
pub(super) const LEFT: f64 = 78.0;
/// Space at its foot for ticks and a title.
pub(super) const FOOT: f64 = 44.0;
/// Space at its foot for ticks alone.
pub(super) const TICKS: f64 = 24.0;
/// Height of a line of small text with its space.
pub(super) const LINE: f64 = SMALL + 3.0;
