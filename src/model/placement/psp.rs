//! The PSP header, which comes before the placement header.
//!
//! ```text
//!  byte 0       1            2                   3
//!  | next hdr   | ext len    | R 2 | crypt off 6 | S | D | version 4 | V | 1 |
//!  | security parameters index (SPI): key phase 1, id 31                     |
//!  | initialization vector, 8 bytes                                          |
//!  | virtualization cookie (VC), 8 bytes, where V is set                     |
//! ```
//!
//! Sources: google/psp src/psp.h; Linux include/net/psp/types.h.

use std::fmt;

use thiserror::Error;

/// A security parameters index: which key a packet is encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spi(u32);

/// How a packet is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PspVersion {
    /// Encrypted and authenticated with AES-GCM, 128-bit keys.
    AesGcm128,
    /// Encrypted and authenticated with AES-GCM, 256-bit keys.
    AesGcm256,
    /// Authenticated only, with AES-GMAC, 128-bit keys.
    AesGmac128,
    /// Authenticated only, with AES-GMAC, 256-bit keys.
    AesGmac256,
}

/// A PSP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PspHeader {
    /// The protocol behind it, as in IP: 6 is TCP.
    pub next_header: u8,
    /// Bytes behind this header that are authenticated but not encrypted: a multiple of 4, at most
    /// [`CRYPT_OFFSET_MAX`](Self::CRYPT_OFFSET_MAX).
    pub crypt_offset: u8,
    /// S: the receiver is asked to sample this packet.
    pub sample: bool,
    /// D: the receiver is asked to drop this packet.
    pub drop: bool,
    /// How the packet is protected.
    pub version: PspVersion,
    /// Which key it is protected with.
    pub spi: Spi,
    /// The initialization vector.
    pub iv: u64,
    /// The virtualization cookie, if there is one.
    pub vc: Option<u64>,
}

/// Why bytes are no PSP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PspFault {
    /// There are too few bytes.
    #[error("has {there} bytes, where a PSP header takes {needed}; give all of it")]
    Short {
        /// Bytes there.
        there: usize,
        /// Bytes of the header, as far as it says.
        needed: usize,
    },
    /// The bit that is always one is zero.
    #[error("is no PSP header: the lowest bit of its fourth byte must be 1, and is 0")]
    NotOne,
    /// The version is none that there is.
    #[error("says PSP version {version}; versions 0 to 3 (AES-GCM and AES-GMAC) are known")]
    Version {
        /// The version.
        version: u8,
    },
    /// Length and VC bit contradict each other.
    #[error(
        "says a header extension length of {found}, which must be {right} where the VC bit is {vc}"
    )]
    Length {
        /// The length in the header, in units of 8 bytes after the first 8.
        found: u8,
        /// The length that fits the VC bit.
        right: u8,
        /// The VC bit.
        vc: u8,
    },
}

const SAMPLE: u8 = 1 << 7;
const DROP: u8 = 1 << 6;
const VERSION_SHIFT: u32 = 2;
const VERSION_MASK: u8 = 0xf;
const HAS_VC: u8 = 1 << 1;
const ALWAYS_ONE: u8 = 1;
const CRYPT_OFFSET_MASK: u8 = 0x3f;

impl PspHeader {
    /// Bytes without a virtualization cookie.
    pub const BYTES: usize = 16;
    /// Bytes with a virtualization cookie.
    pub const BYTES_WITH_VC: usize = 24;
    /// The largest crypt offset in bytes: 6 bits count units of 4 bytes.
    pub const CRYPT_OFFSET_MAX: u8 = CRYPT_OFFSET_MASK * 4;
    /// Bytes of the integrity check value behind the payload.
    pub const ICV_BYTES: usize = 16;
    /// TCP in the field of the next header, as in IP's.
    pub const NEXT_TCP: u8 = 6;
    /// The UDP port of PSP.
    pub const UDP_PORT: u16 = 1000;

