use pavlov_rl_core::{Market, Segment};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// Nanoseconds of a year.
pub(crate) const YEAR_NS: f64 = 365.25 * 86_400e9;

/// What a broker takes for a trade: `max(proportional * value + per_share * |shares|, minimum)`, and nothing for no trade.
///
/// In TOML a plain number is the proportional part alone; a table may name all three.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Commission {
    /// Fraction of the traded value: 0.00075 is 0.075 %.
    pub proportional: f64,
    /// Money for each share.
    pub per_share: f64,
    /// Least money for a trade.
    pub minimum: f64,
}

/// The table of a [`Commission`] as the file has it.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename = "commission")]
struct CommissionTable {
    proportional: f64,
    per_share: f64,
    minimum: f64,
}

impl Default for CommissionTable {
    fn default() -> Self {
        let Commission { proportional, per_share, minimum } = Commission::default();
        Self { proportional, per_share, minimum }
    }
}

impl Commission {
    /// A commission that is a fraction of the traded value and nothing else.
    pub const fn proportional(frac: f64) -> Self {
        Self { proportional: frac, per_share: 0.0, minimum: 0.0 }
    }

    /// Commission in money on a trade of so many shares, where `value` is what the proportional part is taken of.
    #[inline(always)]
    pub fn fee(self, value: f64, shares: f64) -> f64 {
        let fee = (self.proportional * value + self.per_share * shares.abs()).max(self.minimum);
        if shares != 0.0 { fee } else { 0.0 }
    }

    /// Shares that a budget buys when the commission is paid out of it and its proportional part is taken of the whole
    /// budget, the commission included; never below 0.
    #[inline(always)]
    pub fn shares_of_budget(self, budget: f64, price: f64) -> f64 {
        let by_rate = (1.0 - self.proportional) * budget / (price + self.per_share);
        if self.minimum == 0.0 { by_rate } else { by_rate.min((budget - self.minimum) / price).max(0.0) }
    }

    /// Shares that cash pays for when the proportional part is taken of the shares' value; below 0 if the cash is.
    #[inline(always)]
    pub fn affordable(self, cash: f64, price: f64) -> f64 {
        let by_rate = cash / (price * (1.0 + self.proportional) + self.per_share);
        if self.minimum == 0.0 { by_rate } else { by_rate.min((cash - self.minimum) / price) }
    }

    /// Notes a proportional part outside `0..1` and other parts below 0.
    pub fn validate(self, problems: &mut Vec<String>) {
        if !(0.0..1.0).contains(&self.proportional) {
            problems.push(format!("commission must lie in 0..1, got {}", self.proportional));
        }
        for (key, value) in [("per_share", self.per_share), ("minimum", self.minimum)] {
            if !(value.is_finite() && value >= 0.0) {
                problems.push(format!("commission.{key} must be a number from 0 up, got {value}"));
            }
        }
    }
}

impl Serialize for Commission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { proportional, per_share, minimum } = *self;
        if per_share == 0.0 && minimum == 0.0 {
            return serializer.serialize_f64(proportional);
        }
        CommissionTable { proportional, per_share, minimum }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Commission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrTable)
    }
}

struct NumberOrTable;

impl<'de> Visitor<'de> for NumberOrTable {
    type Value = Commission;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a fraction, or a table of `proportional`, `per_share` and `minimum`")
    }

    fn visit_f64<E>(self, frac: f64) -> Result<Commission, E> {
        Ok(Commission::proportional(frac))
    }

    fn visit_i64<E>(self, frac: i64) -> Result<Commission, E> {
        Ok(Commission::proportional(frac as f64))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Commission, M::Error> {
        let CommissionTable { proportional, per_share, minimum } =
            Deserialize::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Commission { proportional, per_share, minimum })
    }
}

/// What it costs to borrow the shares of a short: a yearly fraction of their value, for the time between two closes.
#[derive(Clone, Debug, PartialEq)]
pub struct Borrowing {
    rate: f64,
    years: Box<[f64]>,
}

impl Borrowing {
    /// The cost at this yearly rate on a segment of a market.
    pub fn new(rate: f64, market: &Market, segment: Segment) -> Self {
        let times = &market.times[segment.first as usize..segment.end as usize];
        let years = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / YEAR_NS);
        Self { rate, years: if rate > 0.0 { years.collect() } else { Box::default() } }
    }

    /// Whether shares are lent for nothing.
    #[inline(always)]
    pub fn is_free(&self) -> bool {
        self.years.is_empty()
    }

    /// Money for a short held from the close of row `t`, counted from the segment's first, to the next close.
    pub fn cost(&self, t: usize, position: f64, close: f64) -> f64 {
        self.rate * self.years[t] * (-position).max(0.0) * close
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct Table {
        commission: Commission,
    }

    const ALL: Commission = Commission { proportional: 0.001, per_share: 0.005, minimum: 1.0 };

    #[test]
    fn a_number_is_a_proportional_commission_and_stays_one() {
        for (text, commission) in [
            ("commission = 0.00075\n", Commission::proportional(0.00075)),
            ("[commission]\nproportional = 0.001\nper_share = 0.005\nminimum = 1.0\n", ALL),
        ] {
            let table: Table = toml::from_str(text).unwrap();
            assert_eq!(table.commission, commission);
            assert_eq!(toml::to_string(&table).unwrap(), text);
        }
        let integer: Table = toml::from_str("commission = 2").unwrap();
        assert_eq!(integer.commission, Commission::proportional(2.0));
        let error = toml::from_str::<Table>("commission = \"much\"").unwrap_err().to_string();
        assert!(error.contains("a fraction, or a table"), "{error}");
        assert!(toml::from_str::<Table>("commission = { per_shares = 1.0 }").is_err());
    }

    #[test]
    fn the_three_parts_add_up_and_no_trade_costs_nothing() {
        assert_eq!(ALL.fee(10_000.0, 100.0), 10.5);
        assert_eq!(ALL.fee(10_000.0, -100.0), 10.5);
        assert_eq!(ALL.fee(10.0, 1.0), 1.0);
        assert_eq!(ALL.fee(0.0, 0.0), 0.0);
    }

    #[test]
    fn what_is_bought_and_its_commission_never_exceed_the_money() {
        for commission in [ALL, Commission::proportional(0.001), Commission { minimum: 5.0, ..Commission::default() }] {
            for (money, price) in [(1_000.0, 7.0), (1.5, 0.01), (6.0, 2.5), (0.5, 1.0)] {
                let shares = commission.affordable(money, price);
                if shares >= 1.0 {
                    let spent = shares * price + commission.fee(shares * price, shares);
                    assert!((spent / money - 1.0).abs() < 1e-12, "{commission:?}, {money} at {price}: {spent}");
                }
                let shares = commission.shares_of_budget(money, price);
                let spent = shares * price + commission.fee(money, shares);
                assert!(shares == 0.0 || (spent / money - 1.0).abs() < 1e-12, "{commission:?}, {money} at {price}");
            }
        }
    }
}
