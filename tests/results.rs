//! Results as data: the schema they fit, and the manifest from which they are made again.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/program.rs"]
mod program;
#[path = "results/reposts.rs"]
mod reposts;
#[path = "results/reproduce.rs"]
mod reproduce;
#[path = "results/schema.rs"]
mod schema;
