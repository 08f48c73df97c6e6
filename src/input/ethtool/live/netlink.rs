//! What the kernel answers over generic netlink: families `ethtool` and `netdev`.
//!
//! Numbers of commands and attributes are those of Linux 7.3
//! include/uapi/linux/ethtool_netlink_generated.h and include/uapi/linux/netdev.h.

use std::io;
use std::sync::Arc;

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable as _, NLA_F_NESTED, NLM_F_DUMP, NLM_F_MULTIPART,
    NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable, NlasIterator,
};
use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{Socket, SocketAddr};

use super::super::queues::QueueCount;
use super::super::{Captures, Fields, Note, Origin, Place, Reading, Scalar, Section, Subject};

/// A question to the family `ethtool`, and the attributes of its answer that are read.
struct Query {
    subject: Subject,
    /// Its name in the kernel's specification.
    name: &'static str,
    command: u8,
    attributes: &'static [(u16, &'static str)],
}

const QUERIES: [Query; 4] = [
    Query {
        subject: Subject::Rings,
        name: "rings-get",
        command: 15,
        attributes: &[
            (2, "rx-max"),
            (3, "rx-mini-max"),
            (4, "rx-jumbo-max"),
            (5, "tx-max"),
            (6, "rx"),
            (7, "rx-mini"),
            (8, "rx-jumbo"),
            (9, "tx"),
            (10, "rx-buf-len"),
            (11, DATA_SPLIT),
            (12, "cqe-size"),
            (17, "hds-thresh"),
            (18, "hds-thresh-max"),
        ],
    },
    Query {
        subject: Subject::Channels,
        name: "channels-get",
        command: 17,
        attributes: &[
            (2, "rx-max"),
            (3, "tx-max"),
            (4, "other-max"),
            (5, "combined-max"),
            (6, "rx"),
            (7, "tx"),
            (8, "other"),
            (9, "combined"),
        ],
    },
    Query {
        subject: Subject::Coalescing,
        name: "coalesce-get",
        command: 19,
        attributes: &[
            (2, "rx-usecs"),
            (3, "rx-frames"),
            (6, "tx-usecs"),
            (7, "tx-frames"),
            (11, "adaptive-rx"),
            (12, "adaptive-tx"),
            (25, "cqe-mode-rx"),
        ],
    },
    Query {
        subject: Subject::Pause,
        name: "pause-get",
        command: 21,
        attributes: &[(2, "autonegotiate"), (3, "rx"), (4, "tx")],
    },
];

/// 0: unknown; 1: off; 2: on.
const DATA_SPLIT: &str = "tcp-data-split";

const FEATURES_GET: u8 = 11;
const RSS_GET: u8 = 38;
const PAGE_POOL_GET: u8 = 5;
const QSTATS_GET: u8 = 12;
const RX_PACKETS: u16 = 8;
const RX_BYTES: u16 = 9;

/// Reads what netlink says of an interface; what it does not say is noted.
pub(super) fn read(interface: &str) -> Captures {
    let mut captures = Captures::default();
    let source: Arc<str> = Arc::from(format!("{interface} (netlink)"));
    let note = |captures: &mut Captures, key: &str, error: &io::Error| {
        let from = Origin { source: Arc::clone(&source), place: Place::Key(key.to_owned()) };
        let text = format!("the kernel gave no answer but \"{}\"", crate::input::reason(error));
        captures.notes.push(Note { from, text });
    };
    let mut kernel = match Kernel::open() {
        Ok(kernel) => kernel,
        Err(error) => {
            note(&mut captures, "socket", &error);
            return captures;
        }
    };
    let mut add = |subject, name: &str, fields: io::Result<Fields>| match fields {
        Ok(fields) if fields.is_empty() => {}
        Ok(fields) => captures.sections.push(Section {
            subject,
            interface: Some(interface.to_owned()),
            index: None,
            fields,
        }),
        Err(error) => note(&mut captures, name, &error),
    };
    let reply = Reply { source: &source };
    for Query { subject, name, command, attributes } in QUERIES {
        let answer = kernel.ethtool(command, interface);
        add(subject, name, answer.map(|answer| reply.numbers(name, attributes, &answer)));
    }
    let features = kernel.ethtool(FEATURES_GET, interface);
    add(Subject::Features, "features-get", features.map(|answer| reply.features(&answer)));
    let table = kernel.ethtool(RSS_GET, interface);
    add(Subject::Indirection, "rss-get", table.map(|answer| reply.indirection(&answer)));
    let pools = kernel.netdev(PAGE_POOL_GET, &[]);
    let index = super::system::index(interface);
    add(Subject::PagePools, "page-pool-get", pools.map(|all| reply.page_pools(&all, index)));
    let queues = kernel.netdev(QSTATS_GET, &[by_queue()]);
    add(Subject::QueueStatistics, "qstats-get", queues.map(|all| reply.queues(&all, index)));
    captures
}

/// Turns attributes into fields.
struct Reply<'a> {
    source: &'a Arc<str>,
}

