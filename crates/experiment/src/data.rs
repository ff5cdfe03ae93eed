//! The data commands: import a file, list the datasets, verify the cache.
use std::path::{Path, PathBuf};
use crate::ExperimentError;
/// Temporary.
pub struct Outcome { pub text: String, pub sound: bool }
pub fn import(_: &Path, _: Option<&str>, _: &Path, _: &Path) -> Result<Outcome, ExperimentError> { Ok(Outcome { text: String::new(), sound: false }) }
pub fn list(_: &Path, _: &Path, _: Option<PathBuf>) -> Result<Outcome, ExperimentError> { Ok(Outcome { text: String::new(), sound: false }) }
pub fn verify(_: &Path, _: &Path) -> Result<Outcome, ExperimentError> { Ok(Outcome { text: String::new(), sound: false }) }
