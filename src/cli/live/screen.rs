//! What is on the screen, and what keys do.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Sparkline};

use crate::model::ledger::DropReason;
use crate::model::watch::{Look, QueueLook};
use crate::scenario::Scenario;
use crate::units::{SimDuration, SimTime, to_f64};

/// Simulated time that passes in a second, in microseconds.
const SPEEDS_US: [u64; 19] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000,
    200_000, 500_000, 1_000_000,
];
const FIRST_SPEED: usize = 9;
/// Pictures whose reserve and drops are remembered.
const HISTORY: usize = 512;
/// Columns of a queue's line beside its bar.
const LABEL: u16 = 7;
const NUMBERS: u16 = 40;

// The palette of the figures, safe for the colour-blind.
const RING: Color = Color::Rgb(0, 114, 178);
const RESERVE: Color = Color::Rgb(230, 159, 0);
const DROPS: Color = Color::Rgb(213, 94, 0);

/// What the user wants of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    GoOn,
    Leave,
}

/// The state of the view.
#[derive(Debug)]
pub(super) struct Screen {
    title: String,
    begin: SimTime,
    rx: Vec<u32>,
    /// Entries of all groups of the reserve.
    reserve: u32,
    look: Option<Look>,
    /// Drops of each queue between the last two looks.
    fresh: Vec<u64>,
    /// Reserve in use, and drops since the picture before.
    history: VecDeque<(u64, u64)>,
    speed: usize,
    is_paused: bool,
    /// One picture is to come though it is paused.
    single: bool,
    is_over: bool,
    /// The first queue on the screen.
    first: usize,
    /// Queues that fit.
    rows: usize,
}

impl Screen {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let reserve = scenario.reserve.as_ref();
        Self {
            title: scenario.title.clone(),
            begin: SimTime::ZERO + scenario.run.warmup,
            rx: scenario.nic.rx.clone(),
            reserve: reserve
                .map_or(0, |reserve| u32::try_from(reserve.total_entries()).unwrap_or(u32::MAX)),
            look: None,
            fresh: vec![0; scenario.queues()],
            history: VecDeque::new(),
            speed: FIRST_SPEED,
            is_paused: false,
            single: false,
            is_over: false,
            first: 0,
            rows: 1,
        }
    }

    /// Takes a new look at the run.
    pub(super) fn show(&mut self, look: &Look) {
        let dropped = |look: &Look| look.queues.iter().map(|own| own.packets.dropped).collect();
        let before = self.look.as_ref().map_or_else(|| vec![0; self.rx.len()], dropped);
        let now: Vec<u64> = dropped(look);
        self.fresh = now.iter().zip(before).map(|(now, before)| now - before).collect();
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((look.reserve_highest.into(), self.fresh.iter().sum()));
        self.look = Some(look.clone());
    }

    /// The run is over.
    pub(super) const fn end(&mut self) {
        self.is_over = true;
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Whether a single step was asked for; asks once.
    pub(super) const fn takes_step(&mut self) -> bool {
        std::mem::replace(&mut self.single, false)
    }

    /// Simulated time from picture to picture.
    pub(super) fn step(&self, pictures_per_second: u32) -> SimDuration {
        let ps = SPEEDS_US[self.speed] * 1_000_000 / u64::from(pictures_per_second);
        SimDuration::from_ps(ps.max(1))
    }

    /// Does what a key says.
    pub(super) fn press(&mut self, key: KeyEvent) -> Wish {
        let last = self.rx.len().saturating_sub(self.rows);
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Wish::Leave;
            }
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Leave,
            KeyCode::Char(' ') => self.is_paused = !self.is_paused,
            KeyCode::Right | KeyCode::Char('.') => (self.is_paused, self.single) = (true, true),
            KeyCode::Char('+' | '=') => self.speed = (self.speed + 1).min(SPEEDS_US.len() - 1),
            KeyCode::Char('-') => self.speed = self.speed.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.first = (self.first + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => self.first = self.first.saturating_sub(1),
            KeyCode::PageDown => self.first = (self.first + self.rows).min(last),
            KeyCode::PageUp => self.first = self.first.saturating_sub(self.rows),
            _ => {}
        }
        Wish::GoOn
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let reserve_rows = if self.reserve > 0 { 8 } else { 5 };
        let [head, top, queues, keys] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(reserve_rows),
            Constraint::Min(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        self.rows = usize::from(queues.height.saturating_sub(1)).max(1);
        self.first = self.first.min(self.rx.len().saturating_sub(self.rows));
        frame.render_widget(self.head(), head);
        self.draw_top(frame, top);
        frame.render_widget(Paragraph::new(self.queue_lines(queues.width)), queues);
        let help = "space pause   right one step   + - speed   up down queues   q leave";
        frame.render_widget(Paragraph::new(help).dim(), keys);
    }

    /// Title, time, speed; packets so far.
    fn head(&self) -> Paragraph<'static> {
        let time = self.look.as_ref().map_or(SimTime::ZERO, |look| look.time);
        let ms = to_f64(time.saturating_since(self.begin).as_ps()) / 1e9;
        let speed = SimDuration::from_us(SPEEDS_US[self.speed]);
        let state = match (self.is_over, self.is_paused) {
            (true, _) => "the end",
            (_, true) => "paused",
            _ => "",
        };
        let first = Line::from(vec![
            Span::from(self.title.clone()).bold(),
            Span::from(format!("   {ms:.3} ms   {speed} per second   ")),
            Span::from(state).reversed(),
        ]);
        let mut second = Vec::new();
        if let Some(look) = &self.look {
            let sum = |of: fn(&QueueLook) -> u64| look.queues.iter().map(of).sum::<u64>();
            let offered = sum(|own| own.packets.offered);
            let dropped = sum(|own| own.packets.dropped);
            let share = 100.0 * to_f64(dropped) / to_f64(offered.max(1));
            second.push(Span::from(format!("{offered} packets, ")));
            let text = format!("{dropped} dropped ({share:.3} %)");
            second.push(if dropped > 0 { Span::from(text).fg(DROPS) } else { Span::from(text) });
            for (reason, count) in DropReason::ALL.iter().zip(look.drops) {
                if count > 0 {
                    second.push(Span::from(format!("  {} {count}", reason.name())));
                }
            }
        }
        Paragraph::new(vec![first, Line::from(second)])
    }

    /// The reserve, and drops over time.
    fn draw_top(&self, frame: &mut Frame<'_>, area: Rect) {
        let rows = [if self.reserve > 0 { 5 } else { 0 }, 3].map(Constraint::Length);
        let [reserve, drops] = Layout::vertical(rows).areas(area);
        let width = usize::from(area.width.saturating_sub(2));
        let skip = self.history.len().saturating_sub(width);
        let recent = self.history.iter().skip(skip);
        if let (Some(look), true) = (&self.look, self.reserve > 0) {
            let title = format!(
                " reserve: {} of {} in use, {} at most since the last picture ",
                look.reserve_in_use, self.reserve, look.reserve_highest
            );
            let data: Vec<u64> = recent.clone().map(|(reserve, _)| *reserve).collect();
            let bars = Sparkline::default().data(data).max(self.reserve.into()).fg(RESERVE);
            frame.render_widget(bars.block(Block::bordered().title(title)), reserve);
        }
        let data: Vec<u64> = recent.map(|(_, drops)| *drops).collect();
        let title = format!(" drops a picture: {} ", data.last().unwrap_or(&0));
        let bars = Sparkline::default().data(data).fg(DROPS);
        frame.render_widget(bars.block(Block::bordered().title(title)), drops);
    }

    /// A line for each queue that fits, below a legend.
    fn queue_lines(&self, width: u16) -> Vec<Line<'static>> {
        let legend = Line::from(vec![
            Span::from("queue  "),
            Span::from("█").fg(RING),
            Span::from(" own entries  "),
            Span::from("█").fg(RESERVE),
            Span::from(" of the reserve  "),
            Span::from("▒ peak since the last picture"),
        ]);
        let most = self.rx.iter().max().copied().unwrap_or(0).saturating_add(self.reserve).max(1);
        let looks = self.look.iter().flat_map(|look| look.queues.iter());
        let all = self.rx.iter().zip(looks).zip(&self.fresh).enumerate();
        let shown = all.skip(self.first).take(self.rows);
        let scale = most_shown(self.look.as_ref(), &self.rx, most);
        let lines = shown.map(|(queue, ((rx, own), fresh))| {
            queue_line(queue, *rx, *own, *fresh, width.saturating_sub(LABEL + NUMBERS), scale)
        });
        std::iter::once(legend).chain(lines).collect()
    }
}

