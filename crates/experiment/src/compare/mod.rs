//! Runs side by side: their metrics with intervals, and tests of whether their returns differ.
//!
//! It reads what any reader can: `report.json` and the equity tables of run folders. Two runs that were tested on other bars
//! are shown beside each other and not compared.

mod pairs;
mod runs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pavlov_evaluation::Summary;
use pavlov_evaluation::stats::{Difference, Improvement, holm};
use pavlov_store::{Disk, write_atomic};
use serde::{Deserialize, Serialize};

use crate::error::ExperimentError;
use crate::report::compared_html;
use runs::Loaded;

/// Version of the JSON format that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideBySide {
    /// Version of this format.
    pub schema_version: u32,
    /// The runs, in the order that they were asked for.
    pub runs: Vec<ComparedRun>,
    /// Every pair of runs.
    pub pairs: Vec<Pair>,
    /// Why some of them cannot be compared, or not quite.
    pub warnings: Vec<String>,
    /// What can be claimed.
    pub sentences: Vec<String>,
}

/// What is shown of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedRun {
    /// Its name here: that of its folder.
    pub label: String,
    /// Name of the experiment.
    pub name: String,
    /// Hash of all that decided its result.
    pub config_hash: String,
    /// Hash of every data set, by name.
    pub data_hashes: BTreeMap<String, String>,
    /// Its seeds.
    pub seeds: Vec<u64>,
    /// First and last close of the test span, UTC nanoseconds.
    pub test_ns: [i64; 2],
    /// Metrics of the test span over the seeds.
    pub summary: BTreeMap<String, Summary>,
    /// Return of the benchmark on the same bars.
    pub benchmark_return: Option<f64>,
    /// What the run says of itself.
    pub headline: String,
}

/// What two runs say about each other: the first less the second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Labels of the two.
    pub runs: [String; 2],
    /// Whether both were tested on the same bars, so that a difference means something.
    pub comparable: bool,
    /// Whether the test over the seeds is paired: both have the same seeds.
    pub paired: bool,
    /// Difference of the mean returns over the seeds: paired t, or Welch's.
    pub seeds: Option<Difference>,
    /// How often the first was above the second with the same seed; only if paired.
    pub improvement: Option<Improvement>,
    /// The same over time.
    pub time: Option<OverTime>,
    /// Probability over the seeds, adjusted for the number of pairs by Holm's procedure.
    pub p_holm: Option<f64>,
    /// The label of the one that can be said to be better, if one can.
    pub better: Option<String>,
}

/// The difference over the market's chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverTime {
    /// Bars that both have.
    pub bars: usize,
    /// Sum of the differences of the returns of a bar, each run's money split equally over its seeds.
    pub difference: f64,
    /// 95 % interval of that sum by the paired stationary block bootstrap.
    pub ci95: [f64; 2],
}

/// Puts runs side by side, `folders` being two run folders or more.
///
/// # Errors
/// [`ExperimentError::Compare`] if a folder is named twice or a file in it cannot be read.
pub fn compare(folders: &[PathBuf], disk: &dyn Disk) -> Result<SideBySide, ExperimentError> {
    let labels = labels(folders)?;
    let loaded = folders.iter().zip(labels).map(|(folder, label)| Loaded::read(folder, label, disk));
    Ok(side_by_side(&loaded.collect::<Result<Vec<_>, _>>()?))
}

/// Writes a comparison as JSON and as a page, where a file is named for them.
///
/// # Errors
/// [`ExperimentError::Encode`] or [`ExperimentError::Store`].
pub fn write(
    compared: &SideBySide,
    json: Option<&Path>,
    html: Option<&Path>,
    disk: &dyn Disk,
) -> Result<(), ExperimentError> {
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(compared);
        let text = text.map_err(|e| ExperimentError::Encode { what: "the comparison", reason: e.to_string() })?;
        write_atomic(disk, file, (text + "\n").as_bytes())?;
    }
    if let Some(file) = html {
        write_atomic(disk, file, compared_html(compared).as_bytes())?;
    }
    Ok(())
}

/// The last parts of the folders' paths, as many as tell them apart.
fn labels(folders: &[PathBuf]) -> Result<Vec<String>, ExperimentError> {
    let parts: Vec<Vec<String>> = folders
        .iter()
        .map(|f| f.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect())
        .collect();
    let deepest = parts.iter().map(Vec::len).max().unwrap_or(0);
    for len in 1..=deepest {
        let labels: Vec<String> = parts.iter().map(|p| p[p.len().saturating_sub(len)..].join("/")).collect();
        let distinct: std::collections::BTreeSet<&String> = labels.iter().collect();
        if distinct.len() == labels.len() {
            return Ok(labels);
        }
    }
    let path = folders.first().cloned().unwrap_or_default();
    Err(ExperimentError::Compare { path, reason: "the same folder is named twice; name each run once".into() })
}

