//! The bytes of a capture, one record at a time.

use std::io::{self, BufRead, ErrorKind, Read};

use super::super::reason;
use super::CaptureFault;

/// Reads a file record by record; a record grows as more of its length becomes known.
pub(super) struct Source {
    reader: Box<dyn BufRead + Send>,
    /// Where the current record starts (bytes).
    start: u64,
    /// The record's bytes are the first `len`; the rest is left of longer ones.
    buffer: Vec<u8>,
    len: usize,
    /// Bytes of the record that were passed over and are not in the buffer.
    skipped: u64,
    in_packet: bool,
}

impl Source {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, start: 0, buffer: Vec::new(), len: 0, skipped: 0, in_packet: false }
    }

    /// Begins the next record.
    pub(super) fn begin(&mut self) {
        self.start += self.len as u64 + self.skipped;
        (self.len, self.skipped, self.in_packet) = (0, 0, false);
    }

    /// Marks the record as a packet's.
    pub(super) fn mark_packet(&mut self) {
        self.in_packet = true;
    }

    /// Whether the record is a packet's.
    pub(super) fn in_packet(&self) -> bool {
        self.in_packet
    }

    /// Where the record starts (bytes).
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The record as far as it was read.
    pub(super) fn block(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// Reads until the record has `len` bytes; returns how many it has, fewer only at the end of
    /// the file.
    pub(super) fn extend(&mut self, len: usize) -> Result<usize, CaptureFault> {
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        while self.len < len {
            match self.reader.read(&mut self.buffer[self.len..len]) {
                Ok(0) => break,
                Ok(bytes) => self.len += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(CaptureFault::Read { reason: reason(&error) });
                }
            }
        }
        Ok(self.len)
    }

    /// Reads until the record has `len` bytes.
    pub(super) fn require(&mut self, part: &'static str, len: usize) -> Result<(), CaptureFault> {
        let there = self.extend(len)?;
        if there < len {
            return Err(CaptureFault::Truncated { part, expected: len, there });
        }
        Ok(())
    }

    /// Passes over the rest of a record of `len` bytes.
    pub(super) fn skip(&mut self, part: &'static str, len: u32) -> Result<(), CaptureFault> {
        let rest = u64::from(len).saturating_sub(self.len as u64);
        self.skipped = io::copy(&mut self.reader.by_ref().take(rest), &mut io::sink())
            .map_err(|error| CaptureFault::Read { reason: reason(&error) })?;
        if self.skipped < rest {
            let expected = usize::try_from(len).expect("a pointer has at least 32 bits");
            let skipped = usize::try_from(self.skipped).expect("it is less than the length");
            let there = self.len + skipped;
            return Err(CaptureFault::Truncated { part, expected, there });
        }
        Ok(())
    }
}
