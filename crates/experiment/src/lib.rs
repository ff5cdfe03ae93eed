//! The pipeline: one TOML file to trained agents, a report and a verdict.
//!
//! [`run::run`] reads like the architecture: a checked [`Plan`], bars, a world to act in, training by seed,
//! judgement, files. Where things are and how fast they run is in [`Options`] and changes no result; clock, progress and
//! the wish to stop come in through [`Hooks`].
//!
//! ```
//! use std::path::Path;
//! use pavlov_experiment::Plan;
//!
//! let text = "name = 'demo'\n[runs]\nnumm = 3";
//! let error = Plan::parse(Path::new("demo.toml"), text, &[]).err().unwrap().to_string();
//! assert!(error.contains("demo.toml:3:1: runs.numm: unknown key `numm`; did you mean `num`?"), "{error}");
//! assert!(error.contains("section [data] is missing"), "all problems are reported at once");
//! ```

pub mod act;
mod artefact;
pub mod audit;
mod augment;
pub mod baselines;
pub mod compare;
mod curves;
pub mod data;
mod episode;
mod error;
mod fees;
mod flags;
mod hooks;
mod insight;
mod judge;
pub mod matrix;
mod plan;
mod published;
pub mod report;
pub mod results_page;
pub mod run;
mod sections;
mod series;
mod source;
mod tables;
mod tally;
mod timing;
mod tracking;
mod train;
mod trials;
mod world;

pub use augment::Augment;
pub use episode::EpisodeRecord;
pub use error::ExperimentError;
pub use hooks::{Event, Hooks};
pub use pavlov_agents::Device;
pub use pavlov_market_data::{Network, Span, read_time};
pub use pavlov_store::OsDisk;
pub use plan::{Plan, SCHEMA_VERSION};
pub use published::{Definitions, Figure, PublishedConfig, PublishedMetric, PublishedReport};
pub use run::Options;
pub use sections::{DataConfig, EvalConfig, RunsConfig, TrainConfig};
pub use source::Problem;
pub use trials::OtherTrials;