fn side_by_side(loaded: &[Loaded]) -> SideBySide {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut warnings = Vec::new();
    for (i, first) in loaded.iter().enumerate() {
        for second in &loaded[i + 1..] {
            let found = pairs::warnings(first, second);
            pairs.push(pairs::pair(first, second, !found.iter().any(|w| w.forbids)));
            warnings.extend(found.into_iter().map(|w| w.sentence));
        }
    }
    adjust(&mut pairs);
    let sentences = pairs.iter().map(pairs::sentence).chain(pairs::note(&pairs)).collect();
    let runs = loaded.iter().map(|run| run.shown.clone()).collect();
    SideBySide { schema_version: SCHEMA_VERSION, runs, pairs, warnings, sentences }
}

/// Adjusts the probabilities for their number, and says which of two runs is better where all tests agree.
fn adjust(pairs: &mut [Pair]) {
    let tested: Vec<usize> = (0..pairs.len())
        .filter(|i| pairs[*i].comparable && pairs[*i].seeds.is_some_and(|s| s.p_value.is_some()))
        .collect();
    let p_values: Vec<f64> = tested.iter().filter_map(|i| pairs[*i].seeds?.p_value).collect();
    for (i, p) in tested.into_iter().zip(holm(&p_values)) {
        pairs[i].p_holm = Some(p);
        pairs[i].better = pairs::better(&pairs[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::sample;

    const HOUR: i64 = 3_600_000_000_000;

    /// A run of these returns of its seeds whose accounts grow by as much, steadily but for a wave of its own.
    fn run(label: &str, returns: &[f64], wave: f64) -> Loaded {
        let (mut report, _) = sample(returns.len() as u64);
        report.subject.config_hash = label.into();
        let bars = report.verdict.periods;
        let path = |total: f64| {
            let at = |t: usize| {
                let share = t as f64 / bars as f64;
                let worth = 1e4 * ((1.0 + total).ln() * share + wave * (t as f64).sin()).exp();
                (t as i64 * HOUR, worth)
            };
            (0..=bars).map(at).collect()
        };
        for (run, total) in report.runs.iter_mut().zip(returns) {
            run.metrics.insert("cumulative_return".into(), Some(*total));
        }
        Loaded::new(label.into(), report, returns.iter().map(|total| path(*total)).collect()).unwrap()
    }

    #[test]
    fn better_is_said_when_seeds_and_time_agree_and_holm_allows_it() {
        let good = run("good", &[0.30, 0.31, 0.29, 0.32], 0.0);
        let bad = run("bad", &[0.02, 0.01, 0.03, 0.02], 0.0);
        let same = run("same", &[0.02, 0.02, 0.01, 0.03], 0.0);
        let compared = side_by_side(&[bad, good, same]);
        let better: Vec<Option<&str>> = compared.pairs.iter().map(|pair| pair.better.as_deref()).collect();
        assert_eq!(better, [Some("good"), None, Some("good")]);
        assert!(compared.sentences[0].starts_with("good did better than bad on this test span: -28"), "{compared:?}");
        assert!(compared.sentences[3].contains("adjusted for 3 pairs by Holm"), "{:?}", compared.sentences);
        let p = |i: usize| (compared.pairs[i].seeds.unwrap().p_value.unwrap(), compared.pairs[i].p_holm.unwrap());
        assert!(p(1).0 == p(1).1 && p(0).1 > p(0).0, "the largest stays, the others grow");
    }

    #[test]
    fn sure_seeds_of_a_wild_market_are_no_claim() {
        let wild = run("wild", &[0.030, 0.031, 0.029, 0.032], 0.2);
        let calm = run("calm", &[0.020, 0.021, 0.019, 0.022], 0.0);
        let pair = &side_by_side(&[wild, calm]).pairs[0];
        let [low, high] = pair.time.unwrap().ci95;
        assert!(pair.p_holm.unwrap() < 0.05 && low < 0.0 && high > 0.0, "{pair:?}");
        assert_eq!(pair.better, None);
    }

    #[test]
    fn a_single_seed_has_no_test_and_other_seeds_are_not_paired() {
        let one = run("one", &[0.3], 0.0);
        let two = run("two", &[0.1, 0.12], 0.0);
        let pair = &side_by_side(&[one, two]).pairs[0];
        assert!(!pair.paired && pair.improvement.is_none() && pair.p_holm.is_none() && pair.better.is_none());
        assert!(pairs::sentence(pair).contains("a single seed has no interval"), "{}", pairs::sentence(pair));
    }

    #[test]
    fn labels_are_as_long_as_they_must_be() {
        let of = |folders: &[&str]| labels(&folders.iter().map(PathBuf::from).collect::<Vec<_>>()).unwrap();
        assert_eq!(of(&["runs/a", "runs/b"]), ["a", "b"]);
        assert_eq!(of(&["x/run", "y/run"]), ["x/run", "y/run"]);
        assert!(labels(&["x/run".into(), "x/run".into()]).is_err());
    }
}
