//! Trend following and mean reversion: a side for each bar by two moving averages.

use pavlov_envs::{BatchFactory, Sides};
use pavlov_rl_core::RngTree;
use rayon::prelude::*;

use super::set;
use crate::episode::{EpisodeRecord, play};

/// The longest average, closes.
const LONGEST: usize = 29;

/// What follows from a short average above a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A rise goes on: long.
    TrendFollowing,
    /// A rise is undone: short.
    MeanReversion,
}

/// Numbers of closes that are averaged, `short < long`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Of the average that turns first.
    pub short: usize,
    /// Of the average that it is held against.
    pub long: usize,
}

impl Rule {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Rule::TrendFollowing => "trend following",
            Rule::MeanReversion => "mean reversion",
        }
    }

    /// What it does, in one sentence.
    pub fn summary(self, Windows { short, long }: Windows) -> String {
        let side = if self == Rule::TrendFollowing { "long" } else { "short" };
        format!(
            "{side} while the mean of the last {short} closes is at least that of the last {long}, else the other side; \
             windows with the best Sharpe ratio of the training span"
        )
    }

    /// Whether it is long once these closes are known, the latest at the end.
    ///
    /// Source: Théate and Ernst (2021), section 5.1; where the data begin, an average is of what is there.
    pub fn is_long(self, closes: &[f64], windows: Windows) -> bool {
        let mean = |window: usize| {
            let last = &closes[closes.len().saturating_sub(window)..];
            last.iter().sum::<f64>() / last.len() as f64
        };
        (mean(windows.short) >= mean(windows.long)) == (self == Rule::TrendFollowing)
    }

    /// Plays a span as one episode; `closes` are those of the market's rows.
    pub fn play(self, span: &dyn BatchFactory, closes: &[f64], sides: Sides, windows: Windows) -> EpisodeRecord {
        let env = span.batch(0..1, &RngTree::new(0));
        let Ok(record) = play(env, |seen, actions| {
            let known = &closes[..=seen.last_row[0] as usize];
            set(actions, if self.is_long(known, windows) { sides.long } else { sides.short });
            Ok::<_, std::convert::Infallible>(())
        });
        record
    }

    /// The windows `1 <= short < long <= 29` of the highest score of the books on the training span; the first of equals.
    ///
    /// Where none has a score, the first pair.
    pub fn choose(
        self,
        training: &dyn BatchFactory,
        closes: &[f64],
        sides: Sides,
        score: impl Fn(&EpisodeRecord) -> Option<f64> + Sync,
    ) -> Windows {
        let pairs = (1..LONGEST).flat_map(|short| (short + 1..=LONGEST).map(move |long| Windows { short, long }));
        let pairs: Vec<Windows> = pairs.collect();
        let score = |windows: &Windows| score(&self.play(training, closes, sides, *windows));
        let scores: Vec<Option<f64>> = pairs.par_iter().map(score).collect();
        let better = |best: usize, i: usize| if scores[i] > scores[best] { i } else { best };
        pairs[(0..pairs.len()).fold(0, better)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_is_followed_or_faded_and_a_tie_counts_as_one() {
        let windows = Windows { short: 2, long: 4 };
        for (closes, follows) in [
            (&[1.0, 2.0, 3.0, 4.0][..], true),
            (&[4.0, 3.0, 2.0, 1.0], false),
            (&[5.0, 5.0, 5.0, 5.0], true),
            (&[9.0, 1.0, 1.0, 3.0, 2.0], true),
            (&[7.0], true),
            (&[7.0, 6.0, 8.0], true),
            (&[8.0, 7.0, 6.0], false),
        ] {
            assert_eq!(Rule::TrendFollowing.is_long(closes, windows), follows, "{closes:?}");
            assert_eq!(Rule::MeanReversion.is_long(closes, windows), !follows, "{closes:?}");
        }
    }
}
