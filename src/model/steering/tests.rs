use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// Destination address and port, source address and port, hash of the addresses, hash of both.
/// Microsoft, "Verifying the RSS hash calculation".
const IPV4_VECTORS: [(&str, u16, &str, u16, u32, u32); 5] = [
    ("161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e_8fc2, 0x51cc_c178),
    ("65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718_262a, 0xc626_b0ea),
    ("12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0_a5de, 0x5c2b_394a),
    ("209.142.163.6", 2217, "38.27.205.30", 48228, 0x8298_9176, 0xafc7_327f),
    ("202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d18_09c5, 0x10e8_28a2),
];

const IPV6_VECTORS: [(&str, u16, &str, u16, u32, u32); 3] = [
    ("3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc1_8cd5, 0x4020_7d3d),
    ("ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c_461c, 0xdde5_1bbf),
    (
        "fe80::200:f8ff:fe21:67cf",
        38024,
        "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
        44251,
        0x4b61_e985,
        0x02d1_feef,
    ),
];

/// Hashes of the first vector of each version.
const V4_ADDRESSES: Option<u32> = Some(0x323e_8fc2);
const V4_BOTH: Option<u32> = Some(0x51cc_c178);
const V6_ADDRESSES: Option<u32> = Some(0x2cc1_8cd5);
const V6_BOTH: Option<u32> = Some(0x4020_7d3d);

const TCP_NUMBER: u8 = 6;
const UDP_NUMBER: u8 = 17;

/// An IPv4 packet of the first vector's addresses.
fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let [fragment_high, fragment_low] = fragment.to_be_bytes();
    let mut packet = vec![0x45, 0, total[0], total[1], 0, 0, fragment_high, fragment_low, 64];
    packet.extend([protocol, 0, 0]);
    packet.extend("66.9.149.187".parse::<Ipv4Addr>().unwrap().octets());
    packet.extend("161.142.100.80".parse::<Ipv4Addr>().unwrap().octets());
    packet.extend(payload);
    packet
}

/// An IPv6 packet of the first vector's addresses.
fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, len[0], len[1], next_header, 64];
    packet.extend("3ffe:2501:200:1fff::7".parse::<Ipv6Addr>().unwrap().octets());
    packet.extend("3ffe:2501:200:3::1".parse::<Ipv6Addr>().unwrap().octets());
    packet.extend(payload);
    packet
}

/// A TCP header of the first vectors' ports, with 12 bytes of options.
fn tcp() -> Vec<u8> {
    let mut header = [2794_u16.to_be_bytes(), 1766_u16.to_be_bytes()].concat();
    header.extend([0; 8]);
    header.extend([0x80, 0x10, 0xff, 0xff, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
    header
}

/// A UDP header of the first vectors' ports.
fn udp() -> Vec<u8> {
    [2794_u16.to_be_bytes(), 1766_u16.to_be_bytes(), [0, 8], [0, 0]].concat()
}

/// An Ethernet frame with VLAN tags of these types.
fn ethernet(tags: &[u16], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend([0, 7]);
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    frame
}

fn hash(link: LinkType, frame: &[u8]) -> Option<u32> {
    Flow::of_frame(link, frame).map(|flow| toeplitz(&MICROSOFT_KEY, flow.bytes()))
}

fn hash_v4(protocol: u8, fragment: u16, payload: &[u8]) -> Option<u32> {
    hash(LinkType::Ethernet, &ethernet(&[], IPV4, &ipv4(protocol, fragment, payload)))
}

fn hash_v6(next_header: u8, payload: &[u8]) -> Option<u32> {
    hash(LinkType::Ethernet, &ethernet(&[], IPV6, &ipv6(next_header, payload)))
}

#[test]
fn published_vectors_hash_as_published() {
    let octets = |address: &str| match address.parse().unwrap() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    for (destination, to, source, from, of_addresses, of_both) in
        IPV4_VECTORS.iter().chain(&IPV6_VECTORS)
    {
        let mut input = [octets(source), octets(destination)].concat();
        assert_eq!(toeplitz(&MICROSOFT_KEY, &input), *of_addresses, "{source}");
        input.extend(from.to_be_bytes());
        input.extend(to.to_be_bytes());
        assert_eq!(toeplitz(&MICROSOFT_KEY, &input), *of_both, "{source}");
    }
}

#[test]
fn the_hash_of_nothing_and_of_zeros_is_zero() {
    assert_eq!(toeplitz(&MICROSOFT_KEY, &[]), 0);
    assert_eq!(toeplitz(&MICROSOFT_KEY, &[0; 36]), 0);
}

#[test]
#[should_panic(expected = "a key of 8 bytes cannot hash 5 bytes")]
fn a_key_too_short_for_its_input_panics() {
    let _ = toeplitz(&[1; 8], &[1; 5]);
}

#[test]
fn tcp_and_udp_are_hashed_over_addresses_and_ports() {
    assert_eq!(hash_v4(TCP_NUMBER, 0, &tcp()), V4_BOTH);
    assert_eq!(hash_v4(UDP_NUMBER, 0, &udp()), V4_BOTH);
    assert_eq!(hash_v6(TCP_NUMBER, &tcp()), V6_BOTH);
    assert_eq!(hash_v6(UDP_NUMBER, &udp()), V6_BOTH);
}

#[test]
fn the_do_not_fragment_flag_is_no_fragment() {
    assert_eq!(hash_v4(TCP_NUMBER, 0x4000, &tcp()), V4_BOTH);
}

#[test]
fn other_protocols_are_hashed_over_addresses() {
    for protocol in [1, 47, 50, 89, 132, 255] {
        assert_eq!(hash_v4(protocol, 0, &tcp()), V4_ADDRESSES, "{protocol}");
    }
    for next_header in [47, 50, 58, 59, 89, 132, 255] {
        assert_eq!(hash_v6(next_header, &tcp()), V6_ADDRESSES, "{next_header}");
    }
}

#[test]
fn an_authentication_header_hides_the_ports_of_ipv4() {
    let authenticated = [vec![TCP_NUMBER, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], tcp()].concat();
    assert_eq!(hash_v4(51, 0, &authenticated), V4_ADDRESSES);
}

#[test]
fn fragments_are_hashed_over_addresses() {
    for fragment in [0x2000, 0x2010, 0x0010] {
        assert_eq!(hash_v4(UDP_NUMBER, fragment, &udp()), V4_ADDRESSES, "{fragment:#x}");
    }
    for [high, low] in [[0, 1], [0, 9], [0, 8], [0, 0]] {
        let fragment = [vec![UDP_NUMBER, 0, high, low, 0, 0, 0, 7], udp()].concat();
        assert_eq!(hash_v6(44, &fragment), V6_ADDRESSES, "{high} {low}");
    }
}

#[test]
fn ipv6_extension_headers_are_skipped() {
    let hop_by_hop = |next| vec![next, 0, 1, 4, 0, 0, 0, 0];
    let destination = |next| vec![next, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(hash_v6(0, &[hop_by_hop(TCP_NUMBER), tcp()].concat()), V6_BOTH);
    assert_eq!(hash_v6(60, &[destination(UDP_NUMBER), udp()].concat()), V6_BOTH);
    let both = [hop_by_hop(60), destination(TCP_NUMBER), tcp()].concat();
    assert_eq!(hash_v6(0, &both), V6_BOTH);
}

#[test]
fn broken_extension_headers_leave_the_addresses() {
    for payload in [vec![60, 0, 1, 4, 0, 0, 0, 0], vec![TCP_NUMBER, 200, 0, 0], vec![]] {
        assert_eq!(hash_v6(0, &payload), V6_ADDRESSES, "{payload:?}");
    }
}

#[test]
fn frames_cut_short_are_hashed_over_what_is_there() {
    let frame = ethernet(&[], IPV4, &ipv4(TCP_NUMBER, 0, &tcp()));
    for cut in 0..=frame.len() {
        let expected = match cut {
            0..34 => None,
            34..38 => V4_ADDRESSES,
            _ => V4_BOTH,
        };
        assert_eq!(hash(LinkType::Ethernet, &frame[..cut]), expected, "{cut}");
    }
    let frame = ethernet(&[], IPV6, &ipv6(TCP_NUMBER, &tcp()));
    for cut in 0..=frame.len() {
        let expected = match cut {
            0..54 => None,
            54..58 => V6_ADDRESSES,
            _ => V6_BOTH,
        };
        assert_eq!(hash(LinkType::Ethernet, &frame[..cut]), expected, "{cut}");
    }
}

#[test]
fn an_unset_total_length_does_not_hide_the_ports() {
    let mut packet = ipv4(TCP_NUMBER, 0, &tcp());
    packet[2..4].copy_from_slice(&[0, 0]);
    assert_eq!(hash(LinkType::RawIp, &packet), V4_BOTH);
}

#[test]
fn every_link_type_leads_to_the_same_hash() {
    let packet = ipv4(TCP_NUMBER, 0, &tcp());
    let cooked = [&[0; 14][..], &[8, 0], &packet].concat();
    let cooked_v2 = [&[8, 0][..], &[0; 18], &packet].concat();
    for (link, frame) in [
        (LinkType::Ethernet, ethernet(&[], IPV4, &packet)),
        (LinkType::Ethernet, ethernet(&[VLAN], IPV4, &packet)),
        (LinkType::Ethernet, ethernet(&[VLAN_SERVICE, VLAN], IPV4, &packet)),
        (LinkType::Ethernet, ethernet(&[VLAN_DOUBLE, VLAN], IPV4, &packet)),
        (LinkType::Cooked, cooked),
        (LinkType::CookedV2, cooked_v2),
        (LinkType::RawIp, packet),
    ] {
        assert_eq!(hash(link, &frame), V4_BOTH, "{link:?}");
        assert!(link.carries_ip(&frame), "{link:?}");
    }
    let packet = ipv6(UDP_NUMBER, &udp());
    assert_eq!(hash(LinkType::RawIp, &packet), V6_BOTH);
    assert_eq!(hash(LinkType::Cooked, &[&[0; 14], &[0x86, 0xdd][..], &packet].concat()), V6_BOTH);
    assert!(LinkType::RawIp.carries_ip(&packet));
}

#[test]
fn what_is_not_ip_goes_where_hash_zero_goes() {
    let rss = Rss::new(&MICROSOFT_KEY, vec![5, 6, 7]).unwrap();
    let packet = ipv4(TCP_NUMBER, 0, &tcp());
    for (link, frame) in [
        (LinkType::Ethernet, ethernet(&[], 0x0806, &[0; 28])),
        (LinkType::Ethernet, ethernet(&[VLAN], 0x8864, &packet)),
        (LinkType::Ethernet, ethernet(&[], 0x05dc, &packet)),
        (
            LinkType::Ethernet,
            ethernet(&[], 0x88e5, &[&[0, 0, 0, 0, 0, 1, 8, 0][..], &packet].concat()),
        ),
        (LinkType::Cooked, vec![0; 60]),
        (LinkType::CookedV2, vec![8]),
        (LinkType::RawIp, vec![0x50; 60]),
        (LinkType::RawIp, vec![]),
    ] {
        let steered = rss.queue_of_frame(link, &frame);
        assert_eq!(steered, Steered { queue: 5, hashed: false }, "{link:?}");
        assert!(!link.carries_ip(&frame), "{link:?}");
    }
}

#[test]
fn the_low_bits_of_the_hash_pick_the_entry() {
    let rss = Rss::new(&MICROSOFT_KEY, (100..228).collect()).unwrap();
    assert_eq!(rss.queue_of_hash(0x51cc_c178), 100 + 0x78);
    let frame = ethernet(&[], IPV4, &ipv4(TCP_NUMBER, 0, &tcp()));
    let steered = rss.queue_of_frame(LinkType::Ethernet, &frame);
    assert_eq!(steered, Steered { queue: 100 + 0x78, hashed: true });
    let rss = Rss::new(&MICROSOFT_KEY, vec![4, 5, 6]).unwrap();
    assert_eq!(rss.queue_of_hash(u32::MAX), 4);
}

#[test]
fn an_equal_table_deals_the_queues_out_in_turn() {
    let rss = Rss::equal(&[3, 1, 4], 8).unwrap();
    assert_eq!(rss.table(), [3, 1, 4, 3, 1, 4, 3, 1]);
    assert_eq!(Rss::equal(&[0, 1, 2, 3], 2).unwrap().table(), [0, 1]);
}

#[test]
fn a_steering_without_entries_or_with_a_short_key_is_refused() {
    assert_eq!(Rss::equal(&[], 128), Err(RssError::EmptyTable));
    assert_eq!(Rss::equal(&[1], 0), Err(RssError::EmptyTable));
    let error = Rss::new(&[0; 39], vec![0]).unwrap_err();
    assert_eq!(error.to_string(), "the hash key has 39 bytes; it needs at least 40");
    assert!(Rss::new(&[0; 52], vec![0]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_frame_of_any_link_type_is_steered_to_a_queue_of_the_table(
        frame in prop::collection::vec(any::<u8>(), 0..160),
        start in prop::sample::select(vec![
            Vec::new(),
            ethernet(&[], IPV4, &[0x45]),
            ethernet(&[VLAN], IPV6, &[0x60]),
            ethernet(&[], IPV4, &ipv4(TCP_NUMBER, 0, &[])),
            ethernet(&[], IPV6, &ipv6(0, &[60, 0, 1, 4, 0, 0, 0, 0])),
            ethernet(&[], IPV6, &ipv6(44, &[TCP_NUMBER, 0, 0, 0, 0, 0, 0, 7])),
            vec![8, 0],
            vec![0x45, 0],
            vec![0x60, 0],
        ]),
    ) {
        let rss = Rss::equal(&[1, 2, 3], 128).unwrap();
        let frame = [start, frame].concat();
        for link in
            [LinkType::Ethernet, LinkType::Cooked, LinkType::CookedV2, LinkType::RawIp]
        {
            let steered = rss.queue_of_frame(link, &frame);
            prop_assert!((1..=3).contains(&steered.queue));
            prop_assert!(!steered.hashed || link.carries_ip(&frame));
        }
    }

    #[test]
    fn the_hash_is_linear(
        one in prop::array::uniform32(any::<u8>()),
        other in prop::array::uniform32(any::<u8>()),
    ) {
        let sum: Vec<u8> = one.iter().zip(&other).map(|(a, b)| a ^ b).collect();
        prop_assert_eq!(
            toeplitz(&MICROSOFT_KEY, &one) ^ toeplitz(&MICROSOFT_KEY, &other),
            toeplitz(&MICROSOFT_KEY, &sum)
        );
    }
}
