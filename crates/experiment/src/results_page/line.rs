//! What the tables say of a cell, or of the mean of several.

use std::collections::BTreeMap;

use pavlov_evaluation::{Level, Outcome, Summary};

use crate::published::{Definitions, Figure};
use crate::report::{BaselineReport, Report};

/// Name of the baseline that draws.
pub const RANDOM: &str = "random";

/// A line of a table.
pub struct Line {
    /// Label of the cell.
    pub label: String,
    /// The return, as a fraction.
    pub gain: Beside,
    /// The Sharpe ratio.
    pub sharpe: Beside,
    /// The baseline that the verdict is about.
    pub benchmark: String,
    /// Seeds that do what a constant policy does.
    pub constant: usize,
    /// Trainings.
    pub seeds: usize,
    /// What the intervals are over: the seeds, or the cells.
    pub over: usize,
    /// The verdict in a word; of several cells how many have it.
    pub verdict: String,
}

/// A metric of the agents beside those that did not learn.
pub struct Beside {
    /// Over the seeds, or over the cells.
    pub agent: Summary,
    /// The published figure.
    pub published: Option<Figure>,
    /// By baseline, where it is defined.
    pub baselines: BTreeMap<String, f64>,
}

/// A metric that a publication may define in its own way.
#[derive(Clone, Copy)]
enum Of {
    Return,
    Sharpe,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Return => "cumulative_return",
            Self::Sharpe => "sharpe",
        }
    }

    /// Its name in a publication that defines it.
    fn published(self, definitions: Definitions) -> Option<&'static str> {
        match (self, definitions) {
            (Self::Return, Definitions::DdqnArticle) => Some("Cumulative Returns"),
            (Self::Sharpe, Definitions::DdqnArticle) => Some("Sharpe Ratio"),
            (Self::Return, Definitions::TdqnPaper) => None,
            (Self::Sharpe, Definitions::TdqnPaper) => Some("Sharpe ratio"),
        }
    }
}

impl Line {
    /// The line of a cell; by the definitions of its publication where they have the metric.
    pub fn of(label: &str, report: &Report) -> Self {
        let verdict = &report.verdict;
        Self {
            label: label.to_owned(),
            gain: beside(report, Of::Return),
            sharpe: beside(report, Of::Sharpe),
            benchmark: verdict.benchmark.clone(),
            constant: verdict.collapsed.values().sum(),
            seeds: verdict.seeds,
            over: verdict.seeds,
            verdict: word(verdict.level(), verdict.outcome).to_owned(),
        }
    }

    /// The mean over cells; its interval is that over them, whatever their seeds.
    pub fn mean(lines: &[Self]) -> Self {
        let mut words: BTreeMap<&str, usize> = BTreeMap::from([("better", 0)]);
        lines.iter().for_each(|line| *words.entry(&line.verdict).or_default() += 1);
        let words: Vec<String> = words.iter().map(|(word, n)| format!("{n} {word}")).collect();
        Self {
            label: "mean".to_owned(),
            gain: Beside::mean(lines.iter().map(|line| &line.gain)),
            sharpe: Beside::mean(lines.iter().map(|line| &line.sharpe)),
            benchmark: lines.first().map_or(String::new(), |line| line.benchmark.clone()),
            constant: lines.iter().map(|line| line.constant).sum(),
            seeds: lines.iter().map(|line| line.seeds).sum(),
            over: lines.len(),
            verdict: words.join(", "),
        }
    }
}

impl Beside {
    /// Means over cells; a baseline or a published figure has one if every cell has it.
    fn mean<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let cells = all.clone().count();
        let mean = |values: Vec<f64>| Summary::of(values.iter().copied()).mean.filter(|_| values.len() == cells);
        let mut baselines: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
        for (name, value) in all.clone().flat_map(|beside| &beside.baselines) {
            baselines.entry(name).or_default().push(*value);
        }
        let published = all.clone().filter_map(|beside| beside.published).map(Figure::mean).collect();
        Self {
            agent: Summary::of(all.filter_map(|beside| beside.agent.mean)),
            published: mean(published).map(Figure::Value),
            baselines: baselines.into_iter().filter_map(|(name, all)| Some((name.clone(), mean(all)?))).collect(),
        }
    }

    /// The baseline with the highest value, of equal ones the first by name; the random one stands for itself.
    pub fn best(&self) -> Option<(&str, f64)> {
        let others = self.baselines.iter().filter(|(name, _)| *name != RANDOM);
        let best = others.max_by(|a, b| a.1.total_cmp(b.1).then_with(|| b.0.cmp(a.0)));
        best.map(|(name, value)| (name.as_str(), *value))
    }
}

fn beside(report: &Report, of: Of) -> Beside {
    let theirs = report.published.as_ref().and_then(|published| {
        let name = of.published(published.definitions)?;
        published.metrics.iter().find(|metric| metric.name == name)
    });
    let defined = |(name, value): (&String, Option<f64>)| Some((name.clone(), value?));
    match theirs {
        Some(metric) => Beside {
            agent: metric.summary,
            published: metric.published,
            baselines: metric.baselines.iter().map(|(name, value)| (name, *value)).filter_map(defined).collect(),
        },
        None => {
            let value =
                |(name, baseline): (_, &BaselineReport)| (name, baseline.metrics.get(of.name()).copied().flatten());
            Beside {
                agent: report.summary.get(of.name()).copied().unwrap_or(Summary::of([])),
                published: None,
                baselines: report.baselines.iter().map(value).filter_map(defined).collect(),
            }
        }
    }
}

/// The baseline that the verdicts of all lines are about.
pub fn benchmark<'a>(lines: impl Iterator<Item = &'a Line>) -> &'a str {
    let mut names = lines.map(|line| line.benchmark.as_str());
    let first = names.next().unwrap_or("benchmark");
    if names.all(|name| name == first) { first } else { "benchmark" }
}

/// A verdict in a word.
pub fn word(level: Level, outcome: Outcome) -> &'static str {
    match (level, outcome) {
        (Level::Collapsed, _) => "constant",
        (_, Outcome::OneSeed) => "one seed",
        (Level::Better, _) => "better",
        (Level::Worse, _) => "worse",
        (Level::Unclear, _) => "unclear",
    }
}
