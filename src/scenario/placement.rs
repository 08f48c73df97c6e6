//! Reading `[placement]`.

use super::distribution::{read_positive_times, read_times};
use super::error::ScenarioError;
use super::keys::{FLOW_KINDS, LRO, MODES, PLACEMENT, PROTECTIONS, ROTATION, STORM, SURVIVALS};
use super::quantity::{Field, Fields};
use super::warning::Warning;
use super::{NicSpec, Scenario};
use crate::model::distribution::Distribution;
use crate::model::host::HostSpec;
use crate::model::placement::{
    FlowKind, GENERATIONS, LroSpec, Mode, PlacementSpec, Protection, RotationSpec,
    generations_repeat,
};
use crate::model::traffic::{StormSpec, TrafficKind, TransfersSpec};
use crate::units::{SimDuration, round_to_u64, to_f64};

type Result<T> = std::result::Result<T, ScenarioError>;

/// Bytes of a header buffer where headers are split and nothing else is said: an entry of mlx5's
/// header buffers (Linux 7.3 drivers/net/ethernet/mellanox/mlx5/core/en.h).
const HEADER_BUFFER: u64 = 256;

/// Entries of tables and pools: a typing error is likelier than more.
const ENTRIES_MAX: u32 = 1 << 26;

/// Regions that memory ids of 16 bits can name.
const REGIONS_MAX: u32 = 1 << 16;

/// How long a packet may be on its way where nothing is said.
const PACKET_LIFETIME: SimDuration = SimDuration::from_ms(1_000);

/// What `[placement]` says, as far as it is not the NIC's part alone.
#[derive(Debug)]
struct Section {
    nic: PlacementSpec,
    regions: u32,
    config_latency: Distribution,
    storm: Option<StormSpec>,
    packet_lifetime: SimDuration,
    survive_storm: bool,
    memory: u64,
    nic_memory: u64,
}

/// Reads `[placement]` into the scenario: into its transfers, its header buffers and its plan.
pub(super) fn read(root: &Fields<'_>, scenario: &mut Scenario) -> Result<()> {
    let mut section = Section::default_for(scenario);
    if let Some(field) = root.get("placement") {
        let fields = field.fields(PLACEMENT)?;
        section.read(&fields)?;
        fields.finish();
    }
    let splits = section.nic.mode.splits_headers();
    let names_header_buffer =
        root.get("nic").is_some_and(|nic| nic.member("header_buffer").is_some());
    if splits && !names_header_buffer {
        scenario.nic.header_buffer = HEADER_BUFFER;
    }
    if scenario.nic.fifo.pause && scenario.transfers().is_some() {
        return Err(root.error_at(
            &["nic", "pause"],
            "is not modelled with transfers, whose buffers are known only once they have arrived; \
             leave it out",
        ));
    }
    scenario.plan.survive_storm = section.survive_storm;
    let host = scenario.host.clone();
    let nic = scenario.nic.clone();
    let mut tables = scenario.traffic.iter_mut().filter_map(|traffic| match &mut traffic.kind {
        TrafficKind::Transfers(spec) => Some(spec),
        _ => None,
    });
    let Some(transfers) = tables.next() else {
        if splits {
            return Err(root.error_at(
                &["placement", "mode"],
                "has no traffic to act on; write a [[traffic]] of kind \"transfers\", whose \
                 packets carry placement headers",
            ));
        }
        return Ok(());
    };
    if tables.next().is_some() {
        return Err(root.error_at(
            &["traffic"],
            "has several tables of kind \"transfers\"; write one, with all flows in it",
        ));
    }
    let checks = Checks { root, transfers, nic: &nic, host: &host };
    checks.check(&section)?;
    let warning = section.doubt(transfers);
    section.complete(transfers);
    scenario.warnings.extend(warning);
    Ok(())
}

impl Section {
    /// What holds where the scenario says nothing.
    fn default_for(scenario: &Scenario) -> Self {
        Self {
            nic: PlacementSpec {
                mode: Mode::Off,
                region: 1 << 20,
                header_entries: scenario.completion_entries(),
                copy_per_byte: SimDuration::ZERO,
                map_per_page: SimDuration::ZERO,
                lro: None,
                rotation: None,
            },
            regions: 4,
            config_latency: Distribution::Constant(0),
            storm: None,
            packet_lifetime: PACKET_LIFETIME,
            survive_storm: false,
            memory: u64::MAX,
            nic_memory: u64::MAX,
        }
    }

