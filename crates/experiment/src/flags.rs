//! Flags: what a reader of a report must not overlook, each by a rule that is stated where it is applied.
//!
//! A flag never changes a number. It repeats in one sentence what the numbers of the report say against a claim.

use std::collections::{BTreeMap, BTreeSet};

use pavlov_evaluation::{Outcome, Summary, Undefined};
use serde::{Deserialize, Serialize};

use crate::report::{Report, RunReport};

/// What a flag is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagKind {
    /// Seeds do what a constant policy does.
    Collapsed,
    /// The account of a seed came to an end before the test span did.
    Ruined,
    /// The numbers are those of a published environment with its flaws.
    AsPublished,
    /// One seed has no interval.
    SingleSeed,
    /// The return is not distinguishable from a baseline's.
    NotDistinguishable,
    /// The edge over the benchmark is gone once trades cost something.
    CostsEatTheEdge,
    /// What was learned does not carry over to bars never seen.
    TrainingFarAboveTest,
    /// The test span is short.
    FewPeriods,
    /// A metric has no value.
    UndefinedMetrics,
}

/// How much a flag takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Forbids a claim.
    Serious,
    /// Weakens a claim.
    Warning,
    /// Should be known.
    Note,
}

/// One flag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// What it is about.
    pub kind: FlagKind,
    /// How much it takes away.
    pub severity: Severity,
    /// What it says.
    pub sentence: String,
    /// The numbers that it rests on, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, f64>,
}

impl Flag {
    fn new(kind: FlagKind, severity: Severity, sentence: String, numbers: &[(&str, f64)]) -> Self {
        let numbers = numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Self { kind, severity, sentence, numbers }
    }

    /// The first clause of the sentence, for a terminal.
    pub fn short(&self) -> &str {
        let end = [": ", ". "].iter().filter_map(|mark| self.sentence.find(mark)).min();
        end.map_or(self.sentence.trim_end_matches('.'), |end| &self.sentence[..end])
    }
}

/// A test span shorter than this many days is flagged.
const SHORT_DAYS: f64 = 365.25;
/// A test span of fewer periods is flagged.
const FEW_PERIODS: usize = 250;
/// Sharpe ratios a year that training may lie above the test before it is flagged.
const FAR_ABOVE: f64 = 1.0;

/// All flags of a report, the most serious first; `flaw` is that of the published environment, if it is one.
pub fn of(report: &Report, flaw: Option<&str>) -> Vec<Flag> {
    let published = |flaw: &str| {
        let sentence = format!("Published numbers, flaws included, on purpose. {flaw}.");
        Flag::new(FlagKind::AsPublished, Severity::Serious, sentence, &[])
    };
    let single = [
        collapsed(report),
        ruined(report),
        flaw.map(published),
        single_seed(report),
        not_distinguishable(report),
        costs(report),
        far_above(report),
        few_periods(report),
        undefined(report),
    ];
    let mut flags: Vec<Flag> = single.into_iter().flatten().collect();
    flags.sort_by_key(|flag| (flag.severity, flag.kind));
    flags
}

/// Flagged for any seed; serious from half of the seeds on, when the verdict is about the collapse.
fn collapsed(report: &Report) -> Option<Flag> {
    let seeds: usize = report.verdict.collapsed.values().sum();
    let names: Vec<String> = report.verdict.collapsed.iter().map(|(name, n)| format!("`{name}` ({n})")).collect();
    let severity = if 2 * seeds >= report.runs.len() { Severity::Serious } else { Severity::Warning };
    (seeds > 0).then(|| {
        let sentence = format!(
            "Collapsed to a constant in {seeds} of {}: {}. What they earned is no skill.",
            count(report.runs.len(), "seed"),
            names.join(", ")
        );
        Flag::new(FlagKind::Collapsed, severity, sentence, &[("seeds", seeds as f64)])
    })
}

