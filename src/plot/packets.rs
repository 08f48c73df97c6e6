//! The packets of a run, as `--packets` wrote them.

use super::context::Context;
use super::estimate::whole;
use super::figure::Figure;
use super::table::Table;
use super::theme::number;
use super::{PlotError, burst, drops, sojourn};
use crate::model::ledger::DropReason;

/// One packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    /// When it arrived, in nanoseconds.
    pub(super) arrival: f64,
    pub(super) queue: u64,
    /// When it was delivered, in nanoseconds, if it was.
    pub(super) delivered: Option<f64>,
    /// Why it was dropped, if it was.
    pub(super) dropped: Option<DropReason>,
    /// Buffers that it took, and how many of them were the reserve's.
    pub(super) buffers: f64,
    pub(super) from_reserve: f64,
}

/// The packets of a window, in order of arrival.
#[derive(Debug, Clone)]
pub(super) struct Packets {
    pub(super) all: Vec<Packet>,
    /// The file's name, where the scenario is not known.
    name: String,
}

/// The figures of a packet log.
pub(super) fn figures(table: &Table, context: &Context) -> Result<Vec<Figure>, PlotError> {
    let packets = Packets::read(table, context)?;
    let drawn = [drops::over_time, sojourn::figure, burst::figure];
    Ok(drawn.iter().filter_map(|draw| draw(&packets, context)).collect())
}

impl Packets {
    fn read(table: &Table, context: &Context) -> Result<Self, PlotError> {
        let columns = ["t_ns", "queue", "len", "from_reserve", "delivered_ns"];
        let [arrivals, queues, lens, reserves, delivered] = columns.map(|name| table.numbers(name));
        let (arrivals, queues, lens) = (arrivals?, queues?, lens?);
        let (reserves, delivered) = (reserves?, delivered?);
        let buf_len = context.scenario.as_ref().map(|scenario| scenario.nic.rx_buf_len as f64);
        let mut all = Vec::with_capacity(table.rows());
        for row in 0..table.rows() {
            let outcome = table.word("outcome", row)?;
            let dropped = DropReason::ALL.into_iter().find(|reason| reason.name() == outcome);
            if dropped.is_none() && !["delivered", "outstanding"].contains(&outcome) {
                return Err(PlotError::NoOutcome {
                    path: table.path().to_owned(),
                    found: outcome.to_owned(),
                });
            }
            let needed = buf_len.map_or(1.0, |buf_len| (lens[row] / buf_len).ceil());
            all.push(Packet {
                arrival: arrivals[row],
                queue: whole(queues[row]),
                delivered: Some(delivered[row]).filter(|time| !time.is_nan()),
                dropped,
                buffers: needed.max(reserves[row]),
                from_reserve: reserves[row],
            });
        }
        let name = table.path().display().to_string();
        Ok(Self { all, name })
    }

    /// The scenario's title, or the file.
    pub(super) fn subject(&self, context: &Context) -> String {
        context.title().unwrap_or_else(|| self.name.clone())
    }

    /// n, for people.
    pub(super) fn count_text(&self) -> String {
        format!("{} packets of the first replication", number(self.all.len() as f64))
    }

    /// First arrival and last event, in nanoseconds.
    pub(super) fn window(&self) -> (f64, f64) {
        let begin = self.all.iter().map(|packet| packet.arrival).fold(f64::MAX, f64::min);
        let end = self.all.iter().map(|packet| packet.arrival).fold(begin, f64::max);
        (begin, end)
    }
}

/// A reason in words: `no buffer`.
pub(super) fn words(reason: DropReason) -> String {
    reason.name().replace('_', " ").replace("fifo", "FIFO").replace("psp", "PSP")
}
