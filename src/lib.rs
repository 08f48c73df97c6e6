//! How much receive-buffer memory does a NIC need, and what happens to drops if it gets less, or
//! gets it in another shape?
//!
//! `rxplan` plans receive-ring memory and simulates what rings do with bursts: per-queue rings of
//! dedicated buffers, a shared reserve behind them, and the host that takes packets out. The
//! program is a thin shell around this library.
//!
//! # Layers
//!
//! Each layer uses only those above it; a test holds it to that.
//!
//! | layer | modules | knows about |
//! |---|---|---|
//! | quantities | [`units`], [`id`] | times, sizes, rates, typed ids |
//! | machinery | [`calendar`], [`random`], [`stats`] | events, streams, intervals; no NIC |
//! | model | [`model`] | rings, reserve, host, traffic, and the engine that runs them |
//! | presets | [`preset`] | NICs and their drivers, with sources |
//! | input | [`input`], [`recording`] | traces and captures: plain records, streams of packets |
//! | scenario | [`scenario`] | the TOML file, and what it means |
//! | questions | [`simulation`], [`plan`], [`sweep`], [`shard`], [`host`], [`fit`] | answers |
//! | results | [`report`] | JSON, CSV, tables, files |
//! | figures | [`plot`] | SVG and HTML from result files |
//! | program | [`cli`] | arguments, terminal, exit status |
//!
//! # Example
//!
//! ```
//! use rxplan::model::system::Progress;
//! use rxplan::scenario::{Scenario, Source};
//! use rxplan::simulation::{Options, simulate};
//!
//! let text = r#"
//!     [run]
//!     duration = "5 ms"
//!     [nic]
//!     queues = 2
//!     rx = 8
//!     rx_buf_len = "2 KiB"
//!     [reserve]
//!     entries = 8
//!     [host]
//!     model = "server"
//!     service = { dist = "exponential", mean = "1 us" }
//!     [[traffic]]
//!     kind = "poisson"
//!     rate = "900 kpps"
//! "#;
//! // The default warm-up of 10 ms would be longer than this short run.
//! let overrides = ["run.warmup=1 ms".to_owned()];
//! let scenario = Scenario::load(&Source::Stdin(text.to_owned()), &overrides)?;
//! let result = simulate(&scenario, Options::default(), &Progress::default())?;
//! assert!(result.drop_rate.estimate < 0.1);
//! assert_eq!(result.memory.buffers_bytes, (2 * 8 + 8) * 2048);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod calendar;
pub mod cli;
pub mod explain;
pub mod fit;
pub mod host;
pub mod id;
pub mod input;
pub mod model;
pub mod observe;
pub mod plan;
pub mod plot;
pub mod preset;
pub mod random;
pub mod recording;
pub mod report;
pub mod scenario;
pub mod sensitivity;
pub mod shard;
pub mod simulation;
pub mod stats;
pub mod sweep;
pub mod units;
