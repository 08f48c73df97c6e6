use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::*;

fn table(text: &str) -> Table {
    let reader = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
    Table::new(Path::new("burst.csv"), reader).unwrap()
}

fn refused_packets(text: &str) -> String {
    packets(table(text)).unwrap_err().to_string()
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const BURST: &str = "t_ns,queue,len,seq,dropped,flow\n100,0,1514,0,0,\n100,1,66,1,0,\n\
                     250.125,0,64,2,1,\n";

fn burst() -> Vec<PacketRecord> {
    [(100_000, 0, 1514), (100_000, 1, 66), (250_125, 0, 64)]
        .map(|(t_ps, queue, len)| PacketRecord { t_ps, queue, len })
        .to_vec()
}

#[test]
fn packets_are_read_from_plain_and_from_gzip_files() {
    for bytes in [BURST.as_bytes().to_vec(), gzip(BURST.as_bytes())] {
        assert_eq!(read_packets(file(&bytes).path()).unwrap(), burst());
    }
}

#[test]
fn all_members_of_a_gzip_file_are_read() {
    let (head, tail) = BURST.split_at(40);
    let bytes = [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat();
    assert_eq!(read_packets(file(&bytes).path()).unwrap(), burst());
}

#[test]
fn a_gzip_file_cut_short_is_refused_with_its_line() {
    let mut text = String::from("t_ns,queue,len\n");
    for line in 0..5000 {
        text.push_str(&format!("{line},{},64\n", line * 7919 % 1000));
    }
    let bytes = gzip(text.as_bytes());
    let file = file(&bytes[..bytes.len() / 2]);
    let error = read_packets(file.path()).unwrap_err();
    let InputError::Line { line, fault, .. } = error else { panic!("{error}") };
    assert!((2..5000).contains(&line));
    assert!(matches!(fault, LineFault::Read { .. }), "{fault}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = read_packets(Path::new("no-such.csv")).unwrap_err();
    assert_eq!(error.to_string(), "no-such.csv: cannot open: No such file or directory");
}

#[test]
fn a_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let error = read_packets(directory.path()).unwrap_err();
    assert!(error.to_string().ends_with(": cannot open: Is a directory"), "{error}");
}

#[test]
fn packets_out_of_time_order_are_refused() {
    assert_eq!(
        refused_packets("t_ns,queue,len\n5200,0,64\n5000,0,64\n"),
        "burst.csv:3: t_ns 5000 comes before 5200 of the line before; lines must be in time \
         order"
    );
}

#[test]
fn packets_need_their_three_columns() {
    assert_eq!(
        refused_packets("time,queue,len\n1,0,64\n"),
        "burst.csv:1: no column 't_ns'; the header line must name t_ns, queue and len"
    );
}

#[test]
fn a_trace_without_packets_is_refused() {
    for text in ["", "# only a comment\n", "t_ns,queue,len\n", "t_ns,queue,len\r\n\r\n"] {
        let message = refused_packets(text);
        assert!(message.contains(": no packets; a header line naming t_ns, queue and len"));
    }
}

#[test]
fn a_packet_has_at_least_one_byte() {
    assert_eq!(
        refused_packets("t_ns,queue,len\n1,0,0\n"),
        "burst.csv:2: len 0 is too small; at least 1"
    );
}

#[test]
fn times_finer_than_a_picosecond_are_refused() {
    assert_eq!(
        refused_packets("t_ns,queue,len\n1.0005,0,64\n"),
        "burst.csv:2: t_ns 1.0005 has more than 3 decimals; a picosecond is the finest"
    );
    assert_eq!(
        refused_packets("t_ns,queue,len\n-1,0,64\n"),
        "burst.csv:2: t_ns '-1' is not a number of nanoseconds such as 5200 or 5200.125"
    );
    assert_eq!(
        refused_packets("t_ns,queue,len\n18446744073709551.616,0,64\n"),
        "burst.csv:2: t_ns 18446744073709551.616 is too large; at most 18446744073709551.615"
    );
}

#[test]
fn returns_may_be_of_no_buffers_and_there_may_be_none() {
    let text = "t_ns,queue,count,dur_ns,kind\n5,0,16,8135,0\n5,1,0,987,0\n";
    let expected = [(5_000, 0, 16), (5_000, 1, 0)].map(|(t_ps, queue, count)| ReturnRecord {
        t_ps,
        queue,
        count,
    });
    assert_eq!(returns(table(text)).unwrap(), expected);
    assert_eq!(returns(table("t_ns,queue,count\n")).unwrap(), []);
    let message = returns(table("")).unwrap_err().to_string();
    assert_eq!(message, "burst.csv:1: no header line; it must name t_ns, queue and count");
}

#[test]
fn returns_out_of_time_order_are_refused() {
    let message = returns(table("t_ns,queue,count\n2,0,1\n1.5,0,1\n")).unwrap_err();
    assert!(message.to_string().starts_with("burst.csv:3: t_ns 1.5 comes before 2 of"));
}

#[test]
fn stalls_are_read_under_both_pairs_of_names_and_may_overlap() {
    let expected = [(1_000, 9_000), (2_000, 500)]
        .map(|(start_ps, duration_ps)| StallRecord { start_ps, duration_ps });
    for text in [
        "start_ns,duration_ns\n1,9\n2,0.5\n",
        "sched_ns,sched_dur_ns,actual_start_ns,actual_end_ns\n1,9,1,10\n2,0.5,3,4\n",
        "sched_ns,sched_dur_ns,start_ns,duration_ns\n7,7,1,9\n6,6,2,0.5\n",
        "start_ns,sched_ns,sched_dur_ns\n7,1,9\n6,2,0.5\n",
    ] {
        assert_eq!(stalls(table(text)).unwrap(), expected, "{text}");
    }
    assert_eq!(stalls(table("start_ns,duration_ns\n")).unwrap(), []);
}

#[test]
fn stalls_without_their_columns_or_order_or_beyond_the_clock_are_refused() {
    let refused = |text| stalls(table(text)).unwrap_err().to_string();
    assert_eq!(
        refused("start_ns,end_ns\n1,2\n"),
        "burst.csv:1: no column 'duration_ns'; the header line must name start_ns and \
             duration_ns, or sched_ns and sched_dur_ns"
    );
    assert_eq!(
        refused(""),
        "burst.csv:1: no header line; it must name start_ns and duration_ns, or sched_ns and \
             sched_dur_ns"
    );
    assert!(refused("sched_ns,sched_dur_ns\n2,1\n1,1\n").contains("sched_ns 1 comes before 2"));
    assert_eq!(
        refused("start_ns,duration_ns\n18446744073709551,1\n"),
        "burst.csv:2: duration_ns 1 is too large; at most 0.615"
    );
}
