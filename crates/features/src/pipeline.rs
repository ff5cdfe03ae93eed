use pavlov_market_data::Bars;
use pavlov_rl_core::{Frame, Market, PriceTable, Segment};
use rayon::prelude::*;

use crate::inputs::{Blocks, Followed};
use crate::{BLOCK, Feature, FeatureConfig, FeatureError, FittedScaler, Inputs};

/// Unscaled features, row-major `[T, F]`, one row a bar.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureTable {
    /// Name of each column, `[F]`.
    pub columns: Vec<String>,
    /// Values `[T, F]`.
    pub values: Vec<f64>,
}

impl FeatureTable {
    /// Number of rows `T`.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.len().max(1)
    }
}

/// The values of up to [`BLOCK`] rows, a column an array; what is behind the last row means nothing.
type Columns = [[f64; BLOCK]];

/// Folds the features over bars and series: row `t` depends on rows `0..=t` only.
///
/// # Errors
/// [`FeatureError::NotFinite`] names the column and the bar; [`FeatureError::NoSeries`] a series that is not there.
pub fn fold<'a>(
    inputs: impl Into<Inputs<'a>>,
    features: &[Box<dyn FeatureConfig>],
) -> Result<FeatureTable, FeatureError> {
    let inputs = inputs.into();
    let bars = inputs.bars();
    let columns: Vec<String> = features.iter().flat_map(|f| f.columns()).collect();
    let mut values = Vec::with_capacity(bars.len() * columns.len());
    in_blocks(inputs, features, |block, rows| {
        for i in 0..rows {
            values.extend(block.iter().map(|column| column[i]));
        }
    })?;
    if let Some(at) = values.iter().position(|value: &f64| !value.is_finite()) {
        let (row, column) = (at / columns.len(), columns[at % columns.len()].clone());
        let value = values[at];
        return Err(FeatureError::NotFinite { column, value, scaled: value as f32, time: bars.times()[row] });
    }
    Ok(FeatureTable { columns, values })
}

/// [`fold`] of many symbols, side by side on the threads of the current rayon pool.
///
/// Each symbol is one task from its first bar to its last, so the tables are those of [`fold`], whatever the number of
/// threads.
///
/// # Errors
/// That of the first symbol, in their order, that has one.
pub fn fold_all(
    symbols: &[Inputs<'_>],
    features: &[Box<dyn FeatureConfig>],
) -> Result<Vec<FeatureTable>, FeatureError> {
    let tables: Vec<_> = symbols.par_iter().map(|inputs| fold(*inputs, features)).collect();
    tables.into_iter().collect()
}

/// The market that environments play: scaled features ([`frame`]) and the prices of what is traded, in the same rows.
///
/// Rows are those of the bars; segments say which of them are warm enough to decide at. `traded` are the bars of each
/// asset ([`pavlov_market_data::common`]); none means the bars themselves.
///
/// # Errors
/// Those of [`fold`]; [`FeatureError::Market`] if a segment lies outside.
///
/// # Panics
/// If the scaler was fitted to other columns, or an asset does not have the close stamps of the bars.
pub fn market<'a>(
    inputs: impl Into<Inputs<'a>>,
    traded: &[Bars],
    features: &[Box<dyn FeatureConfig>],
    scaler: &FittedScaler,
    segments: Vec<Segment>,
) -> Result<Market, FeatureError> {
    let inputs = inputs.into();
    let bars = inputs.bars();
    let odd = traded.iter().find(|asset| asset.times() != bars.times());
    assert!(odd.is_none(), "{:?} does not have the close stamps of the bars", odd.map(Bars::symbol));
    let traded = if traded.is_empty() { std::slice::from_ref(bars) } else { traded };
    Ok(Market::new(frame(inputs, features, scaler)?, prices(traded), bars.times().to_vec(), segments)?)
}

