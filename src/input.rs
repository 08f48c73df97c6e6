//! Input files: recorded packets, returns, stalls, distributions and captures.
//!
//! Readers here turn bytes into plain records and know nothing of scenarios or the simulator.
//! Times are `u64` picoseconds, lengths are bytes of a frame without its FCS. Every file may be
//! gzip, told by its first bytes and not by its name.
//!
//! | file | reader | memory |
//! |---|---|---|
//! | CSV traces of packets | [`trace::PacketReader`] | one record |
//! | CSV samples of counters | [`samples`] | one record |
//! | other CSV traces | [`trace`] | all records |
//! | Millisampler's JSON | [`millisampler`] | all samples |
//! | pcap and pcapng captures | [`pcap`] | one frame |
//! | CSV tables of regions | [`placement`] | all records |

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

mod cdf;
mod decimal;
pub mod ethtool;
mod fault;
pub mod millisampler;
pub mod pcap;
pub mod placement;
pub mod samples;
mod table;
pub mod trace;

pub use self::fault::LineFault;
pub use self::pcap::CaptureFault;

/// Opens an input file for reading and decompresses it if it is gzip (of one member or more).
///
/// # Errors
/// [`InputError::Open`] if the file cannot be opened or its first bytes cannot be read. Damage
/// further on in a gzip file is an error of the reads that follow.
pub fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, InputError> {
    let failed =
        |error: io::Error| InputError::Open { path: path.to_path_buf(), reason: reason(&error) };
    let file = File::open(path).map_err(failed)?;
    decompressed(file).map_err(failed)
}

/// What a recording of packets may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordingKind {
    /// CSV, one line a packet: see [`trace`].
    Trace,
    /// CSV, one line a queue and span of time: see [`samples`].
    Samples,
    /// pcap or pcapng: see [`pcap`].
    Capture,
    /// JSON: see [`millisampler`].
    Millisampler,
}

impl RecordingKind {
    /// Tells by the first bytes in `reader`; returns it as it was.
    ///
    /// # Errors
    /// When nothing can be read.
    pub fn sniff(
        path: &Path,
        mut reader: Box<dyn BufRead + Send>,
    ) -> Result<(Self, Box<dyn BufRead + Send>), InputError> {
        let mut head = Vec::new();
        let most = u64::try_from(BUFFER_BYTES).expect("a small number");
        reader.by_ref().take(most).read_to_end(&mut head).map_err(|error| InputError::Open {
            path: path.to_path_buf(),
            reason: reason(&error),
        })?;
        let kind = Self::of(&head);
        Ok((kind, Box::new(Cursor::new(head).chain(reader))))
    }

    fn of(head: &[u8]) -> Self {
        if pcap::is_capture(head) {
            return Self::Capture;
        }
        if head.trim_ascii_start().starts_with(b"{") {
            return Self::Millisampler;
        }
        let mut lines = head.split(|byte| *byte == b'\n');
        let header = lines.find(|line| !line.starts_with(b"#") && !line.trim_ascii().is_empty());
        let mut names = header.unwrap_or_default().split(|byte| *byte == b',');
        let spans = names.any(|name| name.trim_ascii() == b"duration_ns");
        if spans { Self::Samples } else { Self::Trace }
    }
}

/// Why an input file was refused.
///
/// The message names the file and the place in it, then says in one sentence what was wrong and
/// what would be right.
#[derive(Debug, Error)]
pub enum InputError {
    /// The file cannot be opened, or nothing can be read of it.
    #[error("{}: cannot open: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// A file is no JSON of the right form.
    #[error("{}: is no record of Millisampler: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// A line of a CSV file is wrong.
    #[error("{}:{line}: {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1; comments and blank lines count.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// A packet of a capture is wrong.
    #[error("{}: packet {packet}: byte {offset}: {fault}", path.display())]
    Packet {
        /// The file.
        path: PathBuf,
        /// The packet, counted from 1.
        packet: u64,
        /// Where its record starts, in bytes of the (decompressed) file.
        offset: u64,
        /// What is wrong with it.
        fault: CaptureFault,
    },
    /// A capture is wrong outside its packets.
    #[error("{}: byte {offset}: {fault}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// Where the header or block starts, in bytes of the (decompressed) file.
        offset: u64,
        /// What is wrong with it.
        fault: CaptureFault,
    },
}

/// The bytes of `source`, decompressed if they start as gzip does.
pub(crate) fn decompressed<R>(mut source: R) -> io::Result<Box<dyn BufRead + Send>>
where
    R: Read + Send + 'static,
{
    let mut head = Vec::with_capacity(GZIP_MAGIC.len());
    let head_bytes = u64::try_from(GZIP_MAGIC.len()).expect("a length of two fits");
    source.by_ref().take(head_bytes).read_to_end(&mut head)?;
    let is_gzip = head == GZIP_MAGIC;
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(source));
    if is_gzip {
        let decoder = MultiGzDecoder::new(whole);
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)))
    } else {
        Ok(Box::new(whole))
    }
}

/// What an I/O error says, without the number of the operating system's error.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The first bytes of a gzip member, RFC 1952 section 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Read-ahead of a file, before and after decompression.
const BUFFER_BYTES: usize = 1 << 16;

#[cfg(test)]
mod tests;
