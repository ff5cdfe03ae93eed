//! What can and cannot be claimed about an agent, in plain English.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::EvaluationError;
use crate::summary::{Summary, mean};
use crate::wording::{count, duration, list, percent, points};

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
    /// The agent against every baseline, by name.
    pub comparisons: BTreeMap<String, Comparison>,
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
        let mut sentences = vec![claim(agent, main, against)];
        sentences.extend(others(benchmark, baselines, &comparisons));
        sentences.extend(no_width(agent));
        sentences.push(scope(agent.len(), span));
        Ok(Self {
            benchmark: benchmark.to_owned(),
            outcome: against.outcome,
            headline: headline(against.outcome, benchmark),
            sentences,
            seeds: agent.len(),
            periods: span.periods,
            days: span.days,
            comparisons,
        })
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

fn headline(outcome: Outcome, benchmark: &str) -> String {
    match outcome {
        Outcome::Better => format!("Better than {benchmark} on this test span"),
        Outcome::Worse => format!("Worse than {benchmark}"),
        Outcome::NotDistinguishable => format!("Not distinguishable from {benchmark}"),
        Outcome::OneSeed => format!("One seed: no claim against {benchmark}"),
    }
}

/// The sentences about the benchmark.
fn claim(agent: &[f64], baseline: &Baseline, against: Comparison) -> String {
    let name = &baseline.name;
    let opening = match against.outcome {
        Outcome::Better => format!("The agent beat {name} on this test span"),
        Outcome::Worse => format!("The agent did not beat {name}: it did worse"),
        Outcome::NotDistinguishable => {
            format!("The agent did not beat {name}: the two are not distinguishable at 95 %")
        }
        Outcome::OneSeed => format!("The agent cannot be said to beat {name}: one seed has no interval"),
    };
    let theirs = match &baseline.returns {
        BaselineReturns::Constant(value) => *value,
        BaselineReturns::PerSeed(values) => mean(values),
    };
    let average = if agent.len() == 1 { "return" } else { "mean return" };
    let interval = against.ci95.map_or(String::new(), |[low, high]| {
        let seeds = count(agent.len(), "seed");
        format!(" (95 % interval {} to {}, {seeds})", points(low), points(high))
    });
    format!(
        "{opening}. Its {average} was {}, that of {name} {}, a difference of {} percentage points{interval}.",
        percent(mean(agent)),
        percent(theirs),
        points(against.difference)
    )
}

/// The sentence about all other baselines.
fn others(benchmark: &str, baselines: &[Baseline], comparisons: &BTreeMap<String, Comparison>) -> Option<String> {
    let others: Vec<&str> = baselines.iter().map(|b| b.name.as_str()).filter(|name| *name != benchmark).collect();
    let with = |test: &dyn Fn(&Comparison) -> bool| -> Vec<&str> {
        others.iter().copied().filter(|name| test(&comparisons[*name])).collect()
    };
    let one_seed = |c: &Comparison| c.outcome == Outcome::OneSeed;
    let groups = [
        ("it beat", with(&|c| c.outcome == Outcome::Better)),
        ("it did worse than", with(&|c| c.outcome == Outcome::Worse)),
        ("it is not distinguishable from", with(&|c| c.outcome == Outcome::NotDistinguishable)),
        ("its one return is above that of", with(&|c| one_seed(c) && c.difference > 0.0)),
        ("its one return is not above that of", with(&|c| one_seed(c) && c.difference <= 0.0)),
    ];
    let parts: Vec<String> =
        groups.iter().filter(|(_, who)| !who.is_empty()).map(|(verb, who)| format!("{verb} {}", list(who))).collect();
    let uncorrected = match others.len() {
        2.. => format!(" (each at 95 % on its own; {} comparisons, not corrected for their number)", others.len()),
        _ => String::new(),
    };
    let bracket = if parts.iter().any(|p| p.starts_with("its one")) { String::new() } else { uncorrected };
    (!parts.is_empty()).then(|| format!("Of the other baselines {}{bracket}.", parts.join("; ")))
}

fn no_width(agent: &[f64]) -> Option<String> {
    let same = agent.len() > 1 && agent.iter().all(|r| (r - agent[0]).abs() < SAME);
    same.then(|| "All seeds gave the same return, so the interval has no width and shows no chance at all.".to_owned())
}

/// The sentences about what the interval does not cover.
fn scope(seeds: usize, span: TestSpan) -> String {
    let covers = match seeds {
        1 => "With one seed even the chance of training is unknown, and the chance of the market always is.".to_owned(),
        n => format!("The interval is over {n} seeds only: it covers the chance of training, not that of the market."),
    };
    let length = duration(span.days);
    let little = match span.days {
        d if d < 365.25 => format!("{length} of one market say little about the next"),
        _ => format!("even {length} of one market are a single history"),
    };
    format!("{covers} The test span has {}, and {little}.", count(span.periods, "period"))
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
