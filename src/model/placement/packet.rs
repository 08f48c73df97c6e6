//! Packets with a placement header, as they lie in captures and in hexadecimal dumps.

use etherparse::TransportSlice;

use super::{PlacementHeader, PspFault, PspHeader, Segment, Seq, Spi};
use crate::model::steering::LinkType;

/// What can be read of the bytes behind a PSP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readable {
    /// What its crypt offset leaves in the clear: bytes from the wire.
    Clear,
    /// All of it: bytes as the NIC has them after decryption.
    All,
}

/// A packet behind its UDP header, as far as it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacementPacket {
    /// Its PSP header.
    pub psp: PspHeader,
    /// Its placement header, or why there is none to be read.
    pub placement: Result<PlacementHeader, Unread>,
    /// Sequence number and bytes of payload of its TCP header, or why they cannot be read.
    pub tcp: Result<(Seq, u32), Unread>,
}

/// Why a header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// The index says that it is not there.
    NotDirect,
    /// It is encrypted.
    Encrypted,
    /// The bytes end before or in it.
    Cut,
    /// What is there is no TCP header.
    NoTcp,
}

/// TCP's header without options, in bytes.
const TCP_BYTES: usize = 20;

impl PlacementPacket {
    /// The packet in `bytes`, which start with its PSP header; its whole length without UDP header
    /// is `len`, of which the end may be cut off. Indices whose low 31 bits are at least
    /// `direct_from` say that there is a placement header.
    ///
    /// # Errors
    /// When there is no PSP header.
    pub fn decode(
        bytes: &[u8],
        len: usize,
        readable: Readable,
        direct_from: u32,
    ) -> Result<Self, PspFault> {
        let psp = PspHeader::decode(bytes)?;
        let behind = &bytes[psp.bytes()..];
        let clear = match readable {
            Readable::Clear => psp.clear_bytes().unwrap_or(usize::MAX),
            Readable::All => usize::MAX,
        };
        let part = |from: usize, count: usize| {
            let end = from + count;
            if end > clear {
                return Err(Unread::Encrypted);
            }
            behind.get(from..end).ok_or(Unread::Cut)
        };
        let is_direct = psp.spi.id() >= direct_from;
        let placement = if is_direct {
            part(0, PlacementHeader::BYTES)
                .map(|header| PlacementHeader::decode(header.try_into().expect("as many bytes")))
        } else {
            Err(Unread::NotDirect)
        };
        let before_tcp = if is_direct { PlacementHeader::BYTES } else { 0 };
        let tcp = match psp.next_header {
            PspHeader::NEXT_TCP => part(before_tcp, TCP_BYTES).and_then(|header| {
                let (seq, tcp_bytes) = tcp_seq_and_len(header).ok_or(Unread::NoTcp)?;
                let headers = psp.bytes() + before_tcp + tcp_bytes + PspHeader::ICV_BYTES;
                let payload = len.checked_sub(headers).ok_or(Unread::NoTcp)?;
                Ok((seq, u32::try_from(payload).map_err(|_| Unread::NoTcp)?))
            }),
            _ => Err(Unread::NoTcp),
        };
        Ok(Self { psp, placement, tcp })
    }

    /// What places it, where all of that can be read.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn segment(&self) -> Result<Segment, Unread> {
        let (header, (seq, payload)) = (self.placement?, self.tcp?);
        Ok(Segment { header, seq, payload })
    }

    /// Its index.
    #[must_use]
    pub const fn spi(&self) -> Spi {
        self.psp.spi
    }
}

/// Sequence number, and the header's bytes with options, of a TCP header (RFC 9293, section 3.1).
fn tcp_seq_and_len(header: &[u8]) -> Option<(Seq, usize)> {
    let seq = u32::from_be_bytes(header[4..8].try_into().expect("four bytes"));
    let bytes = usize::from(header[12] >> 4) * 4;
    (bytes >= TCP_BYTES).then_some((Seq::new(seq), bytes))
}

