//! Counters of an interface's queues, read again and again.

use std::io;

use super::super::queues::{CounterSource, QueueCount, queue_counts};
use super::LiveError;
use super::netlink::QueueStatistics;
use super::system::{self, Folder};

/// Counters of an interface's queues. Reading them changes nothing.
#[expect(missing_debug_implementations, reason = "holds a socket")]
pub struct QueueCounters {
    interface: String,
    reader: Reader,
}

enum Reader {
    Netlink(Box<QueueStatistics>),
    Program,
    Interface(Folder),
}

impl QueueCounters {
    /// Finds out who counts for an interface; without a name, for the only one that has a device
    /// behind it.
    ///
    /// # Errors
    /// When there is no such interface, or the system is not Linux.
    pub fn open(name: Option<&str>) -> Result<Self, LiveError> {
        let interface = system::choose(name)?;
        let mut netlink = QueueStatistics::open(&interface).ok();
        let counts = netlink.as_mut().and_then(|netlink| netlink.read().ok());
        let reader = match (netlink, counts) {
            (Some(netlink), Some(counts)) if !counts.is_empty() => {
                Reader::Netlink(Box::new(netlink))
            }
            _ if !program(&interface).is_empty() => Reader::Program,
            _ => Reader::Interface(Folder::of(&interface)),
        };
        Ok(Self { interface, reader })
    }

    /// The name of the interface.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Who counts.
    #[must_use]
    pub const fn source(&self) -> CounterSource {
        match self.reader {
            Reader::Netlink(_) => CounterSource::Netlink,
            Reader::Program => CounterSource::Program,
            Reader::Interface(_) => CounterSource::Interface,
        }
    }

    /// The counts now, in order of queues; an interface as a whole is queue 0.
    ///
    /// # Errors
    /// When nobody counts any more, as of an interface that is gone.
    pub fn read(&mut self) -> io::Result<Vec<QueueCount>> {
        let counts = match &mut self.reader {
            Reader::Netlink(netlink) => netlink.read()?,
            Reader::Program => program(&self.interface),
            Reader::Interface(folder) => {
                let count = |name| folder.number(name).map(|(count, _)| count);
                let packets = count("statistics/rx_packets");
                let bytes = count("statistics/rx_bytes");
                let both = packets.zip(bytes);
                both.map(|(packets, bytes)| QueueCount { queue: 0, packets, bytes })
                    .into_iter()
                    .collect()
            }
        };
        if counts.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(counts) }
    }
}

fn program(interface: &str) -> Vec<QueueCount> {
    queue_counts(&system::driver_counters(interface).sections)
}