impl Reply<'_> {
    fn origin(&self, query: &str, name: &str) -> Origin {
        Origin { source: Arc::clone(self.source), place: Place::Key(format!("{query} {name}")) }
    }

    /// Attributes of one byte are switches.
    fn numbers(&self, query: &str, wanted: &[(u16, &str)], answer: &[u8]) -> Fields {
        let mut fields = Fields::default();
        for (kind, name) in wanted {
            let value = match number(answer, *kind) {
                None => continue,
                Some(split) if *name == DATA_SPLIT => match split {
                    0 => Reading::NotApplicable,
                    _ => Reading::Known(Scalar::Switch(split == 2)),
                },
                Some(on) if attribute(answer, *kind).is_some_and(|value| value.len() == 1) => {
                    Reading::Known(Scalar::Switch(on != 0))
                }
                Some(number) => Reading::Known(Scalar::Count(number)),
            };
            fields.push(*name, value, self.origin(query, name));
        }
        fields
    }

    /// The set of what the device could do names all features; those in the set of active ones are
    /// on.
    fn features(&self, answer: &[u8]) -> Fields {
        const HARDWARE: u16 = 2;
        const ACTIVE: u16 = 4;
        let names = |kind| {
            let bits = attribute(answer, kind).and_then(|set| attribute(set, 3));
            let bits = bits.into_iter().flat_map(attributes);
            bits.filter_map(|(_, bit)| attribute(bit, 2).map(text)).collect::<Vec<String>>()
        };
        let active = names(ACTIVE);
        let mut fields = Fields::default();
        for name in names(HARDWARE) {
            if !fields.has(&name) {
                let value = Reading::Known(Scalar::Switch(active.contains(&name)));
                let from = self.origin("features-get", &name);
                fields.push(name, value, from);
            }
        }
        fields
    }

    fn indirection(&self, answer: &[u8]) -> Fields {
        let mut fields = Fields::default();
        if let Some(table) = attribute(answer, 4) {
            let (queues, _) = table.as_chunks();
            let queues = queues.iter().map(|queue| u64::from(u32::from_ne_bytes(*queue)));
            let value = Reading::Known(Scalar::List(queues.collect()));
            fields.push("table", value, self.origin("rss-get", "indir"));
        }
        fields
    }

    fn page_pools(&self, answers: &[Vec<u8>], index: Option<u64>) -> Fields {
        const NAMES: [(u16, &str); 2] = [(4, "inflight"), (5, "inflight-mem")];
        let mut fields = Fields::default();
        for answer in answers.iter().filter(|answer| number(answer, 2) == index) {
            let Some(id) = number(answer, 1) else { continue };
            for (kind, name) in NAMES {
                if let Some(count) = number(answer, kind) {
                    let from = self.origin("page-pool-get", name);
                    let value = Reading::Known(Scalar::Count(count));
                    fields.push(format!("pool {id} {name}"), value, from);
                }
            }
        }
        fields
    }

    fn queues(&self, answers: &[Vec<u8>], index: Option<u64>) -> Fields {
        const NAMES: [(u16, &str); 5] = [
            (RX_PACKETS, "rx-packets"),
            (RX_BYTES, "rx-bytes"),
            (12, "rx-alloc-fail"),
            (13, "rx-hw-drops"),
            (14, "rx-hw-drop-overruns"),
        ];
        let mut fields = Fields::default();
        for (queue, answer) in receive_queues(answers, index) {
            for (kind, name) in NAMES {
                if let Some(count) = number(answer, kind) {
                    let from = self.origin("qstats-get", name);
                    let value = Reading::Known(Scalar::Count(count));
                    fields.push(format!("queue {queue} {name}"), value, from);
                }
            }
        }
        fields
    }
}

/// The answers that are of receive queues of an interface, and their numbers.
fn receive_queues(
    answers: &[Vec<u8>],
    index: Option<u64>,
) -> impl Iterator<Item = (u64, &Vec<u8>)> {
    const RECEIVES: Option<u64> = Some(0);
    let own = move |answer: &&Vec<u8>| number(answer, 1) == index && number(answer, 2) == RECEIVES;
    answers.iter().filter(own).filter_map(|answer| Some((number(answer, 3)?, answer)))
}

/// What the kernel's statistics of queues say that receive queues received.
pub(super) struct QueueStatistics {
    kernel: Kernel,
    family: u16,
    index: u64,
}

impl QueueStatistics {
    pub(super) fn open(interface: &str) -> io::Result<Self> {
        let mut kernel = Kernel::open()?;
        let family = kernel.family("netdev")?;
        let index = super::system::index(interface).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { kernel, family, index })
    }

    /// The counts of queues of which both packets and bytes are counted, in order.
    pub(super) fn read(&mut self) -> io::Result<Vec<QueueCount>> {
        let index = u32::try_from(self.index).map_err(|_| io::ErrorKind::NotFound)?;
        let index = DefaultNla::new(1, index.to_ne_bytes().to_vec());
        let answers = self.kernel.ask(self.family, QSTATS_GET, &[index, by_queue()], NLM_F_DUMP)?;
        let count = |(queue, answer): (u64, &Vec<u8>)| {
            let queue = u32::try_from(queue).ok()?;
            let [packets, bytes] = [RX_PACKETS, RX_BYTES].map(|kind| number(answer, kind));
            Some(QueueCount { queue, packets: packets?, bytes: bytes? })
        };
        let counts = receive_queues(&answers, Some(self.index)).filter_map(count);
        let mut counts: Vec<QueueCount> = counts.collect();
        counts.sort_by_key(|count| count.queue);
        Ok(counts)
    }
}

