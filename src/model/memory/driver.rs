//! What drivers pin for a receive queue, where it is not `rx` buffers of one size.
//!
//! One pure function a driver, from ring depth and MTU to pages, buffers, descriptors and
//! completions, with the driver's own rounding. Each follows the named kernel source for x86-64
//! with pages of 4 KiB, without XDP and header split, counting posted memory only: what sockets or
//! a page pool's cache hold besides is not in it. Validated by `tests/presets.rs`.
//!
//! The simulator sees a queue as `buffers` of `buffer_len` bytes. That is exact where a descriptor
//! is a buffer. Where packets share a page (striding rings, packed pages) each has a place of one
//! fixed size, so that short packets pack better in hardware than here, and a place is posted again
//! by itself, not with the last one of its page.

/// A driver's way with receive memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverMemory {
    /// mlx5 with striding RQ, its default.
    Mlx5Striding,
    /// mlx5 without it: page fragments.
    Mlx5Legacy,
    /// ice and iavf: libeth's page pool.
    Libeth,
    /// idpf: two buffer queues, one for whole frames and one for short ones.
    Idpf,
    /// i40e: two pages a descriptor.
    I40e,
    /// ixgbe: a page a descriptor, two above the standard MTU.
    Ixgbe,
    /// igb: the same with its own limit.
    Igb,
    /// igc: a page a descriptor.
    Igc,
    /// bnxt: header buffers and, with `aggregation`, pages for the rest.
    Bnxt {
        /// Whether LRO, GRO in hardware or header split ask for aggregation rings; a jumbo MTU has
        /// them in any case.
        aggregation: bool,
    },
    /// ena: a page a descriptor.
    Ena,
    /// gve with raw addressing: fragments of 2 KiB.
    GveRaw,
    /// gve with queue page lists: two pages a descriptor.
    GvePageList,
    /// mana: parts of a page, or as many as a frame needs.
    Mana,
    /// `virtio_net` with mergeable buffers, as full-sized frames make them.
    VirtioMergeable,
    /// vmxnet3 before device version 7: heads and pages, and a second ring of pages.
    Vmxnet3,
    /// fbnic: header and payload pages; `rx` is the completion ring alone.
    Fbnic,
    /// nfp: one fragment a descriptor.
    Nfp,
    /// cxgb4: pages of 64 KiB that packets are packed into.
    Cxgb4,
}

/// A driver's receive memory at an MTU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Driver {
    /// How it allocates.
    pub memory: DriverMemory,
    /// The interface's MTU in bytes.
    pub mtu: u32,
    /// Entries of the ring that ethtool calls `rx-mini`; 0: the driver has none.
    pub mini: u32,
    /// Entries of the ring that ethtool calls `rx-jumbo`; 0: the driver has none of its own.
    pub jumbo: u32,
}

/// What one receive queue consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLayout {
    /// Bytes of all memory posted for packets.
    pub bytes: u64,
    /// Buffers that packets take: the ring as the simulator sees it.
    pub buffers: u32,
    /// Bytes of a packet that one of them receives.
    pub buffer_len: u64,
    /// Descriptors of posted memory.
    pub descriptors: u64,
    /// Completion entries; `None`: the driver only sees to it that they suffice.
    pub completions: Option<u32>,
}

const PAGE: u64 = 4096;
/// `SMP_CACHE_BYTES` of x86-64, to which `SKB_DATA_ALIGN` rounds.
const CACHE_LINE: u64 = 64;
/// `SKB_DATA_ALIGN(sizeof(struct skb_shared_info))`, which follows the data of a buffer.
const SHARED_INFO: u64 = 320;
/// `NET_SKB_PAD`, and `NET_IP_ALIGN` is 0 on x86-64: room before the data.
const HEADROOM: u64 = 64;
/// `XDP_PACKET_HEADROOM` of include/uapi/linux/bpf.h.
const XDP_HEADROOM: u64 = 256;
/// Bytes of a frame over its MTU: Ethernet header and one VLAN tag.
pub const FRAME_HEADERS: u32 = 18;
const HEADERS: u64 = FRAME_HEADERS as u64;