/// Prices of assets with the same stamps, `[T, N]`.
fn prices(assets: &[Bars]) -> PriceTable {
    let rows = assets.first().map_or(0, Bars::len);
    let by_row = |column: fn(&Bars) -> &[f64]| -> Vec<f64> {
        let columns: Vec<&[f64]> = assets.iter().map(column).collect();
        (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect()
    };
    PriceTable {
        assets: assets.len(),
        open: by_row(Bars::open),
        high: by_row(Bars::high),
        low: by_row(Bars::low),
        close: by_row(Bars::close),
        volume: by_row(Bars::volume),
        vwap: assets
            .iter()
            .all(|asset| asset.vwap().is_some())
            .then(|| by_row(|asset| asset.vwap().unwrap_or_default())),
    }
}

/// The scaled features `[T, F]`, in one pass over the bars.
///
/// # Errors
/// Those of [`fold`].
///
/// # Panics
/// If the scaler was fitted to other columns.
pub fn frame<'a>(
    inputs: impl Into<Inputs<'a>>,
    features: &[Box<dyn FeatureConfig>],
    scaler: &FittedScaler,
) -> Result<Frame, FeatureError> {
    let inputs = inputs.into();
    let bars = inputs.bars();
    let cols = width(features);
    assert_eq!(scaler.columns(), cols, "the scaler's columns and the features'");
    let mut data: Vec<f32> = Vec::with_capacity(bars.len() * cols);
    let mut scaled = vec![[0.0_f32; BLOCK]; cols];
    let mut rows = vec![0.0_f32; BLOCK * cols];
    let mut problem = None;
    in_blocks(inputs, features, |block, len| {
        // 0 times anything else than a finite number is NaN, and stays so in a sum.
        let mut zeros = [0.0_f32; BLOCK];
        for (col, (values, scaled)) in block.iter().zip(&mut scaled).enumerate() {
            scaler.scale(col, values, scaled);
            zeros.iter_mut().zip(scaled).for_each(|(zero, value)| *zero += 0.0 * *value);
        }
        transpose(&scaled, &mut rows);
        let rows = &rows[..len * cols];
        if zeros != [0.0; BLOCK] && problem.is_none() {
            problem = not_finite(bars, features, data.len() / cols, rows, block);
        }
        data.extend_from_slice(rows);
    })?;
    match problem {
        Some(problem) => Err(problem),
        None => Ok(Frame::new(cols, data)),
    }
}

/// Columns to rows, four columns at a time where there are as many.
fn transpose(columns: &[[f32; BLOCK]], rows: &mut [f32]) {
    let (fours, rest) = columns.as_chunks::<4>();
    let rest_at = columns.len() - rest.len();
    for (i, row) in rows.chunks_exact_mut(columns.len()).take(BLOCK).enumerate() {
        let (slots, others) = row.split_at_mut(rest_at);
        for ([a, b, c, d], slots) in fours.iter().zip(slots.as_chunks_mut::<4>().0) {
            *slots = [a[i], b[i], c[i], d[i]];
        }
        others.iter_mut().zip(rest).for_each(|(slot, column)| *slot = column[i]);
    }
}

/// The first number of these rows that is not finite.
fn not_finite(
    bars: &Bars,
    features: &[Box<dyn FeatureConfig>],
    first_row: usize,
    rows: &[f32],
    block: &Columns,
) -> Option<FeatureError> {
    let at = rows.iter().position(|value| !value.is_finite())?;
    let (row, col) = (at / block.len(), at % block.len());
    let column = features.iter().flat_map(|f| f.columns()).nth(col)?;
    let time = bars.times()[first_row + row];
    Some(FeatureError::NotFinite { column, value: block[col][row], scaled: rows[at], time })
}

fn width(features: &[Box<dyn FeatureConfig>]) -> usize {
    features.iter().map(|f| f.columns().len()).sum()
}

/// Gives the features all bars, and `sink` the values of each block with its number of rows.
///
/// A feature takes in a whole block behind one virtual call. As a block is short, the processor begins with the next
/// feature while the chain of the one before still runs.
fn in_blocks(
    inputs: Inputs<'_>,
    features: &[Box<dyn FeatureConfig>],
    mut sink: impl FnMut(&Columns, usize),
) -> Result<(), FeatureError> {
    let mut followers = Vec::with_capacity(features.len());
    for feature in features {
        let followed = inputs.followed(&**feature)?;
        let (stream, width) = (feature.stream(), feature.columns().len());
        followers.push(Follower { stream, width, blocks: followed.blocks(), followed });
    }
    let mut values = vec![[0.0; BLOCK]; width(features)];
    let len = inputs.bars().len();
    for i in 0..len / BLOCK {
        let mut out = &mut values[..];
        for Follower { stream, width, blocks, .. } in &mut followers {
            let (own, others) = out.split_at_mut(*width);
            stream.fold(&blocks.get(i), own);
            out = others;
        }
        sink(&values, BLOCK);
    }
    let mut row = vec![0.0; values.len()];
    for i in 0..len % BLOCK {
        let mut out = &mut row[..];
        for Follower { stream, width, followed, .. } in &mut followers {
            let (own, others) = out.split_at_mut(*width);
            stream.update(&followed.bar(len - len % BLOCK + i), own);
            out = others;
        }
        values.iter_mut().zip(&row).for_each(|(column, value)| column[i] = *value);
    }
    sink(&values, len % BLOCK);
    Ok(())
}

/// A feature on its way through what it follows.
struct Follower<'a> {
    stream: Box<dyn Feature>,
    width: usize,
    blocks: Blocks<'a>,
    followed: Followed<'a>,
}