/// The number of entries that a whole bar stands for: the deepest ring, or the highest queue now.
fn most_shown(look: Option<&Look>, rx: &[u32], most: u32) -> u32 {
    let deepest = rx.iter().max().copied().unwrap_or(0);
    let queues = look.iter().flat_map(|look| look.queues.iter());
    let highest = queues.map(|own| own.highest).max().unwrap_or(0);
    deepest.max(highest).clamp(1, most)
}

/// One queue: number, bar, counts.
fn queue_line(
    queue: usize,
    rx: u32,
    own: QueueLook,
    fresh: u64,
    width: u16,
    scale: u32,
) -> Line<'static> {
    let columns = |entries: u32| {
        let columns = u64::from(entries) * u64::from(width) / u64::from(scale);
        usize::try_from(columns).expect("no more than the screen is wide")
    };
    let ring = own.in_use - own.reserve_in_use;
    // What is in use shows, however little.
    let at_least = |entries: u32, columns: usize| columns.max(usize::from(entries > 0));
    let ring_columns = at_least(ring, columns(ring));
    let used = at_least(own.in_use, columns(own.in_use)).max(ring_columns);
    let reserve_columns = at_least(own.reserve_in_use, used - ring_columns);
    let used = ring_columns + reserve_columns;
    let peak = columns(own.highest).saturating_sub(used);
    let rest = usize::from(width).saturating_sub(used + peak);
    let drops = own.packets.dropped;
    let counts = format!(" {:>6} of {rx:<6} + {:<6}", ring, own.reserve_in_use);
    let drops_text = format!("{drops:>8} lost");
    let style = if fresh > 0 { Style::new().fg(DROPS).bold() } else { Style::new() };
    Line::from(vec![
        Span::from(format!("{queue:>5}  ")),
        Span::from("█".repeat(ring_columns)).fg(RING),
        Span::from("█".repeat(reserve_columns)).fg(RESERVE),
        Span::from("▒".repeat(peak)).dim(),
        Span::from("·".repeat(rest)).dim(),
        Span::from(counts),
        Span::styled(drops_text, style),
    ])
}

#[cfg(test)]
mod tests;
