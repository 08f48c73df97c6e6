//! What all captures say of one interface.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::records::{
    Channels, Coalescing, Deferral, Driver, Features, Indirection, Link, Pause, Rings,
};
use super::{Captures, Fields, Note, Reported, Section, Subject};

/// Everything known of an interface; `None` where no capture is about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Its name; empty where no capture says it.
    pub interface: String,
    /// Ring sizes.
    pub rings: Option<Rings>,
    /// Numbers of queues.
    pub channels: Option<Channels>,
    /// Interrupt coalescing.
    pub coalescing: Option<Coalescing>,
    /// The driver.
    pub driver: Option<Driver>,
    /// Offloads.
    pub features: Option<Features>,
    /// Flow control.
    pub pause: Option<Pause>,
    /// The RSS indirection table.
    pub indirection: Option<Indirection>,
    /// Interrupt deferral.
    pub deferral: Option<Deferral>,
    /// MTU and speed.
    pub link: Link,
    /// Bytes of memory of the host.
    pub ram: Option<Reported<u64>>,
    /// The captures behind all this, of the interface and of its host.
    pub sections: Vec<Section>,
    /// What could not be read, or contradicts something.
    pub notes: Vec<Note>,
}

/// Why captures are of no use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InventoryError {
    /// Nothing could be read.
    #[error(
        "{}; save what `ethtool -g eth0`, -l, -c, -S, -i print, or `ip -j -s -s link`",
        .notes.iter().map(ToString::to_string).next()
            .unwrap_or_else(|| "there is no capture here".to_owned())
    )]
    Nothing {
        /// What was said of the sources.
        notes: Vec<Note>,
    },
    /// Several interfaces, and none was asked for.
    #[error("the captures are of {}; name the one that is meant, as in `rxplan host {}`",
        names.join(", "), names.first().map_or("eth0", String::as_str))]
    Several {
        /// Their names.
        names: Vec<String>,
    },
    /// The interface asked for is not there.
    #[error("no capture is of {wanted}; they are of {}", names.join(", "))]
    Absent {
        /// The name that was asked for.
        wanted: String,
        /// The names that are there.
        names: Vec<String>,
    },
}

impl Captures {
    /// What the captures say of `wanted`, or of the one interface they are of.
    ///
    /// # Errors
    /// When nothing could be read, or it is not clear which interface is meant.
    pub fn inventory(mut self, wanted: Option<&str>) -> Result<Inventory, InventoryError> {
        if self.sections.is_empty() {
            return Err(InventoryError::Nothing { notes: self.notes });
        }
        self.name_by_index();
        let names: BTreeSet<String> =
            self.sections.iter().filter_map(|section| section.interface.clone()).collect();
        let names: Vec<String> = names.into_iter().collect();
        let interface = match (wanted, names.as_slice()) {
            (Some(wanted), []) => wanted.to_owned(),
            (Some(wanted), _) if names.iter().any(|name| name == wanted) => wanted.to_owned(),
            (Some(wanted), _) => {
                return Err(InventoryError::Absent { wanted: wanted.to_owned(), names });
            }
            (None, []) => String::new(),
            (None, [name]) => name.clone(),
            (None, _) => return Err(InventoryError::Several { names }),
        };
        let is_alone = names.len() < 2;
        let is_of_one_number = self.is_of_one_number();
        let Self { sections, mut notes } = self;
        let (own, others): (Vec<Section>, Vec<Section>) =
            sections.into_iter().partition(|section| match &section.interface {
                Some(name) => *name == interface,
                None if section.index.is_some() => is_alone && is_of_one_number,
                None => is_alone || section.subject.is_of_host(),
            });
        for section in others.iter().filter(|section| section.interface.is_none()) {
            if let Some((_, field)) = section.fields.iter().next() {
                let text = format!(
                    "{} without the name of an interface, among captures of several; add ip -j \
                     link if it has a number, else put a line such as \"# {} eth0\" before it",
                    section.subject.name(),
                    section.subject.command()
                );
                notes.push(Note { from: field.from.clone(), text });
            }
        }
        Ok(Inventory::new(interface, own, notes))
    }

    /// Gives captures that have only an interface's number its name.
    fn name_by_index(&mut self) {
        let names: BTreeMap<u64, String> = self
            .sections
            .iter()
            .filter_map(|section| section.index.zip(section.interface.clone()))
            .collect();
        for section in &mut self.sections {
            if section.interface.is_none()
                && let Some(index) = section.index
            {
                let name = names.get(&index).cloned();
                section.interface = name;
            }
        }
    }

    /// Whether numbers without a name can be of one interface only.
    fn is_of_one_number(&self) -> bool {
        let unnamed = self.sections.iter().filter(|section| section.interface.is_none());
        let numbers: BTreeSet<u64> = unnamed.filter_map(|section| section.index).collect();
        numbers.len() < 2
    }
}

impl Inventory {
    fn new(interface: String, sections: Vec<Section>, mut notes: Vec<Note>) -> Self {
        notes.extend(contradictions(&sections));
        let of = |subject| Self::first(&sections, subject);
        let link = Link {
            mtu: of(Subject::Link).and_then(|fields| fields.entries("mtu")),
            speed: of(Subject::Settings).and_then(|fields| fields.count("speed")),
        };
        Self {
            rings: of(Subject::Rings).map(Rings::read),
            channels: of(Subject::Channels).map(Channels::read),
            coalescing: of(Subject::Coalescing).map(Coalescing::read),
            driver: of(Subject::Driver).map(Driver::read),
            features: of(Subject::Features).map(Features::read),
            pause: of(Subject::Pause).map(Pause::read),
            indirection: of(Subject::Indirection).map(Indirection::read),
            deferral: of(Subject::Deferral).map(Deferral::read),
            ram: of(Subject::Memory).and_then(|fields| fields.count("mem-total")),
            link,
            interface,
            sections,
            notes,
        }
    }

    /// The fields of the first capture of a subject.
    fn first(sections: &[Section], subject: Subject) -> Option<&Fields> {
        sections.iter().find(|section| section.subject == subject).map(|section| &section.fields)
    }

    /// Whether some capture is about `subject`.
    #[must_use]
    pub fn has(&self, subject: Subject) -> bool {
        Self::first(&self.sections, subject).is_some()
    }
}

/// Settings that two captures of the same subject state differently; the first one counts.
fn contradictions(sections: &[Section]) -> Vec<Note> {
    const SETTINGS: [Subject; 4] =
        [Subject::Rings, Subject::Channels, Subject::Coalescing, Subject::Driver];
    let mut notes = Vec::new();
    for subject in SETTINGS {
        let mut own = sections.iter().filter(|section| section.subject == subject);
        let Some(first) = own.next() else { continue };
        for (name, field) in own.flat_map(|section| section.fields.iter()) {
            if let Some(counts) = first.fields.get(name)
                && let (Some(a), Some(b)) = (counts.known(), field.known())
                && a != b
            {
                let text = format!("{name} is {b} here and {a} in {}, which counts", counts.from);
                notes.push(Note { from: field.from.clone(), text });
            }
        }
    }
    notes
}
