use pavlov_rl_core::PriceTable;
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
    /// At the close of bar t itself, the price that the decision was made with.
    DecisionClose,
}

impl FillRule {
    /// Fill price of one asset for an order decided at row `t`.
    ///
    /// # Panics
    /// If the row that fills it lies beyond the table.
    pub fn price(self, prices: &PriceTable, t: usize, asset: usize) -> f64 {
        let cell = |row: usize| row * prices.assets + asset;
        match self {
            Self::NextOpen => prices.open[cell(t + 1)],
            Self::NextClose => prices.close[cell(t + 1)],
            Self::DecisionClose => prices.close[cell(t)],
        }
    }

    /// Row of the bar that fills an order decided at row `t`.
    #[inline(always)]
    pub fn row(self, t: u32) -> u32 {
        t + u32::from(self != Self::DecisionClose)
    }

    /// What the rule assumes that no order can reach, for reports to name; `None` if nothing.
    pub fn assumption(self) -> Option<&'static str> {
        match self {
            Self::NextOpen | Self::NextClose => None,
            Self::DecisionClose => Some(
                "fill = decision_close: orders fill at the close that they were decided with, which no order can reach",
            ),
        }
    }
}
