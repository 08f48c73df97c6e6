//! Packets and bytes that each queue received, in the counters of drivers that name queues.

use std::collections::BTreeMap;

use super::statistics::counters;
use super::{Section, Subject};

/// What a queue received since some time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCount {
    /// The queue.
    pub queue: u32,
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Who counts what the queues of an interface receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterSource {
    /// The kernel's statistics of queues, over netlink.
    Netlink,
    /// The driver, through the program `ethtool`.
    Program,
    /// The kernel, for the interface as a whole.
    Interface,
}

/// What stands before and after the number of a queue, in counters of packets and of bytes. Linux
/// 7.3, drivers/net/ethernet: `*_ethtool.c` of intel (igb, igc, ixgbe, ice; i40e, iavf; idpf),
/// mellanox (mlx4, mlx5), amazon/ena, google/gve, broadcom/bnxt, microsoft/mana; virtio_net.c.
const PACKETS: [(&str, &str); 9] = [
    ("rx_queue_", "_packets"),
    ("rx-", ".packets"),
    ("rx_q-", "_pkts"),
    ("rx", "_packets"),
    ("rx_", "_packets"),
    ("queue_", "_rx_cnt"),
    ("rx_packets[", "]"),
    ("[", "]: rx_ucast_packets"),
    ("[", "]: rx_mcast_packets"),
];
const BYTES: [(&str, &str); 9] = [
    ("rx_queue_", "_bytes"),
    ("rx-", ".bytes"),
    ("rx_q-", "_bytes"),
    ("rx", "_bytes"),
    ("rx_", "_bytes"),
    ("queue_", "_rx_bytes"),
    ("rx_bytes[", "]"),
    ("[", "]: rx_ucast_bytes"),
    ("[", "]: rx_mcast_bytes"),
];

/// The queue that a counter is of, if its name is of such a form.
fn queue(name: &str, forms: &[(&str, &str)]) -> Option<u32> {
    forms
        .iter()
        .find_map(|(before, after)| name.strip_prefix(before)?.strip_suffix(after)?.parse().ok())
}

/// What each queue received by the driver's own counters, in order; only queues of which both
/// packets and bytes are counted.
pub(super) fn queue_counts(sections: &[Section]) -> Vec<QueueCount> {
    let mut counts: BTreeMap<u32, [Option<u64>; 2]> = BTreeMap::new();
    for counter in counters(sections).filter(|counter| counter.subject == Subject::Statistics) {
        for (place, forms) in [&PACKETS[..], &BYTES[..]].into_iter().enumerate() {
            if let Some(queue) = queue(&counter.name, forms) {
                let count = &mut counts.entry(queue).or_default()[place];
                *count = Some(count.unwrap_or(0).saturating_add(counter.count));
            }
        }
    }
    let both = counts.into_iter().filter_map(|(queue, [packets, bytes])| {
        Some(QueueCount { queue, packets: packets?, bytes: bytes? })
    });
    both.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Hint, text};
    use super::*;

    fn counts(lines: &str) -> Vec<[u64; 3]> {
        let hint = Hint { subject: Some(Subject::Statistics), interface: None };
        let captures = text::read(&Arc::from("test"), &format!("NIC statistics:\n{lines}"), hint);
        let counts = queue_counts(&captures.sections);
        counts.iter().map(|own| [u64::from(own.queue), own.packets, own.bytes]).collect()
    }

    #[test]
    fn counters_of_queues_are_found_under_the_names_of_each_driver() {
        for (driver, lines) in [
            ("ice", "rx_queue_3_packets: 5\n rx_queue_3_bytes: 700\n tx_queue_3_packets: 9"),
            ("i40e", "rx-3.packets: 5\n rx-3.bytes: 700\n tx-3.bytes: 9"),
            ("idpf", "rx_q-3_pkts: 5\n rx_q-3_bytes: 700"),
            ("mlx5", "rx3_packets: 5\n rx3_bytes: 700\n rx3_xsk_packets: 9\n rx_packets: 99"),
            ("mana", "rx_3_packets: 5\n rx_3_bytes: 700"),
            ("ena", "queue_3_rx_cnt: 5\n queue_3_rx_bytes: 700\n queue_3_tx_cnt: 9"),
            ("gve", "rx_packets[3]: 5\n rx_bytes[3]: 700"),
            (
                "bnxt",
                "[3]: rx_ucast_packets: 4\n [3]: rx_mcast_packets: 1\n [3]: rx_ucast_bytes: 600\n \
                 [3]: rx_mcast_bytes: 100\n [3]: rx_discards: 8",
            ),
        ] {
            assert_eq!(counts(lines), [[3, 5, 700]], "{driver}");
        }
    }

    #[test]
    fn a_queue_without_bytes_and_names_without_a_number_are_left_out() {
        assert_eq!(
            counts("rx0_packets: 5\n rx_bytes: 9\n rx_x_bytes: 2"),
            <[[u64; 3]; 0]>::default()
        );
        assert_eq!(counts("rx1_bytes: 7\n rx1_packets: 1\n rx0_packets: 5"), [[1, 1, 7]]);
    }
}