    /// Bytes on the wire.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        if self.vc.is_some() { Self::BYTES_WITH_VC } else { Self::BYTES }
    }

    /// Bytes behind the header that anyone on the way can read; `None`: all of them.
    #[must_use]
    pub const fn clear_bytes(&self) -> Option<usize> {
        match self.version {
            PspVersion::AesGcm128 | PspVersion::AesGcm256 => Some(self.crypt_offset as usize),
            PspVersion::AesGmac128 | PspVersion::AesGmac256 => None,
        }
    }

    /// The header as it goes on the wire.
    ///
    /// # Panics
    /// When the crypt offset cannot be said in 6 bits: a bug of the caller.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let offset = self.crypt_offset;
        assert!(
            offset.is_multiple_of(4) && offset <= Self::CRYPT_OFFSET_MAX,
            "crypt offset {offset}"
        );
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let version_and_flags = flag(self.sample, SAMPLE)
            | flag(self.drop, DROP)
            | self.version.number() << VERSION_SHIFT
            | flag(self.vc.is_some(), HAS_VC)
            | ALWAYS_ONE;
        let ext_len = ext_len(self.vc.is_some());
        let mut bytes = vec![self.next_header, ext_len, offset / 4, version_and_flags];
        bytes.extend(self.spi.0.to_be_bytes());
        bytes.extend(self.iv.to_be_bytes());
        bytes.extend(self.vc.iter().flat_map(|vc| vc.to_be_bytes()));
        bytes
    }

    /// The header at the start of `bytes`.
    ///
    /// # Errors
    /// [`PspFault`] where they do not start with one.
    pub fn decode(bytes: &[u8]) -> Result<Self, PspFault> {
        let short = |needed| PspFault::Short { there: bytes.len(), needed };
        let (fixed, rest) = bytes.split_first_chunk().ok_or_else(|| short(Self::BYTES))?;
        let [next_header, ext_len_found, offset, flags, s0, s1, s2, s3, iv @ ..]: [u8;
            Self::BYTES] = *fixed;
        if flags & ALWAYS_ONE == 0 {
            return Err(PspFault::NotOne);
        }
        let version = PspVersion::from_number(flags >> VERSION_SHIFT & VERSION_MASK)?;
        let has_vc = flags & HAS_VC != 0;
        if ext_len_found != ext_len(has_vc) {
            let (found, right, vc) = (ext_len_found, ext_len(has_vc), u8::from(has_vc));
            return Err(PspFault::Length { found, right, vc });
        }
        let vc = match (has_vc, rest.first_chunk()) {
            (false, _) => None,
            (true, Some(vc)) => Some(u64::from_be_bytes(*vc)),
            (true, None) => return Err(short(Self::BYTES_WITH_VC)),
        };
        Ok(Self {
            next_header,
            crypt_offset: (offset & CRYPT_OFFSET_MASK) * 4,
            sample: flags & SAMPLE != 0,
            drop: flags & DROP != 0,
            version,
            spi: Spi(u32::from_be_bytes([s0, s1, s2, s3])),
            iv: u64::from_be_bytes(iv),
            vc,
        })
    }
}

/// The header's length in units of 8 bytes, the first 8 not counted.
const fn ext_len(has_vc: bool) -> u8 {
    if has_vc { 2 } else { 1 }
}

impl PspVersion {
    /// All versions, by number.
    pub const ALL: [Self; 4] =
        [Self::AesGcm128, Self::AesGcm256, Self::AesGmac128, Self::AesGmac256];

    /// The number in the header.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::AesGcm128 => 0,
            Self::AesGcm256 => 1,
            Self::AesGmac128 => 2,
            Self::AesGmac256 => 3,
        }
    }

    /// The name used on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesGcm128 => "aes-gcm-128",
            Self::AesGcm256 => "aes-gcm-256",
            Self::AesGmac128 => "aes-gmac-128",
            Self::AesGmac256 => "aes-gmac-256",
        }
    }

    fn from_number(number: u8) -> Result<Self, PspFault> {
        let known = Self::ALL.get(usize::from(number)).copied();
        known.ok_or(PspFault::Version { version: number })
    }
}

