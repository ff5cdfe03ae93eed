//! From bars to markets to act in: features, scaler, spans, environments.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use pavlov_envs::{BatchFactory, EpisodeMode};
use pavlov_evaluation::splits::{Reach, Rule, Split};
use pavlov_features::{FittedScaler, Inputs, Scaling};
use pavlov_market_data::{Bars, Dataset, MarketDataError, Span, as_of, common};
use pavlov_rl_core::{Market, Segment};

use crate::error::ExperimentError;
use crate::plan::Plan;
use crate::series::LoadedSeries;

/// Everything that agents and baselines play in.
pub struct World {
    /// Features and prices up to the end of the test span.
    pub market: Arc<Market>,
    /// Scaling fitted on the training rows; part of the trained artefact.
    pub scaler: FittedScaler,
    /// Sampled episodes of the training span.
    pub training: Box<dyn BatchFactory>,
    /// The training span as one episode.
    pub train_span: Box<dyn BatchFactory>,
    /// The test span as one episode.
    pub test_span: Box<dyn BatchFactory>,
    /// Segment of the training span.
    pub train: Segment,
    /// Rows that are learned from, the readable ones before the first decisions included, in ranges that rise.
    pub training_rows: Vec<Range<usize>>,
    /// Segment of the test span; windows may read the bars before it.
    pub test: Segment,
    /// Hash of the bars, and of the datasets of the series, by dataset name.
    pub data_hashes: BTreeMap<String, String>,
    /// What a reader should know about the data.
    pub data_notes: Vec<String>,
    /// What a reader must know about the spans.
    pub notes: Vec<String>,
}

/// Computes the features, fits the scaler on the training rows and builds the environments.
///
/// Bars behind the test span are dropped first, so nothing can see them; so are the bars before all series are known.
///
/// # Errors
/// [`ExperimentError`] if a span holds too few bars, a series does not fit the bars, a feature is not finite or the
/// environment refuses the data.
pub fn build(
    plan: &Plan,
    dataset: &Dataset,
    assets: &[Dataset],
    series: &[LoadedSeries],
) -> Result<World, ExperimentError> {
    let traded: Vec<Bars> = assets.iter().map(|asset| asset.bars.clone()).collect();
    let joined = plan.join(&dataset.bars, &traded, series)?;
    let spans = Spans::new(plan, dataset, &joined)?;
    let scaler = plan.fit(&joined, &spans.rows)?;
    let mut market = plan.market(&joined, &scaler, vec![spans.train, spans.test])?;
    let mut learned_from = vec![spans.train];
    learned_from.extend(&spans.also);
    learned_from.extend(augmented(plan, &joined, &scaler, &spans, &mut market)?);
    let market = Arc::new(market);
    let build = |key, segments: &[Segment], mode| {
        let built = plan.environment.build(market.clone(), segments, mode);
        built.map_err(|source| ExperimentError::Environment { key, source })
    };
    let hashes = series.iter().flat_map(|series| series.hashes.clone());
    let traded = plan.data.assets.iter().zip(assets);
    let hashes = hashes.chain(traded.clone().map(|(name, asset)| (name.clone(), asset.hash.to_string())));
    let traded = traded.map(|(name, asset)| format!("traded: {name}, {}", asset.provenance.summary()));
    Ok(World {
        training: build("data.train and environment", &learned_from, EpisodeMode::Sampled)?,
        train_span: build("data.train", &[spans.train], EpisodeMode::Whole)?,
        test_span: build("data.test", &[spans.test], EpisodeMode::Whole)?,
        notes: joined.left_out.iter().cloned().chain(spans.uncovered).collect(),
        scaler,
        train: spans.train,
        training_rows: spans.rows,
        test: spans.test,
        data_notes: std::iter::once(dataset.provenance.summary())
            .chain(traded)
            .chain(series.iter().map(|s| s.note.clone()))
            .collect(),
        data_hashes: hashes.chain([(plan.data.dataset.clone(), dataset.hash.to_string())]).collect(),
        market,
    })
}

/// The rows that are learned from and judged on.
struct Spans {
    train: Segment,
    /// Further segments to learn from.
    also: Vec<Segment>,
    /// All rows that are learned from, rising.
    rows: Vec<Range<usize>>,
    test: Segment,
    /// A sentence for each span that the bars do not cover.
    uncovered: Vec<String>,
}

