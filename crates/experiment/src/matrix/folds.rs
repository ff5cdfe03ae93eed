//! `[eval] split`: a plan cut into folds, each a plan of its own.

use std::ops::Range;
use std::path::Path;

use pavlov_evaluation::splits::{
    Reach, Split, SplitError, TrainingWindow, combinatorial_purged, purged_k_fold, walk_forward,
};
use pavlov_market_data::{Bars, Span};
use serde::{Deserialize, Serialize};

use crate::error::ExperimentError;
use crate::plan::Plan;

/// Name of the axis of the folds.
pub const FOLD: &str = "fold";

/// How the data are cut into training and test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitConfig {
    /// Once, by `data.train` and `data.test`.
    #[default]
    Date,
    /// Tests one after the other over `data.test`, each trained on what lies before it.
    WalkForward(WalkForwardConfig),
    /// Tests that together are all rows from `data.train` to `data.test`; all others train, as far as they are apart.
    Purged(PurgedConfig),
    /// A training for every choice of groups of rows, tested on each of them.
    Combinatorial(CombinatorialConfig),
}

/// Keys of `walk_forward`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkForwardConfig {
    /// Number of tests, of equal length in rows. Required.
    pub folds: usize,
    /// Which part of the past trains. Default `"rolling"`: as many rows as the first training has.
    #[serde(default)]
    pub window: WindowConfig,
    /// Rows left out between training and test. Default 0.
    #[serde(default)]
    pub embargo: usize,
}

/// Which part of the past trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowConfig {
    /// Always the same number of rows.
    #[default]
    Rolling,
    /// All rows from the beginning of `data.train` on.
    Expanding,
}

/// Keys of `purged`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgedConfig {
    /// Number of tests, of equal length in rows. Required.
    pub folds: usize,
    /// Rows left out besides those that window, warm-up and outcome touch. Default 0.
    #[serde(default)]
    pub embargo: usize,
}

/// Keys of `combinatorial`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CombinatorialConfig {
    /// Number of groups of rows. Required.
    pub groups: usize,
    /// Groups of a test. Required.
    pub test_groups: usize,
    /// As for `purged`. Default 0.
    #[serde(default)]
    pub embargo: usize,
}

impl SplitConfig {
    /// Whether there are no folds.
    pub fn is_date(&self) -> bool {
        *self == Self::Date
    }

    /// Rows left out besides those that a decision touches.
    pub(crate) fn embargo(&self) -> usize {
        match self {
            Self::Date => 0,
            Self::WalkForward(config) => config.embargo,
            Self::Purged(config) => config.embargo,
            Self::Combinatorial(config) => config.embargo,
        }
    }
}

/// The rows of a plan's data, which folds are counted in.
pub struct Rows {
    /// Close of each bar up to the end of the test span, UTC ns, `[T]`.
    times: Vec<i64>,
    interval_ns: i64,
    /// The decisions that there are from the beginning of the training to the end of the test.
    decisions: Range<usize>,
    /// Decision of the test span that is first by date.
    test: usize,
}

impl Rows {
    /// The rows of the bars that `plan` plays on.
    pub fn new(plan: &Plan, bars: &Bars) -> Self {
        let train = bars.opening_between(plan.data.train.from_ns, plan.data.train.to_ns);
        let test = bars.opening_between(plan.data.test.from_ns, plan.data.test.to_ns);
        let reach = plan.reach();
        let first = train.start.max(reach.warm_up) + reach.window - 1;
        let decisions = first..test.end.max(first);
        let times = bars.times().to_vec();
        Self { times, interval_ns: bars.interval_ns(), test: test.start.max(first), decisions }
    }

    /// The span of the bars that a range of rows is.
    fn span(&self, rows: Range<usize>) -> Span {
        Span { from_ns: self.times[rows.start] - self.interval_ns, to_ns: self.times[rows.end - 1] }
    }
}

/// The spans that a fold trains on and is tested on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    pub label: String,
    pub train: Vec<Span>,
    pub test: Span,
}

/// The folds of a plan.
///
/// # Errors
/// [`ExperimentError::Folds`] with the numbers if a fold would leak or be empty.
pub fn folds(plan: &Plan, rows: &Rows) -> Result<Vec<Fold>, ExperimentError> {
    let reach = plan.reach();
    let labelled = |split: &Split, label: String| {
        // A training span begins with the first window, whose last row is the first decision.
        let train = |r: &Range<usize>| rows.span(r.start + 1 - reach.window..r.end);
        let mut trains: Vec<Span> = split.train.iter().map(train).collect();
        // A config has one training span behind its test only as a further one, so that none is by mistake.
        if let [only] = &split.train[..]
            && only.start > split.test[0].start
        {
            let middle = only.start + only.len() / 2;
            trains = vec![train(&(only.start..middle)), rows.span(middle..only.end)];
        }
        let fold =
            |test: &Range<usize>| Fold { label: label.clone(), train: trains.clone(), test: rows.span(test.clone()) };
        split.test.iter().map(fold).collect::<Vec<_>>()
    };
    let numbered = |splits: Vec<Split>| -> Vec<Fold> {
        splits.iter().zip(1..).flat_map(|(split, n): (&Split, usize)| labelled(split, n.to_string())).collect()
    };
    let made = match plan.eval.split {
        SplitConfig::Date => Ok(Vec::new()),
        SplitConfig::WalkForward(config) => walk(rows, &config, &reach).map(numbered),
        SplitConfig::Purged(config) => purged_k_fold(rows.decisions.clone(), config.folds, &reach).map(numbered),
        SplitConfig::Combinatorial(config) => {
            combinatorial_purged(rows.decisions.clone(), config.groups, config.test_groups, &reach).map(|all| {
                let name =
                    |groups: &Vec<usize>| groups.iter().map(|g| (g + 1).to_string()).collect::<Vec<_>>().join("+");
                let folds = all.splits.iter().zip(&all.test_groups).flat_map(|(split, groups)| {
                    let tested = labelled(split, String::new()).into_iter().zip(groups);
                    tested.map(move |(fold, group)| Fold { label: format!("{}: {}", name(groups), group + 1), ..fold })
                });
                folds.collect()
            })
        }
    };
    made.map_err(|source| ExperimentError::Folds { source })
}