/// Flagged if an account ended before the span did: the environment's own bound of ruin or loss.
fn ruined(report: &Report) -> Option<Flag> {
    let periods = report.verdict.periods as f64;
    let ended = |run: &&RunReport| {
        let lost = run.undefined.values().any(|reason| *reason == Undefined::Ruined);
        lost || run.metrics.get("intervals").copied().flatten().is_some_and(|n| n < periods)
    };
    let seeds: Vec<String> = report.runs.iter().filter(ended).map(|run| run.seed.to_string()).collect();
    (!seeds.is_empty()).then(|| {
        let sentence = format!(
            "The account came to an end before the test span did in {} of {} (seed {}): lost beyond what the environment \
             allows.",
            seeds.len(),
            count(report.runs.len(), "run"),
            seeds.join(", ")
        );
        Flag::new(FlagKind::Ruined, Severity::Serious, sentence, &[("seeds", seeds.len() as f64)])
    })
}

fn single_seed(report: &Report) -> Option<Flag> {
    (report.runs.len() == 1).then(|| {
        let sentence = "One seed has no interval: another seed may give anything.".to_owned();
        Flag::new(FlagKind::SingleSeed, Severity::Serious, sentence, &[])
    })
}

/// Flagged for every baseline whose 95 % interval of the difference contains 0; a warning if the benchmark is among them.
fn not_distinguishable(report: &Report) -> Option<Flag> {
    let verdict = &report.verdict;
    let alike = |outcome: Outcome| outcome == Outcome::NotDistinguishable;
    let mut names: BTreeSet<&str> =
        verdict.comparisons.iter().filter(|(_, c)| alike(c.outcome)).map(|(name, _)| name.as_str()).collect();
    if alike(verdict.outcome) {
        names.insert(&verdict.benchmark);
    }
    let severity = if names.contains(verdict.benchmark.as_str()) { Severity::Warning } else { Severity::Note };
    let listed: Vec<&str> = names.iter().copied().collect();
    (!names.is_empty()).then(|| {
        let sentence = format!("Not distinguishable at 95 % from {}.", listed.join(", "));
        Flag::new(FlagKind::NotDistinguishable, severity, sentence, &[("baselines", names.len() as f64)])
    })
}

/// Flagged if the mean return is above the benchmark's without commission and not above it at a commission of the sweep; a
/// warning if the plan's own is not below that commission.
fn costs(report: &Report) -> Option<Flag> {
    let sweep = report.fee_sweep.as_ref()?;
    let free = sweep.rows.iter().find(|row| row.commission == 0.0 && !row.other_parts)?.edge?;
    let gone = sweep.rows.iter().find(|row| row.edge.is_some_and(|edge| edge <= 0.0))?;
    let own = sweep.own()?;
    let severity = match own.edge.is_some_and(|edge| edge <= 0.0) {
        true => Severity::Warning,
        false => Severity::Note,
    };
    (free > 0.0).then(|| {
        let (percent, points) = (|x: f64| (1e6 * x).round() / 1e4, |x: f64| format!("{:+.2}", 100.0 * x));
        let which = if gone.own { ", the plan's own" } else { "" };
        let sentence = format!(
            "Costs eat the edge: {} percentage points over {} without commission, {} at {} %{which}. {}",
            points(free),
            report.verdict.benchmark,
            points(gone.edge.unwrap_or(0.0)),
            percent(gone.commission),
            sweep.sentence
        );
        let mut numbers = vec![
            ("edge_without_commission", free),
            ("commission", gone.commission),
            ("edge", gone.edge.unwrap_or(0.0)),
        ];
        numbers.extend(sweep.break_even.map(|rate| ("break_even", rate)));
        Flag::new(FlagKind::CostsEatTheEdge, severity, sentence, &numbers)
    })
}

