//! Cuts a text into captures: by header lines, prompts, and the first bytes of JSON.

use std::sync::Arc;

use super::json;
use super::{Captures, Hint, Note, Origin, Place, Section, Subject};
use lines::Lines;

mod lines;

/// Reads all captures of a text.
pub(super) fn read(source: &Arc<str>, text: &str, hint: Hint) -> Captures {
    let mut reader = Reader {
        source: Arc::clone(source),
        captures: Captures::default(),
        open: None,
        hint,
        unread: None,
        number: 0,
    };
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let length = match json::start(rest) {
            Some(start) => reader.json(rest, start),
            None => {
                let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
                reader.line(&rest[..length]);
                length
            }
        };
        rest = &rest[length..];
    }
    reader.close();
    reader.captures
}

/// The state between two lines.
struct Reader {
    source: Arc<str>,
    captures: Captures,
    /// The capture that lines belong to.
    open: Option<Lines>,
    /// What the last prompt, or the file's name, said of the captures that follow.
    hint: Hint,
    /// Lines that belong to nothing: the first, the last, and what the first one says.
    unread: Option<(usize, usize, String)>,
    /// The line, counted from 1.
    number: usize,
}

impl Reader {
    fn origin(&self, line: usize) -> Origin {
        Origin { source: Arc::clone(&self.source), place: Place::Line(line) }
    }

    fn note(&mut self, line: usize, text: String) {
        let note = Note { from: self.origin(line), text };
        self.captures.notes.push(note);
    }

    /// Ends the capture that is open.
    fn close(&mut self) {
        self.flush_unread();
        let Some(open) = self.open.take() else { return };
        let missing = open.missing();
        let section = open.finish();
        if section.fields.is_empty() {
            let text =
                format!("there are no values here; {} prints some", section.subject.command());
            self.note(self.number, text);
            return;
        }
        if let Some(missing) = missing {
            let text = format!("the capture ends before {missing}; its last number may be cut");
            self.note(self.number, text);
        }
        self.captures.sections.push(section);
    }

    /// Reads a line, with its newline if it has one.
    fn line(&mut self, raw: &str) {
        self.number += 1;
        let line = without_quoting(raw.trim_end());
        if line.trim().is_empty() {
            return;
        }
        if let Some(hint) = prompt(raw.trim()) {
            self.close();
            self.hint = hint;
        } else if let Some(header) = header(line) {
            self.begin(header);
        } else if self.feed(line) {
            self.flush_unread();
        } else if is_refusal(line) {
            self.refusal(self.number, line.trim());
        } else {
            let number = self.number;
            let first = || (number, number, line.trim().to_owned());
            self.unread.get_or_insert_with(first).1 = number;
        }
    }

    fn feed(&mut self, line: &str) -> bool {
        let origin = self.origin(self.number);
        self.open.as_mut().is_some_and(|open| open.read(line, &origin))
    }

    fn begin(&mut self, header: Header<'_>) {
        let goes_on = self.open.as_ref().is_some_and(|open| open.goes_on_with(header.subject));
        if goes_on && self.feed(header.rest) {
            return;
        }
        self.close();
        let section = Section {
            subject: header.subject,
            interface: header.interface.map(str::to_owned).or_else(|| self.interface(&header)),
            index: header.index,
            fields: super::Fields::default(),
        };
        self.open = Some(Lines::new(section));
        for piece in lines::unfold(header.rest) {
            if !self.feed(piece) {
                self.unread = Some((self.number, self.number, piece.to_owned()));
            }
        }
    }

    fn interface(&self, header: &Header<'_>) -> Option<String> {
        self.hint.interface.clone().filter(|_| !header.subject.is_of_host())
    }

    /// What a command says instead of an answer.
    fn refusal(&mut self, number: usize, line: &str) {
        self.close();
        let command = self.hint.subject.map_or("the command", Subject::command);
        self.note(number, format!("{command} gave no answer but \"{}\"", excerpt(line)));
    }

    fn flush_unread(&mut self) {
        let Some((first, last, text)) = self.unread.take() else { return };
        let lines = if first == last {
            "the line".to_owned()
        } else {
            format!("the lines up to {last}, from")
        };
        let excerpt = excerpt(&text);
        self.note(
            first,
            format!(
                "{lines} \"{excerpt}\" cannot be read; captures begin with a line such as \"Ring \
                 parameters for eth0:\" and must be whole"
            ),
        );
    }

