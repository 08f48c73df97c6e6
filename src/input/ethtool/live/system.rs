//! What /sys/class/net and /proc show, and the program `ethtool` for a driver's own counters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::super::{
    Captures, Fields, Hint, Note, Origin, Place, Reading, Scalar, Section, Subject, text,
};
use super::LiveError;

const INTERFACES: &str = "/sys/class/net";

/// The interface to read: the one named, or the only one with a device behind it.
pub(super) fn choose(name: Option<&str>) -> Result<String, LiveError> {
    let entries = fs::read_dir(INTERFACES).map_err(|_| LiveError::NoSystem)?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(INTERFACES).join(name).is_dir())
        .collect();
    names.sort();
    let devices: Vec<&String> = names
        .iter()
        .filter(|name| Path::new(INTERFACES).join(name).join("device").exists())
        .collect();
    match (name, devices.as_slice()) {
        (Some(name), _) if names.iter().any(|own| own == name) => Ok(name.to_owned()),
        (Some(name), _) => Err(LiveError::NoInterface { name: name.to_owned(), names }),
        (None, [only]) => Ok((*only).clone()),
        (None, _) => Err(LiveError::Unnamed { names }),
    }
}

/// The number of an interface.
pub(super) fn index(interface: &str) -> Option<u64> {
    Folder::of(interface).number("ifindex").map(|(number, _)| number)
}

/// Reads what netlink does not say; `known` is what it said.
pub(super) fn read(interface: &str, known: &Captures) -> Captures {
    let folder = Folder::of(interface);
    let mut captures = Captures::default();
    let mut add = |subject, fields: Fields| {
        if !fields.is_empty() {
            let interface = Some(interface.to_owned());
            captures.sections.push(Section { subject, interface, index: None, fields });
        }
    };
    add(Subject::Driver, folder.driver());
    add(Subject::Settings, folder.speed());
    add(Subject::Link, folder.link());
    add(Subject::Deferral, folder.deferral());
    if !known.sections.iter().any(|section| section.subject == Subject::Channels) {
        add(Subject::Channels, folder.queues());
    }
    for path in ["/proc/net/softnet_stat", "/proc/meminfo"] {
        if let Ok(content) = fs::read_to_string(path) {
            captures.extend(text::read(&Arc::from(path), &content, Hint::default()));
        }
    }
    captures.extend(driver_counters(interface));
    captures
}

/// `ethtool -S`, where the program is installed.
pub(super) fn driver_counters(interface: &str) -> Captures {
    let command = format!("ethtool -S {interface}");
    let source: Arc<str> = Arc::from(command.as_str());
    let hint = Hint { subject: Some(Subject::Statistics), interface: Some(interface.to_owned()) };
    let note = |text: &str| {
        let from = Origin { source: Arc::clone(&source), place: Place::Whole };
        let notes = vec![Note { from, text: text.to_owned() }];
        Captures { sections: Vec::new(), notes }
    };
    match Command::new("ethtool").args(["-S", interface]).output() {
        Ok(output) if output.status.success() => {
            text::read(&source, &String::from_utf8_lossy(&output.stdout), hint)
        }
        Ok(_) => note("the driver has no counters of its own"),
        Err(_) => note(
            "the driver's own counters come by ioctl only, and the program ethtool is not \
             installed; install it, or give its output with --from",
        ),
    }
}

/// The folder of an interface.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn of(interface: &str) -> Self {
        Self { path: Path::new(INTERFACES).join(interface) }
    }

    /// The text of a file, and where it was.
    fn read(&self, name: &str) -> Option<(String, Origin)> {
        let path = self.path.join(name);
        let text = fs::read_to_string(&path).ok()?.trim().to_owned();
        let source = Arc::from(path.display().to_string());
        Some((text, Origin { source, place: Place::Whole }))
    }

    pub(super) fn number(&self, name: &str) -> Option<(u64, Origin)> {
        let (text, from) = self.read(name)?;
        Some((text.parse().ok()?, from))
    }

    /// Puts the numbers in files into fields: names of files and of fields.
    fn numbers(&self, names: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (file, name) in names {
            if let Some((number, from)) = self.number(file) {
                fields.push(*name, Reading::Known(Scalar::Count(number)), from);
            }
        }
        fields
    }

    /// The name of the module behind the device.
    fn driver(&self) -> Fields {
        let mut fields = Fields::default();
        let link = self.path.join("device/driver");
        if let Ok(target) = fs::read_link(&link)
            && let Some(name) = target.file_name()
        {
            let source = Arc::from(link.display().to_string());
            let value = Scalar::Text(name.to_string_lossy().into_owned());
            fields.push("driver", Reading::Known(value), Origin { source, place: Place::Whole });
        }
        fields
    }

    /// The speed in bits per second; the file says megabits, -1, or nothing at all.
    fn speed(&self) -> Fields {
        let mut fields = Fields::default();
        if let Some((text, from)) = self.read("speed") {
            let bits = text.parse().ok().and_then(|megabits: u64| megabits.checked_mul(1_000_000));
            let value =
                bits.map_or(Reading::NotApplicable, |bits| Reading::Known(Scalar::Count(bits)));
            fields.push("speed", value, from);
        }
        fields
    }

    /// The MTU and the kernel's counters of received packets.
    fn link(&self) -> Fields {
        let names = fs::read_dir(self.path.join("statistics")).into_iter().flatten();
        let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> =
            names.filter(|name| name.starts_with("rx_") || name == "multicast").collect();
        names.sort();
        let files: Vec<String> = names.iter().map(|name| format!("statistics/{name}")).collect();
        let files = files.iter().zip(&names).map(|(file, name)| (file.as_str(), name.as_str()));
        self.numbers(&[("mtu", "mtu")].into_iter().chain(files).collect::<Vec<_>>())
    }

    fn deferral(&self) -> Fields {
        self.numbers(&[
            ("gro_flush_timeout", "gro-flush-timeout"),
            ("napi_defer_hard_irqs", "defer-hard-irqs"),
            ("threaded", "threaded"),
        ])
    }

    /// The receive queues that the kernel has, for drivers that do not say.
    fn queues(&self) -> Fields {
        let mut fields = Fields::default();
        let path = self.path.join("queues");
        let entries = fs::read_dir(&path).into_iter().flatten().filter_map(Result::ok);
        let receive =
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("rx-"));
        let count = receive.count() as u64;
        if count > 0 {
            let source = Arc::from(path.display().to_string());
            let from = Origin { source, place: Place::Whole };
            fields.push("rx", Reading::Known(Scalar::Count(count)), from);
        }
        fields
    }
}
