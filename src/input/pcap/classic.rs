//! The pcap format: a file header, then one record a packet.
//!
//! Source: draft-ietf-opsawg-pcap, "PCAP Capture File Format".

use pcap_parser::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header};

use super::source::Source;
use super::stamp::Stamp;
use super::{BLOCK_BYTES_MAX, CaptureFault, LinkType, RawFrame, link_type_of};

/// What the file header says.
pub(super) struct Header {
    is_big_endian: bool,
    stamp: Stamp,
    units_per_s: u64,
    link_type: LinkType,
    /// How much of the length of a packet is an FCS (bytes).
    fcs: u32,
}

impl Header {
    /// Reads the rest of a file header whose magic number was read.
    pub(super) fn read(source: &mut Source) -> Result<Self, CaptureFault> {
        source.require("file header", HEADER_BYTES)?;
        Self::of(source.block())
    }

    /// Decodes the file header.
    fn of(block: &[u8]) -> Result<Self, CaptureFault> {
        let damaged = |_| CaptureFault::Damaged { part: "file header" };
        let (_, header) = parse_pcap_header(block).map_err(damaged)?;
        let network = header.network.0.cast_unsigned();
        let link_type = u16::try_from(network & LINK_TYPE).expect("the mask has 16 bits");
        let has_fcs = network & FCS_PRESENT != 0;
        let (resolution, units_per_s) =
            if header.is_nanosecond_precision() { (9, 1_000_000_000) } else { (6, 1_000_000) };
        Ok(Self {
            is_big_endian: header.is_bigendian(),
            stamp: Stamp { resolution, offset_s: 0 },
            units_per_s,
            link_type: link_type_of(link_type)?,
            fcs: if has_fcs { (network >> FCS_SHIFT) * FCS_UNIT } else { 0 },
        })
    }

    /// Reads the next packet's record; false at the end of the file.
    pub(super) fn advance(&self, source: &mut Source) -> Result<bool, CaptureFault> {
        source.begin();
        source.mark_packet();
        match source.extend(RECORD_BYTES)? {
            0 => return Ok(false),
            RECORD_BYTES => {}
            there => {
                let (part, expected) = ("packet's header", RECORD_BYTES);
                return Err(CaptureFault::Truncated { part, expected, there });
            }
        }
        let bytes = self.captured_bytes(source.block());
        if bytes > BLOCK_BYTES_MAX {
            return Err(CaptureFault::TooLong { part: "packet", bytes });
        }
        let captured = usize::try_from(bytes).expect("a pointer has at least 32 bits");
        let there = source.extend(RECORD_BYTES + captured)? - RECORD_BYTES;
        if there < captured {
            return Err(CaptureFault::Truncated { part: "packet", expected: captured, there });
        }
        Ok(true)
    }

    /// The packet in a record.
    pub(super) fn frame<'a>(&self, record: &'a [u8]) -> Result<RawFrame<'a>, CaptureFault> {
        let parse = if self.is_big_endian { parse_pcap_frame_be } else { parse_pcap_frame };
        let damaged = |_| CaptureFault::Damaged { part: "packet" };
        let (_, packet) = parse(record).map_err(damaged)?;
        // A fraction of a second or more is found in the wild; it adds up.
        let units = u64::from(packet.ts_sec) * self.units_per_s + u64::from(packet.ts_usec);
        Ok(RawFrame {
            epoch_ps: self.stamp.picoseconds(units),
            original: packet.origlen,
            fcs: self.fcs,
            link_type: self.link_type,
            data: packet.data,
        })
    }

    /// How many bytes of the packet follow its record's header.
    fn captured_bytes(&self, record: &[u8]) -> u32 {
        let field = record[8..12].try_into().expect("a record's header was read");
        if self.is_big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }
    }
}

/// Length of the file header (bytes).
const HEADER_BYTES: usize = 24;

/// Length of a record's header (bytes).
const RECORD_BYTES: usize = 16;

/// The header's last field: the link type, and how long an FCS is in the frames, if it says so.
const LINK_TYPE: u32 = 0xffff;
const FCS_PRESENT: u32 = 1 << 26;
const FCS_SHIFT: u32 = 28;
const FCS_UNIT: u32 = 2;
