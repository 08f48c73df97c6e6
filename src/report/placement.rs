//! The results of `placement encode`, `decode` and `resolve`.

use std::collections::BTreeMap;

use comfy_table::CellAlignment;
use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{plain_table, table_text};
use crate::model::placement::{
    AllowList, Fallback, FlowKey, PlacementHeader, PlacementPacket, PspFault, PspHeader, Regions,
    Segment, Seq, Spi, Unread,
};

/// What `rxplan placement encode` says.
#[derive(Debug, Clone, Serialize)]
pub struct EncodedReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The bytes in hexadecimal.
    pub hex: String,
    /// How many they are.
    pub bytes: usize,
}

/// What `rxplan placement decode` and `resolve` say.
#[derive(Debug, Clone, Serialize)]
pub struct PlacementReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// One by one.
    pub packets: Vec<PacketRow>,
    /// Packets by outcome; with `resolve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<BTreeMap<&'static str, u64>>,
}

/// One packet: what could be read of it and, with `resolve`, where it lands.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PacketRow {
    /// Its number in the capture, from 1.
    pub packet: u64,
    /// Its PSP header.
    #[serde(flatten)]
    pub psp: PspRow,
    /// The region.
    pub memory_id: Option<u16>,
    /// The region's generation that the sender knows.
    pub generation: Option<u16>,
    /// Where in the region the base lies, in bytes.
    pub base_offset: Option<u64>,
    /// Sequence number of the base.
    pub base_seq: Option<u32>,
    /// Sequence number of the first byte of payload.
    pub seq: Option<u32>,
    /// Bytes of payload.
    pub payload_bytes: Option<u64>,
    /// What becomes of it; with `resolve`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub landing: Option<Landing>,
    /// Why something is missing, or why it is not placed.
    pub note: Option<String>,
}

/// A PSP header; empty where there was none.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PspRow {
    /// The index, in hexadecimal.
    pub spi: Option<String>,
    /// The index's highest bit.
    pub key_phase: Option<u8>,
    /// How the packet is protected.
    pub psp_version: Option<&'static str>,
    /// The protocol behind it.
    pub next_header: Option<u8>,
    /// Bytes behind it that are not encrypted.
    pub crypt_offset_bytes: Option<u8>,
    /// The initialization vector, in hexadecimal.
    pub iv: Option<String>,
    /// The virtualization cookie, in hexadecimal.
    pub vc: Option<String>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Serialize)]
pub struct Landing {
    /// `placed`, the name of a fallback, `psp_rejected`, `not_direct` or `unreadable`.
    pub outcome: &'static str,
    /// Where its payload begins, in hexadecimal, if it is placed.
    pub address: Option<String>,
}

/// What packets are resolved against.
#[derive(Debug, Clone)]
pub struct Tables {
    /// The regions.
    pub regions: Regions,
    /// Who may write where; `None`: not checked.
    pub allowed: Option<AllowList>,
}

impl EncodedReport {
    /// A report of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { schema: SCHEMA, command: "placement encode", hex, bytes: bytes.len() }
    }

    /// The report as CSV.
    #[must_use]
    pub fn csv(&self) -> String {
        format!("hex,bytes\n{},{}\n", self.hex, self.bytes)
    }
}

impl PacketRow {
    /// The row of a header without a packet around it.
    #[must_use]
    pub fn of_header(header: &PlacementHeader) -> Self {
        let mut row = Self { packet: 1, ..Self::default() };
        row.set_header(header);
        row
    }

    /// The row of a packet, or of bytes that are none.
    #[must_use]
    pub fn of_packet(number: u64, packet: &Result<PlacementPacket, PspFault>) -> Self {
        let mut row = Self { packet: number, ..Self::default() };
        match packet {
            Err(fault) => row.note = Some(fault.to_string()),
            Ok(packet) => {
                row.psp = PspRow::new(&packet.psp);
                let unread = match (packet.placement, packet.tcp) {
                    (Err(unread), _) => Some(("placement header", unread)),
                    (_, Err(unread)) => Some(("TCP header", unread)),
                    _ => None,
                };
                row.note = unread.map(|(what, unread)| unread_text(what, unread));
                if let Ok(header) = packet.placement {
                    row.set_header(&header);
                }
                if let Ok((seq, payload)) = packet.tcp {
                    row.set_payload(seq, payload);
                }
            }
        }
        row
    }

    fn set_header(&mut self, header: &PlacementHeader) {
        self.memory_id = Some(header.memory.get());
        self.generation = Some(header.generation.get());
        self.base_offset = Some(header.base_offset);
        self.base_seq = Some(header.base_seq.get());
    }

    fn set_payload(&mut self, seq: Seq, payload: u32) {
        self.seq = Some(seq.get());
        self.payload_bytes = Some(u64::from(payload));
    }

    /// Adds where a segment lands.
    pub fn land(&mut self, segment: &Segment, spi: Option<Spi>, tables: &Tables) {
        self.set_payload(segment.seq, segment.payload);
        // Index 0 is never handed out (google/psp), and so in no list.
        let flow = FlowKey::spi(spi.unwrap_or(Spi::new(0)));
        match tables.regions.resolve(segment, flow, tables.allowed.as_ref()) {
            Ok(address) => {
                let address = Some(format!("{address:#x}"));
                self.landing = Some(Landing { outcome: "placed", address });
            }
            Err(fallback) => {
                self.note = Some(fallback_text(fallback, segment, spi, &tables.regions));
                self.landing = Some(Landing { outcome: fallback.name(), address: None });
            }
        }
    }

    /// Adds what becomes of a packet that cannot be resolved.
    pub fn lose(&mut self, outcome: &'static str) {
        self.landing = Some(Landing { outcome, address: None });
    }

