//! The result of `footprint`: memory arithmetic, no simulation.

use comfy_table::CellAlignment;
use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{plain_table, table_text};
use crate::model::buffers::ReserveSpec;
use crate::model::memory::Memory;
use crate::model::memory::driver::FRAME_HEADERS;
use crate::scenario::NicSpec;
use crate::units::format_bytes;

/// What `rxplan footprint` says.
#[derive(Debug, Clone, Serialize)]
pub struct FootprintReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The configurations, in the order asked for.
    pub configurations: Vec<ConfigurationRow>,
}

/// The memory of one configuration.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigurationRow {
    /// What it is called.
    pub name: String,
    /// The NIC, where its driver decides how memory is allocated.
    pub nic: Option<&'static str>,
    /// The MTU that this is for.
    pub mtu: Option<u32>,
    /// Receive queues.
    pub queues: u64,
    /// Dedicated entries per queue: one number, or one per queue where they differ.
    pub rx: Rx,
    /// Entries of all reserves together.
    pub reserve_entries: u64,
    /// Bytes that one buffer receives.
    pub rx_buf_len_bytes: u64,
    /// Completion entries per queue.
    pub completion_entries: u32,
    /// Bytes of the buffers of one queue, where all are alike.
    pub queue_bytes: Option<u64>,
    /// What frames of the MTU alone would take: queues x rx x (MTU + 18 bytes of headers).
    pub naive_bytes: Option<u64>,
    /// Its memory items.
    #[serde(flatten)]
    pub memory: Memory,
}

/// Ring depths: the same for all queues, or one each.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Rx {
    /// The same for all.
    All(u32),
    /// One per queue.
    Each(Vec<u32>),
}

impl ConfigurationRow {
    /// The row of a configuration; `None` when its memory does not fit 64 bits.
    #[must_use]
    pub fn new(name: &str, nic: &NicSpec, reserve: Option<&ReserveSpec>) -> Option<Self> {
        let spec = nic.memory(reserve);
        let memory = spec.memory()?;
        let first = spec.rx.first().copied().unwrap_or(0);
        let even = spec.rx.iter().all(|rx| *rx == first);
        let queues = spec.rx.len() as u64;
        let mtu = nic.driver.map(|driver| driver.mtu);
        let entries: u64 = spec.rx.iter().map(|rx| u64::from(*rx)).sum();
        Some(Self {
            name: name.to_owned(),
            nic: nic.preset.filter(|_| mtu.is_some()).map(|preset| preset.name),
            mtu,
            queues,
            rx: if even { Rx::All(first) } else { Rx::Each(spec.rx.clone()) },
            reserve_entries: spec.shared_entries(),
            rx_buf_len_bytes: spec.rx_buf_len,
            completion_entries: spec.completion_entries,
            queue_bytes: even.then(|| memory.dedicated_bytes / queues),
            naive_bytes: mtu.map(|mtu| entries * u64::from(mtu + FRAME_HEADERS)),
            memory,
        })
    }

    /// What the driver's way of allocating comes to, beside frames x depth.
    fn driver_text(&self) -> Option<String> {
        let (nic, mtu, naive) = (self.nic?, self.mtu?, self.naive_bytes?);
        let dedicated = self.memory.dedicated_bytes;
        let queue = self.queue_bytes.map_or_else(String::new, |bytes| {
            format!("{} x {} = ", self.queues, format_bytes(bytes))
        });
        Some(format!(
            "\n{nic} at MTU {mtu} pins {queue}{} for its rings; queues x rx x frame alone would be \
             {}.\n",
            format_bytes(dedicated),
            format_bytes(naive),
        ))
    }

    fn rx_text(&self) -> String {
        match &self.rx {
            Rx::All(rx) => rx.to_string(),
            Rx::Each(rx) => {
                let (min, max) = (rx.iter().min(), rx.iter().max());
                format!("{}..{}", min.unwrap_or(&0), max.unwrap_or(&0))
            }
        }
    }
}

impl FootprintReport {
    /// A report of these configurations.
    #[must_use]
    pub fn new(configurations: Vec<ConfigurationRow>) -> Self {
        Self { schema: SCHEMA, command: "footprint", configurations }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = plain_table();
        table.set_header([
            "configuration",
            "queues",
            "rx",
            "reserve entries",
            "buffer",
            "dedicated",
            "reserve",
            "descriptors",
            "completions",
            "headers",
            "total",
        ]);
        for row in &self.configurations {
            let memory = &row.memory;
            table.add_row([
                row.name.clone(),
                row.queues.to_string(),
                row.rx_text(),
                row.reserve_entries.to_string(),
                format_bytes(row.rx_buf_len_bytes),
                format_bytes(memory.dedicated_bytes),
                format_bytes(memory.reserve_bytes),
                format_bytes(memory.descriptor_bytes),
                format_bytes(memory.completion_bytes),
                format_bytes(memory.header_bytes),
                format_bytes(memory.total_bytes),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let drivers: String =
            self.configurations.iter().filter_map(ConfigurationRow::driver_text).collect();
        let note = if self.configurations.iter().any(|row| row.reserve_entries > 0) {
            "\nCompletion rings are sized for rx + reserve entries in every queue, since any queue \
             may draw the whole reserve:\na cost that buffers x size alone leaves out.\n"
        } else {
            ""
        };
        table_text(&table) + &drivers + note
    }

    /// The report as CSV, one row a configuration.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.configurations)
    }
}
