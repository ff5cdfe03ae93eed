use pavlov_rl_core::{PriceTable, Rng, uniform_f64};
use serde::{Deserialize, Serialize};

/// When and at which price an order is filled that was decided at `t`, the last bar whose close is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillRule {
    /// At the open of bar t+1.
    #[default]
    NextOpen,
    /// At the close of bar t+1.
    NextClose,
    /// In bar t+1, at a price drawn uniformly between its open and its close from the copy's own random stream.
    InsideNext,
    /// At the volume-weighted mean price of bar t+1, which the data must have.
    Vwap,
    /// At the close of bar t itself, the price that the decision was made with.
    DecisionClose,
}

impl FillRule {
    /// Fill price of one asset for an order decided at row `t`; for [`FillRule::InsideNext`] the open that
    /// [`FillRule::drawn`] goes on from.
    ///
    /// # Panics
    /// If the row that fills it lies beyond the table, or the table has no VWAP and the rule asks for it.
    pub fn price(self, prices: &PriceTable, t: usize, asset: usize) -> f64 {
        let cell = |row: usize| row * prices.assets + asset;
        match self {
            Self::NextOpen | Self::InsideNext => prices.open[cell(t + 1)],
            Self::NextClose => prices.close[cell(t + 1)],
            Self::Vwap => prices.vwap.as_ref().expect("`quotes` refuses tables without")[cell(t + 1)],
            Self::DecisionClose => prices.close[cell(t)],
        }
    }

    /// The price in the end: for [`FillRule::InsideNext`] `price + (close - price) * draw` with a draw in `0..1` and the
    /// close of the bar that fills; for the others `price`, and nothing is drawn.
    #[inline(always)]
    pub fn drawn(self, price: f64, close: f64, draw: impl FnOnce() -> f64) -> f64 {
        if self == Self::InsideNext { price + (close - price) * draw() } else { price }
    }

    /// The draws of a new episode; the stream is left alone by rules that draw nothing.
    pub fn draws(self, rng: &mut Rng) -> Draws {
        if self == Self::InsideNext { Draws::new(rng) } else { Draws::default() }
    }

    /// Row of the bar that fills an order decided at row `t`.
    #[inline(always)]
    pub fn row(self, t: u32) -> u32 {
        t + u32::from(self != Self::DecisionClose)
    }

    /// What the rule assumes that no order can reach, for reports to name; `None` if nothing.
    pub fn assumption(self) -> Option<&'static str> {
        match self {
            Self::NextOpen | Self::NextClose | Self::InsideNext | Self::Vwap => None,
            Self::DecisionClose => Some(
                "fill = decision_close: orders fill at the close that they were decided with, which no order can reach",
            ),
        }
    }
}

/// The draws of one episode: 8 bytes of state that are saved with it, seeded from the copy's own stream.
///
/// SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"). A step takes no other
/// randomness, so that [`peek`](pavlov_rl_core::BatchEnv::peek) sees the draw that the step will get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Draws(u64);

impl Draws {
    /// The draws of a new episode.
    pub fn new(rng: &mut Rng) -> Self {
        Self(uniform_f64(rng).to_bits())
    }

    /// The next number, uniform in `0..1` with 53 random bits.
    #[inline(always)]
    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{Market, RngTree, Segment};
    use pavlov_testkit::synthetic;

    use super::*;
    use crate::{EnvError, quotes};

    fn market(vwap: Option<Vec<f64>>) -> Market {
        let prices = PriceTable { vwap, ..synthetic::prices(1, vec![10.0, 12.0, 11.0]) };
        synthetic::market(prices, 1, 1)
    }

    #[test]
    fn every_rule_fills_in_its_bar_at_its_price() {
        let prices = market(Some(vec![10.1, 11.7, 11.2])).prices;
        let filled = |rule: FillRule| (rule.row(0), rule.drawn(rule.price(&prices, 0, 0), prices.close[1], || 0.25));
        assert_eq!(filled(FillRule::NextOpen), (1, 11.0));
        assert_eq!(filled(FillRule::NextClose), (1, 12.0));
        assert_eq!(filled(FillRule::InsideNext), (1, 11.25));
        assert_eq!(filled(FillRule::Vwap), (1, 11.7));
        assert_eq!(filled(FillRule::DecisionClose), (0, 10.0));
    }

    #[test]
    fn a_missing_vwap_is_an_error_that_names_the_cure() {
        let all = Segment { start: 0, first: 0, end: 3 };
        let error = quotes(&market(None), all, 0, FillRule::Vwap).unwrap_err();
        assert_eq!(error, EnvError::NoVwap);
        assert!(error.to_string().contains("choose another fill rule"), "{error}");
        assert!(quotes(&market(Some(vec![10.0; 3])), all, 0, FillRule::Vwap).is_ok());
    }

    #[test]
    fn draws_are_uniform_and_differ_by_episode_and_copy() {
        let tree = RngTree::new(1);
        let (mut first, mut second) = (tree.stream("env", 0), tree.stream("env", 1));
        let seeds = [Draws::new(&mut first), Draws::new(&mut first), Draws::new(&mut second)];
        let firsts = seeds.map(|mut draws| draws.draw());
        assert!(firsts[0] != firsts[1] && firsts[0] != firsts[2] && firsts[1] != firsts[2], "{firsts:?}");
        let (mut draws, n) = (seeds[0], 100_000);
        let mut tenths = [0u32; 10];
        for _ in 0..n {
            let draw = draws.draw();
            assert!((0.0..1.0).contains(&draw));
            tenths[(draw * 10.0) as usize] += 1;
        }
        // Standard deviation of each count: 95.
        assert!(tenths.iter().all(|count| count.abs_diff(n / 10) < 500), "{tenths:?}");
    }
}
