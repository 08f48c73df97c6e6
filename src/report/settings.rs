//! How rings, queues and coalescing are set on Linux: for a user to apply, rxplan changes nothing.
//!
//! Names of settings: ethtool(8); systemd.link(5), section `[Link]`; nm-settings-nmcli(5), setting
//! `ethtool`; TuneD's plugin `net`.

use serde::Serialize;

use crate::model::host::{HostSpec, Moderation};
use crate::preset::Preset;
use crate::scenario::Scenario;
use crate::units::{SimDuration, to_f64};

/// Settings of an interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// The depth that `ethtool -G` is to be given.
    rx: u32,
    channels: Option<Channels>,
    moderation: Option<Moderation>,
}

/// How many queues there are to be.
#[derive(Debug, Clone, Copy)]
struct Channels {
    /// `combined`, or `rx` where the driver counts receive queues by themselves.
    kind: &'static str,
    count: usize,
}

/// The same settings in the form of what keeps them across a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Persistent {
    /// A file in `/etc/systemd/network` whose name ends in `.link`.
    #[serde(rename = "systemd.link")]
    pub systemd_link: String,
    /// A command.
    pub nmcli: String,
    /// A section of a profile's `tuned.conf`.
    pub tuned: String,
}

impl Settings {
    /// What a scenario has, with `queues` rings of `rx` entries.
    pub(super) fn new(scenario: &Scenario, rx: u32, queues: usize) -> Self {
        let kind = channel_kind(scenario.nic.preset);
        Self {
            rx: scenario.nic.shown(rx),
            channels: kind.map(|kind| Channels { kind, count: queues }),
            moderation: match &scenario.host {
                HostSpec::Napi(spec) => Some(spec.moderation),
                _ => None,
            },
        }
    }

    /// Commands that set it up until the next restart.
    pub(super) fn commands(&self) -> Vec<String> {
        let mut commands = vec![format!("ethtool -G <interface> rx {}", self.rx)];
        if let Some(Channels { kind, count }) = self.channels {
            commands.push(format!("ethtool -L <interface> {kind} {count}"));
        }
        if self.moderation.is_some() {
            commands.push(format!("ethtool -C <interface> {}", self.coalescing().join(" ")));
        }
        commands
    }

    /// What sets it up for good.
    pub(super) fn persistent(&self) -> Persistent {
        let mut link = vec![format!("RxBufferSize={}", self.rx)];
        let mut nmcli = vec![format!("ethtool.ring-rx {}", self.rx)];
        let mut tuned = vec![format!("ring=rx {}", self.rx)];
        if let Some(Channels { kind, count }) = self.channels {
            let key = if kind == "rx" { "RxChannels" } else { "CombinedChannels" };
            link.push(format!("{key}={count}"));
            nmcli.push(format!("ethtool.channels-{kind} {count}"));
            tuned.push(format!("channels={kind} {count}"));
        }
        match self.moderation {
            None => {}
            Some(Moderation::Adaptive) => {
                link.push("UseAdaptiveRxCoalesce=yes".to_owned());
                nmcli.push("ethtool.coalesce-adaptive-rx 1".to_owned());
            }
            Some(Moderation::Fixed(fixed)) => {
                link.push("UseAdaptiveRxCoalesce=no".to_owned());
                link.push(format!("RxCoalesceSec={}us", usecs(fixed.usecs)));
                link.push(format!("RxMaxCoalescedFrames={}", fixed.frames));
                nmcli.push("ethtool.coalesce-adaptive-rx 0".to_owned());
                nmcli.push(format!("ethtool.coalesce-rx-usecs {}", usecs(fixed.usecs)));
                nmcli.push(format!("ethtool.coalesce-rx-frames {}", fixed.frames));
            }
        }
        if self.moderation.is_some() {
            tuned.push(format!("coalesce={}", self.coalescing().join(" ")));
        }
        Persistent {
            systemd_link: format!(
                "[Match]\nOriginalName=<interface>\n\n[Link]\n{}\n",
                link.join("\n")
            ),
            nmcli: format!("nmcli connection modify <connection> {}", nmcli.join(" ")),
            tuned: format!(
                "[net]\ndevices_udev_regex=INTERFACE=<interface>\n{}\n",
                tuned.join("\n")
            ),
        }
    }

    fn coalescing(&self) -> Vec<String> {
        match self.moderation {
            None => Vec::new(),
            Some(Moderation::Adaptive) => vec!["adaptive-rx on".to_owned()],
            Some(Moderation::Fixed(fixed)) => vec![
                "adaptive-rx off".to_owned(),
                format!("rx-usecs {}", usecs(fixed.usecs)),
                format!("rx-frames {}", fixed.frames),
            ],
        }
    }
}

/// What `ethtool -L` calls a driver's receive queues; `None`: the driver cannot change their number
/// (vmxnet3 and cxgb4 have no `set_channels`), or there is no such NIC.
fn channel_kind(preset: Option<&Preset>) -> Option<&'static str> {
    let Some(preset) = preset else { return Some("combined") };
    match preset.drivers.first() {
        None | Some(&("vmxnet3" | "cxgb4")) => None,
        Some(&"gve") => Some("rx"),
        Some(_) => Some("combined"),
    }
}

/// ethtool takes whole microseconds; a shorter time that is not none is one.
fn usecs(time: SimDuration) -> u64 {
    crate::units::round_to_u64((to_f64(time.as_ps()) / 1e6).ceil())
}