impl Driver {
    /// What a queue of `rx` entries consists of.
    #[must_use]
    pub fn queue(self, rx: u32) -> QueueLayout {
        let mtu = u64::from(self.mtu);
        match self.memory {
            DriverMemory::Mlx5Striding => mlx5_striding(rx, mtu),
            DriverMemory::Mlx5Legacy => mlx5_legacy(rx, mtu),
            DriverMemory::Libeth => {
                let (truesize, len) = libeth(mtu);
                per_descriptor(rx, truesize, len)
            }
            DriverMemory::Idpf => idpf(rx, mtu),
            DriverMemory::I40e => per_descriptor(rx, 2 * PAGE, LARGE),
            DriverMemory::Ixgbe => intel_pages(rx, mtu + ETH_FCS > ETH_FRAME + 4),
            DriverMemory::Igb => intel_pages(rx, mtu + ETH_FCS + 4 > SMALL),
            DriverMemory::Igc if mtu + ETH_FCS + 4 <= IGC_SMALL => {
                per_descriptor(rx, PAGE, IGC_SMALL)
            }
            DriverMemory::Igc => per_descriptor(rx, PAGE, HALF_PAGE),
            DriverMemory::Bnxt { aggregation } => bnxt(rx, mtu, aggregation),
            // drivers/net/ethernet/amazon/ena/ena_netdev.c ena_alloc_rx_buffer.
            DriverMemory::Ena => per_descriptor(rx, PAGE, PAGE - HEADROOM - SHARED_INFO),
            DriverMemory::GveRaw => per_descriptor(rx, HALF_PAGE, HALF_PAGE),
            DriverMemory::GvePageList => per_descriptor(rx, 2 * PAGE, HALF_PAGE),
            DriverMemory::Mana => mana(rx, mtu),
            DriverMemory::VirtioMergeable => virtio_mergeable(rx, mtu),
            DriverMemory::Vmxnet3 => vmxnet3(rx, self),
            DriverMemory::Fbnic => fbnic(rx, self),
            DriverMemory::Nfp => nfp(rx, mtu),
            DriverMemory::Cxgb4 => cxgb4(rx, self),
        }
    }

    /// The deepest ring that the driver keeps at this MTU, where it reduces what is asked for.
    #[must_use]
    pub fn deepest(self) -> Option<u32> {
        match self.memory {
            DriverMemory::Bnxt { aggregation } => {
                (bnxt_factor(u64::from(self.mtu), aggregation) > 0).then_some(BNXT_RX_MAX)
            }
            _ => None,
        }
    }
}

/// A buffer of `bytes` for every descriptor, of which `len` are for the packet.
#[must_use]
pub(crate) fn per_descriptor(rx: u32, bytes: u64, len: u64) -> QueueLayout {
    QueueLayout {
        bytes: u64::from(rx) * bytes,
        buffers: rx,
        buffer_len: len,
        descriptors: u64::from(rx),
        completions: None,
    }
}

/// `SKB_DATA_ALIGN`.
fn aligned(len: u64) -> u64 {
    len.next_multiple_of(CACHE_LINE)
}

/// A count that the hardware keeps in 32 bits or fewer.
fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `MLX5E_SW2HW_MTU`: Ethernet header, VLAN tag and FCS.
const MLX5_HARD_MTU: u64 = 22;
/// Bytes of a striding work queue entry: drivers/net/ethernet/mellanox/mlx5/core/en/params.c,
/// `mlx5e_mpwrq_log_wqe_sz`, 18 bits.
const MLX5_WQE: u64 = 256 << 10;
/// `1 << MLX5E_PARAMS_MINIMUM_LOG_RQ_SIZE_MPW`.
const MLX5_WQES_MIN: u64 = 4;
/// Stride where a frame is larger than a page: `MLX5_MPWRQ_DEF_LOG_STRIDE_SZ`, that of
/// `MLX5E_RX_MAX_HEAD`.
const MLX5_STRIDE: u64 = 256;

/// Bytes of a frame with head and tail: `mlx5e_rx_get_linear_sz_skb`.
fn mlx5_linear(mtu: u64) -> u64 {
    aligned(HEADROOM + mtu + MLX5_HARD_MTU) + SHARED_INFO
}

