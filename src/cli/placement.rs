//! `rxplan placement`: the placement header on the wire, and where a packet would land.

use std::io::Read as _;
use std::num::ParseIntError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::{CommandError, Global, show};
use crate::input::pcap::for_each_frame;
use crate::input::placement::{read_allowed, read_regions};
use crate::model::placement::{
    AllowList, DIRECT_FROM, FlowKey, FlowKind, Generation, MemoryId, PlacementHeader,
    PlacementPacket, PspFault, PspHeader, PspVersion, Readable, Region, Regions, Segment, Seq, Spi,
    Unread, psp_of_frame,
};
use crate::report::{EncodedReport, PacketRow, PlacementReport, Tables};

/// The placement header of zero-copy receive: memory id 16 bits, generation 16, base offset 64,
/// base TCP sequence 32, in network order behind the PSP header. Numbers are decimal, or
/// hexadecimal with 0x.
#[derive(Debug, Subcommand)]
pub(super) enum PlacementCommand {
    /// Print a header in hexadecimal, behind a PSP header if there is an --spi.
    Encode(EncodeArgs),
    /// Read headers from hexadecimal or from a capture.
    Decode(DecodeArgs),
    /// Say where packets land, or why they do not.
    Resolve(ResolveArgs),
}

/// What goes into a header.
#[derive(Debug, Args)]
pub(super) struct EncodeArgs {
    /// The region.
    #[arg(long, value_name = "N", value_parser = integer::<u16>)]
    memory_id: u16,
    /// The region's generation.
    #[arg(long, value_name = "N", value_parser = integer::<u16>)]
    generation: u16,
    /// Where in the region the byte with the base sequence belongs.
    #[arg(long, value_name = "BYTES", value_parser = integer::<u64>)]
    base_offset: u64,
    /// Sequence number of the byte at the base offset.
    #[arg(long, value_name = "N", value_parser = integer::<u32>)]
    base_seq: u32,
    /// PSP index; a PSP header goes before the placement header.
    #[arg(long, value_name = "N", value_parser = integer::<u32>)]
    spi: Option<u32>,
    /// How the packet is protected.
    #[arg(long, requires = "spi", value_parser = psp_versions(), default_value = "aes-gcm-128")]
    psp_version: PspVersion,
    /// Bytes behind the PSP header that are not encrypted, a multiple of 4 up to 252.
    #[arg(long, value_name = "BYTES", requires = "spi", default_value_t = 0)]
    crypt_offset: u8,
    /// Initialization vector.
    #[arg(long, value_name = "N", requires = "spi", value_parser = integer::<u64>,
          default_value = "0")]
    iv: u64,
    /// Virtualization cookie.
    #[arg(long, value_name = "N", requires = "spi", value_parser = integer::<u64>)]
    vc: Option<u64>,
    /// Least index (low 31 bits) that is for direct write.
    #[arg(long, value_name = "N", value_parser = integer::<u32>, default_value_t = DIRECT_FROM)]
    direct_from: u32,
}

/// Where packets are read from.
#[derive(Debug, Args)]
pub(super) struct DecodeArgs {
    /// 16 bytes in hexadecimal are a placement header, more are a PSP header and what follows it;
    /// `-` for standard input.
    #[arg(required_unless_present = "pcap", conflicts_with = "pcap")]
    hex: Option<String>,
    /// A capture (pcap or pcapng) whose frames to UDP port 1000 are read.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// The bytes are those after decryption; else only what the crypt offset leaves clear is read.
    #[arg(long)]
    decrypted: bool,
    /// Least index (low 31 bits) that is for direct write.
    #[arg(long, value_name = "N", value_parser = integer::<u32>, default_value_t = DIRECT_FROM)]
    direct_from: u32,
}

/// What packets are resolved against.
#[derive(Debug, Args)]
pub(super) struct ResolveArgs {
    #[command(flatten)]
    input: DecodeArgs,
    /// CSV with memory_id, generation, base and len.
    #[arg(long, value_name = "FILE")]
    regions: PathBuf,
    /// CSV with spi and memory_id: who may write where [default: all everywhere].
    #[arg(long, value_name = "FILE")]
    allow: Option<PathBuf>,
    /// TCP sequence number, for bytes without a TCP header.
    #[arg(long, value_name = "N", value_parser = integer::<u32>, conflicts_with = "pcap")]
    seq: Option<u32>,
    /// Bytes of payload, for bytes without a TCP header.
    #[arg(long, value_name = "BYTES", value_parser = integer::<u32>, conflicts_with = "pcap")]
    len: Option<u32>,
    /// PSP index, for bytes without a PSP header.
    #[arg(long, value_name = "N", value_parser = integer::<u32>, conflicts_with = "pcap")]
    spi: Option<u32>,
}

