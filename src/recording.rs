//! Recordings: packets, or samples of counters, read from a file as a stream of packets.
//!
//! Packets are made one at a time, in order of time, whatever the file: memory does not grow with
//! its length. (Of Millisampler's JSON the samples are held, as each host has a record of its
//! own; their packets are not.)

mod player;
mod samples;

use std::io::BufRead;
use std::path::PathBuf;

use thiserror::Error;

use crate::id::QueueId;
use crate::input::millisampler::read_hosts;
use crate::input::pcap::Capture;
use crate::input::samples::SampleReader;
use crate::input::trace::PacketReader;
use crate::input::{InputError, open};
use crate::model::steering::Rss;
use crate::model::traffic::RecordedPacket;
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

use self::samples::SamplePackets;

/// A recording and how it is played.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The file; of Millisampler's records, a folder too.
    pub path: PathBuf,
    /// What is in it.
    pub form: Form,
    /// How it is played.
    pub replay: Replay,
}

/// What a recording has, and to which queues that goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// CSV, one line a packet.
    Trace(Queues),
    /// pcap or pcapng: RSS steers the frames.
    Capture(Rss),
    /// CSV, one line a queue and span of time.
    Samples {
        /// The queues that are wanted.
        queues: Queues,
        /// Where packets lie in their span.
        place: InSample,
    },
    /// Millisampler's JSON: host k is the k-th of `queues`, and so on in turn.
    Millisampler {
        /// The queues that hosts are dealt to; not empty.
        queues: Vec<QueueId>,
        /// Length of a sample, above zero.
        interval: SimDuration,
        /// Length of the frames that bytes are cut into, above zero.
        len: u32,
        /// Where packets lie in their sample.
        place: InSample,
    },
}

/// Which queues of a recording are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queues {
    /// All that it names.
    All,
    /// Those of which the entry is true; one without an entry is an error.
    Of(Vec<bool>),
}

/// Where the packets of a sample lie in its span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InSample {
    /// Equally far apart, the first at the beginning.
    Even,
    /// All at the beginning.
    Burst,
    /// At random, at the same places at any seed.
    Poisson,
}

/// How a recording is played.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// So many times faster, above zero; `None`: as recorded.
    pub speed: Option<f64>,
    /// So many times over, each a mean gap after the one before; at least 1.
    pub repeat: u64,
    /// Everything comes this much later.
    pub offset: SimDuration,
}

impl Default for Replay {
    fn default() -> Self {
        Self { speed: None, repeat: 1, offset: SimDuration::ZERO }
    }
}

/// Why a recording cannot be played, or not further.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file is wrong.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A packet or sample is of a queue that there is not.
    #[error(
        "{what} {number} of {} is for queue {queue}, but nic.queues is {queues}; queues count from \
         0",
        path.display()
    )]
    NoQueue {
        /// Whether it is a packet or a sample.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Which one, counted from 1.
        number: u64,
        /// The queue.
        queue: u32,
        /// How many there are.
        queues: usize,
    },
    /// The packets end after the end of time.
    #[error(
        "{}: played so slowly, often or late, it lasts longer than simulated time can (213 days)",
        path.display()
    )]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A sample has too many packets to be true.
    #[error(
        "{}: {packets} packets fall into one sample; at most {PACKETS_MAX} can be placed in it",
        path.display()
    )]
    TooMany {
        /// The file.
        path: PathBuf,
        /// How many.
        packets: u64,
    },
}

/// Most packets of one sample of all queues: they are held while it is played.
const PACKETS_MAX: u64 = 1 << 24;

impl Recording {
    /// Opens the recording for playing.
    ///
    /// # Errors
    /// When the file cannot be read, or its beginning is not what it should be.
    pub fn open(&self) -> Result<Packets, RecordingError> {
        Ok(self.packets(self.source()?))
    }

    /// Plays the recording from `reader`, once: errors name its path.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn read(&self, reader: Box<dyn BufRead + Send>) -> Result<Packets, RecordingError> {
        Ok(self.packets(self.source_of(reader)?))
    }

    fn packets(&self, source: Source) -> Packets {
        let recording = self.clone();
        let turn = Turn { number: 0, begin: SimDuration::ZERO, packets: 0, last: SimTime::ZERO };
        Packets { recording, source, turn, notes: Notes::default() }
    }

    fn source(&self) -> Result<Source, RecordingError> {
        match &self.form {
            Form::Millisampler { queues, interval, len, place } => {
                let rack = read_hosts(&self.path)?;
                let packets = SamplePackets::of_rack(rack, queues, *interval, *len, *place);
                Ok(Source::Samples(Box::new(packets)))
            }
            _ => self.source_of(open(&self.path)?),
        }
    }

    fn source_of(&self, reader: Box<dyn BufRead + Send>) -> Result<Source, RecordingError> {
        Ok(match &self.form {
            Form::Trace(_) => Source::Trace(Box::new(PacketReader::new(&self.path, reader)?), 0),
            Form::Capture(_) => Source::Capture(Box::new(Capture::new(&self.path, reader)?)),
            Form::Samples { queues, place } => {
                let samples = SampleReader::new(&self.path, reader)?;
                Source::Samples(Box::new(SamplePackets::of_file(samples, queues.clone(), *place)))
            }
            Form::Millisampler { queues, interval, len, place } => {
                let rack = crate::input::millisampler::read_records(&self.path, reader)?;
                let packets = SamplePackets::of_rack(rack, queues, *interval, *len, *place);
                Source::Samples(Box::new(packets))
            }
        })
    }
}

