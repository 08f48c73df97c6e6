//! Receive-side scaling: which queue a frame goes to.
//!
//! A NIC hashes the addresses and ports of a frame with a Toeplitz matrix made of a secret key, and
//! looks the queue up in an indirection table:
//!
//! ```text
//! frame -> flow fields -> Toeplitz hash (32 bits) -> hash mod table length -> queue
//! ```
//!
//! Assumptions, and where hardware may differ:
//! - TCP and UDP over IPv4 and IPv6 are hashed over addresses and ports, anything else over IP over
//!   addresses alone. (Many drivers leave UDP at addresses alone until told otherwise with
//!   `ethtool -N IFACE rx-flow-hash udp4 sdfn`.)
//! - Fragments, the first one too, are hashed over addresses alone, so that all go to one queue. An
//!   IPv6 packet with a fragment header counts as a fragment even if it is whole (RFC 6946), as it
//!   does to Linux's flow dissector.
//! - IPv6 extension headers are skipped to find the ports; the addresses are those of the fixed
//!   header (not a home address or routing header, as in Microsoft's `IPV6_EX` hashes).
//! - Tunnels and MACsec are not looked into. What is not IP has hash 0 and goes where entry 0
//!   points.
//!
//! Source: Microsoft, "RSS hashing types" and "Verifying the RSS hash calculation", whose vectors
//! are this module's tests.

use std::net::IpAddr;

use etherparse::ip_number::{TCP, UDP};
use etherparse::{
    EtherType, Ipv6ExtensionSlice, LaxIpPayloadSlice, LaxIpv6Slice, LaxNetSlice, LaxSlicedPacket,
};
use thiserror::Error;

/// Receive-side scaling as a NIC is set up for it: a key and an indirection table.
///
/// ```
/// use rxplan::model::steering::{LinkType, Rss};
///
/// let rss = Rss::equal(&[0, 1, 2, 3], 128)?;
/// assert_eq!(rss.queue_of_hash(0x51cc_c178), 0);
/// let arp = [0xff; 12].into_iter().chain([0x08, 0x06]).collect::<Vec<u8>>();
/// assert!(!rss.queue_of_frame(LinkType::Ethernet, &arp).hashed);
/// # Ok::<(), rxplan::model::steering::RssError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rss {
    key: Vec<u8>,
    table: Vec<u32>,
}

impl Rss {
    /// Steering with this hash key and indirection table of queue ids.
    ///
    /// # Errors
    /// [`RssError`] if the table is empty or the key is shorter than [`KEY_BYTES_MIN`].
    pub fn new(key: &[u8], table: Vec<u32>) -> Result<Self, RssError> {
        if key.len() < KEY_BYTES_MIN {
            return Err(RssError::ShortKey { bytes: key.len() });
        }
        if table.is_empty() {
            return Err(RssError::EmptyTable);
        }
        Ok(Self { key: key.to_vec(), table })
    }

    /// Steering with [`MICROSOFT_KEY`] and a table of `table_len` entries that deals `queues` out
    /// in turn, as Linux's `ethtool_rxfh_indir_default` does.
    ///
    /// # Errors
    /// [`RssError::EmptyTable`] if there are no queues or no entries.
    pub fn equal(queues: &[u32], table_len: usize) -> Result<Self, RssError> {
        Self::new(&MICROSOFT_KEY, queues.iter().copied().cycle().take(table_len).collect())
    }

    /// The indirection table: the queue of each entry.
    #[must_use]
    pub fn table(&self) -> &[u32] {
        &self.table
    }

    /// The queue of a hash: its remainder by the table's length picks the entry. (Hardware takes
    /// the low bits; its tables have a power of two of entries, so that is the same.)
    #[must_use]
    pub fn queue_of_hash(&self, hash: u32) -> u32 {
        let hash = usize::try_from(hash).expect("a pointer has at least 32 bits");
        self.table[hash % self.table.len()]
    }

