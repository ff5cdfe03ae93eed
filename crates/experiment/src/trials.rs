//! The ledger of trials: how many strategies were tried on the same data, so that the best of many is not called skill.
//!
//! A trial is a config that was judged on a test span. The ledger is a folder with one file for each pair of traded data and
//! test span, `<hash>.jsonl`, to which every judged run adds a line: an object with the hash of the config (without its
//! name, its seeds and what was published), its name, the Sharpe ratio of a period and the number of periods, and at its
//! end a hash of the line. It is read once, when a run starts, and what it says is written into the run's `plan.toml`:
//! resuming, reporting and running again from there give the same bytes whatever was tried since. A config counts once,
//! however often it is run.
//!
//! Lines are appended under a lock, so that processes side by side lose none. A last line without its line end is what a
//! crash leaves: it was never committed, is passed over and replaced. Any other line that is not what was written is an
//! error with file and line, since a ledger that forgets trials would flatter.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pavlov_evaluation::metrics::Sample;
use pavlov_evaluation::stats::{SharpeEvidence, expected_maximum_sharpe};
use pavlov_evaluation::{PeriodsPerYear, Skill};
use pavlov_store::{Disk, Hash, LockGuard, append_durable, create_dir_all, read};
use serde::{Deserialize, Serialize};

use crate::error::ExperimentError;
use crate::plan::Plan;
use crate::report::Report;
use crate::world::World;

/// Version of a line of the ledger.
const SCHEMA_VERSION: u32 = 1;

/// The other configs that were tried on the same data: section `[trials]` of a run's `plan.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherTrials {
    /// Number of other configs.
    pub others: usize,
    /// Those among them whose returns vary, so that they have a Sharpe ratio.
    pub rated: usize,
    /// Mean of their Sharpe ratios of a period; 0 if there is none.
    pub mean_sharpe: f64,
    /// Variance of their Sharpe ratios of a period, divided by their number; 0 if there is none.
    pub sharpe_variance: f64,
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Trial {
    schema_version: u32,
    trial: String,
    name: String,
    /// Sharpe ratio of a period; `None` if the returns do not vary.
    sharpe: Option<f64>,
    periods: usize,
}

/// What the number of trials leaves of a run's Sharpe ratio: a part of `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialReport {
    /// Hash of the traded data and the test span: the ledger's file.
    pub ledger: String,
    /// Hash of the strategy that is tried: of the config without its name, its seeds and what was published.
    #[serde(default)]
    pub trial: String,
    /// Other configs tried on them when the run began.
    pub others: usize,
    /// Sharpe ratio of a period of the money split equally over the seeds at every bar.
    pub sharpe: Option<f64>,
    /// Periods of the test span.
    pub periods: usize,
    /// Skewness of the returns of a period.
    pub skewness: Option<f64>,
    /// Kurtosis of the returns of a period, 3 for a normal distribution.
    pub kurtosis: Option<f64>,
    /// Variance of the Sharpe ratios of all trials, this one included; 0 for a single one.
    pub trials_variance: f64,
    /// Sharpe ratio of a period that the best of as many strategies without skill is expected to show.
    pub best_without_skill: Option<f64>,
    /// Confidence that the true ratio is above 0.
    pub probabilistic_sharpe: Option<f64>,
    /// Confidence that the true ratio is above the best without skill.
    pub deflated_sharpe: Option<f64>,
    /// Periods after which the ratio would stand above 0 at 95 %.
    pub minimum_periods: Option<f64>,
}

impl TrialReport {
    /// What the verdict says; `None` where there is no Sharpe ratio.
    pub fn skill(&self) -> Option<Skill> {
        let deflated_sharpe = self.deflated_sharpe?;
        Some(Skill { trials: self.others + 1, deflated_sharpe, minimum_periods: self.minimum_periods })
    }
}

impl OtherTrials {
    fn of(trials: &[Trial]) -> Self {
        let sharpes: Vec<f64> = trials.iter().filter_map(|trial| trial.sharpe).collect();
        let n = sharpes.len().max(1) as f64;
        let mean_sharpe = sharpes.iter().sum::<f64>() / n;
        let sharpe_variance = sharpes.iter().map(|s| (s - mean_sharpe).powi(2)).sum::<f64>() / n;
        Self { others: trials.len(), rated: sharpes.len(), mean_sharpe, sharpe_variance }
    }