/// Flagged if the Sharpe ratio a year above the benchmark's own falls from training to test by more than [`FAR_ABOVE`], and
/// the 95 % t interval of that fall over the seeds lies above 0. The benchmark is taken off on each span, so that a market
/// that went from good to bad is not called overfitting. A warning if the fall is also more than twice the standard error
/// that the lengths of the spans leave, `sqrt(1 / years + 1 / years)`.
fn far_above(report: &Report) -> Option<Flag> {
    let held = report.baselines.get(&report.verdict.benchmark)?;
    let of = |metrics: &BTreeMap<String, Option<f64>>, name: &str| metrics.get(name).copied().flatten();
    let market = of(&held.train_metrics, "sharpe")? - of(&held.metrics, "sharpe")?;
    let fall = |run: &RunReport| Some(of(&run.train_metrics, "sharpe")? - of(&run.metrics, "sharpe")? - market);
    let falls = Summary::of(report.runs.iter().filter_map(fall));
    let (mean, [low, high]) = (falls.mean?, falls.ci95?);
    let test_years = report.verdict.days / 365.25;
    let train_periods = report.train_summary.get("intervals")?.mean?;
    let train_years = train_periods * test_years / report.verdict.periods as f64;
    let chance = (1.0 / test_years + 1.0 / train_years).sqrt();
    let severity = if mean > 2.0 * chance { Severity::Warning } else { Severity::Note };
    (mean > FAR_ABOVE && low > 0.0).then(|| {
        let a_year = |summaries: &BTreeMap<String, Summary>, name: &str| summaries.get(name).and_then(|s| s.mean);
        let [trained, tested] = [&report.train_summary, &report.summary];
        let beyond = match severity {
            Severity::Warning => "more than the lengths of the spans explain",
            _ => "which the lengths of the spans may explain",
        };
        let sentence = format!(
            "Training is far above the test: the Sharpe ratio a year, {} taken off on both, falls by {mean:.2} (95 % interval \
             {low:.2} to {high:.2} over the seeds), {beyond} (standard error {chance:.2}).",
            report.verdict.benchmark
        );
        let mut numbers = vec![("fall", mean), ("fall_low", low), ("fall_high", high), ("standard_error", chance)];
        let named = [
            ("train_sharpe", a_year(trained, "sharpe")),
            ("test_sharpe", a_year(tested, "sharpe")),
            ("train_return_per_year", a_year(trained, "annualised_return")),
            ("test_return_per_year", a_year(tested, "annualised_return")),
        ];
        numbers.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
        Flag::new(FlagKind::TrainingFarAboveTest, severity, sentence, &numbers)
    })
}

/// Flagged below a year or 250 periods. The standard error of a Sharpe ratio a year is about `1 / sqrt(years)`: Lo, "The
/// Statistics of Sharpe Ratios", Financial Analysts Journal 58 (2002), for ratios near 0.
fn few_periods(report: &Report) -> Option<Flag> {
    let (periods, days) = (report.verdict.periods, report.verdict.days);
    let error = (365.25 / days).sqrt();
    (days < SHORT_DAYS || periods < FEW_PERIODS).then(|| {
        let sentence = format!(
            "The test span says little: {} in {days:.1} days, where the standard error of a Sharpe ratio a year is about \
             {error:.1}.",
            count(periods, "period")
        );
        let numbers = [("periods", periods as f64), ("days", days), ("sharpe_standard_error", error)];
        Flag::new(FlagKind::FewPeriods, Severity::Warning, sentence, &numbers)
    })
}

