//! The sentences of the verdict: golden texts and what must never be claimed.

use pavlov_evaluation::{Baseline, BaselineReturns, EvaluationError, Outcome, TestSpan, Verdict};
use proptest::prelude::*;

const MONTH: TestSpan = TestSpan { periods: 864, days: 36.0 };

fn constant(name: &str, value: f64) -> Baseline {
    Baseline { name: name.into(), returns: BaselineReturns::Constant(value) }
}

fn random(values: &[f64]) -> Baseline {
    Baseline { name: "random".into(), returns: BaselineReturns::PerSeed(values.to_vec()) }
}

fn baselines(hold: f64) -> Vec<Baseline> {
    vec![
        constant("buy & hold", hold),
        constant("always sell", -0.25),
        constant("always buy", 0.05),
        random(&[-0.1, 0.0, 0.1, -0.05, 0.05]),
    ]
}

#[test]
fn an_agent_that_did_worse_is_told_so_first() {
    let verdict = Verdict::new(&[0.01, 0.02, 0.0, 0.015, 0.015], &baselines(0.093), "buy & hold", MONTH).unwrap();
    assert_eq!(verdict.headline, "Worse than buy & hold");
    assert_eq!(
        verdict.text(),
        "The agent did not beat buy & hold: it did worse. Its mean return was +1.20 %, that of buy & hold +9.30 %, \
         a difference of -8.10 percentage points (95 % interval -9.04 to -7.16, 5 seeds). \
         Of the other baselines it beat always sell; it did worse than always buy; it is not distinguishable from random \
         (each at 95 % on its own; 3 comparisons, not corrected for their number). \
         The interval is over 5 seeds only: it covers the chance of training, not that of the market. \
         The test span has 864 periods, and 36 days of one market say little about the next."
    );
}

#[test]
fn a_higher_mean_inside_the_noise_is_not_called_better() {
    let verdict = Verdict::new(&[0.30, 0.02, 0.12, -0.05, 0.21], &baselines(0.093), "buy & hold", MONTH).unwrap();
    assert_eq!(verdict.outcome, Outcome::NotDistinguishable);
    assert_eq!(verdict.headline, "Not distinguishable from buy & hold");
    assert_eq!(
        verdict.sentences[0],
        "The agent did not beat buy & hold: the two are not distinguishable at 95 %. Its mean return was +12.0 %, \
         that of buy & hold +9.30 %, a difference of +2.70 percentage points (95 % interval -14.8 to +20.2, 5 seeds)."
    );
}

#[test]
fn a_better_agent_is_better_on_this_test_span_only() {
    let span = TestSpan { periods: 1000, days: 1461.0 };
    let verdict = Verdict::new(&[0.30, 0.31, 0.29], &[constant("buy & hold", 0.1)], "buy & hold", span).unwrap();
    assert_eq!(verdict.headline, "Better than buy & hold on this test span");
    assert_eq!(
        verdict.text(),
        "The agent beat buy & hold on this test span. Its mean return was +30.0 %, that of buy & hold +10.0 %, \
         a difference of +20.0 percentage points (95 % interval +17.5 to +22.5, 3 seeds). \
         The interval is over 3 seeds only: it covers the chance of training, not that of the market. \
         The test span has 1000 periods, and even 4.0 years of one market are a single history."
    );
}

#[test]
fn one_seed_claims_nothing() {
    let baselines = [constant("buy & hold", 0.1), constant("always sell", 0.9)];
    let verdict = Verdict::new(&[0.5], &baselines, "buy & hold", MONTH).unwrap();
    assert_eq!((verdict.outcome, verdict.comparisons["buy & hold"].ci95), (Outcome::OneSeed, None));
    assert_eq!(
        verdict.text(),
        "The agent cannot be said to beat buy & hold: one seed has no interval. Its return was +50.0 %, \
         that of buy & hold +10.0 %, a difference of +40.0 percentage points. \
         Of the other baselines its one return is not above that of always sell. \
         With one seed even the chance of training is unknown, and the chance of the market always is. \
         The test span has 864 periods, and 36 days of one market say little about the next."
    );
}

#[test]
fn an_agent_that_copies_the_benchmark_is_not_distinguishable_from_it() {
    let hold = 0.1 + 0.2 - 0.2;
    let verdict = Verdict::new(&[0.1; 4], &[constant("buy & hold", hold)], "buy & hold", MONTH).unwrap();
    assert_eq!((verdict.outcome, verdict.comparisons["buy & hold"].difference), (Outcome::NotDistinguishable, 0.0));
    assert!(verdict.text().contains("All seeds gave the same return"));
}

#[test]
fn a_baseline_that_draws_is_compared_seed_by_seed() {
    // The agent is always 0.01 above the random policy of its own seed: paired this is certain, unpaired it is noise.
    let drawn = [-0.5, 0.3, 0.1, 0.8];
    let agent: Vec<f64> = drawn.iter().enumerate().map(|(i, r)| r + 0.01 + 1e-4 * i as f64).collect();
    let verdict = Verdict::new(&agent, &[random(&drawn)], "random", MONTH).unwrap();
    assert_eq!(verdict.outcome, Outcome::Better);
}

#[test]
fn what_cannot_be_compared_is_refused_by_name() {
    let refusal = |agent: &[f64], benchmark: &str| Verdict::new(agent, &baselines(0.1), benchmark, MONTH).unwrap_err();
    assert_eq!(refusal(&[], "buy & hold"), EvaluationError::NoRuns);
    assert!(refusal(&[0.1; 5], "hold").to_string().contains("known are buy & hold, always sell"));
    assert!(refusal(&[0.1; 2], "buy & hold").to_string().contains("`random` must have one return for each of the 2"));
    assert!(refusal(&[f64::NAN; 5], "buy & hold").to_string().contains("the return of the agent must be finite"));
}

proptest! {
    #[test]
    fn better_is_only_said_when_the_whole_interval_is_above_zero(
        agent in prop::collection::vec(-1.0..3.0_f64, 1..12), hold in -1.0..3.0_f64,
    ) {
        let verdict = Verdict::new(&agent, &[constant("buy & hold", hold)], "buy & hold", MONTH).unwrap();
        let against = verdict.comparisons["buy & hold"];
        let above = against.ci95.is_some_and(|[low, _]| low > 0.0);
        prop_assert_eq!(verdict.outcome == Outcome::Better, above);
        prop_assert_eq!(verdict.sentences[0].starts_with("The agent beat"), above);
        let json = serde_json::to_string(&verdict).unwrap();
        prop_assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    }
}