    /// The queue of a frame. The frame may be cut short: what is there decides.
    #[must_use]
    pub fn queue_of_frame(&self, link: LinkType, frame: &[u8]) -> Steered {
        let flow = Flow::of_frame(link, frame);
        let hash = flow.as_ref().map_or(0, |flow| toeplitz(&self.key, flow.bytes()));
        Steered { queue: self.queue_of_hash(hash), hashed: flow.is_some() }
    }
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Steered {
    /// The queue.
    pub queue: u32,
    /// Whether the frame had an IP header to hash; if not, its hash was taken as 0.
    pub hashed: bool,
}

/// What a frame starts with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkType {
    /// An Ethernet II header, perhaps with VLAN tags.
    Ethernet,
    /// The 16-byte header of Linux's "cooked" captures (`LINKTYPE_LINUX_SLL`).
    Cooked,
    /// The 20-byte header of their second version (`LINKTYPE_LINUX_SLL2`).
    CookedV2,
    /// The IP header itself.
    RawIp,
}

impl LinkType {
    /// Whether the link header says that it carries IPv4 or IPv6, beneath any VLAN tags. The IP
    /// header itself is not looked at, so this is cheaper than steering.
    #[must_use]
    pub fn carries_ip(self, frame: &[u8]) -> bool {
        let (mut ether_type, mut payload) = match self {
            Self::Ethernet => (be_u16(frame, 12), frame.get(14..)),
            Self::Cooked => (be_u16(frame, 14), frame.get(16..)),
            Self::CookedV2 => (be_u16(frame, 0), frame.get(20..)),
            Self::RawIp => {
                return frame.first().is_some_and(|first| [4, 6].contains(&(first >> 4)));
            }
        };
        for _ in 0..VLAN_TAGS_MAX {
            let (Some(VLAN | VLAN_SERVICE | VLAN_DOUBLE), Some(tag)) = (ether_type, payload) else {
                break;
            };
            (ether_type, payload) = (be_u16(tag, 2), tag.get(4..));
        }
        matches!(ether_type, Some(IPV4 | IPV6)) && payload.is_some()
    }

    /// The headers of a frame that carries IP, as far as they are there.
    pub(crate) fn slice(self, frame: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        if !self.carries_ip(frame) {
            return None;
        }
        match self {
            Self::Ethernet => LaxSlicedPacket::from_ethernet(frame).ok(),
            Self::Cooked => {
                let ether_type = EtherType(be_u16(frame, 14)?);
                Some(LaxSlicedPacket::from_ether_type(ether_type, frame.get(16..)?))
            }
            Self::CookedV2 => {
                let ether_type = EtherType(be_u16(frame, 0)?);
                Some(LaxSlicedPacket::from_ether_type(ether_type, frame.get(20..)?))
            }
            Self::RawIp => LaxSlicedPacket::from_ip(frame).ok(),
        }
    }
}

/// Why a steering cannot be set up.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RssError {
    /// The key does not reach over the longest input.
    #[error("the hash key has {bytes} bytes; it needs at least {KEY_BYTES_MIN}")]
    ShortKey {
        /// How long it is.
        bytes: usize,
    },
    /// There is nowhere to steer to.
    #[error("the indirection table has no entries; it needs at least one, and a queue for it")]
    EmptyTable,
}

/// The Toeplitz hash of `input`: for every bit of the input that is 1, from the first byte's
/// highest on, the 32 bits of the key that start at the same position are added modulo 2.
///
/// # Panics
/// If the key is less than 4 bytes longer than the input.
#[must_use]
pub fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
    assert!(
        key.len() >= input.len() + 4,
        "a key of {} bytes cannot hash {} bytes",
        key.len(),
        input.len()
    );
    let mut window = u32::from_be_bytes([key[0], key[1], key[2], key[3]]);
    let mut hash = 0;
    for (&byte, &next) in input.iter().zip(&key[4..]) {
        for bit in (0..8).rev() {
            // All ones if the bit is set: no branch to mispredict.
            hash ^= window & 0_u32.wrapping_sub(u32::from(byte >> bit & 1));
            window = window << 1 | u32::from(next >> bit & 1);
        }
    }
    hash
}

