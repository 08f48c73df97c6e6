//! Recordings as traffic: short ones held in memory, long ones read again each time.

use std::sync::{Arc, OnceLock};

use super::{Notes, Packets, Recording, RecordingError};
use crate::model::traffic::{Player, Playing, Recorded, RecordedPacket};
use crate::units::SimTime;

/// Most packets that are held, 16 bytes each: 64 MiB.
const HELD_MAX: usize = 1 << 22;

impl Recording {
    /// Reads the recording once, to its end, for playing it any number of times. Memory does not
    /// grow with its length: a long one is read anew for each playing.
    ///
    /// # Errors
    /// [`RecordingError`] when the file, or a packet of it, is wrong.
    pub fn record(self) -> Result<(Recorded, Notes), RecordingError> {
        self.record_holding(HELD_MAX)
    }

    /// The same, of which at most `held_max` packets are held.
    pub(super) fn record_holding(
        self,
        held_max: usize,
    ) -> Result<(Recorded, Notes), RecordingError> {
        let mut reader = self.open()?;
        let mut held = Some(Vec::new());
        let (mut count, mut last, mut longest) = (0, SimTime::ZERO, 0);
        while let Some(packet) = reader.next()? {
            (count, last, longest) = (count + 1, packet.time, packet.len.max(longest));
            held = held.filter(|packets| packets.len() < held_max);
            if let Some(packets) = &mut held {
                packets.push(packet);
            }
        }
        let notes = reader.notes();
        let recorded = match held {
            Some(packets) => packets.into_iter().collect(),
            None => {
                let end = End { count, last };
                let player = Streamed { recording: self, end, fault: Arc::default() };
                Recorded::new(count, last, longest, Arc::new(player))
            }
        };
        Ok((recorded, notes))
    }
}

/// A file that is read anew for each playing.
#[derive(Debug)]
struct Streamed {
    recording: Recording,
    end: End,
    fault: Arc<OnceLock<String>>,
}

/// What a playing comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct End {
    count: u64,
    last: SimTime,
}

impl Player for Streamed {
    fn play(&self) -> Playing {
        let path = self.recording.path.display().to_string();
        let fault = Arc::clone(&self.fault);
        let told = move |what: String| {
            // The first fault is told; one is enough.
            let _ = fault.set(what);
        };
        match self.recording.open() {
            Ok(packets) => {
                let (whole, so_far) = (self.end, End::default());
                Box::new(Stream { packets, whole, so_far, path, told })
            }
            Err(error) => {
                told(error.to_string());
                Box::new(std::iter::empty())
            }
        }
    }

    fn fault(&self) -> Option<String> {
        self.fault.get().cloned()
    }
}

/// One playing.
struct Stream<F> {
    packets: Packets,
    /// What the whole recording came to when it was read first.
    whole: End,
    so_far: End,
    path: String,
    told: F,
}

impl<F: Fn(String)> Iterator for Stream<F> {
    type Item = RecordedPacket;

    fn next(&mut self) -> Option<RecordedPacket> {
        match self.packets.next() {
            Ok(Some(packet)) => {
                self.so_far = End { count: self.so_far.count + 1, last: packet.time };
                Some(packet)
            }
            Ok(None) => {
                if self.so_far != self.whole {
                    let path = &self.path;
                    (self.told)(format!("{path}: has changed while it was played; run again"));
                }
                None
            }
            Err(error) => {
                (self.told)(error.to_string());
                None
            }
        }
    }
}
