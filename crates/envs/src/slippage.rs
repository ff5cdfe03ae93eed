use pavlov_rl_core::{Market, Segment};
use serde::{Deserialize, Serialize};

use crate::Quote;

/// How far an order moves its own fill price, always against the order: up for a purchase, down for a sale.
///
/// In TOML `"none"`, `{ fixed_frac = 0.0005 }`, `{ half_spread = 0.01 }` or
/// `{ square_root = { coefficient = 1.0, volatility = 0.02 } }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Slippage {
    /// Orders fill at the price of the fill rule.
    #[default]
    None,
    /// A fraction of the price, whatever the size of the order.
    FixedFrac(f64),
    /// Money for each share: half of the spread between bid and ask.
    HalfSpread(f64),
    /// `price * coefficient * volatility * sqrt(|shares| / volume)`: the square-root law of market impact.
    ///
    /// Torre, "BARRA market impact model handbook" (1997); Almgren, Thum, Hauptmann and Li, "Direct estimation of equity
    /// market impact" (2005), who fit an exponent of 3/5; Tóth et al., "Anomalous price impact and the critical nature
    /// of liquidity in financial markets", Physical Review X 1, 021006 (2011), section II, with an exponent of 1/2 and
    /// a coefficient near 1. The volume is that of the last bar known at the decision; an order larger than it
    /// pays as if it were the whole volume.
    SquareRoot {
        /// The factor `Y` of the law, near 1 in the papers.
        coefficient: f64,
        /// Standard deviation of the relative change of the price from bar to bar: 0.02 is 2 %.
        volatility: f64,
    },
}

impl Slippage {
    /// Whether orders fill at the price of the fill rule.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Notes values that could move a price to 0 or the wrong way.
    pub fn validate(self, problems: &mut Vec<String>) {
        let (key, value, end) = match self {
            Self::None => return,
            Self::FixedFrac(frac) => ("fixed_frac", frac, 1.0),
            Self::HalfSpread(money) => ("half_spread", money, f64::INFINITY),
            Self::SquareRoot { coefficient, volatility } => {
                for (key, value) in [("coefficient", coefficient), ("volatility", volatility)] {
                    if !(value.is_finite() && value >= 0.0) {
                        problems.push(format!("slippage.square_root.{key} must be a number from 0 up, got {value}"));
                    }
                }
                ("square_root: coefficient * volatility", coefficient * volatility, 1.0)
            }
        };
        if !(0.0..end).contains(&value) {
            problems.push(format!("slippage.{key} must lie in 0..{end}, got {value}"));
        }
    }

    /// A spread that would give shares away at the lowest of these fill prices; empty if there is none.
    pub fn problems_at(self, quotes: &[Quote]) -> Vec<String> {
        let lowest = quotes.iter().map(|quote| quote.fill).fold(f64::INFINITY, f64::min);
        match self {
            Self::HalfSpread(money) if money >= lowest => {
                vec![format!("slippage.half_spread must lie below the lowest fill price {lowest}, got {money}")]
            }
            _ => Vec::new(),
        }
    }

    /// The slippage of orders in one asset, decided at the rows `first..end` of a segment.
    pub fn of(self, market: &Market, segment: Segment, asset: usize) -> AssetSlippage {
        let prices = &market.prices;
        let volume = |row: u32| prices.volume[row as usize * prices.assets + asset];
        let volumes = match self {
            Self::SquareRoot { .. } => (segment.first..segment.end).map(volume).collect(),
            Self::None | Self::FixedFrac(_) | Self::HalfSpread(_) => Box::default(),
        };
        AssetSlippage { slippage: self, volumes }
    }
}

/// [`Slippage`] with what it needs to know of one asset.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetSlippage {
    slippage: Slippage,
    volumes: Box<[f64]>,
}

impl AssetSlippage {
    /// Whether orders fill at the price of the fill rule.
    #[inline(always)]
    pub fn is_none(&self) -> bool {
        self.slippage.is_none()
    }

    /// What an order of so many signed shares fills at, decided `t` rows after the segment's first, where the fill rule
    /// gives `price`.
    pub fn price(&self, t: usize, price: f64, shares: f64) -> f64 {
        if shares == 0.0 {
            return price;
        }
        let moved = match self.slippage {
            Slippage::None => 0.0,
            Slippage::FixedFrac(frac) => price * frac,
            Slippage::HalfSpread(money) => money,
            Slippage::SquareRoot { coefficient, volatility } => {
                let part = if self.volumes[t] > 0.0 { (shares.abs() / self.volumes[t]).min(1.0) } else { 1.0 };
                price * coefficient * volatility * part.sqrt()
            }
        };
        price + moved.copysign(shares)
    }
}

#[cfg(test)]
mod tests {
    use pavlov_testkit::synthetic;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Table {
        slippage: Slippage,
    }

    fn read(text: &str) -> Slippage {
        toml::from_str::<Table>(&format!("slippage = {text}")).unwrap().slippage
    }

    fn price(slippage: Slippage, shares: f64) -> f64 {
        let market = synthetic::random_walk(10, 1, 1, 0);
        slippage.of(&market, market.segments[0], 0).price(3, 50.0, shares)
    }

    #[test]
    fn every_kind_moves_the_price_against_the_order() {
        let kinds = [
            ("\"none\"", 0.0),
            ("{ fixed_frac = 0.002 }", 0.1),
            ("{ half_spread = 0.25 }", 0.25),
            // 250 of 1,000 shares: 0.02 * sqrt(1/4) of the price
            ("{ square_root = { coefficient = 1.0, volatility = 0.02 } }", 0.5),
        ];
        for (text, moved) in kinds {
            let slippage = read(text);
            assert_eq!(price(slippage, 250.0), 50.0 + moved, "{text}");
            assert_eq!(price(slippage, -250.0), 50.0 - moved, "{text}");
            assert_eq!(price(slippage, 0.0), 50.0, "{text}");
            let again: Table = toml::from_str(&toml::to_string(&Table { slippage }).unwrap()).unwrap();
            assert_eq!(again.slippage, slippage);
        }
    }

    #[test]
    fn impact_grows_with_the_root_of_the_order_up_to_the_volume() {
        let law = Slippage::SquareRoot { coefficient: 1.0, volatility: 0.04 };
        let impact = |shares| price(law, shares) - 50.0;
        assert!((impact(400.0) / impact(100.0) - 2.0).abs() < 1e-12);
        assert_eq!(impact(1_000.0), 2.0);
        assert_eq!(impact(1e9), 2.0);
    }

    #[test]
    fn values_that_would_give_shares_away_are_refused() {
        let problems = |slippage: Slippage| {
            let mut problems = Vec::new();
            slippage.validate(&mut problems);
            problems.len() + slippage.problems_at(&[Quote { fill: 0.5, close: 1.0 }]).len()
        };
        assert_eq!(problems(Slippage::FixedFrac(1.0)), 1);
        assert_eq!(problems(Slippage::FixedFrac(f64::NAN)), 1);
        assert_eq!(problems(Slippage::HalfSpread(-0.1)), 1);
        assert_eq!(problems(Slippage::HalfSpread(0.5)), 1);
        assert_eq!(problems(Slippage::SquareRoot { coefficient: 10.0, volatility: 0.2 }), 1);
        assert_eq!(problems(Slippage::SquareRoot { coefficient: -1.0, volatility: 0.2 }), 2);
        assert_eq!(problems(Slippage::HalfSpread(0.4)), 0);
    }
}
