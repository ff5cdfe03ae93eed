//! Profit in money: absolute, and relative to an initial account that was kept.
//!
//! `absolute - relative` is the change in value of the initial account: what the market made of it without a trade.

use pavlov_evaluation::Summary;
use serde::{Deserialize, Serialize};

/// What an account made on a span, in money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profit {
    /// Last net worth less the first.
    pub absolute: f64,
    /// Last net worth less that of the initial account at the same bar; `None` if that has no books.
    pub relative: Option<f64>,
}

/// Profits over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfitSummary {
    /// Of the absolute profits.
    pub absolute: Summary,
    /// Of the relative ones.
    pub relative: Summary,
}

impl Profit {
    /// Of net worths by bar, `[T]`, with those of the kept initial account.
    ///
    /// # Panics
    /// Without a bar.
    pub fn of(net_worth: &[f64], initial_account: Option<&[f64]>) -> Self {
        let last = |profits: Vec<f64>| *profits.last().expect("books have a bar");
        let relative = initial_account.map(|kept| last(relative_profit(net_worth, kept)));
        Self { absolute: last(absolute_profit(net_worth)), relative }
    }
}

impl ProfitSummary {
    pub(super) fn of(profits: impl Iterator<Item = Profit> + Clone) -> Self {
        let absolute = Summary::of(profits.clone().map(|p| p.absolute));
        Self { absolute, relative: Summary::of(profits.filter_map(|p| p.relative)) }
    }
}

/// Net worth less the first one, `[T]`.
pub(super) fn absolute_profit(net_worth: &[f64]) -> Vec<f64> {
    net_worth.iter().map(|worth| worth - net_worth[0]).collect()
}

/// Net worth less that of the kept initial account at the same bar, `[T]`; an account that is ruined ends first.
pub(super) fn relative_profit(net_worth: &[f64], initial_account: &[f64]) -> Vec<f64> {
    net_worth.iter().zip(initial_account).map(|(worth, kept)| worth - kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One coin and 100 in cash while the price goes from 50 to 20; the agent sells its coin at 40 and stops at 30.
    #[test]
    fn absolute_less_relative_is_what_the_initial_account_made() {
        let price = [50.0, 40.0, 30.0, 20.0];
        let kept = price.map(|p| 100.0 + p);
        let agent = [150.0, 140.0, 140.0];
        let (absolute, relative) = (absolute_profit(&agent), relative_profit(&agent, &kept));
        assert_eq!((&absolute[..], &relative[..]), (&[0.0, -10.0, -10.0][..], &[0.0, 0.0, 10.0][..]));
        for ((absolute, relative), kept_now) in absolute.iter().zip(&relative).zip(kept) {
            assert_eq!(absolute - relative, kept_now - kept[0]);
        }
        assert_eq!(Profit::of(&agent, Some(&kept)), Profit { absolute: -10.0, relative: Some(10.0) });
        assert_eq!(Profit::of(&agent, None), Profit { absolute: -10.0, relative: None });
    }
}