/// The tests share out the rows of `data.test`; the first training is what lies between `data.train.from` and them.
fn walk(rows: &Rows, config: &WalkForwardConfig, reach: &Reach) -> Result<Vec<Split>, SplitError> {
    let left = rows.decisions.end - rows.test;
    if !(1..=left).contains(&config.folds) {
        return Err(SplitError::Parameter { name: "the number of folds", least: 1, most: left, got: config.folds });
    }
    let gap = (reach.horizon + reach.embargo).saturating_sub(1);
    let first = (rows.test - rows.decisions.start).saturating_sub(gap);
    let window = match config.window {
        WindowConfig::Rolling => TrainingWindow::Rolling(first),
        WindowConfig::Expanding => TrainingWindow::Expanding(first),
    };
    let test_len = left.div_ceil(config.folds);
    let splits = walk_forward(rows.decisions.clone(), window, test_len, reach)?;
    match splits.len() == config.folds {
        true => Ok(splits),
        false => {
            let most = splits.len();
            Err(SplitError::Parameter { name: "the number of folds", least: 1, most, got: config.folds })
        }
    }
}

/// The plans of the folds by their labels: data of their own, split by date.
///
/// # Errors
/// [`ExperimentError`] as [`folds`].
pub fn plans(plan: &Plan, rows: &Rows) -> Result<Vec<(String, Plan)>, ExperimentError> {
    let mut text = plan.to_toml();
    if let Some(eval) = text.get_mut("eval").and_then(toml::Value::as_table_mut) {
        eval.remove("split");
    }
    let fold = |fold: Fold| {
        let [train, also @ ..] = &fold.train[..] else { unreachable!("a split that trains on nothing is an error") };
        let mut table = text.clone();
        if let Some(data) = table.get_mut("data").and_then(toml::Value::as_table_mut) {
            let value = |span: &Span| toml::Value::try_from(span).expect("a span is two words");
            data.insert("train".into(), value(train));
            data.insert("test".into(), value(&fold.test));
            if !also.is_empty() {
                data.insert("train_also".into(), toml::Value::Array(also.iter().map(value).collect()));
            }
        }
        let mut made = Plan::parse(Path::new("plan.toml"), &table.to_string(), &[])?;
        made.manifest = plan.manifest.clone();
        made.other_manifests = plan.other_manifests.clone();
        Ok((fold.label, made))
    };
    folds(plan, rows)?.into_iter().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
name = "folds"
[data]
dataset = "synthetic-hourly"
train = ["2018-01-01", "2018-01-21"]
test = ["2018-01-21", "2018-02-10"]
[features]
columns = ["returns", { ema = { window = 12 } }]
[environment]
name = "bitcoin"
fill = "next_close"
[agent]
name = "lstm_ppo"
"#;
    const HOUR: i64 = 3_600_000_000_000;

    /// 40 days of hours.
    fn folds_of(split: &str) -> (Vec<Fold>, usize) {
        let plan = Plan::parse(Path::new("folds.toml"), &format!("{CONFIG}[eval]\nsplit = {split}\n"), &[]);
        let plan = plan.unwrap_or_else(|e| panic!("{e}"));
        let from = plan.data.train.from_ns;
        let reach = plan.reach();
        let rows = Rows {
            times: (1..=960).map(|t| from + t * HOUR).collect(),
            interval_ns: HOUR,
            decisions: reach.lookback()..960,
            test: 480,
        };
        let touched = reach.lookback() + reach.horizon + reach.embargo;
        (folds(&plan, &rows).unwrap_or_else(|e| panic!("{e}")), touched)
    }

    fn apart(a: &Span, b: &Span) -> i64 {
        (b.from_ns - a.to_ns).max(a.from_ns - b.to_ns)
    }

    #[test]
    fn rolling_folds_have_one_training_length_and_the_purge_covers_the_fill() {
        let (folds, _) = folds_of("{ walk_forward = { folds = 4 } }");
        assert_eq!(folds.len(), 4);
        let lengths: Vec<i64> = folds.iter().map(|fold| fold.train[0].to_ns - fold.train[0].from_ns).collect();
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
        assert!(folds.iter().all(|fold| apart(&fold.train[0], &fold.test) == HOUR), "one bar until the fill is known");
        assert!(folds.windows(2).all(|pair| pair[0].test.to_ns == pair[1].test.from_ns));
    }

    #[test]
    fn purged_and_combinatorial_folds_leave_window_warm_up_outcome_and_embargo_between() {
        for (split, count) in [
            ("{ purged = { folds = 5, embargo = 7 } }", 5),
            ("{ combinatorial = { groups = 5, test_groups = 2 } }", 20),
        ] {
            let (folds, touched) = folds_of(split);
            assert_eq!(folds.len(), count);
            for fold in &folds {
                for train in &fold.train {
                    let test = &fold.test;
                    assert!(apart(train, test) >= (touched as i64 - 1) * HOUR, "{split}: {train} and {test}");
                }
            }
        }
    }
}
