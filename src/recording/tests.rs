use std::io::{Cursor, Read as _};

use super::*;
use crate::model::traffic::Recorded;

fn play(form: Form, replay: Replay, text: &str) -> Result<Vec<(u64, u32, u32)>, RecordingError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    std::fs::write(&path, text).unwrap();
    let mut packets = Recording { path, form, replay }.open()?;
    let mut played = Vec::new();
    while let Some(packet) = packets.next()? {
        played.push((packet.time.as_ps(), packet.queue.get(), packet.len));
    }
    Ok(played)
}

const SAMPLES: &str = "t_ns,duration_ns,queue,packets,bytes\n0,9,0,3,10\n0,3,2,1,64\n20,5,1,0,0\n\
                       30,10,2,2,128\n";

#[test]
fn samples_become_packets_of_their_bytes_in_order_of_time() {
    let form = |place| Form::Samples { queues: Queues::All, place };
    let even = play(form(InSample::Even), Replay::default(), SAMPLES).unwrap();
    // Ten bytes are 4 + 3 + 3; at one instant in the order of lines.
    let expected =
        [(0, 0, 4), (0, 2, 64), (3_000, 0, 3), (6_000, 0, 3), (30_000, 2, 64), (35_000, 2, 64)];
    assert_eq!(even, expected);
    let burst = play(form(InSample::Burst), Replay::default(), SAMPLES).unwrap();
    assert!(burst.iter().all(|(ps, ..)| [0, 30_000].contains(ps)));
    assert_eq!(burst.len(), 6);
    let random = play(form(InSample::Poisson), Replay::default(), SAMPLES).unwrap();
    assert!(random.is_sorted_by_key(|(ps, ..)| *ps));
    assert!(random.iter().all(|(ps, queue, _)| match queue {
        0 => *ps < 9_000,
        _ => *ps < 3_000 || (30_000..40_000).contains(ps),
    }));
    assert_eq!(random, play(form(InSample::Poisson), Replay::default(), SAMPLES).unwrap());
}

#[test]
fn only_wanted_queues_are_played_and_unknown_ones_are_refused() {
    let form = |queues| Form::Samples { queues: Queues::Of(queues), place: InSample::Even };
    let played = play(form(vec![false, true, true]), Replay::default(), SAMPLES).unwrap();
    assert_eq!(played, [(0, 2, 64), (30_000, 2, 64), (35_000, 2, 64)]);
    let error = play(form(vec![true, true]), Replay::default(), SAMPLES).unwrap_err();
    assert!(error.to_string().starts_with("sample 2 of "), "{error}");
}

#[test]
fn a_recording_played_again_comes_a_mean_gap_after_its_end() {
    let text = "t_ns,queue,len\n0,0,100\n10,1,200\n30,0,300\n";
    let replay = Replay { speed: Some(2.0), repeat: 3, offset: SimDuration::from_ps(7_000) };
    let played = play(Form::Trace(Queues::All), replay, text).unwrap();
    // Gaps of 7.5 ns on average: 22.5 ns from turn to turn.
    let once = [(7_000, 0, 100), (12_000, 1, 200), (22_000, 0, 300)];
    let expected: Vec<_> = (0..3)
        .flat_map(|turn| once.map(|(ps, queue, len)| (ps + turn * 22_500, queue, len)))
        .collect();
    assert_eq!(played, expected);
}

#[test]
fn what_would_end_after_the_end_of_time_is_refused() {
    let text = "t_ns,queue,len\n0,0,100\n10,1,200\n";
    for replay in [
        Replay { speed: Some(1e-300), ..Replay::default() },
        Replay { offset: SimDuration::from_ps(u64::MAX - 5_000), ..Replay::default() },
    ] {
        let error = play(Form::Trace(Queues::All), replay, text).unwrap_err();
        assert!(matches!(error, RecordingError::TooLong { .. }), "{error}");
    }
}

#[test]
fn a_recording_is_known_by_its_first_bytes() {
    use crate::input::RecordingKind::{self, Capture, Millisampler, Samples, Trace};
    for (text, kind) in [
        (&b"\x0a\x0d\x0d\x0a...."[..], Capture),
        (b"\xd4\xc3\xb2\xa1", Capture),
        (b" \n{\"ingressBytes\": [1]}", Millisampler),
        (b"# of eth0\n\nt_ns, duration_ns,queue,packets,bytes\n", Samples),
        (b"t_ns,queue,len\n", Trace),
        (b"", Trace),
    ] {
        // A reader may give only the first bytes at first.
        let (first, rest) = text.split_at(text.len().min(2));
        let reader = Cursor::new(first).chain(Cursor::new(rest));
        let path = std::path::Path::new("x");
        let (found, mut reader) = RecordingKind::sniff(path, Box::new(reader)).unwrap();
        let mut whole = Vec::new();
        reader.read_to_end(&mut whole).unwrap();
        assert_eq!((found, whole.as_slice()), (kind, text));
    }
}

/// A trace in a folder of its own.
fn trace(folder: &tempfile::TempDir, packets: std::ops::Range<u32>) -> Recording {
    let path = folder.path().join("trace.csv");
    let lines: String = packets.map(|k| format!("{},{},{}\n", 10 * k, k % 3, 60 + k)).collect();
    std::fs::write(&path, format!("t_ns,queue,len\n{lines}")).unwrap();
    let replay = Replay { repeat: 2, ..Replay::default() };
    Recording { path, form: Form::Trace(Queues::All), replay }
}

#[test]
fn a_recording_that_is_read_again_plays_as_one_that_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let recording = trace(&folder, 0..50);
    let (held, _) = recording.clone().record_holding(100).unwrap();
    let (streamed, _) = recording.record_holding(99).unwrap();
    assert_eq!((held.count(), held.longest()), (100, 109));
    assert_eq!(held, streamed);
    let all = |recorded: &Recorded| (recorded.count(), recorded.last(), recorded.longest());
    assert_eq!(all(&held), all(&streamed));
    // Two playings at a time do not meet.
    let (first, second) = (streamed.play(), streamed.play());
    assert!(first.zip(second).all(|(first, second)| first == second));
    assert_eq!((held.fault(), streamed.fault()), (None, None));
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(held.play().count(), 100);
}

#[test]
fn a_file_that_changes_or_goes_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (streamed, _) = trace(&folder, 0..50).record_holding(9).unwrap();
    trace(&folder, 0..49);
    assert_eq!(streamed.play().count(), 98);
    let fault = streamed.fault().unwrap();
    assert!(fault.ends_with("trace.csv: has changed while it was played; run again"), "{fault}");

    let (streamed, _) = trace(&folder, 0..50).record_holding(9).unwrap();
    std::fs::write(folder.path().join("trace.csv"), "t_ns,queue,len\n0,0,60\nnonsense\n").unwrap();
    assert_eq!(streamed.play().count(), 1);
    assert!(streamed.fault().unwrap().contains("trace.csv:3"), "{:?}", streamed.fault());

    let (streamed, _) = trace(&folder, 0..50).record_holding(9).unwrap();
    std::fs::remove_file(folder.path().join("trace.csv")).unwrap();
    assert_eq!(streamed.play().count(), 0);
    assert!(streamed.fault().unwrap().contains("trace.csv"), "{:?}", streamed.fault());
}
