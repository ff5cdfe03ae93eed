use pavlov_rl_core::{Market, Segment};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::Account;
use crate::costs::YEAR_NS;

/// Smallest growth factor that a `log_return` takes the logarithm of: a ruined account keeps a finite reward.
const LEAST_GROWTH: f64 = 1e-9;

/// What a step is rewarded for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardKind {
    /// Change of the net worth over that of the initial account, had it been held, in money: 0 while nothing is traded.
    #[default]
    RelativeToInitialAccount,
    /// Change of the net worth, in money.
    Absolute,
    /// Relative change of the net worth `w`: `(w' - w) / w`.
    Return,
    /// `ln(w' / w)`, where the quotient counts as 1e-9 if it is less.
    LogReturn,
    /// Annualised Sharpe ratio of the episode's returns up to now, the standard deviation taken over `n`:
    /// `(mean - risk_free_rate / P) / std * sqrt(P)` with `P` periods a year; 0 while all returns are equal.
    ///
    /// Sharpe, "The Sharpe ratio", Journal of Portfolio Management 21(1) (1994). Mean and deviation are carried on by
    /// Welford's recursion (Technometrics 4(3), 1962): the same time for every step, and no cancellation.
    Sharpe,
    /// What the return `R` adds to a Sharpe ratio of exponential averages `A` of the returns and `B` of their squares:
    /// `(B dA - A dB / 2) / (B - A^2)^(3/2)` with `dA = R - A` and `dB = R^2 - B`, then `A += eta dA`, `B += eta dB`;
    /// 0 while all returns are 0.
    ///
    /// Moody and Saffell, "Learning to trade via direct reinforcement", IEEE Transactions on Neural Networks 12(4)
    /// (2001), section II C. The variance `V = B - A^2` is carried on itself, `V <- (1 - eta) (V + eta (R - A)^2)`.
    DifferentialSharpe,
}

impl RewardKind {
    /// The account whose net worth is taken off.
    pub fn reference(self, initial: Account) -> Account {
        if self == Self::RelativeToInitialAccount { initial } else { Account::default() }
    }
}

/// A reward as a user chose it. In TOML a name, or a table with `kind` and what differs from the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, rename = "reward")]
pub struct RewardConfig {
    /// What a step is rewarded for.
    pub kind: RewardKind,
    /// Largest reward and, below 0, the smallest; none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Yearly return without risk that `sharpe` takes off; 0.
    pub risk_free_rate: f64,
    /// Steps of a year for `sharpe`; by default what the times of the market say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub periods_per_year: Option<f64>,
    /// The rate `eta` of `differential_sharpe`; 0.01.
    pub adaptation: f64,
}

impl Default for RewardConfig {
    fn default() -> Self {
        let kind = RewardKind::default();
        Self { kind, clip: None, risk_free_rate: 0.0, periods_per_year: None, adaptation: 0.01 }
    }
}

impl From<RewardKind> for RewardConfig {
    fn from(kind: RewardKind) -> Self {
        Self { kind, ..Self::default() }
    }
}

impl RewardConfig {
    /// Notes values that make no reward.
    pub fn validate(&self, problems: &mut Vec<String>) {
        for (key, value) in [("clip", self.clip), ("periods_per_year", self.periods_per_year)] {
            if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
                problems.push(format!("reward.{key} must be a number above 0, got {value}"));
            }
        }
        if !self.risk_free_rate.is_finite() {
            problems.push(format!("reward.risk_free_rate must be a number, got {}", self.risk_free_rate));
        }
        if !(self.adaptation > 0.0 && self.adaptation < 1.0) {
            problems.push(format!("reward.adaptation must lie between 0 and 1, got {}", self.adaptation));
        }
    }

    /// The reward on a segment of a market, whose times give the periods of a year unless they are named.
    pub fn on(&self, market: &Market, segment: Segment) -> Reward {
        let periods = self.periods_per_year.unwrap_or_else(|| periods_per_year(market, segment));
        Reward {
            kind: self.kind,
            clip: self.clip.unwrap_or(f64::INFINITY),
            risk_free: self.risk_free_rate / periods,
            root_periods: periods.sqrt(),
            adaptation: self.adaptation,
        }
    }
}

fn periods_per_year(market: &Market, segment: Segment) -> f64 {
    let last = segment.end.saturating_sub(1).max(segment.first);
    let span = market.times[last as usize] - market.times[segment.first as usize];
    if span > 0 { f64::from(last - segment.first) * YEAR_NS / span as f64 } else { 1.0 }
}