pub(super) fn run(command: &PlacementCommand, global: &Global) -> Result<ExitCode, CommandError> {
    let report = match command {
        PlacementCommand::Encode(args) => {
            encode(args, global)?;
            return Ok(ExitCode::SUCCESS);
        }
        PlacementCommand::Decode(args) => {
            let rows = args.read()?.iter().map(Bytes::row).collect();
            PlacementReport::new("placement decode", rows)
        }
        PlacementCommand::Resolve(args) => {
            PlacementReport::new("placement resolve", args.resolve()?)
        }
    };
    show(&report, global, PlacementReport::table, PlacementReport::csv)?;
    Ok(ExitCode::SUCCESS)
}

fn encode(args: &EncodeArgs, global: &Global) -> Result<(), CommandError> {
    let header = PlacementHeader {
        memory: MemoryId::new(args.memory_id),
        generation: Generation::new(args.generation),
        base_offset: args.base_offset,
        base_seq: Seq::new(args.base_seq),
    };
    let mut bytes = args.psp()?.map_or_else(Vec::new, |psp| psp.encode());
    bytes.extend(header.encode());
    let report = EncodedReport::new(&bytes);
    show(&report, global, |report| format!("{}\n", report.hex), EncodedReport::csv)
}

impl EncodeArgs {
    fn psp(&self) -> Result<Option<PspHeader>, CommandError> {
        let Some(spi) = self.spi.map(Spi::new) else { return Ok(None) };
        let (offset, border) = (self.crypt_offset, self.direct_from);
        if !offset.is_multiple_of(4) {
            let message = "is no multiple of 4, the unit in which the header counts; give 0 to 252";
            return Err(CommandError::Refused(format!("--crypt-offset {offset}: {message}")));
        }
        if spi.id() < border {
            return Err(CommandError::Refused(format!(
                "--spi {spi}: is not for direct write, so that no placement header would be looked \
                 for; the low 31 bits must be at least {border:#x} (--direct-from)"
            )));
        }
        Ok(Some(PspHeader {
            next_header: PspHeader::NEXT_TCP,
            crypt_offset: offset,
            sample: false,
            drop: false,
            version: self.psp_version,
            spi,
            iv: self.iv,
            vc: self.vc,
        }))
    }
}

/// Bytes as read.
enum Bytes {
    /// A placement header alone.
    Header(PlacementHeader),
    /// A packet of a capture, or of hexadecimal that says more than a placement header.
    Packet(u64, Result<PlacementPacket, PspFault>),
}

impl Bytes {
    fn row(&self) -> PacketRow {
        match self {
            Self::Header(header) => PacketRow::of_header(header),
            Self::Packet(number, packet) => PacketRow::of_packet(*number, packet),
        }
    }
}

impl DecodeArgs {
    fn read(&self) -> Result<Vec<Bytes>, CommandError> {
        let readable = if self.decrypted { Readable::All } else { Readable::Clear };
        let decode = |bytes: &[u8], len: usize| {
            PlacementPacket::decode(bytes, len, readable, self.direct_from)
        };
        if let Some(path) = &self.pcap {
            return self.read_capture(path, decode);
        }
        let bytes = parse_hex(&self.hex_text()?)?;
        if let Ok(header) = <[u8; PlacementHeader::BYTES]>::try_from(&bytes[..]) {
            return Ok(vec![Bytes::Header(PlacementHeader::decode(header))]);
        }
        if bytes.len() < PlacementHeader::BYTES {
            return Err(CommandError::Refused(format!(
                "HEX: has {} bytes, where a placement header takes 16; give all of it",
                bytes.len()
            )));
        }
        let packet = decode(&bytes, bytes.len())
            .map_err(|fault| CommandError::Refused(format!("HEX: {fault}")))?;
        Ok(vec![Bytes::Packet(1, Ok(packet))])
    }

    fn read_capture(
        &self,
        path: &Path,
        decode: impl Fn(&[u8], usize) -> Result<PlacementPacket, PspFault>,
    ) -> Result<Vec<Bytes>, CommandError> {
        let mut packets = Vec::new();
        let summary = for_each_frame(path, |frame| {
            if let Some((bytes, len)) = psp_of_frame(frame.link_type, frame.data) {
                packets.push(Bytes::Packet(frame.number, decode(bytes, len)));
            }
        });
        let summary = summary.map_err(CommandError::Input)?;
        if packets.is_empty() {
            return Err(CommandError::Refused(format!(
                "{}: none of its {} frames is to UDP port 1000, where PSP is; capture before \
                 decapsulation",
                path.display(),
                summary.frames
            )));
        }
        Ok(packets)
    }