/// The fields that identify a flow, as they are hashed: source and destination address, then source
/// and destination port if they count; network order.
struct Flow {
    fields: [u8; FLOW_BYTES_MAX],
    len: usize,
}

impl Flow {
    /// The flow of a frame, or `None` if there is no whole IP header.
    fn of_frame(link: LinkType, frame: &[u8]) -> Option<Self> {
        match link.slice(frame)?.net? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                // An authentication header is an extension to etherparse, a protocol to a NIC.
                let has_ports =
                    matches!(header.protocol(), TCP | UDP) && !ip.is_payload_fragmented();
                let addresses = [header.source_addr().into(), header.destination_addr().into()];
                Some(Self::new(addresses, has_ports.then(|| ip.payload())))
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let has_ports = matches!(ip.payload().ip_number, TCP | UDP) && !has_fragment(&ip);
                let addresses = [header.source_addr().into(), header.destination_addr().into()];
                Some(Self::new(addresses, has_ports.then(|| ip.payload())))
            }
            LaxNetSlice::Arp(_) => None,
        }
    }

    /// The flow between two addresses, and between the ports that a TCP or UDP header starts with.
    /// Taking these four bytes here, not from a parsed header, finds the ports of a frame that was
    /// cut in the middle of TCP's options.
    fn new(addresses: [IpAddr; 2], transport: Option<&LaxIpPayloadSlice<'_>>) -> Self {
        let mut flow = Self { fields: [0; FLOW_BYTES_MAX], len: 0 };
        for address in addresses {
            match address {
                IpAddr::V4(address) => flow.push(&address.octets()),
                IpAddr::V6(address) => flow.push(&address.octets()),
            }
        }
        if let Some(ports) = transport.and_then(|transport| transport.payload.get(..PORTS_BYTES)) {
            flow.push(ports);
        }
        flow
    }

    fn push(&mut self, field: &[u8]) {
        self.fields[self.len..self.len + field.len()].copy_from_slice(field);
        self.len += field.len();
    }

    fn bytes(&self) -> &[u8] {
        &self.fields[..self.len]
    }
}

/// Whether an IPv6 packet has a fragment header. To be called only if the extension headers ended
/// in a transport protocol: etherparse's iterator trusts that the whole chain was there.
fn has_fragment(ip: &LaxIpv6Slice<'_>) -> bool {
    let mut headers = ip.extensions().clone().into_iter();
    headers.any(|header| matches!(header, Ipv6ExtensionSlice::Fragment(_)))
}

/// The big-endian number at `offset`.
fn be_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    let field = bytes.get(offset..offset + 2)?;
    Some(u16::from_be_bytes([field[0], field[1]]))
}

/// The key of Microsoft's verification suite, the default of many drivers.
pub const MICROSOFT_KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// The key that a text writes: 40 bytes in hexadecimal, with or without colons.
#[must_use]
pub fn key_of_text(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    if digits.len() != 2 * MICROSOFT_KEY.len() || !digits.is_ascii() {
        return None;
    }
    let byte = |place: usize| u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).ok();
    (0..MICROSOFT_KEY.len()).map(byte).collect()
}

/// The shortest key (bytes): the longest input and 32 bits more.
pub const KEY_BYTES_MIN: usize = FLOW_BYTES_MAX + 4;

/// Two IPv6 addresses and two ports (bytes).
const FLOW_BYTES_MAX: usize = 36;

/// Source and destination port (bytes).
const PORTS_BYTES: usize = 4;

/// VLAN tags that are looked beneath, as etherparse does.
const VLAN_TAGS_MAX: usize = 3;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const VLAN_SERVICE: u16 = 0x88a8;
const VLAN_DOUBLE: u16 = 0x9100;

#[cfg(test)]
mod tests;
