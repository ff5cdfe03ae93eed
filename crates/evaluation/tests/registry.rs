//! `docs/metrics.md` says what every metric of the registry is.

use std::fmt::Write;
use std::path::Path;

use pavlov_evaluation::{Better, METRICS, Unit};

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Fraction => "fraction",
        Unit::FractionPerYear => "fraction a year",
        Unit::Ratio => "ratio",
        Unit::Times => "times the mean net worth",
        Unit::TimesPerYear => "times the mean net worth a year",
        Unit::Periods => "periods",
        Unit::Days => "days",
        Unit::Count => "count",
        Unit::Money => "money",
    }
}

fn better(better: Better) -> &'static str {
    match better {
        Better::Higher => "higher",
        Better::Lower => "lower",
        Better::Neither => "-",
    }
}

/// `docs/metrics.md`.
fn page() -> String {
    let mut page = String::from(PREFACE);
    for metric in METRICS {
        let (unit, better) = (unit(metric.unit), better(metric.better));
        let _ = writeln!(page, "| `{}` | {unit} | {better} | {} | {} |", metric.name, metric.summary, metric.source);
    }
    page + AFTER
}

const PREFACE: &str = "\
# Metrics and statistics

Generated from the registry of `crates/evaluation`;
`PAVLOV_WRITE_DOCS=1 cargo test -p pavlov-evaluation --test registry` writes it anew, and the same test without the
variable fails where it is out of date.

Returns are simple returns of net worth after all costs, one a period. Periods per year are counted in the data, never
assumed. A metric without a value says why: too few periods, no variance, no losses, ruin, no benchmark. It is never NaN
and never a silent 0. The formulas stand at the functions in `crates/evaluation/src/metrics`.

| metric | unit | better | what it is | source |
|---|---|---|---|---|
";

const AFTER: &str = "
Two more are series: `rolling_sharpe` (the Sharpe ratio of the last periods) and `monthly_returns` (calendar months, UTC).

## Two published sets of definitions

Where a published figure is to be met, its own definitions are used; `compat::ddqn_article` and `compat::tdqn_paper` say in
their documentation how each differs from the table above. The golden cases of the article and the tables 4 and 5 of the
paper (four baselines, two stocks, nine indicators) are tested; of the paper's profits one, buy & hold of Tesla, is a
misprint.

## Over runs

| what | how | source |
|---|---|---|
| mean, below 30 runs | Student's t; over several tasks with Welch's degrees of freedom | Student 1908, Welch 1947 |
| interquartile mean, below 30 runs | t interval of a trimmed mean | Tukey and McLaughlin 1963 |
| both, from 30 runs on | stratified bootstrap, BCa, widened for small samples | Agarwal et al. 2021, Efron 1987, Hesterberg 2015 |
| median | no interval: at 5 runs even the whole range covers less than 95 % | - |
| probability of improvement | paired by seed, Wilson's interval | Agarwal et al. 2021, Wilson 1927 |
| performance profile | share of runs above a score, stratified bootstrap | Agarwal et al. 2021 |

Share of simulated sets (200,000 of 5 and of 10 runs, 30,000 of 30) whose interval holds the truth, in percent; skewed runs
are lognormal with a skewness of 0.95:

| runs | mean, normal | interquartile mean, normal | mean, skewed | interquartile mean, skewed |
|---:|---:|---:|---:|---:|
| 5 | 95.0 | 93.8 | 93.8 | 93.5 |
| 10 | 95.1 | 94.2 | 94.0 | 94.1 |
| 30 | 94.6 | 95.6 | 94.5 | 95.5 |

With more skew and few runs the coverage falls further: five seeds of which one made a fortune have no honest interval.

## Over time

The stationary bootstrap (Politis and Romano 1994) resamples blocks of periods; their mean length is chosen from the data
(Politis and White 2004, with the correction of 2009). Its percentile intervals are a little narrow: with 500 periods of an
autocorrelation of 0.3 they hold the truth in about 91.5 of 100 sets.

## Over trials

| what | source |
|---|---|
| probabilistic Sharpe ratio, minimum track record length | Bailey and Lopez de Prado 2012 |
| deflated Sharpe ratio | Bailey and Lopez de Prado 2014 |
| probability of backtest overfitting (combinatorially symmetric cross-validation) | Bailey et al. 2017 |
| paired t test, Welch's test, adjustment for several pairs | Student 1908, Welch 1947, Holm 1979 |

## Splits

| split | what keeps training and test apart |
|---|---|
| by date; walking forward, rolling or expanding | only the past trains, and only decisions whose outcome is known at the first test decision; windows of the test may look back on training rows |
| purged k-fold; combinatorial purged | no row is touched by both: the purge covers outcome, window, feature warm-up and embargo on both sides (Lopez de Prado 2018, chapters 7 and 12) |

Every split is checked before it is returned; one that leaks is an error that names the rows and the distance needed.

## The verdict

The interval over the seeds covers the chance of training, the one over time the chance of a market that goes on as in the
test span. The wider of the two is quoted, or the only one that contains 0; better is said only if both lie above 0. If half
of the seeds or more collapsed to a constant policy, the verdict says so first and never says better. It always says how long
the test span was, and that a short one says little.
";

#[test]
#[allow(clippy::disallowed_methods)]
fn the_documentation_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("PAVLOV_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/metrics.md is out of date: run this test with PAVLOV_WRITE_DOCS=1");
}
