//! What can and cannot be claimed about an agent, in plain English.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::EvaluationError;
use crate::summary::Summary;

pub use market::{Paths, interval_over_time};

mod market;
mod sentences;

/// A policy without learning that the agent is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Name as the sentences have it, for example `buy & hold`.
    pub name: String,
    /// Its return on the test span.
    pub returns: BaselineReturns,
}

/// The return of a baseline, as a fraction.
#[derive(Clone, Debug, PartialEq)]
pub enum BaselineReturns {
    /// The same whatever the seed.
    Constant(f64),
    /// One for each seed, in the order of the agent's: the comparison is paired.
    PerSeed(Vec<f64>),
}

/// How much of a market the agents were tested on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestSpan {
    /// Number of periods.
    pub periods: usize,
    /// Length in days of 24 hours.
    pub days: f64,
}

/// What the seeds say about agent and baseline at 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The interval of the difference lies above 0.
    Better,
    /// The interval of the difference lies below 0.
    Worse,
    /// The interval of the difference contains 0.
    NotDistinguishable,
    /// One seed: there is no interval.
    OneSeed,
}

/// The agent's return less a baseline's, over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What it says.
    pub outcome: Outcome,
    /// Mean difference of the returns, as a fraction.
    pub difference: f64,
    /// 95 % t interval of the difference; `None` for one seed.
    pub ci95: Option<[f64; 2]>,
}

/// How a judgement is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Better than the benchmark, whatever interval is asked.
    Better,
    /// Worse than the benchmark.
    Worse,
    /// Not distinguishable from the benchmark, or a single seed.
    Unclear,
    /// Half of the seeds or more do what a constant policy does: whatever they earned is no skill.
    Collapsed,
}

/// What an interval of the difference to the benchmark covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// The chance of training: it is over the seeds.
    Seeds,
    /// The chance of the market: it is over blocks of time.
    Time,
}

/// The interval that a verdict quotes: of two the wider, or the only one that contains 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quoted {
    /// 95 % interval of the difference of the returns, as fractions.
    pub ci95: [f64; 2],
    /// What it covers.
    pub covers: Covers,
}

/// What the Sharpe ratio is worth for the number of strategies that were tried, as `stats::SharpeEvidence` has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skill {
    /// Number of strategies tried on the data.
    pub trials: usize,
    /// Deflated Sharpe ratio: the confidence, 0 to 1, that it exceeds what the best of the trials shows without skill.
    pub deflated_sharpe: f64,
    /// Periods after which this ratio would exceed 0 at 95 %; `None` if it is not above 0.
    pub minimum_periods: Option<f64>,
}

/// All that a verdict can rest on; the first four are needed.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Returns of the agent's seeds on the test span, as fractions, `[S]`.
    pub agent: &'a [f64],
    /// What they are compared with.
    pub baselines: &'a [Baseline],
    /// Name of the baseline that the judgement is about.
    pub benchmark: &'a str,
    /// The test span.
    pub span: TestSpan,
    /// For each seed the constant policy that it does nothing else than, `[S]`; empty if nobody looked.
    pub collapsed: &'a [Option<String>],
    /// Net worth of agent and benchmark at every bar, for the interval over time.
    pub paths: Option<Paths<'a>>,
    /// What the number of trials leaves of the Sharpe ratio.
    pub skill: Option<Skill>,
}

impl<'a> Evidence<'a> {
    /// Returns and baselines alone.
    pub fn new(agent: &'a [f64], baselines: &'a [Baseline], benchmark: &'a str, span: TestSpan) -> Self {
        Self { agent, baselines, benchmark, span, collapsed: &[], paths: None, skill: None }
    }
}

