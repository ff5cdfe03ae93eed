use pavlov_rl_core::{Frame, Market, PriceTable, Rng, RngTree, Segment, normal, uniform_f64};

/// A column of a bar, in the order in which [`Change::apply`] takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Traded amount.
    Volume,
}

/// What becomes of the rows behind a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Future {
    /// Prices and volumes are multiplied by random factors of their own.
    Perturbed,
    /// Another market goes on from the last price.
    Replaced,
    /// There are no such rows.
    Truncated,
}

impl Future {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Perturbed, Self::Replaced, Self::Truncated];

    /// What is done to the rows, as a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Perturbed => "perturbed",
            Self::Replaced => "replaced",
            Self::Truncated => "truncated",
        }
    }
}

/// Another future: the rows from `first` on are other ones, and still valid bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What becomes of the rows.
    pub future: Future,
    /// First row that is changed.
    pub first: usize,
    /// Columns of the first changed row that stay; with `High` or `Low` among them, the whole bar does.
    pub kept: &'static [Field],
    /// Decides the new numbers.
    pub seed: u64,
}

impl Change {
    /// The random stream of one asset or series.
    pub fn stream(&self, number: u64) -> Rng {
        RngTree::new(self.seed).child("audit").stream(self.future.name(), number)
    }

    /// Changes the bars `[open, high, low, close, volume]` of one asset.
    pub fn apply(&self, bars: &mut Vec<[f64; 5]>, asset: u64) {
        if self.future == Future::Truncated {
            return bars.truncate(self.first);
        }
        let mut rng = self.stream(asset);
        let mut level = self.first.checked_sub(1).or(Some(0)).and_then(|row| bars.get(row)).map_or(1.0, |bar| bar[3]);
        level *= (0.5 * normal(&mut rng)).exp();
        for (row, bar) in bars.iter_mut().enumerate().skip(self.first) {
            if row == self.first && (self.kept.contains(&Field::High) || self.kept.contains(&Field::Low)) {
                level = bar[3];
                continue;
            }
            let [open, _, _, close, volume] = *bar;
            let [mut new_open, mut new_close] = match self.future {
                Future::Perturbed => [open * factor(&mut rng), close * factor(&mut rng)],
                Future::Replaced | Future::Truncated => [level, level * (0.02 * normal(&mut rng)).exp()],
            };
            if row == self.first {
                new_open = if self.kept.contains(&Field::Open) { open } else { new_open };
                new_close = if self.kept.contains(&Field::Close) { close } else { new_close };
            }
            level = new_close;
            let high = new_open.max(new_close) * (1.0 + 0.05 * uniform_f64(&mut rng));
            let low = new_open.min(new_close) * (1.0 - 0.05 * uniform_f64(&mut rng));
            *bar = [new_open, high, low, new_close, (volume + 1.0) * factor(&mut rng)];
        }
    }

    /// Changes prices, volumes and features of a market whose features are given numbers, not made of its prices.
    ///
    /// Segments are cut with the rows; `None` if nothing is left of one.
    pub fn of_market(&self, market: &Market) -> Option<Market> {
        let (assets, rows) = (market.prices.assets, market.frame.rows());
        let mut prices = market.prices.clone();
        let columns = [&market.prices.open, &market.prices.high, &market.prices.low, &market.prices.close];
        let mut changed: Vec<Vec<[f64; 5]>> = Vec::with_capacity(assets);
        for asset in 0..assets {
            let cell = |row: usize| row * assets + asset;
            let bar = |row: usize| {
                let [open, high, low, close] = columns.map(|column| column[cell(row)]);
                [open, high, low, close, market.prices.volume[cell(row)]]
            };
            let mut bars = (0..rows).map(bar).collect();
            self.apply(&mut bars, asset as u64);
            changed.push(bars);
        }
        let left = changed.first().map_or(rows, Vec::len);
        let column = |field: Field| -> Vec<f64> {
            (0..left).flat_map(|row| changed.iter().map(move |bars| bars[row][field as usize])).collect()
        };
        (prices.open, prices.high) = (column(Field::Open), column(Field::High));
        (prices.low, prices.close) = (column(Field::Low), column(Field::Close));
        prices.volume = column(Field::Volume);
        prices.vwap = changed_vwap(&market.prices, &prices);
        let segments = market.segments.iter().map(|s| Segment { end: s.end.min(left as u32), ..*s }).collect();
        let times = market.times[..left].to_vec();
        Market::new(self.of_frame(&market.frame, left), prices, times, segments).ok()
    }

    /// The first `left` rows of a frame, those from the first changed one on with other numbers.
    fn of_frame(&self, frame: &Frame, left: usize) -> Frame {
        let mut rng = self.stream(u64::MAX);
        let mut data = Vec::with_capacity(left * frame.cols());
        for row in 0..left {
            let other = |x: &f32| if row < self.first { *x } else { x + normal(&mut rng) as f32 };
            data.extend(frame.row(row).iter().map(other));
        }
        Frame::new(frame.cols(), data)
    }
}

/// The mean prices of changed rows: what they were where open and close stayed, the middle of both elsewhere.
pub fn changed_vwap(original: &PriceTable, changed: &PriceTable) -> Option<Vec<f64>> {
    let cell = |(i, vwap): (usize, &f64)| {
        let [open, close] = [changed.open[i], changed.close[i]];
        if [open, close] == [original.open[i], original.close[i]] { *vwap } else { 0.5 * (open + close) }
    };
    let vwap = original.vwap.as_ref()?;
    Some(vwap.iter().take(changed.close.len()).enumerate().map(cell).collect())
}

/// A factor between 0.7 and 1.4.
fn factor(rng: &mut Rng) -> f64 {
    (0.7 * (uniform_f64(rng) - 0.5)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_from_the_first_changed_one_on_are_other_valid_bars_and_what_is_kept_stays() {
        let before = vec![[10.0, 12.0, 9.0, 11.0, 0.0]; 8];
        for future in [Future::Perturbed, Future::Replaced] {
            for kept in [&[][..], &[Field::Open], &[Field::Open, Field::Close]] {
                let mut after = before.clone();
                Change { future, first: 3, kept, seed: 1 }.apply(&mut after, 0);
                assert_eq!(after[..3], before[..3]);
                for [open, high, low, close, volume] in &after[3..] {
                    let enclosed = open.max(*close) <= *high && *low <= open.min(*close);
                    assert!(enclosed && *low > 0.0 && *volume > 0.0, "{after:?}");
                }
                for (field, i) in [(Field::Open, 0), (Field::High, 1), (Field::Close, 3), (Field::Volume, 4)] {
                    assert_eq!(after[3][i] == before[3][i], kept.contains(&field), "{future:?} {kept:?} {field:?}");
                    assert_ne!(after[4][i], before[4][i], "{future:?} {field:?}");
                }
            }
        }
        let mut after = before.clone();
        Change { future: Future::Truncated, first: 3, kept: &[], seed: 1 }.apply(&mut after, 0);
        assert_eq!(after, before[..3]);
    }
}