    /// Variance with `n - 1` of the ratios of the others and one more; 0 for one alone, and where no ratio of the others is
    /// known that of a strategy without skill over so many periods.
    fn variance_with(&self, sharpe: f64, periods: usize) -> f64 {
        let n = self.rated as f64;
        let squares = n * self.sharpe_variance + n / (n + 1.0) * (sharpe - self.mean_sharpe).powi(2);
        match (self.others, self.rated) {
            (0, _) => 0.0,
            (_, 0) => 1.0 / periods as f64,
            _ => squares / n,
        }
    }

    /// What is wrong with the values of a plan; empty if nothing is.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.rated > self.others {
            problems.push(format!("rated must not be above others, got {} of {}", self.rated, self.others));
        }
        if !(self.mean_sharpe.is_finite() && self.sharpe_variance.is_finite() && self.sharpe_variance >= 0.0) {
            problems.push("mean_sharpe must be finite and sharpe_variance a number from 0 up".into());
        }
        problems
    }
}

/// What a strategy is chosen on: hash of the traded bars and of the test span.
pub fn key(plan: &Plan, world: &World) -> Hash {
    let traded = if plan.data.assets.is_empty() { vec![&plan.data.dataset] } else { plan.data.assets.iter().collect() };
    let hashes: Vec<&str> = traded.iter().filter_map(|name| world.data_hashes.get(*name)).map(String::as_str).collect();
    let span = plan.data.test;
    Hash::of(format!("{} {} {}", hashes.join(" "), span.from_ns, span.to_ns).as_bytes())
}

/// The trials of other configs on the data of a plan: those of the ledger, if there is one, and `siblings`, the hashes of the
/// configs that are tried on the same data in the same run, whose ratios do not count as they are not known yet.
///
/// # Errors
/// [`ExperimentError::Trials`] with file and line if the ledger is damaged, [`ExperimentError::Store`].
pub fn others(
    disk: &dyn Disk,
    dir: &Path,
    plan: &Plan,
    world: &World,
    siblings: &BTreeSet<String>,
) -> Result<OtherTrials, ExperimentError> {
    let own = plan.trial_hash().to_string();
    let (mut trials, _) = load(disk, &file(dir, &key(plan, world).to_string()))?;
    trials.retain(|trial| trial.trial != own && !siblings.contains(&trial.trial));
    let before = OtherTrials::of(&trials);
    Ok(OtherTrials { others: before.others + siblings.len(), ..before })
}

/// Judges the seeds' net worths at every bar of the test span against the trials of the plan; none counts as no others.
///
/// An account that ended early earns nothing from then on. `[S][T]`, `T` being at most the bars of the span.
pub fn judge(plan: &Plan, world: &World, net_worths: &[Vec<f64>]) -> TrialReport {
    let times = &world.market.times[world.test.first as usize..world.test.end as usize];
    let periods = times.len() - 1;
    let rate = PeriodsPerYear::from_times(times).map_or(0.0, |ppy| plan.eval.risk_free / ppy.get());
    let others = plan.trials.unwrap_or_default();
    let evidence =
        equal_split(net_worths, periods).and_then(|returns| SharpeEvidence::of(&Sample::new(returns), rate).ok());
    let variance = evidence.map_or(0.0, |evidence| others.variance_with(evidence.sharpe, periods));
    let trials = others.others + 1;
    TrialReport {
        ledger: key(plan, world).to_string(),
        trial: plan.trial_hash().to_string(),
        others: others.others,
        sharpe: evidence.map(|e| e.sharpe),
        periods,
        skewness: evidence.map(|e| e.skewness),
        kurtosis: evidence.map(|e| e.kurtosis),
        trials_variance: variance,
        best_without_skill: expected_maximum_sharpe(trials, variance),
        probabilistic_sharpe: evidence.and_then(|e| e.probabilistic(0.0)),
        deflated_sharpe: evidence.and_then(|e| e.deflated(trials, variance)),
        minimum_periods: evidence.and_then(|e| e.minimum_track_record(0.0, 0.95)),
    }
}

/// Returns a period of money that is split equally over the accounts at every bar; `None` if one has none.
fn equal_split(net_worths: &[Vec<f64>], periods: usize) -> Option<Vec<f64>> {
    let mut returns = vec![0.0; periods];
    for path in net_worths {
        for (sum, pair) in returns.iter_mut().zip(path.windows(2)) {
            *sum += (pair[1] / pair[0] - 1.0) / net_worths.len() as f64;
        }
    }
    returns.iter().all(|r| r.is_finite()).then_some(returns)
}

