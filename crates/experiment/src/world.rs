//! From bars to markets to act in: features, scaler, spans, environments.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use pavlov_envs::{BatchFactory, EpisodeMode};
use pavlov_features::FittedScaler;
use pavlov_market_data::{Dataset, Span};
use pavlov_rl_core::{Market, Segment};

use crate::error::ExperimentError;
use crate::plan::Plan;

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
    /// Segment of the test span; windows may read the bars before it.
    pub test: Segment,
    /// Hash of the bars by dataset name.
    pub data_hashes: BTreeMap<String, String>,
    /// What a reader should know about the data.
    pub data_notes: Vec<String>,
    /// What a reader must know about the spans.
    pub notes: Vec<String>,
}

/// Computes the features, fits the scaler on the training rows and builds the environments.
///
/// Bars behind the test span are dropped first, so nothing can see them.
///
/// # Errors
/// [`ExperimentError`] if a span holds too few bars, a feature is not finite or the environment refuses the data.
pub fn build(plan: &Plan, dataset: &Dataset) -> Result<World, ExperimentError> {
    let bars = &dataset.bars;
    let train_rows = bars.opening_between(plan.data.train.from_ns, plan.data.train.to_ns);
    let test_rows = bars.opening_between(plan.data.test.from_ns, plan.data.test.to_ns);
    let bars = bars.slice(0..test_rows.end);
    let warm_up = plan.features.iter().map(|f| f.warm_up()).max().unwrap_or(0);
    let window = plan.environment.window();
    let start = train_rows.start.max(warm_up);
    let train = segment(plan, dataset, ("train", plan.data.train), start, (start + window - 1)..train_rows.end)?;
    let first = test_rows.start.max(start + window - 1);
    let test = segment(plan, dataset, ("test", plan.data.test), start, first..test_rows.end)?;
    let scaler = FittedScaler::fit(&plan.scaling, &plan.features, &bars, start..train_rows.end)?;
    let market = Arc::new(pavlov_features::market(&bars, &plan.features, &scaler, vec![train, test])?);
    let build = |key, segment, mode| {
        let built = plan.environment.build(market.clone(), segment, mode);
        built.map_err(|source| ExperimentError::Environment { key, source })
    };
    let spans = [("train", plan.data.train, &train_rows), ("test", plan.data.test, &test_rows)];
    Ok(World {
        training: build("data.train and environment", train, EpisodeMode::Sampled)?,
        train_span: build("data.train", train, EpisodeMode::Whole)?,
        test_span: build("data.test", test, EpisodeMode::Whole)?,
        notes: spans.iter().filter_map(|(key, span, rows)| partly_covered(dataset, key, *span, rows)).collect(),
        scaler,
        train,
        test,
        data_notes: vec![dataset.provenance.summary()],
        data_hashes: BTreeMap::from([(plan.data.dataset.clone(), dataset.hash.to_string())]),
        market,
    })
}

/// A sentence if the bars leave more than a long weekend of a span uncovered.
fn partly_covered(dataset: &Dataset, key: &str, span: Span, rows: &Range<usize>) -> Option<String> {
    const LONG_WEEKEND_NS: i64 = 4 * 86_400 * 1_000_000_000;
    let bars = &dataset.bars;
    let has = Span { from_ns: bars.times()[rows.start] - bars.interval_ns(), to_ns: bars.times()[rows.end - 1] };
    let missing = (has.from_ns - span.from_ns).max(span.to_ns - has.to_ns);
    (missing > LONG_WEEKEND_NS).then(|| format!("data.{key} asks for {span}, but the bars cover {has} only"))
}

fn segment(
    plan: &Plan,
    dataset: &Dataset,
    (key, span): (&'static str, Span),
    start: usize,
    decisions: Range<usize>,
) -> Result<Segment, ExperimentError> {
    const NEEDED: usize = 3;
    let bars = decisions.len();
    if bars < NEEDED {
        let available = dataset.provenance.span;
        let dataset = plan.data.dataset.clone();
        return Err(ExperimentError::Span { key, span, dataset, bars, needed: NEEDED, available });
    }
    Ok(Segment { start: start as u32, first: decisions.start as u32, end: decisions.end as u32 })
}
