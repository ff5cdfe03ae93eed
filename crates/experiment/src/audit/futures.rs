//! The data of a plan with another future.

use std::sync::Arc;

use pavlov_audit::{Change, Future, changed_vwap};
use pavlov_features::FittedScaler;
use pavlov_market_data::{BarColumns, BarPolicy, Bars, OnFault, Series};
use pavlov_rl_core::{Market, Segment, uniform_f64};

use crate::error::ExperimentError;
use crate::series::LoadedSeries;
use crate::world::{Joined, Stages};

/// Data and the stages that make a market of them.
pub(super) struct Futures<'a> {
    pub(super) stages: &'a dyn Stages,
    bars: &'a Bars,
    assets: &'a [Bars],
    series: &'a [LoadedSeries],
    /// Closes of the market's rows.
    times: Vec<i64>,
}

impl<'a> Futures<'a> {
    /// The data as they are.
    pub(super) fn new(
        stages: &'a dyn Stages,
        (bars, assets): (&'a Bars, &'a [Bars]),
        series: &'a [LoadedSeries],
    ) -> Result<(Self, Joined), ExperimentError> {
        let joined = stages.join(bars, assets, series)?;
        let times = joined.bars.times().to_vec();
        Ok((Self { stages, bars, assets, series, times }, joined))
    }

    /// Bars and series where those behind row `change.first - 1` are changed; all of them if it is 0.
    pub(super) fn joined(&self, change: &Change) -> Result<Joined, ExperimentError> {
        let known_ns = change.first.checked_sub(1).map_or(i64::MIN, |row| self.times[row]);
        let next_ns = self.times.get(change.first).copied().filter(|_| change.first > 0);
        let changed = |bars: &Bars, asset| {
            let first = bars.times().partition_point(|time| next_ns.map_or(*time <= known_ns, |next| *time < next));
            changed_bars(bars, asset, &Change { first, ..*change })
        };
        let bars = changed(self.bars, 0)?;
        let assets = self.assets.iter().zip(1..).map(|(bars, asset)| changed(bars, asset));
        let assets = assets.collect::<Result<Vec<_>, _>>()?;
        let changed = |(number, loaded): (usize, &LoadedSeries)| -> Result<LoadedSeries, ExperimentError> {
            let LoadedSeries { name, series, max_age, hashes, note } = loaded;
            let series = changed_series(series, known_ns, change, number as u64);
            let series = series.map_err(|source| ExperimentError::series(name, source))?;
            Ok(LoadedSeries {
                name: name.clone(),
                series,
                max_age: *max_age,
                hashes: hashes.clone(),
                note: note.clone(),
            })
        };
        let series: Vec<_> = self.series.iter().enumerate().map(changed).collect::<Result<_, _>>()?;
        self.stages.join(&bars, &assets, &series)
    }

    /// The market of changed data under a given scaler, with `original` for that of the data as they are; `None` if no
    /// segment is left.
    pub(super) fn market(
        &self,
        original: &Market,
        change: &Change,
        scaler: &FittedScaler,
    ) -> Result<Option<Arc<Market>>, ExperimentError> {
        let joined = self.joined(change)?;
        let rows = joined.bars.len() as u32;
        let left = original.segments.iter().map(|segment| Segment { end: segment.end.min(rows), ..*segment });
        let left: Vec<Segment> = left.filter(|segment| segment.first < segment.end).collect();
        if left.is_empty() {
            return Ok(None);
        }
        let mut market = self.stages.market(&joined, scaler, left)?;
        market.prices.vwap = changed_vwap(&original.prices, &market.prices);
        Ok(Some(Arc::new(market)))
    }
}

fn changed_bars(bars: &Bars, asset: u64, change: &Change) -> Result<Bars, ExperimentError> {
    let all = 0..bars.len();
    let mut values: Vec<[f64; 5]> = all
        .map(|row| {
            let bar = bars.bar(row);
            [bar.open, bar.high, bar.low, bar.close, bar.volume]
        })
        .collect();
    change.apply(&mut values, asset);
    let column = |field: usize| values.iter().map(|bar| bar[field]).collect();
    let columns = BarColumns {
        times: bars.times()[..values.len()].to_vec(),
        open: column(0),
        high: column(1),
        low: column(2),
        close: column(3),
        volume: column(4),
    };
    let policy = BarPolicy { inconsistent: OnFault::Keep, non_positive: OnFault::Keep };
    Ok(Bars::new(bars.symbol(), bars.interval_ns(), columns, &policy)?)
}

/// The values that become known after an instant are others, or not there.
fn changed_series(
    series: &Series,
    known_ns: i64,
    change: &Change,
    number: u64,
) -> Result<Series, pavlov_market_data::MarketDataError> {
    let known = series.times_ns().partition_point(|time| *time <= known_ns);
    let mut rng = change.stream(1_000 + number);
    let (mut times, mut values) = (series.times_ns().to_vec(), series.values().to_vec());
    if change.future == Future::Truncated {
        times.truncate(known);
    }
    values.truncate(times.len());
    for value in values.iter_mut().skip(known) {
        *value = *value * (0.7 + 0.6 * uniform_f64(&mut rng)) + if *value == 0.0 { uniform_f64(&mut rng) } else { 0.0 };
    }
    Series::new(series.name(), series.interval_ns(), times, values)
}