/// Adds a judged run to the ledger, durably; a config that is there already is left as it is.
///
/// # Errors
/// [`ExperimentError::Trials`] with file and line if the ledger is damaged or another process holds it for long,
/// [`ExperimentError::Store`].
pub fn record(disk: &dyn Disk, dir: &Path, report: &Report) -> Result<(), ExperimentError> {
    let Some(judged) = &report.trials else { return Ok(()) };
    let path = file(dir, &judged.ledger);
    create_dir_all(disk, dir)?;
    let _held = lock(disk, &path)?;
    let (trials, len) = load(disk, &path)?;
    if trials.iter().any(|trial| trial.trial == judged.trial) {
        return Ok(());
    }
    let trial = Trial {
        schema_version: SCHEMA_VERSION,
        trial: judged.trial.clone(),
        name: report.subject.name.clone(),
        sharpe: judged.sharpe,
        periods: judged.periods,
    };
    append_durable(disk, &path, len, line(&trial).as_bytes())?;
    Ok(())
}

fn file(dir: &Path, key: &str) -> PathBuf {
    dir.join(format!("{key}.jsonl"))
}

/// Waits for the lock of a ledger, which is held for the moment of a write.
fn lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn LockGuard>, ExperimentError> {
    const TRIES: u32 = 1_000;
    let lock = path.with_extension("lock");
    for _ in 0..TRIES {
        match disk.lock(&lock) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(10))
            }
            locked => return locked.map_err(|e| failed(&lock, format!("it cannot be locked: {e}"))),
        }
    }
    Err(failed(&lock, "another process has held it for 10 s; go on when it has ended".into()))
}

/// The trials of a ledger and the length of its complete lines; a part of a line at its end was never committed.
fn load(disk: &dyn Disk, path: &Path) -> Result<(Vec<Trial>, u64), ExperimentError> {
    // What cannot be listed may be there: to take it for empty would be to write over it.
    let exists = match disk.list(path.parent().unwrap_or(path)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        listed => {
            listed.map_err(|e| failed(path, format!("its folder cannot be listed: {e}")))?.contains(&path.to_owned())
        }
    };
    let bytes = if exists { read(disk, path)? } else { Vec::new() };
    let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = bytes[..complete].split_inclusive(|byte| *byte == b'\n').enumerate();
    let damaged = |i: usize, reason: String| {
        failed(path, format!("line {} is damaged: {reason}; restore it, or remove it to forget that trial", i + 1))
    };
    let trial = |(i, line): (usize, &[u8])| parse(line).map_err(|reason| damaged(i, reason));
    Ok((lines.map(trial).collect::<Result<_, _>>()?, complete as u64))
}

fn failed(path: &Path, reason: String) -> ExperimentError {
    ExperimentError::Trials { path: path.to_owned(), reason }
}

/// How a line ends, before its hash.
const CHECK: &str = ",\"check\":\"";
const CHECK_LEN: usize = 16;

fn line(trial: &Trial) -> String {
    let body = serde_json::to_string(trial).expect("words and finite numbers");
    let body = &body[..body.len() - 1];
    format!("{body}{CHECK}{}\"}}\n", check(body))
}

fn check(body: &str) -> String {
    Hash::of(body.as_bytes()).to_string()[..CHECK_LEN].to_owned()
}

fn parse(line: &[u8]) -> Result<Trial, String> {
    let text = std::str::from_utf8(line).map_err(|e| e.to_string())?;
    let (body, end) = text.rsplit_once(CHECK).ok_or("it does not end with its hash")?;
    if end != format!("{}\"}}\n", check(body)) {
        return Err("it is not what was written: its hash is another one".into());
    }
    let trial: Trial = serde_json::from_str(&format!("{body}}}")).map_err(|e| e.to_string())?;
    match trial.schema_version {
        SCHEMA_VERSION => Ok(trial),
        other => Err(format!("format {other}, this build reads {SCHEMA_VERSION}")),
    }
}

#[cfg(test)]
mod tests {
    use pavlov_store::OsDisk;

    use super::*;
    use crate::report::sample::sample;

    /// A judged run of a strategy with this hash.
    fn judged(trial: &str, sharpe: Option<f64>) -> Report {
        let (mut report, _) = sample(2);
        report.trials = Some(TrialReport {
            ledger: "1ed9e".into(),
            trial: trial.into(),
            others: 0,
            sharpe,
            periods: 863,
            skewness: None,
            kurtosis: None,
            trials_variance: 0.0,
            best_without_skill: None,
            probabilistic_sharpe: None,
            deflated_sharpe: None,
            minimum_periods: None,
        });
        report
    }

