//! Two runs: what their seeds and their bars say about each other.

use std::collections::BTreeSet;

use pavlov_evaluation::stats::{
    BlockBootstrap, optimal_block_length, paired_difference, percentile_interval, probability_of_improvement,
    welch_difference,
};
use pavlov_market_data::Span;

use super::runs::Loaded;
use super::{OverTime, Pair};

/// Histories drawn anew for the interval over time, and the seed of their draws.
const REPLICATES: usize = 10_000;
const SEED: u64 = 1;

/// What stands between two runs.
pub(super) struct Warning {
    pub(super) sentence: String,
    /// Whether nothing can be said of the two.
    pub(super) forbids: bool,
}

pub(super) fn warnings(first: &Loaded, second: &Loaded) -> Vec<Warning> {
    let (a, b) = (&first.shown, &second.shown);
    let who = format!("{} and {}", a.label, b.label);
    let mut found = Vec::new();
    let mut warn = |sentence: String, forbids| found.push(Warning { sentence, forbids });
    let shared = a.data_hashes.iter().filter_map(|(name, hash)| Some((name, hash, b.data_hashes.get(name)?)));
    let other: Vec<&str> = shared.clone().filter(|(_, a, b)| a != b).map(|(name, ..)| name.as_str()).collect();
    if !other.is_empty() {
        warn(format!("{who} had other content in {}: a difference may come from the data.", other.join(", ")), true);
    } else if shared.count() == 0 {
        warn(format!("{who} have no dataset in common: they cannot be compared."), true);
    } else if a.data_hashes.len() != b.data_hashes.len() {
        warn(format!("{who} used different series beside the bars that they share."), false);
    }
    if a.test_ns != b.test_ns {
        let span = |ns: [i64; 2]| Span { from_ns: ns[0], to_ns: ns[1] };
        let (one, other) = (span(a.test_ns), span(b.test_ns));
        warn(format!("{who} were tested on other spans, {one} and {other}: their returns cannot be compared."), true);
    }
    if a.config_hash == b.config_hash {
        warn(format!("{who} are runs of the same config."), false);
    }
    found
}

pub(super) fn pair(first: &Loaded, second: &Loaded, comparable: bool) -> Pair {
    let (a, b) = (&first.shown, &second.shown);
    let paired = a.seeds == b.seeds;
    let test = if paired { paired_difference } else { welch_difference };
    let improvement = || probability_of_improvement(&first.returns, &second.returns);
    Pair {
        runs: [a.label.clone(), b.label.clone()],
        comparable,
        paired,
        seeds: test(&first.returns, &second.returns),
        improvement: paired.then(improvement).flatten(),
        time: if comparable { over_time(first, second) } else { None },
        p_holm: None,
        better: None,
    }
}

/// The paired stationary block bootstrap of the differences of the returns of a bar; `None` with fewer than 2 bars in common
/// or if an account was ruined.
fn over_time(first: &Loaded, second: &Loaded) -> Option<OverTime> {
    let theirs: BTreeSet<i64> = second.times().into_iter().collect();
    let times: Vec<i64> = first.times().into_iter().filter(|time| theirs.contains(time)).collect();
    let (a, b) = (first.returns_between(&times)?, second.returns_between(&times)?);
    let gap: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    let bootstrap = BlockBootstrap { mean_length: optimal_block_length(&gap), replicates: REPLICATES, seed: SEED };
    let ci95 = percentile_interval(&bootstrap.totals(&[&gap], |sums| sums[0]))?;
    Some(OverTime { bars: gap.len(), difference: gap.iter().sum(), ci95 })
}

/// The better one of a pair: its adjusted probability is below 0.05, and the interval over time lies on the same side.
pub(super) fn better(pair: &Pair) -> Option<String> {
    let sure = pair.comparable && pair.p_holm.is_some_and(|p| p < 0.05);
    let seeds = pair.seeds.filter(|_| sure)?.difference;
    let [low, high] = pair.time?.ci95;
    match seeds > 0.0 {
        true => (low > 0.0).then(|| pair.runs[0].clone()),
        false => (high < 0.0).then(|| pair.runs[1].clone()),
    }
}

/// What can be claimed about a pair.
pub(super) fn sentence(pair: &Pair) -> String {
    let [a, b] = &pair.runs;
    if !pair.comparable {
        return format!("Nothing can be claimed about {a} against {b}: they were not tested on the same bars.");
    }
    let numbers = [over_seeds(pair), in_time(pair)].into_iter().flatten().collect::<Vec<_>>().join("; ");
    match &pair.better {
        Some(better) => {
            let worse = if better == a { b } else { a };
            format!("{better} did better than {worse} on this test span: {numbers}.")
        }
        None => format!("{a} and {b} are not distinguishable: {numbers}."),
    }
}

fn over_seeds(pair: &Pair) -> Option<String> {
    let seeds = pair.seeds?;
    let how = if pair.paired { "paired by seed" } else { "other seeds, Welch" };
    let difference = format!("{:+.2} percentage points of return", 100.0 * seeds.difference);
    let Some(([low, high], p)) = seeds.ci95.zip(pair.p_holm) else {
        return Some(format!("{difference}, and a single seed has no interval"));
    };
    let improved = pair.improvement.map_or(String::new(), |improvement| {
        format!(", above with {:.0} % of the seeds", 100.0 * improvement.probability)
    });
    let (low, high) = (100.0 * low, 100.0 * high);
    Some(format!("{difference} (95 % interval {low:+.2} to {high:+.2}, {how}, p = {p:.3}{improved})"))
}

fn in_time(pair: &Pair) -> Option<String> {
    let Some(time) = pair.time else { return Some("over time nothing can be said, an account was ruined".into()) };
    let [low, high] = time.ci95.map(|x| 100.0 * x);
    let sum = 100.0 * time.difference;
    Some(format!("over blocks of the {} bars that both have {sum:+.2} ({low:+.2} to {high:+.2})", time.bars))
}

/// What the number of pairs takes away.
pub(super) fn note(pairs: &[Pair]) -> Option<String> {
    let tested = pairs.iter().filter(|pair| pair.p_holm.is_some()).count();
    (tested > 1).then(|| {
        format!(
            "The probabilities are adjusted for {tested} pairs by Holm's procedure; the intervals are each at 95 % on their own."
        )
    })
}
