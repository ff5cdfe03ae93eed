//! Cells as histories: what a configuration earned on the test spans of its folds, one after the other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pavlov_evaluation::{Comparison, Episode, EquityCurve, Outcome, Summary, TradeRecord, evaluate};
use pavlov_store::Disk;
use serde::Serialize;

use crate::error::ExperimentError;
use crate::matrix::aggregate::{self, Overfitting};
use crate::matrix::books::Books;
use crate::matrix::cells::{Cell, Matrix};
use crate::matrix::folds::{FOLD, SplitConfig};
use crate::report::Report;

/// The folds of a configuration, joined: each begins with what the one before left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chain {
    /// Its labels on the axes without the folds; where there are several paths through the tests, also which one it is.
    pub labels: Vec<String>,
    /// Whether every fold was trained on its own past alone.
    pub causal: bool,
    /// Number of folds.
    pub folds: usize,
    /// Closes of the bars, UTC ns; behind the chart and in no file.
    #[serde(skip)]
    pub times: Vec<i64>,
    /// Net worth by seed, 1 at the beginning; behind the chart.
    #[serde(skip)]
    pub curves: Vec<Vec<f64>>,
    /// Metrics of each seed's whole history.
    pub runs: Vec<ChainRun>,
    /// The metrics over the seeds.
    pub summary: BTreeMap<String, Summary>,
    /// Return of the benchmark over the folds, begun anew with each.
    pub benchmark: Option<f64>,
    /// Return of the agent less the benchmark's, over the seeds.
    pub difference: Option<Comparison>,
}

/// A seed's history over the folds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChainRun {
    /// Its seed.
    pub seed: u64,
    /// Metrics of all folds together; `null` where undefined.
    pub metrics: BTreeMap<String, Option<f64>>,
}

/// One configuration: its cells, one a fold or a single one.
struct Configuration {
    labels: Vec<String>,
    /// Number of the cell in the matrix and in the list of the judged.
    cells: Vec<(usize, usize)>,
    /// Books by seed, in the order of the folds.
    books: Vec<(u64, Vec<Books>)>,
}

/// The probability of overfitting of the configurations, and the chains of those that have folds.
///
/// # Errors
/// [`ExperimentError`] if the books of a cell cannot be read.
pub fn histories(
    matrix: &Matrix,
    judged: &[(usize, Report)],
    folder: &dyn Fn(usize) -> PathBuf,
    disk: &dyn Disk,
) -> Result<(Option<Overfitting>, Vec<Chain>), ExperimentError> {
    let fold = matrix.axes.iter().position(|axis| axis == FOLD);
    let mut configurations: Vec<Configuration> = Vec::new();
    for (at, (n, _)) in judged.iter().enumerate() {
        let labels = without(&matrix.cells[*n].labels, fold);
        match configurations.iter_mut().find(|c| c.labels == labels) {
            Some(found) => found.cells.push((*n, at)),
            None => configurations.push(Configuration { labels, cells: vec![(*n, at)], books: Vec::new() }),
        }
    }
    for configuration in &mut configurations {
        configuration.books = read(configuration, judged, folder, disk)?;
    }
    let one_path = |c: &Configuration| c.returns(&c.paths(matrix)[0]);
    let overfitting = one_market(matrix, judged, &configurations)
        .and_then(|()| configurations.iter().map(one_path).collect::<Option<Vec<_>>>())
        .and_then(|returns| aggregate::overfitting(&returns));
    // A chain with a missing link would be no history.
    let links = |c: &Configuration| matrix.cells.iter().filter(|cell| without(&cell.labels, fold) == c.labels).count();
    let whole = configurations.iter().filter(|c| !first(matrix, c).split.is_date() && links(c) == c.cells.len());
    let chains = whole.flat_map(|c| {
        let paths = c.paths(matrix);
        let several = paths.len() > 1;
        let label = move |n: usize| several.then(|| format!("path {}", n + 1));
        let chain = move |(n, path): (usize, &Vec<usize>)| c.chain(judged, first(matrix, c), path, label(n));
        paths.iter().enumerate().filter_map(chain).collect::<Vec<_>>()
    });
    Ok((overfitting, chains.collect()))
}

/// The first cell of a configuration.
fn first<'a>(matrix: &'a Matrix, configuration: &Configuration) -> &'a Cell {
    &matrix.cells[configuration.cells[0].0]
}

/// The labels but that of an axis.
fn without(labels: &[String], axis: Option<usize>) -> Vec<String> {
    labels.iter().enumerate().filter(|(i, _)| Some(*i) != axis).map(|(_, label)| label.clone()).collect()
}

fn read(
    configuration: &Configuration,
    judged: &[(usize, Report)],
    folder: &dyn Fn(usize) -> PathBuf,
    disk: &dyn Disk,
) -> Result<Vec<(u64, Vec<Books>)>, ExperimentError> {
    let seeds = judged[configuration.cells[0].1].1.runs.iter().map(|run| run.seed);
    let books = |seed: u64| {
        let of = |(n, _): &(usize, usize)| Books::read(disk, &folder(*n).join("runs").join(seed.to_string()));
        Ok((seed, configuration.cells.iter().map(of).collect::<Result<Vec<_>, _>>()?))
    };
    seeds.map(books).collect()
}