    fn hashes(dir: &Path) -> Vec<String> {
        load(&OsDisk, &file(dir, "1ed9e")).unwrap().0.into_iter().map(|trial| trial.trial).collect()
    }

    #[test]
    fn a_config_counts_once_and_reads_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("trials");
        for (hash, sharpe) in [("a", Some(0.1 + 0.2)), ("b", None), ("a", Some(7.0)), ("c", Some(-0.01))] {
            record(&OsDisk, &ledger, &judged(hash, sharpe)).unwrap();
        }
        let trials = load(&OsDisk, &file(&ledger, "1ed9e")).unwrap().0;
        let read: Vec<_> = trials.iter().map(|t| (t.trial.as_str(), t.sharpe, t.periods)).collect();
        assert_eq!(read, [("a", Some(0.1 + 0.2), 863), ("b", None, 863), ("c", Some(-0.01), 863)]);
    }

    #[test]
    fn half_a_line_at_the_end_was_never_committed_and_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for hash in ["a", "b"] {
            record(&OsDisk, dir.path(), &judged(hash, Some(0.1))).unwrap();
        }
        let path = file(dir.path(), "1ed9e");
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
        for cut in [first, first + 1, whole.len() - 1] {
            pavlov_store::write_atomic(&OsDisk, &path, &whole[..cut]).unwrap();
            assert_eq!(hashes(dir.path()), ["a"], "cut at {cut}");
            record(&OsDisk, dir.path(), &judged("b", Some(0.1))).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn any_changed_bit_of_a_line_is_an_error_with_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        for hash in ["a", "b", "c"] {
            record(&OsDisk, dir.path(), &judged(hash, Some(0.25))).unwrap();
        }
        let path = file(dir.path(), "1ed9e");
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|i| whole[*i] == b'\n').collect();
        for at in (0..whole.len()).filter(|at| !ends.contains(at)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            pavlov_store::write_atomic(&OsDisk, &path, &bytes).unwrap();
            let line = 1 + ends.iter().filter(|end| **end < at).count();
            let error = record(&OsDisk, dir.path(), &judged("d", None)).unwrap_err().to_string();
            // A bit that becomes a line end makes two lines of one.
            assert!(error.contains(&format!("1ed9e.jsonl: line {line} is damaged")), "byte {at}: {error}");
        }
    }

    #[test]
    fn trials_that_end_together_lose_no_line() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for i in 0..16 {
                let dir = dir.path();
                scope.spawn(move || record(&OsDisk, dir, &judged(&format!("{i:02}"), Some(0.1))).unwrap());
            }
        });
        let mut found = hashes(dir.path());
        found.sort();
        assert_eq!(found, (0..16).map(|i| format!("{i:02}")).collect::<Vec<_>>());
    }

    #[test]
    fn the_variance_with_one_more_is_that_of_all() {
        let trial = |sharpe| Trial {
            schema_version: SCHEMA_VERSION,
            trial: String::new(),
            name: String::new(),
            sharpe,
            periods: 9,
        };
        let others = OtherTrials::of(&[Some(0.1), None, Some(-0.2), Some(0.4)].map(trial));
        assert_eq!((others.others, others.rated), (4, 3));
        // Of 0.1, -0.2, 0.4 and 0.5: mean 0.2, squares 0.01 + 0.16 + 0.04 + 0.09, over 3.
        assert!((others.variance_with(0.5, 99) - 0.1).abs() < 1e-15);
        assert_eq!(OtherTrials::of(&[]).variance_with(0.5, 99), 0.0);
        let unknown = OtherTrials { others: 3, ..OtherTrials::default() };
        assert_eq!(unknown.variance_with(0.5, 100), 0.01, "that of the ratio of 100 returns without skill");
    }

    #[test]
    fn money_is_split_equally_and_an_account_that_ended_earns_nothing() {
        let split = equal_split(&[vec![1.0, 1.1, 1.1], vec![2.0, 1.0]], 2).unwrap();
        assert!((split[0] - (0.1 - 0.5) / 2.0).abs() < 1e-15 && split[1] == 0.0, "{split:?}");
        assert_eq!(equal_split(&[vec![1.0, 0.0, 1.0]], 2), None, "ruin has no returns");
    }
}