    /// Its items as name and value, for people.
    fn items(&self) -> Vec<(&'static str, String)> {
        let psp = &self.psp;
        let bytes = |count: u64| format!("{count} B");
        let items = [
            ("PSP version", psp.psp_version.map(str::to_owned)),
            ("  index (SPI)", psp.spi.clone()),
            ("  key phase", psp.key_phase.map(|it| it.to_string())),
            ("  next header", psp.next_header.map(|it| it.to_string())),
            ("  crypt offset", psp.crypt_offset_bytes.map(|it| bytes(u64::from(it)))),
            ("  initialization vector", psp.iv.clone()),
            ("  virtualization cookie", psp.vc.clone()),
            ("memory id", self.memory_id.map(|it| it.to_string())),
            ("generation", self.generation.map(|it| it.to_string())),
            ("base offset", self.base_offset.map(|it| format!("{it} ({it:#x})"))),
            ("base sequence", self.base_seq.map(|it| format!("{it} ({it:#x})"))),
            ("sequence", self.seq.map(|it| format!("{it} ({it:#x})"))),
            ("payload", self.payload_bytes.map(bytes)),
            ("outcome", self.landing.as_ref().map(|landing| landing.outcome.to_owned())),
            ("address", self.landing.as_ref().and_then(|landing| landing.address.clone())),
            ("note", self.note.clone()),
        ];
        items.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl PspRow {
    fn new(psp: &PspHeader) -> Self {
        Self {
            spi: Some(psp.spi.to_string()),
            key_phase: Some(psp.spi.phase()),
            psp_version: Some(psp.version.name()),
            next_header: Some(psp.next_header),
            crypt_offset_bytes: Some(psp.crypt_offset),
            iv: Some(format!("{:#018x}", psp.iv)),
            vc: psp.vc.map(|vc| format!("{vc:#018x}")),
        }
    }
}

fn unread_text(what: &str, unread: Unread) -> String {
    match unread {
        Unread::NotDirect => "no placement header: the index is not for direct write".to_owned(),
        Unread::Encrypted => {
            format!("the {what} is encrypted; give the decrypted bytes and --decrypted")
        }
        Unread::Cut => format!("the bytes end before the end of the {what}"),
        Unread::NoTcp => format!("what should be the {what} is none"),
    }
}

fn fallback_text(
    fallback: Fallback,
    segment: &Segment,
    spi: Option<Spi>,
    regions: &Regions,
) -> String {
    let header = &segment.header;
    let id = header.memory;
    let Some((region, generation)) = regions.get(id) else {
        return format!("there is no region {id}");
    };
    match fallback {
        Fallback::SplitFailed => "header and payload could not be told apart".to_owned(),
        Fallback::UnknownRegion => format!("there is no region {id}"),
        Fallback::NotAllowed => {
            let spi = spi.map_or_else(String::new, |spi| format!("index {spi} "));
            format!("{spi}may not write to region {id}")
        }
        Fallback::StaleGeneration => {
            format!(
                "the packet is of generation {}, region {id} of {generation}",
                header.generation
            )
        }
        Fallback::BeforeBase => {
            let back = header.base_seq.get().wrapping_sub(segment.seq.get());
            format!("the packet begins {back} bytes before its base")
        }
        Fallback::OutOfBounds => {
            format!("the packet begins at or behind the end of the region's {} bytes", region.len)
        }
        Fallback::Straddles => {
            format!("the packet begins in the region and ends behind its {} bytes", region.len)
        }
    }
}

/// Packets that a table for people shows.
const SHOWN: usize = 40;

impl PlacementReport {
    /// A report of these packets.
    #[must_use]
    pub fn new(command: &'static str, packets: Vec<PacketRow>) -> Self {
        let landings: Vec<&Landing> =
            packets.iter().filter_map(|packet| packet.landing.as_ref()).collect();
        let outcomes = (!landings.is_empty()).then(|| {
            let mut counts = BTreeMap::new();
            for landing in landings {
                *counts.entry(landing.outcome).or_insert(0) += 1;
            }
            counts
        });
        Self { schema: SCHEMA, command, packets, outcomes }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = plain_table();
        if let [only] = &self.packets[..] {
            for (name, value) in only.items() {
                table.add_row([name.to_owned(), value]);
            }
            return table_text(&table);
        }
        table.set_header(["packet", "SPI", "memory", "gen", "seq", "bytes", "outcome", "where"]);
        for row in self.packets.iter().take(SHOWN) {
            let text = |number: Option<u64>| number.map_or_else(String::new, |it| it.to_string());
            let landing = row.landing.as_ref();
            table.add_row([
                row.packet.to_string(),
                row.psp.spi.clone().unwrap_or_default(),
                text(row.memory_id.map(u64::from)),
                text(row.generation.map(u64::from)),
                text(row.seq.map(u64::from)),
                text(row.payload_bytes),
                landing.map_or_else(String::new, |landing| landing.outcome.to_owned()),
                landing
                    .and_then(|landing| landing.address.clone())
                    .or_else(|| row.note.clone())
                    .unwrap_or_default(),
            ]);
        }
        for column in table.column_iter_mut().take(6) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table_text(&table) + &self.totals()
    }

    fn totals(&self) -> String {
        let more = match self.packets.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("and {more} more; --format csv has all\n"),
        };
        let outcomes = self.outcomes.iter().flatten().map(|(name, n)| format!("{name} {n}"));
        let outcomes: Vec<String> = outcomes.collect();
        let packets = self.packets.len();
        let by = if outcomes.is_empty() { "" } else { ": " };
        format!("{more}\n{packets} packets{by}{}\n", outcomes.join(", "))
    }

    /// The report as CSV, one row a packet.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.packets)
    }
}
