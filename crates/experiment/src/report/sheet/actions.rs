//! How often each action was taken.

use pavlov_rl_core::{Action, ActionBatch};
use serde::{Deserialize, Serialize};

use crate::report::curves::{Actions, AgentCurve, SpanCurves};
use crate::report::format::compact;

/// Parts that the range of a number is cut into.
const BINS: usize = 10;

/// Shares of the actions in the steps of a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionShares {
    /// What is decided: `action`, or `number 1` and so on of a continuous one.
    pub of: String,
    /// The actions, or the parts of the range of the number, from low to high.
    pub labels: Vec<String>,
    /// Share of each in all steps of all seeds, fractions.
    pub all: Vec<f64>,
    /// Share of each by seed.
    pub seeds: Vec<SeedShares>,
}

/// Shares of one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedShares {
    /// The seed.
    pub seed: u64,
    /// Share of each label, fractions.
    pub shares: Vec<f64>,
}

/// What is counted: a choice among names, or a number by the part of its range.
pub(in crate::report) struct Counter {
    pub(in crate::report) of: String,
    pub(in crate::report) labels: Vec<String>,
    /// Number of the action, and its range; `None` for names.
    number: Option<(usize, [f64; 2])>,
}

impl Counter {
    /// One for names, one for each number of a continuous action.
    pub(in crate::report) fn all(actions: &Actions) -> Vec<Self> {
        match actions {
            Actions::Named(names) if names.is_empty() => Vec::new(),
            Actions::Named(names) => vec![Self { of: "action".into(), labels: names.clone(), number: None }],
            Actions::Numbers(bounds) => {
                let of = |i: usize| if bounds.len() == 1 { "action".into() } else { format!("number {}", i + 1) };
                let counter = |(i, range): (usize, &[f64; 2])| Self {
                    of: of(i),
                    labels: bins(*range),
                    number: Some((i, *range)),
                };
                bounds.iter().enumerate().map(counter).collect()
            }
        }
    }

    /// How often each label was met in some steps.
    pub(in crate::report) fn count(&self, taken: &ActionBatch, steps: std::ops::Range<usize>) -> Vec<u64> {
        let mut counts = vec![0; self.labels.len()];
        for step in steps.start..steps.end.min(taken.len()) {
            let place = match (taken.at(step), self.number) {
                (Action::Discrete(choice), None) => Some(choice as usize),
                (Action::Continuous(numbers), Some((i, range))) => numbers.get(i).map(|x| bin(f64::from(*x), range)),
                _ => None,
            };
            if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
                *count += 1;
            }
        }
        counts
    }
}

/// The part of the range that a number lies in; one outside counts to the nearest.
fn bin(value: f64, [low, high]: [f64; 2]) -> usize {
    let share = (value - low) / (high - low);
    ((share * BINS as f64) as usize).min(BINS - 1)
}

fn bins([low, high]: [f64; 2]) -> Vec<String> {
    let edge = |i: usize| compact(low + (high - low) * i as f64 / BINS as f64);
    (0..BINS).map(|i| format!("{} to {}", edge(i), edge(i + 1))).collect()
}

/// Fractions of a sum; of nothing all are 0.
pub(in crate::report) fn fractions(counts: &[u64]) -> Vec<f64> {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    counts.iter().map(|count| *count as f64 / total).collect()
}

pub(super) fn shares(curves: &SpanCurves, actions: &Actions) -> Vec<ActionShares> {
    let of = |counter: Counter| {
        let count = |agent: &AgentCurve| counter.count(&agent.actions, 0..agent.actions.len());
        let mut all = vec![0; counter.labels.len()];
        let seed = |agent: &AgentCurve| {
            let counts = count(agent);
            all.iter_mut().zip(&counts).for_each(|(sum, count)| *sum += count);
            SeedShares { seed: agent.seed, shares: fractions(&counts) }
        };
        let seeds = curves.agents.iter().map(seed).collect();
        ActionShares { all: fractions(&all), seeds, of: counter.of, labels: counter.labels }
    };
    Counter::all(actions).into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(seed: u64, actions: ActionBatch) -> AgentCurve {
        AgentCurve { seed, net_worth: vec![1.0], weights: Vec::new(), trades: Vec::new(), actions, rewards: Vec::new() }
    }

    #[test]
    fn shares_of_names_are_by_seed_and_over_all_steps() {
        let agents =
            vec![agent(1, ActionBatch::Discrete(vec![0, 1, 1, 1])), agent(2, ActionBatch::Discrete(vec![0, 0]))];
        let names = Actions::Named(vec!["hold".into(), "buy".into(), "sell".into()]);
        let found = shares(&SpanCurves { agents, ..SpanCurves::default() }, &names);
        assert_eq!((found.len(), found[0].of.as_str()), (1, "action"));
        assert_eq!(found[0].seeds[0].shares, [0.25, 0.75, 0.0]);
        assert_eq!(found[0].all, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn numbers_are_counted_by_the_tenth_of_their_range() {
        let taken = ActionBatch::Continuous { width: 2, values: vec![0.0, -1.0, 0.55, 1.0, 1.0, 7.0] };
        let curves = SpanCurves { agents: vec![agent(3, taken)], ..SpanCurves::default() };
        let found = shares(&curves, &Actions::Numbers(vec![[0.0, 1.0], [-1.0, 1.0]]));
        let third = 1.0 / 3.0;
        assert_eq!((found[0].labels[5].as_str(), found[1].labels[9].as_str()), ("0.5 to 0.6", "0.8 to 1"));
        assert_eq!(found[0].all, [third, 0.0, 0.0, 0.0, 0.0, third, 0.0, 0.0, 0.0, third]);
        assert_eq!((found[1].all[0], found[1].all[9], found[1].of.as_str()), (third, 2.0 * third, "number 2"));
    }
}