impl Serialize for RewardConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::from(self.kind) {
            return self.kind.serialize(serializer);
        }
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for RewardConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = RewardConfig;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of a reward, or a table with its `kind`")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<RewardConfig, E> {
        RewardKind::deserialize(StrDeserializer::new(name)).map(RewardConfig::from)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<RewardConfig, M::Error> {
        RewardConfig::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A [`RewardConfig`] made ready for a market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reward {
    kind: RewardKind,
    clip: f64,
    risk_free: f64,
    root_periods: f64,
    adaptation: f64,
}

/// What a reward remembers of an episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardState {
    /// What the last reward was measured up to: the net worth less that of the reference account, in money.
    pub level: f64,
    count: f64,
    mean: f64,
    /// Sum of squared deviations, or the exponential variance.
    spread: f64,
}

impl RewardState {
    /// Whether a decoded state is one that a reward can reach.
    pub fn is_possible(&self) -> bool {
        let numbers = [self.level, self.count, self.mean, self.spread];
        numbers.iter().all(|x| x.is_finite()) && self.count >= 0.0 && self.spread >= 0.0
    }
}

impl Reward {
    /// An episode that starts at this level; a `sharpe` counts `warm_up` returns of 0 before it.
    #[inline(always)]
    pub fn start(&self, level: f64, warm_up: f64) -> RewardState {
        RewardState { level, count: warm_up, ..RewardState::default() }
    }

    /// The reward of a step that ends at this level.
    #[inline(always)]
    pub fn next(&self, state: &mut RewardState, level: f64) -> f64 {
        let (change, before) = (level - state.level, state.level);
        state.level = level;
        let reward = match self.kind {
            RewardKind::RelativeToInitialAccount | RewardKind::Absolute => change,
            RewardKind::Return => change / before,
            RewardKind::LogReturn => (level / before).max(LEAST_GROWTH).ln(),
            RewardKind::Sharpe => self.sharpe(state, change / before),
            RewardKind::DifferentialSharpe => self.differential_sharpe(state, change / before),
        };
        reward.max(-self.clip).min(self.clip)
    }

    fn sharpe(&self, state: &mut RewardState, value: f64) -> f64 {
        let off = value - state.mean;
        state.count += 1.0;
        state.mean += off / state.count;
        state.spread += off * (value - state.mean);
        let deviation = (state.spread / state.count).sqrt();
        if deviation > 0.0 { (state.mean - self.risk_free) / deviation * self.root_periods } else { 0.0 }
    }