/// The judgement of an experiment: what is claimed, how far it carries and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Name of the baseline that the judgement is about.
    pub benchmark: String,
    /// The judgement.
    pub outcome: Outcome,
    /// The judgement in a few words.
    pub headline: String,
    /// What can and cannot be claimed; a failure to beat the benchmark comes first.
    pub sentences: Vec<String>,
    /// Number of seeds.
    pub seeds: usize,
    /// Number of periods of the test span.
    pub periods: usize,
    /// Length of the test span in days.
    pub days: f64,
    /// The agent against every baseline, by name, over the seeds.
    pub comparisons: BTreeMap<String, Comparison>,
    /// Number of seeds that collapsed to each constant policy, by its name.
    #[serde(default)]
    pub collapsed: BTreeMap<String, usize>,
    /// 95 % interval over time of the difference to the benchmark; `None` if there were no paths or an account was ruined.
    #[serde(default)]
    pub time_ci95: Option<[f64; 2]>,
    /// The interval that the first sentence quotes; `None` for one seed.
    #[serde(default)]
    pub quoted: Option<Quoted>,
    /// What the number of trials leaves of the Sharpe ratio.
    #[serde(default)]
    pub skill: Option<Skill>,
}

/// Returns that differ by less than this come from rounding.
const SAME: f64 = 1e-12;

impl Verdict {
    /// Judges the returns of the agent's seeds on the test span against every baseline, first of all the benchmark.
    ///
    /// # Errors
    /// [`EvaluationError`] if there is no run, the benchmark is not among the baselines, a baseline lacks seeds, or a
    /// return is not finite.
    pub fn new(
        agent: &[f64],
        baselines: &[Baseline],
        benchmark: &str,
        span: TestSpan,
    ) -> Result<Self, EvaluationError> {
        Self::of(&Evidence::new(agent, baselines, benchmark, span))
    }

    /// Judges all evidence there is. Better is said only if the interval over the seeds and, where there are paths, that
    /// over time both lie above 0, and fewer than half of the seeds collapsed to a constant policy.
    ///
    /// # Errors
    /// As [`Verdict::new`], and if `collapsed` or the paths do not fit the seeds or a path is not an account's.
    pub fn of(evidence: &Evidence<'_>) -> Result<Self, EvaluationError> {
        let Evidence { agent, baselines, benchmark, span, .. } = *evidence;
        check_returns("the agent", agent)?;
        if agent.is_empty() {
            return Err(EvaluationError::NoRuns);
        }
        let main = baselines.iter().find(|b| b.name == benchmark).ok_or_else(|| unknown(benchmark, baselines))?;
        let mut comparisons = BTreeMap::new();
        for baseline in baselines {
            comparisons.insert(baseline.name.clone(), compare(agent, baseline)?);
        }
        let against = comparisons[benchmark];
        let time_ci95 = evidence.paths.map_or(Ok(None), |paths| interval_over_time(&paths, agent.len()))?;
        let collapsed = collapsed(evidence)?;
        let outcome = match both(against, time_ci95) {
            Outcome::Better if mostly(&collapsed, agent.len()) => Outcome::NotDistinguishable,
            outcome => outcome,
        };
        let mut verdict = Self {
            benchmark: benchmark.to_owned(),
            outcome,
            headline: String::new(),
            sentences: Vec::new(),
            seeds: agent.len(),
            periods: span.periods,
            days: span.days,
            comparisons,
            collapsed,
            time_ci95,
            quoted: quoted(against.ci95, time_ci95),
            skill: evidence.skill,
        };
        verdict.headline = sentences::headline(&verdict);
        verdict.sentences = sentences::all(&verdict, agent, baselines, main);
        Ok(verdict)
    }

    /// How the judgement is to be shown.
    pub fn level(&self) -> Level {
        match self.outcome {
            _ if mostly(&self.collapsed, self.seeds) => Level::Collapsed,
            Outcome::Better => Level::Better,
            Outcome::Worse => Level::Worse,
            Outcome::NotDistinguishable | Outcome::OneSeed => Level::Unclear,
        }
    }

    /// All sentences as one paragraph.
    pub fn text(&self) -> String {
        self.sentences.join(" ")
    }
}

