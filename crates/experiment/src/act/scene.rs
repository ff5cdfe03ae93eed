use std::sync::Arc;

use pavlov_envs::{BatchFactory, EpisodeMode};
use pavlov_evaluation::splits::Reach;
use pavlov_features::{FittedScaler, fold, market};
use pavlov_market_data::{Bars, Dataset, write_time};
use pavlov_rl_core::{BatchEnv, Frame, Market, PriceTable, RngTree, Segment};

use super::{ActError, Feature};
use crate::error::ExperimentError;
use crate::plan::Plan;
use crate::series::LoadedSeries;
use crate::world::join;

/// One bar, and a game that begins at it.
pub(super) struct Scene {
    /// Scaling of the features.
    pub(super) scaler: FittedScaler,
    /// From the first row that a window may read.
    pub(super) segment: Segment,
    /// When the bar is known.
    pub(super) time_ns: i64,
    /// How long before that it opens.
    pub(super) interval_ns: i64,
    /// Its close.
    pub(super) close: f64,
    /// Closes of what is traded.
    pub(super) closes: Vec<f64>,
    /// Its features.
    pub(super) features: Vec<Feature>,
    factory: Box<dyn BatchFactory>,
}

impl Scene {
    /// The bar known at `at`, or the last one.
    pub(super) fn at(
        plan: &Plan,
        (dataset, assets, series): (&Dataset, &[Dataset], &[LoadedSeries]),
        at: Option<i64>,
        scaler: &FittedScaler,
    ) -> Result<Self, ExperimentError> {
        let traded: Vec<Bars> = assets.iter().map(|asset| asset.bars.clone()).collect();
        let all = join(&dataset.bars, &traded, series)?;
        let row = row(plan, &all.bars, at)?;
        // What comes later is not known yet.
        let known = all.up_to(row + 1);
        let table = fold(known.inputs(), &plan.features)?;
        let market = market(known.inputs(), &known.assets, &plan.features, scaler, Vec::new())?;
        let scaled = market.frame.row(row);
        let unscaled = &table.values[row * table.columns.len()..];
        let features = table.columns.iter().zip(unscaled).zip(scaled);
        let features = features.map(|((name, unscaled), scaled)| Feature {
            name: name.clone(),
            unscaled: *unscaled,
            scaled: *scaled,
        });
        let closes = market.prices.close[row * market.prices.assets..].to_vec();
        let (time_ns, interval_ns) = (known.bars.times()[row], known.bars.interval_ns());
        let features = features.collect();
        let start = plan.reach().warm_up;
        let (factory, segment) = game(plan, market, interval_ns, start)?;
        let close = known.bars.close()[row];
        Ok(Self { scaler: scaler.clone(), segment, time_ns, interval_ns, close, closes, features, factory })
    }

    /// The game at its start, as the seed meets it.
    pub(super) fn env(&self, seed: u64) -> Box<dyn BatchEnv> {
        self.factory.batch(0..1, &RngTree::new(seed))
    }
}

/// The row of the bar known at `at`, which has enough bars before it.
fn row(plan: &Plan, bars: &Bars, at: Option<i64>) -> Result<usize, ActError> {
    let (times, dataset) = (bars.times(), plan.data.dataset.clone());
    let Reach { warm_up, window, .. } = plan.reach();
    let needed = warm_up + window;
    let known = match (at, times) {
        (Some(at), [first, .., last]) => {
            if at < *first || at - bars.interval_ns() >= *last {
                let [at, first, last] = [at, *first, *last].map(write_time);
                return Err(ActError::Outside { dataset, at, first, last });
            }
            times.partition_point(|time| *time <= at)
        }
        _ => times.len(),
    };
    if known < needed {
        let first = times.get(needed - 1).map(|time| write_time(*time));
        return Err(ActError::TooLittle { dataset, bars: known, needed, warm_up, window, first });
    }
    Ok(known - 1)
}

/// A game whose first observation ends with the last row of the market.
///
/// A game needs rows to go on in: copies of the last one, which nothing that is shown at the start depends on. Where the
/// observation of a published variant reaches beyond the row of the decision, the decision is as much earlier.
fn game(
    plan: &Plan,
    market: Market,
    interval_ns: i64,
    start: usize,
) -> Result<(Box<dyn BatchFactory>, Segment), ExperimentError> {
    let last = market.times.len() as u32 - 1;
    let market = Arc::new(lengthened(market, plan.environment.window() + 1, interval_ns));
    let end = market.times.len() as u32;
    let build = |first: u32| {
        let segment = Segment { start: start as u32, first, end };
        let built = plan.environment.build(market.clone(), &[segment], EpisodeMode::Whole);
        let built = built.map_err(|source| ExperimentError::Environment { key: "environment", source })?;
        let shown = built.batch(0..1, &RngTree::new(plan.runs.seed)).observations().last_row[0];
        Ok::<_, ExperimentError>((built, segment, shown))
    };
    let (factory, segment, shown) = build(last)?;
    if shown == last {
        return Ok((factory, segment));
    }
    let (factory, segment, _) = build(last - (shown - last))?;
    Ok((factory, segment))
}

/// The market with copies of its last row behind it.
fn lengthened(market: Market, copies: usize, interval_ns: i64) -> Market {
    let Market { frame, prices, mut times, segments } = market;
    let (rows, assets) = (frame.rows(), prices.assets);
    let mut data: Vec<f32> = (0..rows).flat_map(|row| frame.row(row)).copied().collect();
    let repeat = |column: &[f64]| -> Vec<f64> {
        let last = &column[(rows - 1) * assets..];
        column.iter().chain((0..copies).flat_map(|_| last)).copied().collect()
    };
    (0..copies).for_each(|_| data.extend_from_slice(frame.row(rows - 1)));
    let last = times[rows - 1];
    times.extend((1..=copies as i64).map(|i| last + i * interval_ns));
    let prices = PriceTable {
        assets,
        open: repeat(&prices.open),
        high: repeat(&prices.high),
        low: repeat(&prices.low),
        close: repeat(&prices.close),
        volume: repeat(&prices.volume),
        vwap: prices.vwap.as_deref().map(repeat),
    };
    Market { frame: Frame::new(frame.cols(), data), prices, times, segments }
}