/// What follows the UDP header in a frame to PSP's port, as far as it was captured, and its length
/// on the wire; `None` for other frames.
#[must_use]
pub fn psp_of_frame(link: LinkType, frame: &[u8]) -> Option<(&[u8], usize)> {
    const UDP_HEADER: usize = 8;
    match link.slice(frame)?.transport? {
        TransportSlice::Udp(udp) if udp.destination_port() == PspHeader::UDP_PORT => {
            let there = udp.payload();
            // A length of 0 says nothing; the payload goes as far as the frame then.
            let said = usize::from(udp.length()).saturating_sub(UDP_HEADER);
            Some((there, said.max(there.len())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DIRECT_FROM, Generation, MemoryId, PspVersion};
    use super::*;

    const SEQ: u32 = 0xffff_ff00;
    const PAYLOAD: usize = 100;

    fn header() -> PlacementHeader {
        PlacementHeader {
            memory: MemoryId::new(9),
            generation: Generation::new(2),
            base_offset: 4096,
            base_seq: Seq::new(0xffff_fe00),
        }
    }

    fn psp(version: PspVersion, crypt_offset: u8, spi: u32) -> PspHeader {
        let (next_header, sample, drop, iv, vc) = (PspHeader::NEXT_TCP, false, false, 1, Some(2));
        PspHeader { next_header, crypt_offset, sample, drop, version, spi: Spi::new(spi), iv, vc }
    }

    /// A packet of 100 bytes with 12 bytes of TCP options.
    fn packet(psp: &PspHeader) -> Vec<u8> {
        let mut bytes = psp.encode();
        if psp.spi.id() >= DIRECT_FROM {
            bytes.extend(header().encode());
        }
        let mut tcp = [0; 32];
        tcp[4..8].copy_from_slice(&SEQ.to_be_bytes());
        tcp[12] = 8 << 4;
        bytes.extend(tcp);
        bytes.extend([0x55; PAYLOAD + PspHeader::ICV_BYTES]);
        bytes
    }

    fn decode(bytes: &[u8], readable: Readable) -> PlacementPacket {
        PlacementPacket::decode(bytes, bytes.len(), readable, DIRECT_FROM).unwrap()
    }

    #[test]
    fn a_decrypted_packet_tells_everything() {
        let bytes = packet(&psp(PspVersion::AesGcm128, 0, 0xffff_fff0));
        let packet = decode(&bytes, Readable::All);
        let (seq, payload) = (Seq::new(SEQ), 100);
        assert_eq!(packet.segment(), Ok(Segment { header: header(), seq, payload }));
    }

    /// 16 bytes of placement header and 20 of TCP must be clear.
    #[test]
    fn from_the_wire_only_what_the_crypt_offset_leaves_clear_is_read() {
        for offset in (0..=64).step_by(4) {
            let bytes = packet(&psp(PspVersion::AesGcm256, offset, 0x7fff_fff0));
            let packet = decode(&bytes, Readable::Clear);
            assert_eq!(packet.placement.is_ok(), offset >= 16, "{offset}");
            assert_eq!(packet.tcp.is_ok(), offset >= 36, "{offset}");
            assert_ne!(packet.tcp, Err(Unread::Cut));
        }
        let bytes = packet(&psp(PspVersion::AesGmac128, 0, 0x7fff_fff0));
        assert!(decode(&bytes, Readable::Clear).segment().is_ok(), "GMAC encrypts nothing");
    }

    #[test]
    fn an_ordinary_index_has_no_placement_header_in_either_phase() {
        for spi in [1, 0x8000_0001] {
            let bytes = packet(&psp(PspVersion::AesGcm128, 0, spi));
            let packet = decode(&bytes, Readable::All);
            assert_eq!(packet.placement, Err(Unread::NotDirect));
            assert_eq!(packet.tcp, Ok((Seq::new(SEQ), 100)));
        }
    }

    #[test]
    fn a_cut_packet_is_read_as_far_as_it_goes_and_never_panics() {
        let bytes = packet(&psp(PspVersion::AesGcm128, 0, 0x7fff_fff0));
        for there in 24..bytes.len() {
            let cut = &bytes[..there];
            let packet =
                PlacementPacket::decode(cut, bytes.len(), Readable::All, DIRECT_FROM).unwrap();
            assert_eq!(packet.placement.is_ok(), there >= 24 + 16);
            assert_eq!(packet.tcp.is_ok(), there >= 24 + 16 + 20);
        }
        let short = PlacementPacket::decode(&bytes, 80, Readable::All, DIRECT_FROM).unwrap();
        assert_eq!(short.tcp, Err(Unread::NoTcp), "headers longer than the packet");
    }
}