fn compare(agent: &[f64], baseline: &Baseline) -> Result<Comparison, EvaluationError> {
    let other: Vec<f64> = match &baseline.returns {
        BaselineReturns::Constant(value) => vec![*value; agent.len()],
        BaselineReturns::PerSeed(values) => values.clone(),
    };
    if other.len() != agent.len() {
        let (expected, got) = (agent.len(), other.len());
        return Err(EvaluationError::Seeds { baseline: baseline.name.clone(), expected, got });
    }
    check_returns(&format!("baseline `{}`", baseline.name), &other)?;
    let differences = agent.iter().zip(&other).map(|(a, b)| if (a - b).abs() < SAME { 0.0 } else { a - b });
    let summary = Summary::of(differences);
    let difference = summary.mean.unwrap_or(0.0);
    Ok(Comparison { outcome: outcome(summary.ci95), difference, ci95: summary.ci95 })
}

fn outcome(ci95: Option<[f64; 2]>) -> Outcome {
    match ci95 {
        None => Outcome::OneSeed,
        Some([low, _]) if low > 0.0 => Outcome::Better,
        Some([_, high]) if high < 0.0 => Outcome::Worse,
        Some(_) => Outcome::NotDistinguishable,
    }
}

/// The outcome that every interval there is agrees on.
fn both(against: Comparison, time_ci95: Option<[f64; 2]>) -> Outcome {
    match (against.outcome, time_ci95.map(|ci| outcome(Some(ci)))) {
        (Outcome::OneSeed, _) => Outcome::OneSeed,
        (over_seeds, Some(over_time)) if over_time != over_seeds => Outcome::NotDistinguishable,
        (over_seeds, _) => over_seeds,
    }
}

/// Whether half of the seeds or more collapsed.
fn mostly(collapsed: &BTreeMap<String, usize>, seeds: usize) -> bool {
    2 * collapsed.values().sum::<usize>() >= seeds
}

/// The wider interval, or the only one that contains 0; for one seed neither, since the chance of training is unknown.
fn quoted(over_seeds: Option<[f64; 2]>, over_time: Option<[f64; 2]>) -> Option<Quoted> {
    let seeds = over_seeds.map(|ci95| Quoted { ci95, covers: Covers::Seeds })?;
    let time = over_time.map(|ci95| Quoted { ci95, covers: Covers::Time });
    let doubt = |quoted: &Quoted| outcome(Some(quoted.ci95)) == Outcome::NotDistinguishable;
    let width = |quoted: &Quoted| quoted.ci95[1] - quoted.ci95[0];
    let claims_less = |time: &Quoted| match (doubt(time), doubt(&seeds)) {
        (true, false) => true,
        (false, true) => false,
        _ => width(time) > width(&seeds),
    };
    Some(time.filter(claims_less).unwrap_or(seeds))
}

/// Seeds of each constant policy.
fn collapsed(evidence: &Evidence<'_>) -> Result<BTreeMap<String, usize>, EvaluationError> {
    let (expected, got) = (evidence.agent.len(), evidence.collapsed.len());
    if got != 0 && got != expected {
        return Err(EvaluationError::Seeds { baseline: "collapsed".to_owned(), expected, got });
    }
    let mut found = BTreeMap::new();
    for policy in evidence.collapsed.iter().flatten() {
        *found.entry(policy.clone()).or_insert(0) += 1;
    }
    Ok(found)
}

fn check_returns(who: &str, returns: &[f64]) -> Result<(), EvaluationError> {
    match returns.iter().find(|r| !r.is_finite()) {
        Some(&value) => Err(EvaluationError::Return { who: who.to_owned(), value }),
        None => Ok(()),
    }
}

fn unknown(benchmark: &str, baselines: &[Baseline]) -> EvaluationError {
    let known = baselines.iter().map(|b| b.name.as_str()).collect::<Vec<_>>().join(", ");
    EvaluationError::UnknownBenchmark { benchmark: benchmark.to_owned(), known }
}
