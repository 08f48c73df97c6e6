//! Packet captures: pcap and pcapng files, read one frame at a time.
//!
//! pcap with stamps of microseconds or nanoseconds and pcapng with any resolution and offset, each
//! in both byte orders, plain or gzip. Memory is bounded by the largest block, at most
//! [`BLOCK_BYTES_MAX`]. The records are framed here, which keeps count of offsets and of what is
//! missing from a truncated file; `pcap-parser` decodes them. Its own streaming readers are not
//! used: they need the whole header from one `read`, lose the reason of a failed one, and ask for
//! more data without end where a damaged block contradicts itself.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{InputError, open};
use crate::model::steering::LinkType;

use self::source::Source;

mod classic;
mod next_generation;
mod source;
mod stamp;

/// A frame of a capture, lent to the reader's callback.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef<'a> {
    /// The frame's place in the file, counted from 1.
    pub number: u64,
    /// When it was captured, since the first frame (ps). Never before the frame in front of it.
    pub t_ps: u64,
    /// Its original length on the wire (bytes), at least 1: with the link header of its link type,
    /// and without an FCS if the capture says that its frames have one.
    pub len: u32,
    /// What `data` starts with.
    pub link_type: LinkType,
    /// The bytes that were captured: all of the frame, or its start.
    pub data: &'a [u8],
}

/// What a capture had in it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Frames.
    pub frames: u64,
    /// The sum of their lengths on the wire (bytes).
    pub bytes: u64,
    /// Frames of which only the start was captured.
    pub cut: u64,
    /// Frames stamped before an earlier one, and given that one's time.
    pub reordered: u64,
    /// Frames whose link header says that they are neither IPv4 nor IPv6.
    pub non_ip: u64,
    /// Time of the last frame since the first (ps).
    pub span_ps: u64,
}

/// Reads a capture and calls `visit` with every frame, in the file's order.
///
/// # Errors
/// As of [`Capture::open`] and [`Capture::next`]. Frames before the error have been visited.
pub fn for_each_frame<F>(path: &Path, visit: F) -> Result<Summary, InputError>
where
    F: FnMut(FrameRef<'_>),
{
    visit_frames(path, open(path)?, visit)
}

/// Visits the frames of the capture in `reader`.
pub(super) fn visit_frames<F>(
    path: &Path,
    reader: Box<dyn BufRead + Send>,
    mut visit: F,
) -> Result<Summary, InputError>
where
    F: FnMut(FrameRef<'_>),
{
    let mut capture = Capture::new(path, reader)?;
    while let Some(frame) = capture.next()? {
        visit(frame);
    }
    Ok(capture.summary)
}

/// A capture that is being read.
#[expect(missing_debug_implementations, reason = "holds a reader")]
pub struct Capture {
    path: PathBuf,
    source: Source,
    format: Format,
    /// The stamp of the first frame, since the epoch (ps).
    first_ps: Option<i128>,
    summary: Summary,
}

/// The file's format, and what is known so far that its packets need.
enum Format {
    Classic(classic::Header),
    NextGeneration(next_generation::Section),
}

/// A frame as the file has it.
struct RawFrame<'a> {
    /// Its stamp, since the epoch (ps).
    epoch_ps: i128,
    /// Its original length (bytes).
    original: u32,
    /// How much of that is an FCS (bytes).
    fcs: u32,
    link_type: LinkType,
    data: &'a [u8],
}

impl Capture {
    /// Opens a capture and reads its header.
    ///
    /// # Errors
    /// [`InputError`] if the file cannot be read, is empty, or is no capture.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        Self::new(path, open(path)?)
    }

    /// Reads the header of the capture in `reader`; errors name `path`.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn new(path: &Path, reader: Box<dyn BufRead + Send>) -> Result<Self, InputError> {
        let mut source = Source::new(reader);
        let format = match Format::read(&mut source) {
            Ok(format) => format,
            Err(fault) => {
                let (path, offset) = (path.to_path_buf(), source.start());
                return Err(InputError::Capture { path, offset, fault });
            }
        };
        let summary = Summary::default();
        Ok(Self { path: path.to_path_buf(), source, format, first_ps: None, summary })
    }

    /// What was in the frames so far.
    #[must_use]
    pub const fn summary(&self) -> Summary {
        self.summary
    }

    /// The next frame, `None` at the end of the file.
    ///
    /// # Errors
    /// [`InputError`] if the file cannot be read on, has no frames, is truncated or damaged, or if
    /// the frame is of a link type other than Ethernet, Linux cooked and raw IP, has no time stamp,
    /// or lies more than `u64::MAX` ps (213 days) after the first.
    #[expect(clippy::should_implement_trait, reason = "a frame is lent, and reading may fail")]
    pub fn next(&mut self) -> Result<Option<FrameRef<'_>>, InputError> {
        match self.format.advance(&mut self.source) {
            Ok(true) => {}
            Ok(false) if self.summary.frames > 0 => return Ok(None),
            Ok(false) => {
                self.source.begin();
                return Err(self.error(CaptureFault::Empty));
            }
            Err(fault) => return Err(self.error(fault)),
        }
        let frame = match self.format.frame(self.source.block()) {
            Ok(frame) => frame,
            Err(fault) => return Err(self.error(fault)),
        };
        match self.summary.add(&frame, &mut self.first_ps) {
            Ok(frame) => Ok(Some(frame)),
            Err(fault) => Err(self.error(fault)),
        }
    }

    fn error(&self, fault: CaptureFault) -> InputError {
        let (path, offset) = (self.path.clone(), self.source.start());
        if self.source.in_packet() {
            InputError::Packet { path, packet: self.summary.frames + 1, offset, fault }
        } else {
            InputError::Capture { path, offset, fault }
        }
    }
}