/// Whether the configurations trade the same bars at the same times: then one of them could be chosen.
fn one_market(matrix: &Matrix, judged: &[(usize, Report)], configurations: &[Configuration]) -> Option<()> {
    let market = |c: &Configuration| {
        let hash = |(n, at): &(usize, usize)| {
            let data = &matrix.cells[*n].plan.data;
            let traded = std::iter::once(&data.dataset).chain(&data.continued_by).chain(&data.assets);
            let hashes = &judged[*at].1.subject.data_hashes;
            traded.map(|name| hashes.get(name).cloned()).collect::<Vec<_>>()
        };
        let times: Vec<Vec<i64>> = c.books.first()?.1.iter().map(|books| books.times.clone()).collect();
        Some((c.cells.iter().map(hash).collect::<Vec<_>>(), times))
    };
    let first = market(configurations.first()?)?;
    let same = configurations.len() > 1 && configurations.iter().all(|c| market(c).is_some_and(|other| other == first));
    same.then_some(())
}

impl Configuration {
    /// Ways through the test spans in the order of time, each taking one cell a span and none that another takes (Lopez de
    /// Prado 2018, section 12.4); one way unless spans are tested several times.
    fn paths(&self, matrix: &Matrix) -> Vec<Vec<usize>> {
        let mut by_span: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (i, (n, _)) in self.cells.iter().enumerate() {
            by_span.entry(matrix.cells[*n].plan.data.test.from_ns).or_default().push(i);
        }
        let count = by_span.values().map(Vec::len).min().unwrap_or(0);
        (0..count).map(|path| by_span.values().map(|cells| cells[path]).collect()).collect()
    }

    /// Mean of the seeds' returns by period, fold after fold on a path; `None` if an account was ruined.
    fn returns(&self, path: &[usize]) -> Option<Vec<f64>> {
        let on_path = |folds: &Vec<Books>| path.iter().flat_map(|i| folds[*i].returns()).collect();
        let by_seed: Vec<Vec<f64>> = self.books.iter().map(|(_, folds)| on_path(folds)).collect();
        let periods = by_seed.first()?.len();
        if by_seed.iter().any(|returns| returns.len() != periods) {
            return None;
        }
        let mean = |t: usize| by_seed.iter().map(|returns| returns[t]).sum::<f64>() / by_seed.len() as f64;
        Some((0..periods).map(mean).collect())
    }

    fn chain(&self, judged: &[(usize, Report)], cell: &Cell, path: &[usize], label: Option<String>) -> Option<Chain> {
        let mut runs = Vec::new();
        let (mut times, mut curves) = (Vec::new(), Vec::new());
        for (seed, folds) in &self.books {
            let (curve, trades) = link(path.iter().map(|i| &folds[*i]))?;
            let metrics = evaluate(&Episode::new(&curve, &trades, cell.plan.eval.risk_free));
            let metrics = metrics.into_iter().map(|(name, value)| (name.to_owned(), value.ok())).collect();
            runs.push(ChainRun { seed: *seed, metrics });
            times = curve.times().to_vec();
            curves.push(curve.net_worth().to_vec());
        }
        let names: Vec<String> = runs.first()?.metrics.keys().cloned().collect();
        let values = |name: &String| runs.iter().filter_map(|run| run.metrics[name]).collect::<Vec<f64>>();
        let summary: BTreeMap<String, Summary> =
            names.iter().map(|name| (name.clone(), Summary::of(values(name)))).collect();
        let mut held = path.iter().map(|i| held(&judged[self.cells[*i].1].1));
        let benchmark = held.try_fold(1.0, |all, fold| Some(all * (1.0 + fold?))).map(|growth| growth - 1.0);
        let difference = benchmark.map(|held| {
            let earned = Summary::of(values(&"cumulative_return".to_owned()).into_iter().map(|own| own - held));
            let outcome = match earned.ci95 {
                None => Outcome::OneSeed,
                Some([low, _]) if low > 0.0 => Outcome::Better,
                Some([_, high]) if high < 0.0 => Outcome::Worse,
                Some(_) => Outcome::NotDistinguishable,
            };
            Comparison { outcome, difference: earned.mean.unwrap_or(0.0), ci95: earned.ci95 }
        });
        let (folds, causal) = (path.len(), matches!(cell.split, SplitConfig::WalkForward(_)));
        let labels = self.labels.iter().cloned().chain(label).collect();
        Some(Chain { labels, causal, folds, times, curves, runs, summary, benchmark, difference })
    }
}

fn held(report: &Report) -> Option<f64> {
    report.baselines.get(&report.verdict.benchmark)?.metrics.get("cumulative_return").copied().flatten()
}

/// The accounts of the folds as one: each is scaled to begin with what the one before left, and sold in between.
fn link<'a>(folds: impl Iterator<Item = &'a Books>) -> Option<(EquityCurve, Vec<TradeRecord>)> {
    let (mut times, mut worth, mut holdings, mut trades) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut now = 1.0;
    for books in folds {
        let scale = now / books.net_worth.first()?;
        times.extend(&books.times);
        worth.extend(books.net_worth.iter().map(|w| w * scale));
        holdings.extend(books.holdings_value.iter().map(|h| h * scale));
        trades.extend(books.trades.iter().map(|t| TradeRecord { shares: t.shares * scale, fee: t.fee * scale, ..*t }));
        now = *worth.last()?;
    }
    Some((EquityCurve::new(times, worth, holdings).ok()?, trades))
}