    fn read(&mut self, fields: &Fields<'_>) -> Result<()> {
        let nic = &mut self.nic;
        let zero = || Distribution::Constant(0);
        nic.mode = mode(fields)?;
        nic.region = fields.or("region", nic.region, Field::positive_size)?;
        nic.header_entries =
            fields.or("header_entries", nic.header_entries, |f| f.count_u32(1, ENTRIES_MAX))?;
        nic.copy_per_byte = fields.or("copy_per_byte", SimDuration::ZERO, Field::time)?;
        nic.map_per_page = fields.or("map_per_page", SimDuration::ZERO, Field::time)?;
        nic.lro = fields.get("lro").map(|field| lro(&field)).transpose()?;
        nic.rotation = fields.get("rotation").map(|field| rotation(&field)).transpose()?;
        self.regions = fields.or("regions", self.regions, |f| f.count_u32(1, REGIONS_MAX))?;
        self.config_latency = fields.or("config_latency", zero(), read_times)?;
        self.storm = fields.get("storm").map(|field| storm(&field)).transpose()?;
        self.packet_lifetime = fields.or("packet_lifetime", PACKET_LIFETIME, Field::time)?;
        self.survive_storm = fields.or("survive", 0, |f| f.choice(SURVIVALS))? == 1;
        self.memory = fields.or("memory", u64::MAX, Field::size)?;
        self.nic_memory = fields.or("nic_memory", u64::MAX, Field::size)?;
        if let (true, None) = (self.survive_storm, &self.storm) {
            return Err(fields.error(
                "survive",
                "needs to know the storm; write [placement.storm] with every and notice",
            ));
        }
        Ok(())
    }

    /// Puts all of it into the transfers.
    fn complete(self, transfers: &mut TransfersSpec) {
        transfers.nic = self.nic;
        transfers.regions = self.regions;
        transfers.config_latency = self.config_latency;
        transfers.storm = self.storm;
    }

    /// Whether a late packet may meet its generation again.
    fn doubt(&self, transfers: &TransfersSpec) -> Option<Warning> {
        let direct = matches!(self.nic.mode, Mode::Direct(_));
        let used = (transfers.bytes.mean() / to_f64(self.nic.region)).ceil();
        let uses = f64::from(self.regions) / used.clamp(1.0, f64::from(self.regions));
        let use_time = SimDuration::from_ps(round_to_u64(transfers.every.mean() * uses));
        let repeats = direct && generations_repeat(use_time, self.packet_lifetime);
        repeats.then(|| Warning::GenerationsRepeat {
            after: SimDuration::from_ps(use_time.as_ps().saturating_mul(GENERATIONS)),
            lifetime: self.packet_lifetime,
        })
    }
}

/// What transfers, NIC and host must agree on.
struct Checks<'a> {
    root: &'a Fields<'a>,
    transfers: &'a TransfersSpec,
    nic: &'a NicSpec,
    host: &'a HostSpec,
}