/// The attribute that asks for statistics of each queue, not of the interface.
fn by_queue() -> DefaultNla {
    DefaultNla::new(4, 1_u32.to_ne_bytes().to_vec())
}

/// The attributes in some bytes; a damaged one ends them.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let attribute = NlasIterator::new(rest).next()?.ok()?;
        let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
        let value = &rest[NLA_HEADER..length];
        rest = rest.get(length.next_multiple_of(NLA_ALIGN)..).unwrap_or_default();
        Some((kind, value))
    })
}

const NLA_HEADER: usize = netlink_packet_core::NLA_HEADER_SIZE;
const NLA_ALIGN: usize = netlink_packet_core::NLA_ALIGNTO;

fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(own, _)| *own == kind).map(|(_, value)| value)
}

/// An unsigned number of 1, 2, 4 or 8 bytes.
fn number(bytes: &[u8], kind: u16) -> Option<u64> {
    let value = attribute(bytes, kind)?;
    Some(match value.len() {
        1 => u64::from(value[0]),
        2 => u64::from(u16::from_ne_bytes(value.try_into().ok()?)),
        4 => u64::from(u32::from_ne_bytes(value.try_into().ok()?)),
        8 => u64::from_ne_bytes(value.try_into().ok()?),
        _ => return None,
    })
}

/// Text that ends in a zero byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn bytes_of(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// A socket to the kernel.
struct Kernel {
    socket: Socket,
}

impl Kernel {
    fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket })
    }

    /// Asks the family `ethtool` about an interface.
    fn ethtool(&mut self, command: u8, interface: &str) -> io::Result<Vec<u8>> {
        let mut name = interface.as_bytes().to_vec();
        name.push(0);
        let header = bytes_of(&[DefaultNla::new(2, name)]);
        let header = DefaultNla::new(1 | NLA_F_NESTED, header);
        let family = self.family("ethtool")?;
        let answers = self.ask(family, command, &[header], 0)?;
        answers.into_iter().next().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Asks the family `netdev` about all interfaces.
    fn netdev(&mut self, command: u8, attributes: &[DefaultNla]) -> io::Result<Vec<Vec<u8>>> {
        let family = self.family("netdev")?;
        self.ask(family, command, attributes, NLM_F_DUMP)
    }

    /// The number of a family: `CTRL_CMD_GETFAMILY` of include/uapi/linux/genetlink.h.
    fn family(&mut self, name: &str) -> io::Result<u16> {
        const CONTROLLER: u16 = 16;
        const GET_FAMILY: u8 = 3;
        const ID: u16 = 1;
        const NAME: u16 = 2;
        let name = DefaultNla::new(NAME, [name.as_bytes(), &[0]].concat());
        let answers = self.ask(CONTROLLER, GET_FAMILY, &[name], 0)?;
        let id = answers.first().and_then(|answer| number(answer, ID));
        id.and_then(|id| u16::try_from(id).ok()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Sends a request; the attributes of each answer.
    fn ask(
        &mut self,
        family: u16,
        command: u8,
        attributes: &[DefaultNla],
        flags: u16,
    ) -> io::Result<Vec<Vec<u8>>> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let request = Generic { family, command, attributes: bytes_of(attributes) };
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<Generic>::deserialize(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                let (header, payload) = message.into_parts();
                match payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer.attributes),
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(-done.code));
                    }
                    _ => return Ok(answers),
                }
                if header.flags & NLM_F_MULTIPART == 0 {
                    return Ok(answers);
                }
                let length = usize::try_from(header.length).unwrap_or(usize::MAX);
                rest = rest.get(length.next_multiple_of(NLA_ALIGN)..).unwrap_or_default();
            }
        }
    }
}

/// A message of generic netlink: command, version, two unused bytes, attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Generic {
    family: u16,
    command: u8,
    attributes: Vec<u8>,
}

const GENERIC_HEADER: usize = 4;

impl NetlinkSerializable for Generic {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        GENERIC_HEADER + self.attributes.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..GENERIC_HEADER].copy_from_slice(&[self.command, 1, 0, 0]);
        buffer[GENERIC_HEADER..].copy_from_slice(&self.attributes);
    }
}

impl NetlinkDeserializable for Generic {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let attributes = payload.get(GENERIC_HEADER..).unwrap_or_default().to_vec();
        let command = payload.first().copied().unwrap_or(0);
        Ok(Self { family: header.message_type, command, attributes })
    }
}

impl From<Generic> for NetlinkPayload<Generic> {
    fn from(message: Generic) -> Self {
        Self::InnerMessage(message)
    }
}
