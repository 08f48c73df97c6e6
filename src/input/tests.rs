//! No bytes make a reader panic.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::sample::Index;

use super::table::Table;
use super::*;

/// Reads the bytes as every kind of file there is. What is refused must say so in one line.
fn read_as_everything(bytes: &[u8]) {
    let path = Path::new("input");
    let reader = || decompressed(Cursor::new(bytes.to_vec()));
    let Ok(_) = reader() else { return };
    let table = || Table::new(path, reader().unwrap());
    let mut refusals = Vec::new();
    refusals.extend(table().and_then(trace::packets).err());
    refusals.extend(table().and_then(trace::returns).err());
    refusals.extend(table().and_then(trace::stalls).err());
    refusals.extend(table().and_then(cdf::points).err());
    refusals.extend(table().and_then(placement::regions).err());
    refusals.extend(table().and_then(placement::allowed).err());
    let (mut frames, mut last_ps) = (0, 0);
    let read = pcap::visit_frames(path, reader().unwrap(), |frame| {
        frames += 1;
        assert_eq!(frame.number, frames);
        assert!(frame.t_ps >= last_ps && frame.len > 0);
        last_ps = frame.t_ps;
    });
    match read {
        Ok(summary) => assert_eq!((summary.frames, summary.span_ps), (frames, last_ps)),
        Err(error) => refusals.push(error),
    }
    for refusal in refusals {
        let message = refusal.to_string();
        assert!(message.starts_with("input:"), "{message}");
        assert!(message.len() < 1000 && !message.contains(char::is_control), "{message}");
    }
}

/// Small valid files of every kind.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        "t_ns,queue,len\n0,0,64\n12.5,1,1514\n100,3,66\n",
        "\u{feff}# returns\r\nt_ns,queue,count,kind\r\n5,0,16,\"a,b\"\r\n9,1,0,\r\n",
        "start_ns,duration_ns\n1000,5000\n18446744073709551.615,0\n",
        "latency_us,cumulative\n1.5,0.25\n2,0.75\n1e3,0.999\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    seeds.push(words(&[
        &[0xa1b2_3c4d, 0x0004_0002, 0, 0, 96, 1],
        &[1_700_000_000, 999_999_999, 16, 1514, 0, 0, 0, 0x45_0008],
        &[1_700_000_001, 0, 4, 60, 0x0806],
    ]));
    seeds.push(words(&[
        &[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28],
        &[1, 48, 1, 96, 0x0001_0009, 9, 0x0008_000e, 7, 0, 0, 0, 48],
        &[6, 48, 0, 0x0179_9b1e, 0x2f13_d000, 14, 1514, 0, 0, 0, 0x45_0008, 48],
        &[5, 12, 12],
        &[6, 36, 0, 0x0179_9b1e, 0x2f13_d001, 2, 60, 7, 36],
    ]));
    let gzipped: Vec<Vec<u8>> = [&seeds[0], &seeds[4]].map(|seed| gzip(seed)).to_vec();
    seeds.extend(gzipped);
    seeds
}

fn words(blocks: &[&[u32]]) -> Vec<u8> {
    blocks.concat().into_iter().flat_map(u32::to_le_bytes).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A change to a file.
#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    SetWord(Index, u32),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Truncate(Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Self::Set(index, value) => {
                let place = place(index);
                bytes.splice(place..bytes.len().min(place + 1), [*value]);
            }
            Self::SetWord(index, word) => {
                let place = place(index) & !3;
                bytes.splice(place..bytes.len().min(place + 4), word.to_le_bytes());
            }
            Self::Insert(index, inserted) => {
                let place = place(index);
                bytes.splice(place..place, inserted.iter().copied());
            }
            Self::Remove(index, count) => {
                let place = place(index);
                bytes.drain(place..bytes.len().min(place + count));
            }
            Self::Repeat(index, count) => {
                let place = place(index);
                let again = bytes[place..bytes.len().min(place + count)].to_vec();
                bytes.splice(place..place, again);
            }
            Self::Truncate(index) => bytes.truncate(place(index)),
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let text = b"0123456789.,,,\n\n\"\"#-+e \r\xef";
    let word = prop_oneof![
        0_u32..64,
        any::<u32>(),
        (0_u32..64).prop_map(|less| u32::MAX - less),
        (0_u32..32).prop_map(|bit| 1 << bit),
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(index, value)| Mutation::Set(index, value)),
        (any::<Index>(), prop::sample::select(&text[..]))
            .prop_map(|(index, value)| Mutation::Set(index, value)),
        (any::<Index>(), word).prop_map(|(index, word)| Mutation::SetWord(index, word)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(index, bytes)| Mutation::Insert(index, bytes)),
        (any::<Index>(), 0_usize..40).prop_map(|(index, count)| Mutation::Remove(index, count)),
        (any::<Index>(), 0_usize..120).prop_map(|(index, count)| Mutation::Repeat(index, count)),
        any::<Index>().prop_map(Mutation::Truncate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes_never_panic(
        start in prop::sample::select(vec![
            vec![],
            vec![0x1f, 0x8b],
            vec![0x1f, 0x8b, 8, 0],
            b"t_ns,queue,len\n".to_vec(),
            vec![0x4d, 0x3c, 0xb2, 0xa1],
            vec![0xa1, 0xb2, 0xc3, 0xd4],
            vec![0x0a, 0x0d, 0x0d, 0x0a],
            words(&[&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]]),
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        read_as_everything(&[start, rest].concat());
    }

    #[test]
    fn mutated_files_never_panic(
        seed in prop::sample::select(seeds()),
        mutations in prop::collection::vec(mutation(), 1..6),
        compress in prop::bool::weighted(0.1),
    ) {
        let mut bytes = seed;
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        read_as_everything(&if compress { gzip(&bytes) } else { bytes });
    }
}

#[test]
fn the_seeds_of_the_mutations_are_valid() {
    let path = Path::new("input");
    let counts: Vec<usize> = seeds()
        .into_iter()
        .enumerate()
        .map(|(place, seed)| {
            let reader = decompressed(Cursor::new(seed)).unwrap();
            if [4, 5, 7].contains(&place) {
                let summary = pcap::visit_frames(path, reader, |_| {}).unwrap();
                return usize::try_from(summary.frames).unwrap();
            }
            let table = Table::new(path, reader).unwrap();
            match place {
                0 | 6 => trace::packets(table).unwrap().len(),
                1 => trace::returns(table).unwrap().len(),
                2 => trace::stalls(table).unwrap().len(),
                _ => cdf::points(table).unwrap().1.len(),
            }
        })
        .collect();
    assert_eq!(counts, [3, 2, 2, 3, 2, 2, 3, 2]);
}
