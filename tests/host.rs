//! `rxplan host`: captures of every version of ethtool, what is said of them, and a live interface.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "host/captures.rs"]
mod captures;
