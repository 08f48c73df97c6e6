//! The pcapng format: sections of blocks; interfaces are described before their packets.
//!
//! Source: draft-ietf-opsawg-pcapng, "PCAP Next Generation Capture File Format".

use pcap_parser::pcapng::{
    EPB_MAGIC, EnhancedPacketBlock, IDB_MAGIC, InterfaceDescriptionBlock, OptionCode, PcapNGOption,
    SHB_MAGIC, SPB_MAGIC, parse_enhancedpacketblock_be, parse_enhancedpacketblock_le,
    parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
};

use super::source::Source;
use super::stamp::Stamp;
use super::{BLOCK_BYTES_MAX, CaptureFault, RawFrame, link_type_of};

/// Reads a section header block of which the head was read.
fn begin_section(source: &mut Source) -> Result<Section, CaptureFault> {
    source.require(SECTION_HEADER, BLOCK_HEAD_BYTES + 4)?;
    let is_big_endian = match source.block()[BLOCK_HEAD_BYTES..] {
        [0x4d, 0x3c, 0x2b, 0x1a] => false,
        [0x1a, 0x2b, 0x3c, 0x4d] => true,
        _ => return Err(CaptureFault::ByteOrder),
    };
    let section = Section { is_big_endian, interfaces: Vec::new() };
    let bytes = section.block_bytes(source, SECTION_HEADER, SECTION_BYTES_MIN)?;
    source.skip(SECTION_HEADER, bytes)?;
    Ok(section)
}

/// What is known of the current section.
pub(super) struct Section {
    is_big_endian: bool,
    interfaces: Vec<Interface>,
}

/// What is known of an interface of the section.
struct Interface {
    /// Its link type's number: an unknown one is a fault only once there is a packet of it.
    link_type: u16,
    stamp: Stamp,
    /// How much of the length of its frames is an FCS (bytes).
    fcs: u32,
}

impl Section {
    /// Reads the header of a file whose first block type was read.
    pub(super) fn read(source: &mut Source) -> Result<Self, CaptureFault> {
        source.require(BLOCK_HEAD, BLOCK_HEAD_BYTES)?;
        begin_section(source)
    }

    /// Reads blocks up to the next packet; false at the end of the file.
    pub(super) fn advance(&mut self, source: &mut Source) -> Result<bool, CaptureFault> {
        loop {
            source.begin();
            match source.extend(BLOCK_HEAD_BYTES)? {
                0 => return Ok(false),
                BLOCK_HEAD_BYTES => {}
                there => {
                    let (part, expected) = (BLOCK_HEAD, BLOCK_HEAD_BYTES);
                    return Err(CaptureFault::Truncated { part, expected, there });
                }
            }
            if self.read_block(source)? {
                return Ok(true);
            }
        }
    }

    /// Reads a block of which the head was read; whether it is a packet.
    fn read_block(&mut self, source: &mut Source) -> Result<bool, CaptureFault> {
        match self.field(source.block(), 0) {
            SHB_MAGIC => *self = begin_section(source)?,
            IDB_MAGIC => {
                self.load(source, INTERFACE)?;
                let interface = self.interface(source.block())?;
                self.interfaces.push(interface);
            }
            EPB_MAGIC => {
                source.mark_packet();
                self.load(source, PACKET)?;
                return Ok(true);
            }
            SPB_MAGIC => {
                source.mark_packet();
                return Err(CaptureFault::NoStamp);
            }
            OBSOLETE_PACKET => {
                source.mark_packet();
                return Err(CaptureFault::Obsolete);
            }
            _ => {
                let bytes = self.block_bytes(source, BLOCK, BLOCK_BYTES_MIN)?;
                source.skip(BLOCK, bytes)?;
            }
        }
        Ok(false)
    }

    /// Reads the rest of a block that is to be parsed.
    fn load(&self, source: &mut Source, part: &'static str) -> Result<(), CaptureFault> {
        let bytes = self.block_bytes(source, part, BLOCK_BYTES_MIN)?;
        if bytes > BLOCK_BYTES_MAX {
            return Err(CaptureFault::TooLong { part, bytes });
        }
        source.require(part, usize::try_from(bytes).expect("a pointer has at least 32 bits"))
    }

    /// The length that the block's head claims (bytes).
    fn block_bytes(
        &self,
        source: &Source,
        part: &'static str,
        min: u32,
    ) -> Result<u32, CaptureFault> {
        let bytes = self.field(source.block(), 4);
        if bytes < min || !bytes.is_multiple_of(4) {
            return Err(CaptureFault::Damaged { part });
        }
        Ok(bytes)
    }