impl Spans {
    fn new(plan: &Plan, dataset: &Dataset, joined: &Joined) -> Result<Self, ExperimentError> {
        let bars = &joined.bars;
        let rows_of = |span: Span| bars.opening_between(span.from_ns, span.to_ns);
        let (train_rows, test_rows) = (rows_of(plan.data.train), rows_of(plan.data.test));
        let Reach { warm_up, window, .. } = plan.reach();
        let whole = dataset.provenance.span;
        let from_ns = bars.times().first().map_or(whole.from_ns, |first| first - bars.interval_ns());
        let has = Span { from_ns, to_ns: whole.to_ns };
        let learned = |key, span, rows: &Range<usize>| {
            let start = rows.start.max(warm_up);
            segment(plan, has, (key, span), start, (start + window - 1)..rows.end)
        };
        let train = learned("train", plan.data.train, &train_rows)?;
        let also_rows: Vec<Range<usize>> = plan.data.train_also.iter().map(|span| rows_of(*span)).collect();
        let also = plan.data.train_also.iter().zip(&also_rows);
        let also = also.map(|(span, rows)| learned("train_also", *span, rows)).collect::<Result<Vec<_>, _>>()?;
        let first_known = (train.start as usize).min(test_rows.start.max(warm_up));
        let readable = if plan.data.fresh_test { test_rows.start.max(warm_up) } else { first_known };
        let first = test_rows.start.max(readable + window - 1);
        let test = segment(plan, has, ("test", plan.data.test), readable, first..test_rows.end)?;
        check_apart(plan, (&train, &also), &test)?;
        let mut spans = vec![("train", plan.data.train, &train_rows), ("test", plan.data.test, &test_rows)];
        spans.extend(plan.data.train_also.iter().zip(&also_rows).map(|(span, rows)| ("train_also", *span, rows)));
        let uncovered = spans.iter().filter_map(|(key, span, rows)| partly_covered(bars, key, *span, rows)).collect();
        let mut rows: Vec<Range<usize>> =
            std::iter::once(&train).chain(&also).map(|s| s.start as usize..s.end as usize).collect();
        rows.sort_by_key(|rows| rows.start);
        Ok(Self { train, also, rows, test, uncovered })
    }
}

/// Refuses further training spans that reach into the test, or lie behind it and touch what it touches: windows, the
/// warm-up of features, and outcomes.
fn check_apart(plan: &Plan, (train, also): (&Segment, &[Segment]), test: &Segment) -> Result<(), ExperimentError> {
    if also.is_empty() {
        return Ok(());
    }
    let decisions = |s: &Segment| s.first as usize..s.end as usize;
    // A segment ends with its last row, and so does every outcome that is learned from.
    let reach = Reach { horizon: 1, embargo: 0, ..plan.reach() };
    let all = std::iter::once(train).chain(also).map(decisions);
    let (past, later): (Vec<_>, Vec<_>) = all.partition(|rows| rows.start < test.first as usize);
    let apart = |train: Vec<Range<usize>>, rule| match train.is_empty() {
        true => Ok(()),
        false => Split { train, test: vec![decisions(test)], rule }.check(&reach),
    };
    let checked = apart(past, Rule::Past).and_then(|()| apart(later, Rule::Apart));
    checked.map_err(|source| ExperimentError::Split { source })
}

/// Changed copies of the bars up to the end of the training, put behind the market; the segments to learn from.
fn augmented(
    plan: &Plan,
    joined: &Joined,
    scaler: &FittedScaler,
    spans: &Spans,
    market: &mut Market,
) -> Result<Vec<Segment>, ExperimentError> {
    let Some(augment) = &plan.train.augment else { return Ok(Vec::new()) };
    if !joined.assets.is_empty() {
        let message =
            "train.augment changes the bars of the dataset, but data.assets are traded; leave one of them out";
        return Err(ExperimentError::Unfit { message: message.to_owned() });
    }
    let end = spans.train.end as usize;
    let values = joined.values.iter().map(|(name, values)| (name.clone(), values[..end].to_vec()));
    let values: BTreeMap<String, Vec<f64>> = values.collect();
    let mut segments = Vec::new();
    for bars in augment.copies(&joined.bars.slice(0..end))? {
        let inputs = Inputs::new(&bars, &values);
        let mut copy = pavlov_features::market(inputs, &[], &plan.features, scaler, vec![spans.train])?;
        // Volumes change, and so would a price that is weighted by them.
        copy.prices.vwap = market.prices.vwap.as_ref().map(|vwap| vwap[..end].to_vec());
        segments.extend(market.append(copy));
    }
    Ok(segments)
}

/// The stages from data to a market, each of which the audit repeats on other data.
pub trait Stages {
    /// Bars up to the end of the test span, with those of the traded assets and the series on their clock.
    fn join(&self, bars: &Bars, assets: &[Bars], series: &[LoadedSeries]) -> Result<Joined, ExperimentError>;
    /// The scaler of the training rows.
    fn fit(&self, joined: &Joined, training: &[Range<usize>]) -> Result<FittedScaler, ExperimentError>;
    /// Scaled features and prices.
    fn market(&self, joined: &Joined, scaler: &FittedScaler, segments: Vec<Segment>)
    -> Result<Market, ExperimentError>;
}

impl Stages for Plan {
    fn join(&self, bars: &Bars, assets: &[Bars], series: &[LoadedSeries]) -> Result<Joined, ExperimentError> {
        let spans = [&self.data.train, &self.data.test].into_iter().chain(&self.data.train_also);
        let end = spans.map(|span| bars.opening_between(span.from_ns, span.to_ns).end).max().unwrap_or(0);
        join(&bars.slice(0..end), assets, series)
    }

    fn fit(&self, joined: &Joined, training: &[Range<usize>]) -> Result<FittedScaler, ExperimentError> {
        Ok(FittedScaler::fit(&self.scaling, &self.features, joined.inputs(), training)?)
    }