impl Format {
    /// Reads the file's header; its first four bytes tell the format.
    fn read(source: &mut Source) -> Result<Self, CaptureFault> {
        source.begin();
        let magic = match source.extend(MAGIC_BYTES)? {
            0 => return Err(CaptureFault::Empty),
            MAGIC_BYTES => {
                <[u8; MAGIC_BYTES]>::try_from(source.block()).expect("that many bytes were read")
            }
            there => {
                let (part, expected) = ("file header", MAGIC_BYTES);
                return Err(CaptureFault::Truncated { part, expected, there });
            }
        };
        match magic {
            NEXT_GENERATION => next_generation::Section::read(source).map(Self::NextGeneration),
            magic if CLASSIC.contains(&magic) => classic::Header::read(source).map(Self::Classic),
            [a, b, c, d] => {
                let magic = format!("{a:02x} {b:02x} {c:02x} {d:02x}");
                Err(CaptureFault::NotCapture { magic })
            }
        }
    }

    /// Reads on to the end of the next packet's record; false where there is none.
    fn advance(&mut self, source: &mut Source) -> Result<bool, CaptureFault> {
        match self {
            Self::Classic(header) => header.advance(source),
            Self::NextGeneration(section) => section.advance(source),
        }
    }

    /// The packet in a record.
    fn frame<'a>(&self, record: &'a [u8]) -> Result<RawFrame<'a>, CaptureFault> {
        match self {
            Self::Classic(header) => header.frame(record),
            Self::NextGeneration(section) => section.frame(record),
        }
    }
}

impl Summary {
    /// Counts a frame, and gives it its time since the first.
    fn add<'a>(
        &mut self,
        frame: &RawFrame<'a>,
        first_ps: &mut Option<i128>,
    ) -> Result<FrameRef<'a>, CaptureFault> {
        let captured = u32::try_from(frame.data.len()).expect("a block's length is checked");
        // Some writers leave the original length out; a frame is no shorter than what is there.
        let len = frame.original.max(captured).saturating_sub(frame.fcs);
        if len == 0 {
            return Err(CaptureFault::NoLength);
        }
        let first_ps = *first_ps.get_or_insert(frame.epoch_ps);
        let since_ps = frame.epoch_ps - first_ps;
        if since_ps < i128::from(self.span_ps) {
            self.reordered += 1;
        } else {
            self.span_ps = u64::try_from(since_ps)
                .map_err(|_| CaptureFault::TooLate { days: since_ps / PS_PER_DAY })?;
        }
        self.frames += 1;
        self.bytes = self.bytes.saturating_add(u64::from(len));
        self.cut += u64::from(captured < frame.original);
        self.non_ip += u64::from(!frame.link_type.carries_ip(frame.data));
        Ok(FrameRef {
            number: self.frames,
            t_ps: self.span_ps,
            len,
            link_type: frame.link_type,
            data: frame.data,
        })
    }
}

