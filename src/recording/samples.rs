//! Packets made of samples: counts in spans of time.

use std::vec;

use super::{InSample, PACKETS_MAX, Queues, Recording, RecordingError};
use crate::id::QueueId;
use crate::input::millisampler::Rack;
use crate::input::samples::{SampleReader, SampleRecord};
use crate::model::distribution::uniform_between;
use crate::model::traffic::RecordedPacket;
use crate::random::{Generator, Streams};
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

/// The packets of samples, those of one span of time held at once.
pub(super) struct SamplePackets {
    counts: Counts,
    place: InSample,
    /// Packets of the span under way.
    span: vec::IntoIter<RecordedPacket>,
}

/// Where counts come from.
enum Counts {
    Rack(Box<RackCounts>),
    File(Box<FileCounts>),
}

/// Samples of hosts that are all sampled at the same time.
struct RackCounts {
    hosts: Vec<Host>,
    interval: SimDuration,
    len: u32,
    /// The next sample.
    number: usize,
    skipped: u64,
}

struct Host {
    queue: QueueId,
    samples: Vec<u64>,
    /// Bytes that are no whole packet yet.
    rest: u64,
    /// Of places at random.
    generator: Generator,
}

/// Samples of queues, line by line.
struct FileCounts {
    reader: SampleReader,
    queues: Queues,
    /// Lines read.
    number: u64,
    /// Sum of their spans, and of the squares of these.
    spans: (f64, f64),
    /// The first line of the next span.
    next: Option<SampleRecord>,
    /// Of places at random.
    generator: Generator,
}

impl SamplePackets {
    /// A sample of a host has as many packets as bring the packets so far to the bytes so far,
    /// rounded down.
    pub(super) fn of_rack(
        rack: Rack,
        queues: &[QueueId],
        interval: SimDuration,
        len: u32,
        place: InSample,
    ) -> Self {
        let streams = Streams::new(0, 0);
        let host = |(number, samples)| Host {
            queue: queues[number % queues.len()],
            samples,
            rest: 0,
            generator: streams.stream(&format!("millisampler host {number}")),
        };
        let hosts = rack.hosts.into_iter().enumerate().map(host).collect();
        let rack = RackCounts { hosts, interval, len, number: 0, skipped: rack.skipped };
        Self { counts: Counts::Rack(Box::new(rack)), place, span: Vec::new().into_iter() }
    }

    pub(super) fn of_file(reader: SampleReader, queues: Queues, place: InSample) -> Self {
        let generator = Streams::new(0, 0).stream("samples");
        let file =
            FileCounts { reader, queues, number: 0, spans: (0.0, 0.0), next: None, generator };
        Self { counts: Counts::File(Box::new(file)), place, span: Vec::new().into_iter() }
    }

    /// Records that were left out.
    pub(super) fn skipped(&self) -> u64 {
        match &self.counts {
            Counts::Rack(rack) => rack.skipped,
            Counts::File(_) => 0,
        }
    }

    /// The span in which an instant lies on average.
    pub(super) fn resolution(&self) -> SimDuration {
        match &self.counts {
            Counts::Rack(rack) => rack.interval,
            Counts::File(file) if file.spans.0 > 0.0 => {
                SimDuration::from_ps(round_to_u64(file.spans.1 / file.spans.0))
            }
            Counts::File(_) => SimDuration::ZERO,
        }
    }

    pub(super) fn next(
        &mut self,
        recording: &Recording,
    ) -> Result<Option<RecordedPacket>, RecordingError> {
        loop {
            if let Some(packet) = self.span.next() {
                return Ok(Some(packet));
            }
            let mut span = Vec::new();
            let more = match &mut self.counts {
                Counts::Rack(rack) => rack.fill(recording, self.place, &mut span)?,
                Counts::File(file) => file.fill(recording, self.place, &mut span)?,
            };
            if !more {
                return Ok(None);
            }
            // At one instant in the order of hosts, or of lines.
            span.sort_by_key(|packet| packet.time);
            self.span = span.into_iter();
        }
    }
}

