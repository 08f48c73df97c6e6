//! An interface of this machine: netlink, /sys/class/net and /proc. Nothing here changes a setting.
//!
//! A driver's own counters come by `ioctl` only, which takes unsafe code; they are read from the
//! program `ethtool -S` where there is one.

use thiserror::Error;

use super::Captures;

#[cfg(target_os = "linux")]
mod counters;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod system;

#[cfg(target_os = "linux")]
pub use counters::QueueCounters;

/// Why an interface cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LiveError {
    /// There is none of this name.
    #[error("no interface is called \"{name}\"; there are {}", names.join(", "))]
    NoInterface {
        /// The name that was asked for.
        name: String,
        /// The names that are there.
        names: Vec<String>,
    },
    /// None was named, and it is not clear which one is meant.
    #[error("name an interface; there are {}", names.join(", "))]
    Unnamed {
        /// The names that are there.
        names: Vec<String>,
    },
    /// The kernel shows no interfaces.
    #[error(
        "this system shows no interfaces in /sys/class/net: only Linux does; give saved output of \
         ethtool with --from"
    )]
    NoSystem,
}

/// Reads an interface; without a name, the only one that has a device behind it. Returns its name
/// with what was read.
///
/// # Errors
/// When there is no such interface, or the system is not Linux.
pub fn read_live(name: Option<&str>) -> Result<(String, Captures), LiveError> {
    #[cfg(target_os = "linux")]
    {
        let name = system::choose(name)?;
        let mut captures = netlink::read(&name);
        captures.extend(system::read(&name, &captures));
        Ok((name, captures))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = name;
        Err(LiveError::NoSystem)
    }
}