/// Flagged for every metric that some seed lacks on the test span.
fn undefined(report: &Report) -> Option<Flag> {
    let mut missing: BTreeMap<&str, (usize, &Undefined)> = BTreeMap::new();
    for (name, reason) in report.runs.iter().flat_map(|run| &run.undefined) {
        missing.entry(name).or_insert((0, reason)).0 += 1;
    }
    let seeds = count(report.runs.len(), "seed");
    let named: Vec<String> =
        missing.iter().map(|(name, (n, reason))| format!("{name} in {n} of {seeds} ({reason})")).collect();
    (!missing.is_empty()).then(|| {
        let sentence = format!("Metrics without a value: {}.", named.join("; "));
        Flag::new(FlagKind::UndefinedMetrics, Severity::Note, sentence, &[("metrics", missing.len() as f64)])
    })
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::sample;

    fn kinds(report: &Report, flaw: Option<&str>) -> Vec<(FlagKind, Severity)> {
        of(report, flaw).iter().map(|flag| (flag.kind, flag.severity)).collect()
    }

    fn flag(report: &Report, kind: FlagKind) -> Option<Flag> {
        of(report, None).into_iter().find(|flag| flag.kind == kind)
    }

    #[test]
    fn a_published_variant_and_a_single_seed_come_before_a_short_span() {
        let kinds = kinds(&sample(1).0, Some("variant = as_published: it sees ahead"));
        let serious = [(FlagKind::AsPublished, Severity::Serious), (FlagKind::SingleSeed, Severity::Serious)];
        assert_eq!(kinds[..2], serious);
        assert!(kinds.contains(&(FlagKind::FewPeriods, Severity::Warning)), "{kinds:?}");
        assert!(kinds.is_sorted_by_key(|(_, severity)| *severity));
    }

    #[test]
    fn a_collapse_is_serious_from_half_of_the_seeds_on() {
        let (mut report, _) = sample(4);
        assert_eq!(flag(&report, FlagKind::Collapsed), None);
        for (seeds, severity) in [(1, Severity::Warning), (2, Severity::Serious)] {
            report.verdict.collapsed = BTreeMap::from([("always sell".to_owned(), seeds)]);
            let flag = flag(&report, FlagKind::Collapsed).unwrap();
            assert_eq!((flag.severity, flag.numbers["seeds"]), (severity, seeds as f64));
            assert!(
                flag.sentence.contains(&format!("in {seeds} of 4 seeds: `always sell` ({seeds})")),
                "{}",
                flag.sentence
            );
        }
    }

    #[test]
    fn an_account_that_ends_before_the_span_is_flagged_with_its_seed() {
        let (mut report, _) = sample(3);
        assert_eq!(flag(&report, FlagKind::Ruined), None);
        report.runs[1].metrics.insert("intervals".into(), Some(12.0));
        let flag = flag(&report, FlagKind::Ruined).unwrap();
        assert!(flag.sentence.contains("in 1 of 3 runs (seed 2)"), "{}", flag.sentence);
    }

    #[test]
    fn costs_are_flagged_where_they_turn_the_edge_and_nowhere_else() {
        let (mut report, _) = sample(3);
        let edges = |report: &mut Report, edges: [f64; 4]| {
            let rows = &mut report.fee_sweep.as_mut().unwrap().rows;
            rows.iter_mut().zip(edges).for_each(|(row, edge)| row.edge = Some(edge));
        };
        // Rows: 0, 0.075 % (the plan's own), 0.1 %, 0.2 %.
        for (row_edges, severity) in [
            ([0.02, -0.01, -0.02, -0.03], Some(Severity::Warning)),
            ([0.02, 0.01, 0.0, -0.03], Some(Severity::Note)),
            ([0.02, 0.02, 0.02, 0.01], None),
            ([-0.01, -0.02, -0.02, -0.03], None),
        ] {
            edges(&mut report, row_edges);
            let flag = flag(&report, FlagKind::CostsEatTheEdge);
            assert_eq!(flag.as_ref().map(|flag| flag.severity), severity, "{row_edges:?}");
            let commission = flag.map(|flag| flag.numbers["commission"]);
            assert_eq!(commission, severity.map(|s| if s == Severity::Warning { 0.000_75 } else { 0.001 }));
        }
    }

    #[test]
    fn a_market_that_turned_is_no_overfitting_and_a_fall_beyond_it_is() {
        let (mut report, _) = sample(5);
        let set = |metrics: &mut BTreeMap<String, Option<f64>>, value: f64| {
            metrics.insert("sharpe".into(), Some(value));
        };
        let held = report.baselines.get_mut("buy & hold").unwrap();
        set(&mut held.train_metrics, 2.0);
        set(&mut held.metrics, -2.0);
        for (above, severity) in [(0.0, None), (3.0, Some(Severity::Note)), (30.0, Some(Severity::Warning))] {
            for (i, run) in report.runs.iter_mut().enumerate() {
                set(&mut run.train_metrics, 2.5 + above + 0.1 * i as f64);
                set(&mut run.metrics, -1.5);
            }
            let flag = flag(&report, FlagKind::TrainingFarAboveTest);
            assert_eq!(flag.as_ref().map(|flag| flag.severity), severity, "{flag:?}");
            assert!(flag.is_none_or(|flag| (flag.numbers["fall"] - above - 0.2).abs() < 1e-9));
        }
    }

    #[test]
    fn a_short_form_is_the_first_clause() {
        let (report, _) = sample(5);
        for flag in of(&report, Some("variant = as_published: x")) {
            let short = flag.short();
            assert!(!short.is_empty() && !short.ends_with('.') && flag.sentence.starts_with(short), "{short}");
        }
    }

    #[test]
    fn an_undefined_metric_names_seeds_and_reason() {
        let (mut report, _) = sample(2);
        report.runs[0].undefined.insert("sortino".into(), Undefined::NoLosses);
        let flag = flag(&report, FlagKind::UndefinedMetrics).unwrap();
        assert!(flag.sentence.contains("sortino in 1 of 2 seeds (no return is below the target)"), "{}", flag.sentence);
    }
}
