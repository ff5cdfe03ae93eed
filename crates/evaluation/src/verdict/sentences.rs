//! The sentences of a verdict.

use std::collections::BTreeMap;

use crate::summary::mean;
use crate::verdict::{Baseline, BaselineReturns, Comparison, Covers, Level, Outcome, SAME, Skill, Verdict};
use crate::wording::{count, duration, list, percent, points};

/// The judgement in a few words.
pub(super) fn headline(verdict: &Verdict) -> String {
    let benchmark = &verdict.benchmark;
    if verdict.level() == Level::Collapsed {
        return format!("Collapsed to {}: a constant policy and no skill", policies(verdict));
    }
    match verdict.outcome {
        Outcome::Better => format!("Better than {benchmark} on this test span"),
        Outcome::Worse => format!("Worse than {benchmark}"),
        Outcome::NotDistinguishable => format!("Not distinguishable from {benchmark}"),
        Outcome::OneSeed => format!("One seed: no claim against {benchmark}"),
    }
}

/// All sentences; a collapse comes first, then the benchmark.
pub(super) fn all(verdict: &Verdict, agent: &[f64], baselines: &[Baseline], main: &Baseline) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(collapse(verdict));
    sentences.push(claim(verdict, agent, main));
    sentences.extend(others(&verdict.benchmark, baselines, &verdict.comparisons));
    sentences.extend(no_width(agent));
    sentences.extend(verdict.skill.map(|skill| trials(skill, verdict.periods)));
    sentences.push(scope(verdict));
    sentences
}

fn policies(verdict: &Verdict) -> String {
    let names: Vec<String> = verdict.collapsed.keys().map(|name| format!("`{name}`")).collect();
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn collapse(verdict: &Verdict) -> Option<String> {
    let seeds: usize = verdict.collapsed.values().sum();
    (seeds > 0).then(|| {
        format!(
            "Of {}, {seeds} collapsed to {}: what they earned is the return of a policy that looks at nothing.",
            count(verdict.seeds, "seed"),
            policies(verdict)
        )
    })
}

/// What the number of trials and the length of the record leave of the Sharpe ratio.
fn trials(skill: Skill, periods: usize) -> String {
    let verb = if skill.deflated_sharpe >= 0.95 { "exceeds" } else { "does not exceed" };
    let (best, ratio) = match skill.trials {
        1 => ("0".to_owned(), "probabilistic"),
        n => (format!("what the best of {n} strategies without skill would show"), "deflated"),
    };
    let confidence = 100.0 * skill.deflated_sharpe;
    let length = skill.minimum_periods.map_or(String::new(), |needed| {
        format!(
            " A ratio of this size needs {:.0} periods to stand above 0 at 95 %, the span has {periods}.",
            needed.ceil()
        )
    });
    format!("Its Sharpe ratio {verb} {best} at 95 % ({ratio} Sharpe ratio: confidence {confidence:.1} %).{length}")
}

/// The sentences about the benchmark.
fn claim(verdict: &Verdict, agent: &[f64], baseline: &Baseline) -> String {
    let (name, against) = (&baseline.name, verdict.comparisons[&baseline.name]);
    let opening = match verdict.outcome {
        _ if verdict.level() == Level::Collapsed && verdict.outcome != Outcome::Worse => {
            format!("The agent cannot be said to beat {name}: a constant policy has learned nothing")
        }
        Outcome::Better => format!("The agent beat {name} on this test span"),
        Outcome::Worse => format!("The agent did not beat {name}: it did worse"),
        Outcome::NotDistinguishable => {
            format!("The agent did not beat {name}: the two are not distinguishable at 95 %")
        }
        Outcome::OneSeed => format!("The agent cannot be said to beat {name}: one seed has no interval"),
    };
    let theirs = match &baseline.returns {
        BaselineReturns::Constant(value) => *value,
        BaselineReturns::PerSeed(values) => mean(values),
    };
    let average = if agent.len() == 1 { "return" } else { "mean return" };
    let interval = verdict.quoted.map_or(String::new(), |quoted| {
        let [low, high] = quoted.ci95;
        let over = match quoted.covers {
            Covers::Seeds => count(agent.len(), "seed"),
            Covers::Time => "over blocks of time".to_owned(),
        };
        format!(" (95 % interval {} to {}, {over})", points(low), points(high))
    });
    format!(
        "{opening}. Its {average} was {}, that of {name} {}, a difference of {} percentage points{interval}.",
        percent(mean(agent)),
        percent(theirs),
        points(against.difference)
    )
}

/// The sentence about all other baselines.
fn others(benchmark: &str, baselines: &[Baseline], comparisons: &BTreeMap<String, Comparison>) -> Option<String> {
    let others: Vec<&str> = baselines.iter().map(|b| b.name.as_str()).filter(|name| *name != benchmark).collect();
    let with = |test: &dyn Fn(&Comparison) -> bool| -> Vec<&str> {
        others.iter().copied().filter(|name| test(&comparisons[*name])).collect()
    };
    let one_seed = |c: &Comparison| c.outcome == Outcome::OneSeed;
    let groups = [
        ("it beat", with(&|c| c.outcome == Outcome::Better)),
        ("it did worse than", with(&|c| c.outcome == Outcome::Worse)),
        ("it is not distinguishable from", with(&|c| c.outcome == Outcome::NotDistinguishable)),
        ("its one return is above that of", with(&|c| one_seed(c) && c.difference > 0.0)),
        ("its one return is not above that of", with(&|c| one_seed(c) && c.difference <= 0.0)),
    ];
    let parts: Vec<String> =
        groups.iter().filter(|(_, who)| !who.is_empty()).map(|(verb, who)| format!("{verb} {}", list(who))).collect();
    let uncorrected = match others.len() {
        2.. => format!(" (each at 95 % on its own; {} comparisons, not corrected for their number)", others.len()),
        _ => String::new(),
    };
    let bracket = if parts.iter().any(|p| p.starts_with("its one")) { String::new() } else { uncorrected };
    (!parts.is_empty()).then(|| format!("Of the other baselines {}{bracket}.", parts.join("; ")))
}

fn no_width(agent: &[f64]) -> Option<String> {
    let same = agent.len() > 1 && agent.iter().all(|r| (r - agent[0]).abs() < SAME);
    same.then(|| "All seeds gave the same return, so the interval has no width and shows no chance at all.".to_owned())
}

/// The sentences about what the intervals cover and what they do not.
fn scope(verdict: &Verdict) -> String {
    let seeds = count(verdict.seeds, "seed");
    let covers = match (verdict.seeds, verdict.time_ci95) {
        (1, None) => {
            "With one seed even the chance of training is unknown, and the chance of the market always is.".to_owned()
        }
        (1, Some([low, high])) => format!(
            "With one seed the chance of training is unknown; over blocks of time the difference lies between {} and {} \
             percentage points at 95 %, if the market goes on as in this span.",
            points(low),
            points(high)
        ),
        (_, None) => {
            format!("The interval is over {seeds} only: it covers the chance of training, not that of the market.")
        }
        (_, Some(_)) => format!(
            "Of two intervals the one that claims less is quoted: that over {seeds} covers the chance of training, that over blocks of time \
             the chance of a market that goes on as in this span."
        ),
    };
    let length = duration(verdict.days);
    let little = match verdict.days {
        d if d < 365.25 => format!("{length} of one market say little about the next"),
        _ => format!("even {length} of one market are a single history"),
    };
    format!("{covers} The test span has {}, and {little}.", count(verdict.periods, "period"))
}
