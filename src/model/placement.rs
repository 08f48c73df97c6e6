//! Zero-copy placement: packets that say where in application memory their payload belongs.
//!
//! Every packet of a flow that may write directly carries, behind its PSP header, a placement
//! header of 16 bytes. The NIC looks the region up and writes the payload to
//!
//! ```text
//! address = mem_pool[memory id].base + base offset + (sequence - base sequence)
//! ```
//!
//! so that reordered, duplicated and retransmitted packets all land where they belong (J. Kicinski,
//! "Musings on zero-copy TCP", people.kernel.org/kuba/musings-on-zero-copy-tcp). What cannot be
//! placed goes to a ring buffer, as if there were no header; what fails the PSP check is dropped.
//!
//! ```text
//!  | UDP, port 1000 | PSP 16 or 24 B | placement 16 B | TCP header | payload | ICV 16 B |
//!                                    |<-- clear for crypt offset -->|<- encrypted ->|
//! ```
//!
//! Precedents: tagged buffers of iWARP (RFC 5041), whose errors are [`Fallback`]'s; the page-pod
//! table of Chelsio's T4 (FreeBSD sys/dev/cxgbe/tom/t4_ddp.c), whose "color" is our generation.

mod allow;
mod counts;
mod header;
mod keys;
mod load;
mod lro;
mod nic;
mod packet;
mod psp;
mod region;
mod resolve;
mod spec;

pub use allow::{AllowList, FlowKey, FlowKind, Full};
pub use counts::{Outcomes, PlacementCounts};
pub use header::{Generation, MemoryId, PlacementHeader, Seq};
pub use keys::{DIRECT_FROM, Keys, OutOfSpis};
pub use load::{Attack, AttackKind, Change, Genuine, Load};
pub use lro::{LroCounts, LroSpec};
pub(crate) use nic::{Handling, Placement};
pub use packet::{PlacementPacket, Readable, Unread, psp_of_frame};
pub use psp::{PspFault, PspHeader, PspVersion, Spi};
pub use region::{GENERATIONS, Region, RegionFault, Regions, generations_repeat};
pub use resolve::{Fallback, Segment};
pub use spec::{Mode, PlacementSpec, Protection, RotationSpec};