    /// The interface that a block describes.
    fn interface(&self, block: &[u8]) -> Result<Interface, CaptureFault> {
        let damaged = |_| CaptureFault::Damaged { part: INTERFACE };
        let (_, described) = if self.is_big_endian {
            parse_interfacedescriptionblock_be(block).map_err(damaged)?
        } else {
            parse_interfacedescriptionblock_le(block).map_err(damaged)?
        };
        self.interface_of(&described)
    }

    /// The interface of a parsed description. The options are read here: the parser takes the
    /// offset for little-endian always, and goes on after the end of the options.
    fn interface_of(
        &self,
        described: &InterfaceDescriptionBlock<'_>,
    ) -> Result<Interface, CaptureFault> {
        let link_type = u16::try_from(described.linktype.0)
            .map_err(|_| CaptureFault::Damaged { part: INTERFACE })?;
        let mut interface = Interface { link_type, stamp: Stamp::default(), fcs: 0 };
        let ends = |option: &&PcapNGOption<'_>| option.code == OptionCode::EndOfOpt;
        for option in described.options.iter().take_while(|option| !ends(option)) {
            match (option.code, option.as_bytes().unwrap_or_default()) {
                (OptionCode::IfTsresol, &[resolution]) => interface.stamp.resolution = resolution,
                (OptionCode::IfTsoffset, bytes) => {
                    if let Ok(bytes) = <[u8; 8]>::try_from(bytes) {
                        interface.stamp.offset_s = if self.is_big_endian {
                            i64::from_be_bytes(bytes)
                        } else {
                            i64::from_le_bytes(bytes)
                        };
                    }
                }
                (IF_FCSLEN, &[length]) => interface.fcs = fcs_bytes(length),
                _ => {}
            }
        }
        Ok(interface)
    }

    /// The packet in an enhanced packet block.
    pub(super) fn frame<'a>(&self, block: &'a [u8]) -> Result<RawFrame<'a>, CaptureFault> {
        let damaged = |_| CaptureFault::Damaged { part: PACKET };
        let (_, packet): (_, EnhancedPacketBlock<'_>) = if self.is_big_endian {
            parse_enhancedpacketblock_be(block).map_err(damaged)?
        } else {
            parse_enhancedpacketblock_le(block).map_err(damaged)?
        };
        let (interface, described) = (packet.if_id, self.interfaces.len());
        let interface = usize::try_from(interface)
            .ok()
            .and_then(|place| self.interfaces.get(place))
            .ok_or(CaptureFault::NoInterface { interface, described })?;
        let captured = usize::try_from(packet.caplen).expect("a pointer has at least 32 bits");
        let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
        Ok(RawFrame {
            epoch_ps: interface.stamp.picoseconds(units),
            original: packet.origlen,
            fcs: interface.fcs,
            link_type: link_type_of(interface.link_type)?,
            data: packet.data.get(..captured).unwrap_or(packet.data),
        })
    }

    /// The 32-bit number at `offset` of a block, which must have been read.
    fn field(&self, block: &[u8], offset: usize) -> u32 {
        let field = block[offset..offset + 4].try_into().expect("four bytes were taken");
        if self.is_big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }
    }
}

/// The length of an FCS (bytes) by an `if_fcslen` option. The draft gives it in bits and has 4, a
/// number of bytes, for its example; writers do either.
fn fcs_bytes(length: u8) -> u32 {
    u32::from(if length < 8 { length } else { length / 8 })
}

/// Type and length, which every block starts with (bytes).
const BLOCK_HEAD_BYTES: usize = 8;

/// Head and the length's repetition (bytes).
const BLOCK_BYTES_MIN: u32 = 12;

/// A section header without options (bytes).
const SECTION_BYTES_MIN: u32 = 28;

/// The type of the packet block that enhanced packet blocks have replaced.
const OBSOLETE_PACKET: u32 = 2;

/// The option of an interface that gives the length of its frames' FCS.
const IF_FCSLEN: OptionCode = OptionCode(13);

/// What messages call the blocks.
const BLOCK_HEAD: &str = "block's header";
const SECTION_HEADER: &str = "section header";
const INTERFACE: &str = "interface description";
const PACKET: &str = "packet";
const BLOCK: &str = "block";