/// `mlx5e_mpwqe_get_log_rq_size`: as many entries of 256 KiB as hold `rx` frames, each in a power
/// of two; `mlx5e_build_rx_cq_param`: a completion for every stride.
fn mlx5_striding(rx: u32, mtu: u64) -> QueueLayout {
    let linear = mlx5_linear(mtu).next_power_of_two();
    let frames = (MLX5_WQE / linear).max(1);
    let wqes = (u64::from(rx).next_power_of_two() / frames).max(MLX5_WQES_MIN);
    let stride = if linear > PAGE { MLX5_STRIDE } else { linear };
    QueueLayout {
        bytes: wqes * MLX5_WQE,
        buffers: count(wqes * frames),
        buffer_len: linear,
        descriptors: wqes,
        completions: Some(count(wqes * (MLX5_WQE / stride))),
    }
}

/// `DEFAULT_FRAG_SIZE`.
const MLX5_FRAGMENT: u64 = 2048;
/// `MLX5E_MAX_RX_FRAGS`.
const MLX5_FRAGMENTS_MAX: u64 = 4;

/// `mlx5e_build_rq_frags_info` and `mlx5e_init_frags_partition`.
fn mlx5_legacy(rx: u32, mtu: u64) -> QueueLayout {
    let (wqes, linear) = (u64::from(rx), mlx5_linear(mtu).next_power_of_two());
    let layout = |pages: u64| QueueLayout {
        bytes: pages * PAGE,
        buffers: rx,
        buffer_len: (mtu + MLX5_HARD_MTU).max(linear.min(PAGE)),
        descriptors: wqes,
        completions: Some(rx),
    };
    if linear <= PAGE {
        return layout((wqes * linear).div_ceil(PAGE));
    }
    let frame = mtu + MLX5_HARD_MTU;
    let first = |fragment: u64| fragment - HEADROOM - SHARED_INFO;
    // Up to here the last fragment is a page and the others are halves.
    let most = first(MLX5_FRAGMENT) + (MLX5_FRAGMENTS_MAX - 2) * MLX5_FRAGMENT + PAGE;
    if frame > most {
        return layout(wqes * (1 + (frame - first(PAGE)).div_ceil(PAGE)));
    }
    match (frame - first(MLX5_FRAGMENT)).div_ceil(MLX5_FRAGMENT) {
        0 | 1 => layout(wqes),
        // Three halves: two entries share the page between them.
        2 => layout((wqes * 3).div_ceil(2)),
        // Three halves and what is left, which begins a page if it is larger than half of one.
        _ => {
            let last = frame - first(MLX5_FRAGMENT) - 2 * MLX5_FRAGMENT;
            layout(wqes * if last > MLX5_FRAGMENT { 3 } else { 2 })
        }
    }
}

/// Ethernet header, two VLAN tags and FCS: `LIBETH_RX_LL_LEN`.
const LIBETH_HEADERS: u64 = 26;
/// `LIBETH_RX_BUF_STRIDE`.
const LIBETH_STRIDE: u64 = 128;

/// drivers/net/ethernet/intel/libeth/rx.c `libeth_rx_page_pool_params`: bytes that a buffer takes
/// of its page, and those it receives.
fn libeth(mtu: u64) -> (u64, u64) {
    let most = (PAGE - HEADROOM - SHARED_INFO) / LIBETH_STRIDE * LIBETH_STRIDE;
    let len = (mtu + LIBETH_HEADERS).next_multiple_of(LIBETH_STRIDE).min(most);
    ((aligned(HEADROOM + len) + SHARED_INFO).next_power_of_two(), len)
}

/// drivers/net/ethernet/intel/idpf/idpf_txrx.c `idpf_rx_bufs_init_all`: half of the entries for
/// frames, the other half in buffers half as large.
fn idpf(rx: u32, mtu: u64) -> QueueLayout {
    let (truesize, len) = libeth(mtu);
    let each = u64::from(rx) / 2;
    QueueLayout {
        bytes: each * truesize + each * (truesize / 2).max(512),
        ..per_descriptor(rx, truesize, len)
    }
}

const HALF_PAGE: u64 = PAGE / 2;
/// `I40E_RXBUFFER_3072` and its like: a buffer of half of two pages.
const LARGE: u64 = 3072;
/// `IGB_MAX_FRAME_BUILD_SKB` and its like: a buffer of half a page.
const SMALL: u64 = 1536;
/// `IGC_MAX_FRAME_BUILD_SKB`: half a page without head, tail and a time stamp.
const IGC_SMALL: u64 = HALF_PAGE - SHARED_INFO - HEADROOM - 16;
/// `ETH_FRAME_LEN`.
const ETH_FRAME: u64 = 1514;
/// Ethernet header and FCS.
const ETH_FCS: u64 = 18;