impl Spi {
    /// Says which of the two device keys a packet's key was derived from; flips when keys rotate.
    const KEY_PHASE: u32 = 1 << 31;

    /// The index as it is on the wire.
    #[must_use]
    pub const fn new(spi: u32) -> Self {
        Self(spi)
    }

    /// The index as it is on the wire.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The low 31 bits: what names the flow, whatever the key phase.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.0 & !Self::KEY_PHASE
    }

    /// The key phase, 0 or 1.
    #[must_use]
    pub const fn phase(self) -> u8 {
        (self.0 >> 31) as u8
    }

    /// The index with this id, below 2^31, in the key phase of `epoch` rotations.
    #[must_use]
    pub(crate) const fn of(id: u32, epoch: u64) -> Self {
        assert!(id < Self::KEY_PHASE, "an id has 31 bits");
        if epoch.is_multiple_of(2) { Self(id) } else { Self(id | Self::KEY_PHASE) }
    }
}

impl fmt::Display for Spi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> PspHeader {
        PspHeader {
            next_header: 6,
            crypt_offset: 16,
            sample: false,
            drop: false,
            version: PspVersion::AesGcm128,
            spi: Spi(0x7fff_fffe),
            iv: 0x0102_0304_0506_0708,
            vc: None,
        }
    }

    /// Laid out by hand from google/psp src/psp.h and Linux include/net/psp/types.h.
    #[test]
    fn headers_have_the_bytes_that_the_specification_draws() {
        let bytes = [6, 1, 4, 0x01, 0x7f, 0xff, 0xff, 0xfe, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(plain().encode(), bytes);
        let full = PspHeader {
            next_header: 41,
            crypt_offset: 252,
            sample: true,
            drop: true,
            version: PspVersion::AesGmac256,
            vc: Some(0x1112_1314_1516_1718),
            ..plain()
        };
        let mut with_vc = vec![41, 2, 0x3f, 0b1100_1111];
        with_vc.extend(&bytes[4..]);
        with_vc.extend(0x11_u8..=0x18);
        assert_eq!(full.encode(), with_vc);
        assert_eq!(PspHeader::decode(&bytes), Ok(plain()));
        assert_eq!(PspHeader::decode(&with_vc), Ok(full));
    }

    /// All values of the fourth byte, with both lengths.
    #[test]
    fn every_byte_of_versions_and_flags_is_read_or_refused() {
        for flags in 0..=u8::MAX {
            for ext_len in 0..4 {
                let mut bytes = [0; PspHeader::BYTES_WITH_VC];
                (bytes[0], bytes[1], bytes[3]) = (6, ext_len, flags);
                let vc = flags >> 1 & 1;
                let right = flags & 1 == 1 && flags >> 2 & 0xf < 4 && ext_len == 1 + vc;
                let decoded = PspHeader::decode(&bytes);
                assert_eq!(decoded.is_ok(), right, "{flags:#b} {ext_len}");
                if let Ok(header) = decoded {
                    assert_eq!(header.encode(), bytes[..header.bytes()]);
                }
            }
        }
    }

    #[test]
    fn a_cut_header_says_how_much_it_needs() {
        let bytes = PspHeader { vc: Some(7), ..plain() }.encode();
        for len in 0..bytes.len() {
            let needed = if len < 16 { 16 } else { 24 };
            let fault = PspFault::Short { there: len, needed };
            assert_eq!(PspHeader::decode(&bytes[..len]), Err(fault));
        }
    }

    #[test]
    fn reserved_bits_are_passed_over() {
        let mut bytes = plain().encode();
        bytes[2] |= 0xc0;
        assert_eq!(PspHeader::decode(&bytes), Ok(plain()));
    }

    #[test]
    fn the_key_phase_is_no_part_of_the_id() {
        assert_eq!(Spi(0xffff_fff0).id(), Spi(0x7fff_fff0).id());
        assert_eq!((Spi(0xffff_fff0).phase(), Spi(0x7fff_fff0).phase()), (1, 0));
        assert_eq!(Spi::of(5, 3), Spi(0x8000_0005));
    }
}
