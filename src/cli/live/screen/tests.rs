use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::model::ledger::PacketCounts;
use crate::scenario::Source;

fn screen(queues: u32, reserve: u32) -> Screen {
    let reserve = match reserve {
        0 => String::new(),
        entries => format!("[reserve]\nentries = {entries}\n"),
    };
    let text = format!(
        "title = \"a test\"\n[nic]\nqueues = {queues}\nrx = 10\nrx_buf_len = \"2 KiB\"\n{reserve}\
         [host]\nmodel = \"server\"\nservice = \"1 us\"\n\
         [[traffic]]\nkind = \"poisson\"\nrate = \"1 Mpps\"\n[run]\nwarmup = \"1 ms\"\n"
    );
    Screen::new(&Scenario::load(&Source::Stdin(text), &[]).unwrap())
}

/// A look at 3 ms: queue k has k of the ring, and the last one some of the reserve.
fn look(queues: u32, reserve_in_use: u32, dropped: u64) -> Look {
    let own = |queue: u32| {
        let reserve_in_use = if queue + 1 == queues { reserve_in_use } else { 0 };
        let in_use = if reserve_in_use > 0 { 10 } else { queue } + reserve_in_use;
        let packets = PacketCounts { offered: 200, delivered: 100, dropped };
        QueueLook { in_use, reserve_in_use, highest: in_use + 3, packets }
    };
    let mut drops = [0; DropReason::ALL.len()];
    drops[DropReason::NoBuffer.index()] = dropped * u64::from(queues);
    Look {
        time: SimTime::ZERO + SimDuration::from_ms(3),
        queues: (0..queues).map(own).collect(),
        reserve_in_use,
        reserve_highest: reserve_in_use + 1,
        drops,
    }
}

/// The screen's lines, without trailing blanks.
fn drawn(screen: &mut Screen, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let cell = |x, y| buffer[(x, y)].symbol().to_owned();
    let line = |y| (0..width).map(|x| cell(x, y)).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

fn press(screen: &mut Screen, code: KeyCode) -> Wish {
    screen.press(KeyEvent::new(code, KeyModifiers::NONE))
}

#[test]
fn rings_reserve_and_drops_are_on_the_screen() {
    let mut screen = screen(3, 8);
    screen.show(&look(3, 4, 0));
    screen.show(&look(3, 4, 5));
    let lines = drawn(&mut screen, 87, 16);
    assert_eq!(lines[0], "a test   2.000 ms   1 ms per second");
    assert_eq!(lines[1], "600 packets, 15 dropped (2.500 %)  no_buffer 15");
    assert!(lines[2].contains("reserve: 4 of 8 in use, 5 at most since the last picture"));
    assert!(lines[7].contains("drops a picture: 15"), "{}", lines[7]);
    assert!(lines[10].starts_with("queue  █ own entries"), "{}", lines[10]);
    // 40 columns are the 17 entries of the highest queue's peak.
    assert_eq!(
        lines[12].split_whitespace().collect::<Vec<_>>(),
        [
            "1",
            &format!("{}{}{}", "█".repeat(2), "▒".repeat(7), "·".repeat(31)),
            "1",
            "of",
            "10",
            "+",
            "0",
            "5",
            "lost"
        ],
    );
    let last = format!("    2  {}{}", "█".repeat(32), "▒".repeat(8));
    assert!(lines[13].starts_with(&last), "{}", lines[13]);
    assert!(lines[13].ends_with("10 of 10     + 4            5 lost"), "{}", lines[13]);
    assert!(lines[15].starts_with("space pause"), "{}", lines[15]);
}

#[test]
fn without_a_reserve_there_is_no_picture_of_it() {
    let mut screen = screen(2, 0);
    screen.show(&look(2, 0, 0));
    let lines = drawn(&mut screen, 80, 12);
    assert!(lines.iter().all(|line| !line.contains("reserve:")), "{lines:?}");
    assert!(lines[2].contains("drops a picture: 0"), "{}", lines[2]);
}

#[test]
fn keys_pause_step_and_change_the_speed() {
    let mut screen = screen(1, 0);
    assert_eq!(screen.step(20), SimDuration::from_us(50));
    assert_eq!(press(&mut screen, KeyCode::Char('+')), Wish::GoOn);
    assert_eq!(screen.step(20), SimDuration::from_us(100));
    for _ in 0..30 {
        press(&mut screen, KeyCode::Char('-'));
    }
    assert_eq!(screen.step(20), SimDuration::from_ps(50_000));
    for _ in 0..30 {
        press(&mut screen, KeyCode::Char('+'));
    }
    assert_eq!(screen.step(20), SimDuration::from_ms(50));
    press(&mut screen, KeyCode::Char(' '));
    assert!(screen.is_paused() && !screen.takes_step());
    assert!(drawn(&mut screen, 80, 12)[0].ends_with("paused"));
    press(&mut screen, KeyCode::Right);
    assert!(screen.takes_step() && !screen.takes_step() && screen.is_paused());
    press(&mut screen, KeyCode::Char(' '));
    assert!(!screen.is_paused());
    screen.end();
    assert!(drawn(&mut screen, 80, 12)[0].ends_with("the end"));
    assert_eq!(press(&mut screen, KeyCode::Esc), Wish::Leave);
    assert_eq!(press(&mut screen, KeyCode::Char('c')), Wish::GoOn);
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(screen.press(interrupt), Wish::Leave);
}

#[test]
fn queues_that_do_not_fit_are_reached_by_keys() {
    let mut screen = screen(100, 0);
    screen.show(&look(100, 0, 0));
    let first = |screen: &mut Screen| {
        let lines = drawn(screen, 80, 14);
        lines[8].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(first(&mut screen), "0");
    press(&mut screen, KeyCode::Down);
    assert_eq!(first(&mut screen), "1");
    press(&mut screen, KeyCode::PageDown);
    assert_eq!(first(&mut screen), "6");
    for _ in 0..50 {
        press(&mut screen, KeyCode::PageDown);
    }
    assert_eq!(first(&mut screen), "95");
    press(&mut screen, KeyCode::Up);
    assert_eq!(first(&mut screen), "94");
}

#[test]
fn a_tiny_terminal_is_no_harm() {
    let mut screen = screen(4, 8);
    screen.show(&look(4, 2, 1));
    for (width, height) in [(1, 1), (10, 3), (47, 5), (300, 2)] {
        drawn(&mut screen, width, height);
    }
}