    /// Reads a document of JSON that begins at `start`; the bytes it takes.
    fn json(&mut self, rest: &str, start: json::Start) -> usize {
        self.close();
        let first_line = self.number + 1;
        let (length, fault) = match start {
            json::Start::Document => match json::read(rest, &self.source, &self.hint) {
                Ok((length, found)) => {
                    if found == Captures::default() {
                        self.refusal(first_line, "[ ]");
                    }
                    self.captures.extend(found);
                    (length, None)
                }
                Err(error) => {
                    let line = first_line + error.line().saturating_sub(1);
                    (rest.len(), Some((line, json::fault(&error))))
                }
            },
            json::Start::Python => (rest.len(), Some((first_line, json::PYTHON.to_owned()))),
        };
        if let Some((line, text)) = fault {
            self.note(line, text);
        }
        self.number += rest[..length].matches('\n').count();
        length
    }
}

/// A line that begins a capture.
struct Header<'a> {
    subject: Subject,
    interface: Option<&'a str>,
    index: Option<u64>,
    /// What belongs to the capture already.
    rest: &'a str,
}

fn header(line: &str) -> Option<Header<'_>> {
    const NAMED: [(&str, Subject); 8] = [
        ("Ring parameters for ", Subject::Rings),
        ("Channel parameters for ", Subject::Channels),
        ("Coalesce parameters for ", Subject::Coalescing),
        ("Features for ", Subject::Features),
        ("Offload parameters for ", Subject::Features),
        ("Pause parameters for ", Subject::Pause),
        ("Settings for ", Subject::Settings),
        ("Standard stats for ", Subject::Statistics),
    ];
    const TABLE: &str = "RX flow hash indirection table for ";
    let trimmed = line.trim_start();
    for (start, subject) in NAMED {
        if let Some(named) = trimmed.strip_prefix(start) {
            let (interface, rest) = named.split_once(':')?;
            return Some(Header { subject, interface: Some(interface), index: None, rest });
        }
    }
    if let Some(named) = trimmed.strip_prefix(TABLE) {
        let (interface, rest) = named.split_once(' ')?;
        let subject = Subject::Indirection;
        return Some(Header { subject, interface: Some(interface), index: None, rest });
    }
    let of = |subject, rest| Some(Header { subject, interface: None, index: None, rest });
    if let Some(rest) = trimmed.strip_prefix("NIC statistics:") {
        return of(Subject::Statistics, rest);
    }
    if line.starts_with("driver: ") {
        return of(Subject::Driver, line);
    }
    if line.starts_with("MemTotal:") {
        return of(Subject::Memory, line);
    }
    if lines::softnet_row(line).is_some() {
        return of(Subject::Softnet, line);
    }
    lines::link_name(line).map(|(index, name)| Header {
        subject: Subject::Link,
        interface: Some(name),
        index: Some(index),
        rest: line,
    })
}

/// What a command line says of the output that follows: one of `ethtool`, with or without a prompt
/// before it, or of another program after a prompt.
fn prompt(line: &str) -> Option<Hint> {
    const OTHERS: [&str; 4] = ["ip ", "cat ", "ynl ", "rxplan "];
    let after_prompt = line.find(['#', '$', '%']).map(|mark| line[mark + 1..].trim_start());
    let command = after_prompt.unwrap_or(line);
    let command = command.strip_prefix("sudo ").unwrap_or(command);
    if let Some(words) = command.strip_prefix("ethtool ") {
        return Some(Hint::from_words(words.split_whitespace()));
    }
    let is_other = after_prompt.is_some() && OTHERS.iter().any(|name| command.starts_with(name));
    is_other.then(Hint::default)
}

/// A line without the marks that mail and notes put before it.
fn without_quoting(line: &str) -> &str {
    match line.strip_prefix(['#', '>']) {
        Some(rest) => rest.strip_prefix(' ').unwrap_or(rest),
        None => line,
    }
}

/// Whether a line is an error of ethtool or ynl.
fn is_refusal(line: &str) -> bool {
    const STARTS: [&str; 9] = [
        "netlink error:",
        "Netlink error:",
        "ethtool: ",
        "Cannot get ",
        "no stats available",
        "JSON output not available",
        "For more information run ethtool",
        "Operation not supported",
        "No such device",
    ];
    STARTS.iter().any(|start| line.trim_start().starts_with(start))
}

/// The first characters of a line, for a message.
fn excerpt(text: &str) -> String {
    const CHARACTERS: usize = 60;
    let mut short: String = text.chars().take(CHARACTERS).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}