/// `ixgbe_set_rx_buffer_len` and `igb_set_rx_buffer_len`: a page a descriptor, one half of it in
/// use, or two pages for `large` frames.
fn intel_pages(rx: u32, large: bool) -> QueueLayout {
    if large { per_descriptor(rx, 2 * PAGE, LARGE) } else { per_descriptor(rx, PAGE, SMALL) }
}

/// `BNXT_MAX_RX_DESC_CNT_JUM_ENA`.
const BNXT_RX_MAX: u32 = 2047;
/// `BNXT_MAX_RX_JUM_DESC_CNT`.
const BNXT_AGGREGATION_MAX: u64 = 8191;
/// Of a packet's header with head and tail: a `BNXT_RX_COPY_THRESH` of 256.
const BNXT_HEADER: u64 = 256 + HEADROOM + SHARED_INFO;
/// Descriptors of a page: `RX_DESC_CNT`, and `CP_DESC_CNT` for completions.
const BNXT_PER_PAGE: u64 = 256;

/// Bytes of a whole frame with head and tail in one buffer.
fn bnxt_frame(mtu: u64) -> u64 {
    aligned(mtu + 14 + 8) + XDP_HEADROOM + SHARED_INFO
}

/// Pages of aggregation for every entry of the ring.
fn bnxt_factor(mtu: u64, aggregation: bool) -> u64 {
    let jumbo = if bnxt_frame(mtu) > PAGE { (mtu - 40).div_ceil(PAGE) } else { 0 };
    jumbo.max(if aggregation { 4 } else { 0 })
}

/// drivers/net/ethernet/broadcom/bnxt/bnxt.c `bnxt_set_ring_params`, whose rings are a power of two
/// of pages, and whose completions are two of 16 bytes for a packet and one for every page.
fn bnxt(rx: u32, mtu: u64, aggregation: bool) -> QueueLayout {
    let ring = |entries: u64| (entries / BNXT_PER_PAGE + 1).next_power_of_two() * BNXT_PER_PAGE;
    let factor = bnxt_factor(mtu, aggregation);
    if factor == 0 {
        let rx = u64::from(rx);
        return QueueLayout {
            descriptors: ring(rx),
            completions: Some(count(ring(2 * rx))),
            ..per_descriptor(count(rx), bnxt_frame(mtu), aligned(mtu + 14 + 8))
        };
    }
    let entries = u64::from(rx.min(BNXT_RX_MAX));
    let pages = (entries * factor).min(BNXT_AGGREGATION_MAX);
    QueueLayout {
        bytes: entries * BNXT_HEADER + pages * PAGE,
        buffers: count(entries),
        buffer_len: factor * PAGE,
        descriptors: ring(entries) + ring(pages),
        completions: Some(count(ring(2 * entries + pages))),
    }
}

/// drivers/net/ethernet/microsoft/mana/mana_en.c `mana_get_rxbuf_cfg`: parts of a page while two
/// fit, else a page or a power of two of them.
fn mana(rx: u32, mtu: u64) -> QueueLayout {
    let size = aligned(mtu + 14 + HEADROOM) + SHARED_INFO;
    let (entries, len) = (u64::from(rx), mtu + HEADERS);
    let bytes = match PAGE / size {
        0 => entries * size.next_power_of_two(),
        each => entries.div_ceil(each) * PAGE,
    };
    QueueLayout { bytes, ..per_descriptor(rx, size, len) }
}

/// `sizeof(struct virtio_net_hdr_mrg_rxbuf)`.
const VIRTIO_HEADER: u64 = 12;
/// `GOOD_PACKET_LEN`.
const VIRTIO_GOOD: u64 = 1518;
/// Pages that buffers are cut from: `SKB_FRAG_PAGE_ORDER`.
const FRAGMENT_PAGES: u64 = 32 << 10;
/// The longest packet a device may deliver, spread over the ring: `mergeable_min_buf_len`.
const VIRTIO_LONGEST: u64 = 65_535 + VIRTIO_HEADER + HEADERS;

