//! The pipeline: one TOML file to a trained agent, a report and a verdict.
