//! A run as its folder shows it to a reader.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pavlov_store::{Disk, read};

use super::ComparedRun;
use crate::error::ExperimentError;
use crate::report::Report;
use crate::tables;

const DAY_NS: f64 = 86_400e9;

/// A run with the paths of its accounts.
pub(super) struct Loaded {
    pub(super) shown: ComparedRun,
    /// Return of each seed on the test span, in the order of the seeds.
    pub(super) returns: Vec<f64>,
    /// Net worth of each seed on the test span by close, `[S][T]`; an account that ended early has fewer.
    pub(super) paths: Vec<Vec<(i64, f64)>>,
}

impl Loaded {
    /// Reads `report.json` and the equity table of each of its seeds.
    pub(super) fn read(folder: &Path, label: String, disk: &dyn Disk) -> Result<Self, ExperimentError> {
        let path = folder.join("report.json");
        let text = read(disk, &path)?;
        let report = Report::from_json(&String::from_utf8_lossy(&text)).map_err(|e| refused(path, e.to_string()))?;
        let mut paths = Vec::new();
        for run in &report.runs {
            let path = folder.join("runs").join(run.seed.to_string()).join("equity.parquet");
            let bytes = read(disk, &path)?;
            paths.push(tables::net_worths(bytes, "test").map_err(|reason| refused(path, reason))?);
        }
        Self::new(label, report, paths).map_err(|reason| refused(folder.to_owned(), reason))
    }

    pub(super) fn new(label: String, report: Report, paths: Vec<Vec<(i64, f64)>>) -> Result<Self, String> {
        let total = |metrics: &BTreeMap<String, Option<f64>>| metrics.get("cumulative_return").copied().flatten();
        let returns = report.runs.iter().map(|run| total(&run.metrics)).collect::<Option<Vec<_>>>();
        let first = paths.iter().filter_map(|path| path.first()).map(|(time, _)| *time).min();
        let first = first.ok_or("it has no bars of a test span")?;
        // Every account may have ended early; the verdict knows the whole span.
        let last = first + (report.verdict.days * DAY_NS).round() as i64;
        let benchmark = report.baselines.get(&report.verdict.benchmark);
        Ok(Self {
            returns: returns.ok_or("a seed has no return")?,
            paths,
            shown: ComparedRun {
                label,
                seeds: report.runs.iter().map(|run| run.seed).collect(),
                test_ns: [first, last],
                summary: report.summary,
                benchmark_return: benchmark.and_then(|b| total(&b.metrics)),
                headline: report.verdict.headline,
                name: report.subject.name,
                config_hash: report.subject.config_hash,
                data_hashes: report.subject.data_hashes,
            },
        })
    }

    /// The closes at which some account of the run has a value, rising.
    pub(super) fn times(&self) -> Vec<i64> {
        let longest = self.paths.iter().max_by_key(|path| path.len());
        longest.map(|path| path.iter().map(|(time, _)| *time).collect()).unwrap_or_default()
    }

    /// Returns between these closes of money split equally over the seeds; an account that ended early earns nothing from
    /// then on. `None` if an account fell to 0 or below.
    pub(super) fn returns_between(&self, times: &[i64]) -> Option<Vec<f64>> {
        let mut returns = vec![0.0; times.len().checked_sub(1)?];
        for path in &self.paths {
            let mut rows = path.iter().peekable();
            let mut worth = path.first()?.1;
            let mut at = |time: i64| {
                while let Some((_, value)) = rows.next_if(|(t, _)| *t <= time) {
                    worth = *value;
                }
                worth
            };
            let worths: Vec<f64> = times.iter().map(|time| at(*time)).collect();
            if worths.iter().any(|w| *w <= 0.0) {
                return None;
            }
            for (sum, pair) in returns.iter_mut().zip(worths.windows(2)) {
                *sum += (pair[1] / pair[0] - 1.0) / self.paths.len() as f64;
            }
        }
        Some(returns)
    }
}

fn refused(path: PathBuf, reason: String) -> ExperimentError {
    ExperimentError::Compare { path, reason }
}