    fn differential_sharpe(&self, state: &mut RewardState, value: f64) -> f64 {
        let (mean, variance, eta) = (state.mean, state.spread, self.adaptation);
        let square = variance + mean * mean;
        let (off, off_square) = (value - mean, value * value - square);
        state.mean = mean + eta * off;
        state.spread = (1.0 - eta) * (variance + eta * off * off);
        let scale = variance * variance.sqrt();
        if scale > 0.0 { (square * off - 0.5 * mean * off_square) / scale } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{RngTree, normal};
    use pavlov_testkit::{assert_close, synthetic};

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Table {
        reward: RewardConfig,
    }

    fn read(text: &str) -> RewardConfig {
        toml::from_str::<Table>(&format!("reward = {text}")).unwrap().reward
    }

    /// The rewards of net worths that start at `first` and change by these returns.
    fn rewards(text: &str, first: f64, returns: &[f64]) -> Vec<f64> {
        let market = synthetic::random_walk(10, 1, 1, 0);
        let reward = read(text).on(&market, market.segments[0]);
        let mut state = reward.start(first, 0.0);
        let mut worth = first;
        let next = |r: &f64| {
            worth *= 1.0 + r;
            reward.next(&mut state, worth)
        };
        returns.iter().map(next).collect()
    }

    fn returns(mean: f64, deviation: f64) -> Vec<f64> {
        let mut rng = RngTree::new(1).stream("returns", 0);
        (0..500).map(|_| mean + deviation * normal(&mut rng)).collect()
    }

    #[test]
    fn a_name_stays_a_name_and_a_table_keeps_what_differs() {
        for (text, config) in [
            ("reward = \"log_return\"\n", RewardKind::LogReturn.into()),
            (
                "[reward]\nkind = \"sharpe\"\nclip = 1.0\nrisk_free_rate = 0.045\nadaptation = 0.01\n",
                RewardConfig { clip: Some(1.0), risk_free_rate: 0.045, ..RewardKind::Sharpe.into() },
            ),
        ] {
            let table: Table = toml::from_str(text).unwrap();
            assert_eq!(table.reward, config);
            assert_eq!(toml::to_string(&table).unwrap(), text);
        }
        let error = toml::from_str::<Table>("reward = \"profits\"").unwrap_err().to_string();
        assert!(error.contains("differential_sharpe"), "the known names are listed: {error}");
        assert!(toml::from_str::<Table>("reward = { kind = \"return\", clap = 1.0 }").is_err());
    }

    #[test]
    fn returns_are_simple_or_logarithmic_and_clipped_on_demand() {
        let steps = [0.25, -0.5, 0.0];
        assert_close("return", &rewards("\"return\"", 80.0, &steps), &steps, 1e-15, 0.0);
        let logs = steps.map(f64::ln_1p);
        assert_close("log_return", &rewards("\"log_return\"", 80.0, &steps), &logs, 1e-15, 0.0);
        assert_eq!(rewards("{ kind = \"return\", clip = 0.2 }", 80.0, &steps), [0.2, -0.2, 0.0]);
        assert_eq!(rewards("{ kind = \"absolute\", clip = 30.0 }", 80.0, &steps), [20.0, -30.0, 0.0]);
        assert_eq!(rewards("\"log_return\"", 80.0, &[-2.0]), [1e-9_f64.ln()]);
    }

    #[test]
    fn the_running_sharpe_is_the_two_pass_one_even_where_sums_of_squares_cancel() {
        for (mean, deviation) in [(0.0005, 0.01), (0.01, 1e-7)] {
            let returns = returns(mean, deviation);
            let text = "{ kind = \"sharpe\", risk_free_rate = 0.045, periods_per_year = 252.0 }";
            let got = rewards(text, 1.0, &returns);
            for t in [1, 2, 99, 499] {
                let seen = &returns[..=t];
                let n = seen.len() as f64;
                let mean = seen.iter().sum::<f64>() / n;
                let variance = seen.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
                let expected = (mean - 0.045 / 252.0) / variance.sqrt() * 252.0_f64.sqrt();
                assert_close(&format!("step {t}"), &[got[t]], &[expected], 0.0, 1e-6 * (1e-3 / deviation).min(1.0));
            }
        }
        assert_eq!(rewards("\"sharpe\"", 64.0, &[0.5, 0.5, 0.5]), [0.0; 3], "equal returns have no Sharpe ratio");
    }

    #[test]
    fn the_differential_sharpe_is_the_derivative_of_the_exponential_one() {
        let eta = 0.01;
        let returns = returns(0.0005, 0.01);
        let got = rewards("\"differential_sharpe\"", 1.0, &returns);
        let (mut a, mut b) = (0.0, 0.0);
        for (t, r) in returns.iter().enumerate() {
            let ratio = |eta: f64| {
                let (a, b) = (a + eta * (r - a), b + eta * (r * r - b));
                a / f64::sqrt(b - a * a)
            };
            if t > 20 {
                let slope = (ratio(1e-6) - ratio(-1e-6)) / 2e-6;
                assert_close(&format!("step {t}"), &[got[t]], &[slope], 1e-6, 1e-4);
            }
            (a, b) = (a + eta * (r - a), b + eta * (r * r - b));
        }
        assert_eq!(got[0], 0.0, "the first return has nothing to compare with");
        assert_eq!(rewards("\"differential_sharpe\"", 1.0, &[0.0, 0.0]), [0.0; 2]);
    }

    #[test]
    fn the_periods_of_a_year_come_from_the_times_of_the_market() {
        let market = synthetic::random_walk(100, 1, 1, 0);
        let hourly = RewardConfig::from(RewardKind::Sharpe).on(&market, market.segments[0]);
        assert!((hourly.root_periods.powi(2) / (365.25 * 24.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn all_problems_are_told() {
        let mut problems = Vec::new();
        read("{ clip = 0.0, periods_per_year = -1.0, risk_free_rate = nan, adaptation = 1.0 }").validate(&mut problems);
        assert_eq!(problems.len(), 4, "{problems:?}");
    }
}