    fn market(
        &self,
        joined: &Joined,
        scaler: &FittedScaler,
        segments: Vec<Segment>,
    ) -> Result<Market, ExperimentError> {
        let scaled = |scaler: &FittedScaler, segments| {
            pavlov_features::market(joined.inputs(), &joined.assets, &self.features, scaler, segments)
        };
        let mut market = scaled(scaler, segments)?;
        let test = joined.bars.opening_between(self.data.test.from_ns, self.data.test.to_ns);
        if self.scaling == Scaling::MinMaxOfEachSpan && !test.is_empty() {
            let first = test.start;
            let own = scaled(&self.fit(joined, &[test])?, Vec::new())?;
            market.frame = market.frame.replaced_from(first, &own.frame);
        }
        Ok(market)
    }
}

/// Bars, those of the assets at the same times, and the value of each series at each of them.
pub struct Joined {
    pub bars: Bars,
    pub assets: Vec<Bars>,
    pub values: BTreeMap<String, Vec<f64>>,
    /// A sentence for each reason for which bars were left out.
    left_out: Vec<String>,
}

impl Joined {
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs::new(&self.bars, &self.values)
    }

    /// The first rows.
    pub fn up_to(&self, rows: usize) -> Joined {
        let first = |bars: &Bars| bars.slice(0..rows);
        let values = self.values.iter().map(|(name, values)| (name.clone(), values[..rows].to_vec()));
        Joined {
            bars: first(&self.bars),
            assets: self.assets.iter().map(first).collect(),
            values: values.collect(),
            left_out: self.left_out.clone(),
        }
    }
}

/// Keeps the bars at which every asset has one, puts the series on their clock, and begins where all of them are known.
pub fn join(bars: &Bars, assets: &[Bars], series: &[LoadedSeries]) -> Result<Joined, ExperimentError> {
    let all: Vec<&Bars> = std::iter::once(bars).chain(assets).collect();
    if let Some(other) = all.iter().find(|other| other.interval_ns() != bars.interval_ns()) {
        let symbols = [bars.symbol(), other.symbol()].map(str::to_owned);
        return Err(MarketDataError::MixedIntervals { symbols, ns: [bars.interval_ns(), other.interval_ns()] }.into());
    }
    let mut common = common(&all);
    let kept = common.remove(0);
    let num_lost = bars.len() - kept.len();
    let lost = (num_lost > 0).then(|| {
        format!("{num_lost} of {} bars are left out: not all of the traded assets have a bar there", bars.len())
    });
    let bars = &kept;
    let mut aligned = Vec::with_capacity(series.len());
    // Without a bar there is no clock; that the spans are empty is said later.
    let wanted = if bars.is_empty() { &[] } else { series };
    for LoadedSeries { name, series, max_age, .. } in wanted {
        let joined = as_of(series, bars.times(), *max_age);
        aligned.push((name, joined.map_err(|source| ExperimentError::series(name, source))?));
    }
    let latest = aligned.iter().max_by_key(|(_, aligned)| aligned.first);
    let first = latest.map_or(0, |(_, aligned)| aligned.first);
    let left_out = latest.filter(|_| first > 0).map(|(name, _)| {
        let from_ns = bars.times()[0] - bars.interval_ns();
        let span = Span { from_ns, to_ns: bars.times()[first] - bars.interval_ns() };
        format!("the {first} bars that open in {span} are left out: no value of series {name} is known there")
    });
    let values = aligned.iter().map(|(name, aligned)| {
        let values = &aligned.values[first - aligned.first..];
        ((*name).clone(), values.to_vec())
    });
    let rest = |bars: &Bars| bars.slice(first..bars.len());
    let left_out = lost.into_iter().chain(left_out).collect();
    Ok(Joined { values: values.collect(), bars: rest(bars), assets: common.iter().map(rest).collect(), left_out })
}

/// A sentence if the bars leave more than a long weekend of a span uncovered.
fn partly_covered(bars: &Bars, key: &str, span: Span, rows: &Range<usize>) -> Option<String> {
    const LONG_WEEKEND_NS: i64 = 4 * 86_400 * 1_000_000_000;
    let has = Span { from_ns: bars.times()[rows.start] - bars.interval_ns(), to_ns: bars.times()[rows.end - 1] };
    let missing = (has.from_ns - span.from_ns).max(span.to_ns - has.to_ns);
    (missing > LONG_WEEKEND_NS).then(|| format!("data.{key} asks for {span}, but the bars cover {has} only"))
}

fn segment(
    plan: &Plan,
    available: Span,
    (key, span): (&'static str, Span),
    start: usize,
    decisions: Range<usize>,
) -> Result<Segment, ExperimentError> {
    const NEEDED: usize = 3;
    let bars = decisions.len();
    if bars < NEEDED {
        let dataset = plan.data.dataset.clone();
        return Err(ExperimentError::Span { key, span, dataset, bars, needed: NEEDED, available });
    }
    Ok(Segment { start: start as u32, first: decisions.start as u32, end: decisions.end as u32 })
}