/// Whether a file that starts with these bytes is a capture.
pub(super) fn is_capture(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|magic| *magic == NEXT_GENERATION || CLASSIC.contains(magic))
}

/// The link type of a number in a file's header or interface description, see
/// <https://www.tcpdump.org/linktypes.html>.
fn link_type_of(number: u16) -> Result<LinkType, CaptureFault> {
    match number {
        1 => Ok(LinkType::Ethernet),
        101 | 228 | 229 => Ok(LinkType::RawIp),
        113 => Ok(LinkType::Cooked),
        276 => Ok(LinkType::CookedV2),
        number => Err(CaptureFault::LinkType { number }),
    }
}

/// What is wrong with a capture.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CaptureFault {
    /// The file cannot be read or decompressed further.
    #[error("cannot read on: {reason}")]
    Read {
        /// What the operating system or the decompressor said.
        reason: String,
    },
    /// The file has no packets.
    #[error("no packets; a capture of at least one packet is needed")]
    Empty,
    /// The file is something else.
    #[error("the file starts with {magic}; a pcap or pcapng file is needed")]
    NotCapture {
        /// Its first four bytes.
        magic: String,
    },
    /// The file ends too early.
    #[error(
        "the file ends inside the {part} (truncated capture?); {expected} bytes expected, {there} \
         there"
    )]
    Truncated {
        /// What it ends in.
        part: &'static str,
        /// How long that would be (bytes).
        expected: usize,
        /// How much of it is there (bytes).
        there: usize,
    },
    /// A record is too long to be true.
    #[error("the {part} claims {bytes} bytes, which is damage; at most {BLOCK_BYTES_MAX}")]
    TooLong {
        /// What claims it.
        part: &'static str,
        /// Its length (bytes).
        bytes: u32,
    },
    /// The lengths in a block contradict each other.
    #[error("the {part} is damaged; its lengths do not agree with each other")]
    Damaged {
        /// What is damaged.
        part: &'static str,
    },
    /// The byte-order mark of a section is neither of the two.
    #[error("the section header is damaged; it has no byte-order magic 1a2b3c4d")]
    ByteOrder,
    /// A packet is of an interface that was not described.
    #[error("the packet is of interface {interface}; only {described} were described before it")]
    NoInterface {
        /// The interface, counted from 0.
        interface: u32,
        /// How many there are.
        described: usize,
    },
    /// A packet is of a kind without a time stamp.
    #[error(
        "the packet has no time stamp (simple packet block); enhanced packet blocks are needed"
    )]
    NoStamp,
    /// A packet is in a block of a kind no longer in use.
    #[error("the packet is in an obsolete packet block; rewrite the file with editcap -F pcapng")]
    Obsolete,
    /// A link type that cannot be read.
    #[error(
        "link type {number} is not supported; Ethernet (1), Linux cooked (113, 276) or raw IP \
         (101, 228, 229) is needed"
    )]
    LinkType {
        /// Its number.
        number: u16,
    },
    /// A packet of no bytes.
    #[error("the packet's length is 0; at least 1 byte is needed")]
    NoLength,
    /// A packet too long after the first.
    #[error("the packet comes {days} days after the first; at most 213 days fit")]
    TooLate {
        /// How long after.
        days: i128,
    },
}

/// Longest record that is taken for real (bytes), as in libpcap and Wireshark.
pub const BLOCK_BYTES_MAX: u32 = 1 << 24;

/// The number that tells the format.
const MAGIC_BYTES: usize = 4;

/// pcapng's number.
const NEXT_GENERATION: [u8; MAGIC_BYTES] = [0x0a, 0x0d, 0x0d, 0x0a];

/// pcap's, with stamps of microseconds and nanoseconds, in both byte orders.
const CLASSIC: [[u8; MAGIC_BYTES]; 4] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
];

const PS_PER_DAY: i128 = 86_400 * 1_000_000_000_000;

#[cfg(test)]
mod tests;