/// drivers/net/virtio_net.c `get_mergeable_buf_len`, `add_recvbuf_mergeable`: buffers as long as
/// packets are on average, here full-sized frames, cut from 32 KiB with the rest left in the last.
fn virtio_mergeable(rx: u32, mtu: u64) -> QueueLayout {
    let entries = u64::from(rx.max(1));
    let most = PAGE - VIRTIO_HEADER;
    let shortest = VIRTIO_LONGEST.div_ceil(entries).saturating_sub(VIRTIO_HEADER).max(VIRTIO_GOOD);
    let average = (mtu + 14).clamp(shortest.min(most), most);
    let len = aligned(VIRTIO_HEADER + average);
    let bytes = u64::from(rx).div_ceil(FRAGMENT_PAGES / len) * FRAGMENT_PAGES;
    QueueLayout { bytes, ..per_descriptor(rx, len, len - VIRTIO_HEADER) }
}

/// `VMXNET3_MAX_SKB_BUF_SIZE`.
const VMXNET3_HEAD_MAX: u64 = 3072;
/// `VMXNET3_MAX_ETH_HDR_SIZE`.
const VMXNET3_HEADERS: u64 = 22;
/// `VMXNET3_RING_SIZE_ALIGN`.
const VMXNET3_ALIGN: u64 = 32;
/// `VMXNET3_RX_RING_MAX_SIZE`.
const VMXNET3_MAX: u64 = 4096;

/// drivers/net/vmxnet3/vmxnet3_drv.c `vmxnet3_adjust_rx_ring_size`.
fn vmxnet3(rx: u32, driver: Driver) -> QueueLayout {
    let frame = u64::from(driver.mtu) + VMXNET3_HEADERS;
    let head = frame.min(VMXNET3_HEAD_MAX);
    let each = 1 + (frame - head).div_ceil(PAGE);
    let unit = each * VMXNET3_ALIGN;
    let ring =
        |entries: u64| entries.next_multiple_of(unit).min((VMXNET3_MAX / unit).max(1) * unit);
    let (first, second) = (ring(u64::from(rx)), ring(u64::from(driver.jumbo)));
    let heads = first / each;
    QueueLayout {
        bytes: heads * (aligned(HEADROOM + head) + SHARED_INFO) + (first - heads + second) * PAGE,
        buffers: count(first),
        buffer_len: head,
        descriptors: first + second,
        completions: Some(count(first + second)),
    }
}

/// drivers/net/ethernet/meta/fbnic/fbnic_txrx.h: every entry of the header and payload queues
/// (`rx-mini` and `rx-jumbo`) is a page, whatever `rx` is. A packet's payload has a place of half a
/// page here.
fn fbnic(rx: u32, driver: Driver) -> QueueLayout {
    let (headers, payload) = (u64::from(driver.mini), u64::from(driver.jumbo));
    QueueLayout {
        bytes: (headers + payload) * PAGE,
        buffers: count(payload * 2),
        buffer_len: HALF_PAGE,
        descriptors: headers + payload,
        completions: Some(rx),
    }
}

/// `NFP_NET_MAX_PREPEND`.
const NFP_PREPEND: u64 = 64;

/// drivers/net/ethernet/netronome/nfp/nfp_net_common.c `nfp_net_calc_fl_bufsz`.
fn nfp(rx: u32, mtu: u64) -> QueueLayout {
    let len = 14 + 8 + mtu;
    per_descriptor(rx, aligned(HEADROOM + NFP_PREPEND + len) + SHARED_INFO, len)
}

/// `FL_PG_ORDER`: large pages of 64 KiB.
const CXGB4_PAGE: u64 = 64 << 10;
/// Entries that are never posted, lest the list seems empty: `fl_cap`.
const CXGB4_UNPOSTED: u32 = 8;

/// drivers/net/ethernet/chelsio/cxgb4/sge.c: `rx` is the size of the free list, of which all
/// entries count as memory and all but 8 are posted; `rx-mini` is the response queue. A packet has
/// a place of a full frame here.
fn cxgb4(rx: u32, driver: Driver) -> QueueLayout {
    let place = aligned(u64::from(driver.mtu) + HEADERS);
    let places = u64::from(rx.saturating_sub(CXGB4_UNPOSTED)) * (CXGB4_PAGE / place).max(1);
    QueueLayout {
        bytes: u64::from(rx) * CXGB4_PAGE,
        buffers: count(places),
        buffer_len: place,
        descriptors: u64::from(rx),
        completions: Some(driver.mini),
    }
}