/// The packets of a recording, one at a time, in order of time.
#[expect(missing_debug_implementations, reason = "holds a reader")]
pub struct Packets {
    recording: Recording,
    source: Source,
    turn: Turn,
    notes: Notes,
}

/// What is read in.
enum Source {
    /// With the number of lines read.
    Trace(Box<PacketReader>, u64),
    Capture(Box<Capture>),
    Samples(Box<SamplePackets>),
}

/// One playing of the file among several.
struct Turn {
    number: u64,
    /// When it begins.
    begin: SimDuration,
    /// Packets of it so far.
    packets: u64,
    /// The last one's time since its beginning.
    last: SimTime,
}

/// What should be known of a recording that was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// Frames stamped before an earlier one, and given that one's time.
    pub reordered: u64,
    /// Records without the bytes that are wanted.
    pub skipped: u64,
}

impl Packets {
    /// What is to be said of what was read so far.
    #[must_use]
    pub const fn notes(&self) -> Notes {
        self.notes
    }

    /// What takes less time than this is not in the recording: of samples, the span in which an
    /// instant of those read so far lies on average; zero where packets have their own times.
    #[must_use]
    pub fn resolution(&self) -> SimDuration {
        match &self.source {
            Source::Trace(..) | Source::Capture(_) => SimDuration::ZERO,
            Source::Samples(samples) => samples.resolution(),
        }
    }

    /// The next packet, `None` at the end.
    ///
    /// # Errors
    /// [`RecordingError`], after which there is no going on.
    #[expect(clippy::should_implement_trait, reason = "reading may fail")]
    pub fn next(&mut self) -> Result<Option<RecordedPacket>, RecordingError> {
        loop {
            if let Some(mut packet) = self.read()? {
                if let Some(speed) = self.recording.replay.speed {
                    packet.time =
                        SimTime::from_ps(round_to_u64(to_f64(packet.time.as_ps()) / speed));
                }
                (self.turn.packets, self.turn.last) = (self.turn.packets + 1, packet.time);
                packet.time = self.played(packet.time)?;
                return Ok(Some(packet));
            }
            let Turn { number, packets, .. } = self.turn;
            if packets == 0 || number + 1 >= self.recording.replay.repeat {
                return Ok(None);
            }
            self.begin_again()?;
        }
    }

    /// When what comes at `time` of its turn is played.
    fn played(&self, time: SimTime) -> Result<SimTime, RecordingError> {
        let replay = &self.recording.replay;
        let ps = [self.turn.begin, replay.offset]
            .iter()
            .try_fold(time.as_ps(), |sum, span| sum.checked_add(span.as_ps()));
        // The last instant is "never".
        let ps = ps.filter(|ps| *ps != u64::MAX);
        ps.map(SimTime::from_ps).ok_or_else(|| self.too_long())
    }

    fn begin_again(&mut self) -> Result<(), RecordingError> {
        let Turn { number, begin, packets, last } = self.turn;
        let period = last.as_ps().checked_add(last.as_ps() / (packets - 1).max(1));
        let begin = period.and_then(|period| begin.as_ps().checked_add(period));
        let begin = begin.map(SimDuration::from_ps).ok_or_else(|| self.too_long())?;
        self.source = self.recording.source()?;
        self.turn = Turn { number: number + 1, begin, packets: 0, last: SimTime::ZERO };
        Ok(())
    }

    fn too_long(&self) -> RecordingError {
        RecordingError::TooLong { path: self.recording.path.clone() }
    }

    /// The next packet of the file for a queue that is wanted.
    fn read(&mut self) -> Result<Option<RecordedPacket>, RecordingError> {
        match (&mut self.source, &self.recording.form) {
            (Source::Trace(reader, number), Form::Trace(queues)) => {
                while let Some(record) = reader.next()? {
                    *number += 1;
                    if self.recording.wants(queues, record.queue, *number)? {
                        let time = SimTime::from_ps(record.t_ps);
                        let queue = QueueId::new(record.queue);
                        return Ok(Some(RecordedPacket { time, queue, len: record.len }));
                    }
                }
                Ok(None)
            }
            (Source::Capture(capture), Form::Capture(rss)) => {
                let packet = capture.next()?.map(|frame| RecordedPacket {
                    time: SimTime::from_ps(frame.t_ps),
                    queue: QueueId::new(rss.queue_of_frame(frame.link_type, frame.data).queue),
                    len: frame.len,
                });
                self.notes.reordered = capture.summary().reordered;
                Ok(packet)
            }
            (Source::Samples(samples), _) => {
                self.notes.skipped = samples.skipped();
                samples.next(&self.recording)
            }
            _ => unreachable!("a source is made from the form"),
        }
    }
}

impl Recording {
    /// Whether a queue that packet, or sample, `number` names is wanted.
    fn wants(&self, queues: &Queues, queue: u32, number: u64) -> Result<bool, RecordingError> {
        match queues {
            Queues::All => Ok(true),
            Queues::Of(wanted) => wanted.get(queue as usize).copied().ok_or_else(|| {
                let (path, queues) = (self.path.clone(), wanted.len());
                let is_trace = matches!(self.form, Form::Trace(_));
                let what = if is_trace { "packet" } else { "sample" };
                RecordingError::NoQueue { what, path, number, queue, queues }
            }),
        }
    }
}

#[cfg(test)]
mod tests;
