//! The model: NIC, buffers, host and traffic, and the order in which things happen to them.
//!
//! Descriptions end in `Spec` and are plain data; live state carries the bare noun. Nothing here
//! reads a file, prints, or knows the scenario format, and no handler can fail: a state that must
//! not be is a bug, and is asserted.
//!
//! ```text
//!  traffic --> wire --> on-NIC FIFO --> rings (dedicated entries) --> host --> delivered
//!                            |              |  ^                       |
//!                            v              v  | reserve, by policy    v
//!                         dropped        reserve <--- repost ----- released buffers
//! ```

pub mod buffers;
pub mod distribution;
pub mod fast;
pub mod host;
pub mod ledger;
pub mod log;
pub(crate) mod machine;
pub mod memory;
pub mod outcome;
pub mod placement;
pub mod policy;
pub mod port;
mod refill;
mod small;
pub mod splitting;
pub mod stall;
pub mod steering;
pub mod system;
pub mod traffic;
pub mod watch;