impl Checks<'_> {
    fn check(&self, section: &Section) -> Result<()> {
        let Self { root, transfers, nic, .. } = self;
        let error = |key, message: String| Err(root.error_at(&["placement", key], &message));
        if u64::from(transfers.mss) > nic.rx_buf_len {
            let (mss, buffer) = (transfers.mss, nic.rx_buf_len);
            return Err(root.error_at(
                &["traffic"],
                &format!(
                    "has an mss of {mss} bytes, more than a buffer (nic.rx_buf_len) of {buffer}; \
                     write a smaller mss or larger buffers"
                ),
            ));
        }
        if transfers.attack.is_some() && transfers.flows < 2 {
            return Err(root.error_at(
                &["traffic"],
                "has an attack but one flow, so that there is none to attack; write flows = 2 or \
                 more",
            ));
        }
        let (flows, each) = (u64::from(transfers.flows), u64::from(section.regions));
        let regions = flows * each;
        if regions > u64::from(REGIONS_MAX) {
            return error(
                "regions",
                format!(
                    "makes {regions} regions ({flows} flows with {each} each), more than the \
                     65536 that memory ids can name; write fewer flows or regions"
                ),
            );
        }
        let region = section.nic.region;
        if region > section.memory
            || regions.checked_mul(region).is_none_or(|it| it > section.memory)
        {
            return error(
                "region",
                format!(
                    "is {region} bytes: {regions} of them do not fit the memory of {} bytes; write \
                     smaller or fewer regions, or more memory",
                    section.memory
                ),
            );
        }
        let tables = section.nic.table_bytes(flows, each);
        if tables > section.nic_memory {
            return error(
                "nic_memory",
                format!(
                    "is {} bytes, but the NIC's tables take {tables}; write fewer allow_entries or \
                     regions, or more memory",
                    section.nic_memory
                ),
            );
        }
        self.check_host(&section.nic)
    }

    fn check_host(&self, nic: &PlacementSpec) -> Result<()> {
        let name = self.host.name();
        if matches!(self.host, HostSpec::Trace { .. }) {
            return Err(self.root.error_at(
                &["host", "model"],
                "\"trace\" returns buffers, which placed packets have none of; use server, \
                 busy-poll or napi",
            ));
        }
        let costs = [("copy_per_byte", nic.copy_per_byte), ("map_per_page", nic.map_per_page)];
        let unpaid = |cost: &SimDuration| !cost.is_zero() && !self.host.has_cores();
        if let Some((key, _)) = costs.iter().find(|(_, cost)| unpaid(cost)) {
            return Err(self.root.error_at(
                &["placement", key],
                &format!(
                    "cannot be paid by the host model \"{name}\", which has no cores; use server, \
                     busy-poll or napi"
                ),
            ));
        }
        Ok(())
    }
}

fn storm(field: &Field<'_>) -> Result<StormSpec> {
    let fields = field.fields(STORM)?;
    let storm = StormSpec {
        every: read_positive_times(&fields.require("every")?)?,
        notice: fields.require("notice")?.positive_time()?,
    };
    fields.finish();
    Ok(storm)
}

fn rotation(field: &Field<'_>) -> Result<RotationSpec> {
    let fields = field.fields(ROTATION)?;
    let rotation = RotationSpec {
        every: read_positive_times(&fields.require("every")?)?,
        notice: fields.require("notice")?.time()?,
    };
    fields.finish();
    Ok(rotation)
}

fn lro(field: &Field<'_>) -> Result<LroSpec> {
    let fields = field.fields(LRO)?;
    let lro = LroSpec {
        sessions: fields.or("sessions", 64, |f| f.count_u32(1, ENTRIES_MAX))?,
        timeout: fields.or("timeout", SimDuration::from_us(10), Field::positive_time)?,
        max_bytes: fields.or("max_bytes", 64 << 10, Field::positive_size)?,
    };
    fields.finish();
    Ok(lro)
}

/// The mode. Keys of other modes may stand beside it, so that modes can be swept.
fn mode(fields: &Fields<'_>) -> Result<Mode> {
    let chosen = fields.or("mode", 0, |f| f.choice(MODES))?;
    let registered = fields.get("registered").map(|f| f.count_u32(1, ENTRIES_MAX)).transpose()?;
    let token = fields.or("token", Distribution::Constant(0), read_times)?;
    let page = fields.or("page", 4096, Field::positive_size)?;
    let protection = protection(fields)?;
    Ok(match chosen {
        0 => Mode::Off,
        1 => Mode::HeaderSplit,
        2 => Mode::PageMap { page },
        3 => Mode::Registered {
            entries: registered.ok_or_else(|| {
                fields.error(
                    "registered",
                    "is needed by \"registered\"; write how many application buffers each queue \
                     has, such as 1024",
                )
            })?,
            token,
        },
        _ => Mode::Direct(protection),
    })
}

fn protection(fields: &Fields<'_>) -> Result<Protection> {
    let kind = match fields.or("allow_key", 0, |f| f.choice(FLOW_KINDS))? {
        0 => FlowKind::Spi,
        _ => FlowKind::Ipv6,
    };
    let entries = fields.or("allow_entries", 65_536, |f| f.count_u32(0, ENTRIES_MAX))?;
    Ok(match fields.or("protection", 0, |f| f.choice(PROTECTIONS))? {
        0 => Protection::AllowList { kind, entries },
        _ => Protection::RegionKeys,
    })
}