    fn hex_text(&self) -> Result<String, CommandError> {
        /// More than any packet says in hexadecimal.
        const TEXT_MAX: u64 = 1 << 20;
        let text = self.hex.clone().unwrap_or_default();
        if text != "-" {
            return Ok(text);
        }
        let mut text = String::new();
        let stdin = std::io::stdin().lock();
        stdin.take(TEXT_MAX).read_to_string(&mut text).map_err(CommandError::Stdin)?;
        Ok(text)
    }
}

impl ResolveArgs {
    fn resolve(&self) -> Result<Vec<PacketRow>, CommandError> {
        let tables = self.tables()?;
        self.input.read()?.iter().map(|bytes| self.land(bytes, &tables)).collect()
    }

    fn tables(&self) -> Result<Tables, CommandError> {
        let mut regions = Regions::new(u64::MAX);
        for record in read_regions(&self.regions).map_err(CommandError::Input)? {
            let region = Region { base: record.base, len: record.len };
            let (id, generation) =
                (MemoryId::new(record.memory_id), Generation::new(record.generation));
            regions.register_at(id, region, generation).map_err(|fault| {
                let (file, line) = (self.regions.display(), record.line);
                CommandError::Refused(format!("{file}:{line}: {fault}"))
            })?;
        }
        let Some(path) = &self.allow else { return Ok(Tables { regions, allowed: None }) };
        let records = read_allowed(path).map_err(CommandError::Input)?;
        let mut list = AllowList::new(FlowKind::Spi, records.len());
        for record in &records {
            let flow = FlowKey::spi(Spi::new(record.spi));
            list.allow(flow, MemoryId::new(record.memory_id)).expect("room for every record");
        }
        Ok(Tables { regions, allowed: Some(list) })
    }

    fn land(&self, bytes: &Bytes, tables: &Tables) -> Result<PacketRow, CommandError> {
        let mut row = bytes.row();
        let given = self.seq.map(Seq::new).zip(self.len);
        let (segment, spi) = match bytes {
            Bytes::Header(header) => {
                let (seq, payload) = given.ok_or_else(|| {
                    CommandError::Refused(
                        "HEX: is a placement header alone; give the packet's --seq and --len too"
                            .to_owned(),
                    )
                })?;
                if tables.allowed.is_some() && self.spi.is_none() {
                    return Err(CommandError::Refused(
                        "HEX: is a placement header alone; give the packet's --spi too, which \
                         --allow is about"
                            .to_owned(),
                    ));
                }
                (Ok(Segment { header: *header, seq, payload }), self.spi.map(Spi::new))
            }
            Bytes::Packet(_, Err(_)) => {
                row.lose("psp_rejected");
                return Ok(row);
            }
            Bytes::Packet(_, Ok(packet)) => {
                let segment = match (packet.placement, given) {
                    (Ok(header), Some((seq, payload))) => Ok(Segment { header, seq, payload }),
                    _ => packet.segment(),
                };
                (segment, Some(packet.spi()))
            }
        };
        match segment {
            Ok(segment) => {
                row.note = None;
                row.land(&segment, spi, tables);
            }
            Err(Unread::NotDirect) => row.lose("not_direct"),
            Err(_) => row.lose("unreadable"),
        }
        Ok(row)
    }
}

/// Bytes in hexadecimal, with or without blanks, colons and `0x`.
fn parse_hex(text: &str) -> Result<Vec<u8>, CommandError> {
    let text = text.trim();
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    if let Some(wrong) = digits.iter().find(|digit| !digit.is_ascii_hexdigit()) {
        return Err(CommandError::Refused(format!(
            "HEX: '{wrong}' is no hexadecimal digit; write bytes such as 0007 or 00:07"
        )));
    }
    if !digits.len().is_multiple_of(2) {
        return Err(CommandError::Refused(format!(
            "HEX: has {} digits; every byte takes two",
            digits.len()
        )));
    }
    let value = |digit: char| digit.to_digit(16).expect("all are hexadecimal digits");
    let byte = |pair: &[char]| u8::try_from(value(pair[0]) * 16 + value(pair[1]));
    Ok(digits.chunks(2).map(|pair| byte(pair).expect("two digits are a byte")).collect())
}

/// The PSP versions by name.
fn psp_versions() -> impl TypedValueParser<Value = PspVersion> {
    PossibleValuesParser::new(PspVersion::ALL.map(PspVersion::name)).map(|name| {
        let named = PspVersion::ALL.into_iter().find(|version| version.name() == name);
        named.expect("the parser lets no other name pass")
    })
}

/// A whole number, decimal or hexadecimal with `0x`.
fn integer<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let parsed: Result<u64, ParseIntError> = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let bits = size_of::<T>() * 8;
    let wrong = || format!("write a whole number of up to {bits} bits, such as 7 or 0x7");
    parsed.ok().and_then(|number| T::try_from(number).ok()).ok_or_else(wrong)
}
