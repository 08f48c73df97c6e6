//! `rxplan simulate --live`: the first replication in the terminal, as it happens.
#![allow(clippy::disallowed_methods, reason = "a live view keeps time with a person's clock")]

mod screen;

use std::io::{self, IsTerminal as _};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use self::screen::{Screen, Wish};
use super::CommandError;
use crate::model::system::Progress;
use crate::model::watch::Look;
use crate::scenario::Scenario;
use crate::simulation;
use crate::units::SimTime;

/// Pictures a second.
const PICTURES_PER_SECOND: u32 = 20;

/// Shows a run until it is over and the user leaves.
pub(super) fn run(scenario: &Scenario) -> Result<(), CommandError> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let why =
            "--live needs a terminal to draw in; without it, --timeline FILE records the same";
        return Err(CommandError::Refused(why.to_owned()));
    }
    let mut terminal = ratatui::init();
    let mut show = Show { screen: Screen::new(scenario), drawn: Instant::now(), failure: None };
    let progress = Progress::default();
    let mut watch = |look: &Look| show.look(look, &mut terminal, &progress);
    let watched = simulation::watch(scenario, &mut watch, &progress);
    if watched == Ok(true) && !progress.stop.load(Ordering::Relaxed) {
        show.screen.end();
        show.failure = show.wait(&mut terminal).err();
    }
    ratatui::restore();
    watched?;
    show.failure.map_or(Ok(()), |failure| Err(CommandError::Stdout(failure)))
}

/// A run being shown.
struct Show {
    screen: Screen,
    /// When the last picture was.
    drawn: Instant,
    failure: Option<io::Error>,
}

impl Show {
    /// Shows one picture for its time, longer while paused; says when the next one is.
    fn look(
        &mut self,
        look: &Look,
        terminal: &mut DefaultTerminal,
        progress: &Progress,
    ) -> SimTime {
        self.screen.show(look);
        match self.picture(terminal) {
            Ok(Wish::GoOn) => return look.time + self.screen.step(PICTURES_PER_SECOND),
            Ok(Wish::Leave) => {}
            Err(failure) => self.failure = Some(failure),
        }
        progress.stop.store(true, Ordering::Relaxed);
        SimTime::MAX
    }

    fn picture(&mut self, terminal: &mut DefaultTerminal) -> io::Result<Wish> {
        let until = self.drawn + Duration::from_secs(1) / PICTURES_PER_SECOND;
        loop {
            terminal.draw(|frame| self.screen.draw(frame))?;
            let wish = self.keys(until.saturating_duration_since(Instant::now()))?;
            let is_over = Instant::now() >= until && !self.screen.is_paused();
            if wish == Wish::Leave || self.screen.takes_step() || is_over {
                self.drawn = Instant::now();
                return Ok(wish);
            }
        }
    }

    /// Waits for the user to leave.
    fn wait(&mut self, terminal: &mut DefaultTerminal) -> io::Result<()> {
        loop {
            terminal.draw(|frame| self.screen.draw(frame))?;
            if self.keys(Duration::from_secs(1))? == Wish::Leave {
                return Ok(());
            }
        }
    }

    /// Waits this long for a key, or a moment where that is over; reads all that are there.
    fn keys(&mut self, wait: Duration) -> io::Result<Wish> {
        const MOMENT: Duration = Duration::from_millis(1);
        let mut wait = wait.max(MOMENT);
        while event::poll(wait)? {
            wait = Duration::ZERO;
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
                && self.screen.press(key) == Wish::Leave
            {
                return Ok(Wish::Leave);
            }
        }
        Ok(Wish::GoOn)
    }
}