impl RackCounts {
    /// Makes the packets of the next span; false after the last one.
    fn fill(
        &mut self,
        recording: &Recording,
        place: InSample,
        span: &mut Vec<RecordedPacket>,
    ) -> Result<bool, RecordingError> {
        let longest = self.hosts.iter().map(|host| host.samples.len()).max().unwrap_or(0);
        if self.number >= longest {
            return Ok(false);
        }
        let begin = self.interval.as_ps().checked_mul(self.number as u64);
        let begin = begin.filter(|begin| begin.checked_add(self.interval.as_ps()).is_some());
        let too_long = || RecordingError::TooLong { path: recording.path.clone() };
        let begin = SimTime::from_ps(begin.ok_or_else(too_long)?);
        let len = self.len;
        for host in &mut self.hosts {
            let Some(bytes) = host.samples.get(self.number) else { continue };
            let bytes = u128::from(*bytes) + u128::from(host.rest);
            let packets = u64::try_from(bytes / u128::from(len)).unwrap_or(u64::MAX);
            host.rest = u64::try_from(bytes % u128::from(len)).expect("less than a frame");
            let run = Run { begin, duration: self.interval, queue: host.queue, packets };
            run.place(recording, place, &mut host.generator, span, |_| len)?;
        }
        self.number += 1;
        Ok(true)
    }
}

impl FileCounts {
    /// Makes the packets of the spans that begin next; false at the end of the file.
    fn fill(
        &mut self,
        recording: &Recording,
        place: InSample,
        span: &mut Vec<RecordedPacket>,
    ) -> Result<bool, RecordingError> {
        let first = match self.next.take() {
            Some(first) => first,
            None => match self.reader.next()? {
                Some(first) => first,
                None => return Ok(false),
            },
        };
        let mut sample = Some(first);
        while let Some(record) = sample.filter(|other| other.begin_ps == first.begin_ps) {
            self.number += 1;
            let length = to_f64(record.duration_ps);
            self.spans = (self.spans.0 + length, self.spans.1 + length * length);
            if recording.wants(&self.queues, record.queue, self.number)? {
                let packets = u64::from(record.packets);
                let run = Run {
                    begin: SimTime::from_ps(record.begin_ps),
                    duration: SimDuration::from_ps(record.duration_ps),
                    queue: QueueId::new(record.queue),
                    packets,
                };
                // The first ones have the bytes that are left over.
                let (len, rest) = (record.bytes / packets.max(1), record.bytes % packets.max(1));
                let len = |k| u32::try_from(len + u64::from(k < rest)).unwrap_or(u32::MAX);
                run.place(recording, place, &mut self.generator, span, len)?;
            }
            sample = self.reader.next()?;
        }
        self.next = sample;
        Ok(true)
    }
}

/// Packets of a queue in a span of time.
struct Run {
    begin: SimTime,
    duration: SimDuration,
    queue: QueueId,
    packets: u64,
}

impl Run {
    /// Adds the packets to `span`, packet k with `len(k)` bytes.
    fn place(
        &self,
        recording: &Recording,
        place: InSample,
        generator: &mut Generator,
        span: &mut Vec<RecordedPacket>,
        len: impl Fn(u64) -> u32,
    ) -> Result<(), RecordingError> {
        let held = span.len() as u64;
        if self.packets > PACKETS_MAX - held {
            let packets = self.packets.saturating_add(held);
            return Err(RecordingError::TooMany { path: recording.path.clone(), packets });
        }
        let length = self.duration.as_ps();
        let mut places: Vec<u64> = match place {
            InSample::Even => {
                let whole = u128::from(self.packets.max(1));
                let at = |k| u128::from(length) * u128::from(k) / whole;
                (0..self.packets).map(|k| u64::try_from(at(k)).expect("within the span")).collect()
            }
            InSample::Burst => vec![0; usize::try_from(self.packets).expect("below the limit")],
            InSample::Poisson => {
                (0..self.packets).map(|_| uniform_between(generator, 0, length - 1)).collect()
            }
        };
        places.sort_unstable();
        span.extend((0..).zip(places).map(|(k, place)| RecordedPacket {
            time: self.begin + SimDuration::from_ps(place),
            queue: self.queue,
            len: len(k),
        }));
        Ok(())
    }
}
