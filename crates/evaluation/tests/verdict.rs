//! The sentences of the verdict: golden texts and what must never be claimed.

use pavlov_evaluation::{
    Baseline, BaselineReturns, Covers, EvaluationError, Evidence, Level, Outcome, Paths, Skill, TestSpan, Verdict,
    interval_over_time,
};
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

#[test]
fn an_agent_that_always_does_the_same_is_never_called_better() {
    let baselines = [constant("buy & hold", 0.1), constant("always sell", 0.4)];
    let collapsed: Vec<Option<String>> =
        [Some("always sell"), Some("always sell"), None].map(|p| p.map(String::from)).to_vec();
    let agent = [0.40, 0.40, 0.41];
    let evidence = Evidence { collapsed: &collapsed, ..Evidence::new(&agent, &baselines, "buy & hold", MONTH) };
    let verdict = Verdict::of(&evidence).unwrap();
    assert_eq!((verdict.level(), verdict.outcome), (Level::Collapsed, Outcome::NotDistinguishable));
    assert_eq!(verdict.comparisons["buy & hold"].outcome, Outcome::Better, "the numbers stay what they are");
    assert_eq!(verdict.headline, "Collapsed to `always sell`: a constant policy and no skill");
    assert_eq!(
        verdict.sentences[..2],
        [
            "Of 3 seeds, 2 collapsed to `always sell`: what they earned is the return of a policy that looks at nothing.",
            "The agent cannot be said to beat buy & hold: a constant policy has learned nothing. Its mean return was \
             +40.3 %, that of buy & hold +10.0 %, a difference of +30.3 percentage points (95 % interval +28.9 to +31.8, \
             3 seeds).",
        ]
    );
    let worse = Evidence { agent: &[0.0, 0.0, 0.01], ..evidence };
    let worse = Verdict::of(&worse).unwrap();
    assert_eq!((worse.level(), worse.outcome), (Level::Collapsed, Outcome::Worse));
    let one = [Some("always sell".to_owned()), None, None];
    let verdict = Verdict::of(&Evidence { collapsed: &one, ..evidence }).unwrap();
    assert_eq!(
        (verdict.level(), verdict.headline.as_str()),
        (Level::Better, "Better than buy & hold on this test span")
    );
    assert!(verdict.sentences[0].starts_with("Of 3 seeds, 1 collapsed"));
    let error = Verdict::of(&Evidence { collapsed: &one[..2], ..evidence }).unwrap_err();
    assert!(error.to_string().contains("each of the 3 seeds, got 2"), "{error}");
}

/// Net worth that grows by `drift` a bar and swings by `swing` every second bar.
fn path(bars: usize, drift: f64, swing: f64) -> Vec<f64> {
    let step = |w: &mut f64, t: usize| {
        let side = if t.is_multiple_of(2) { swing } else { -swing };
        *w *= 1.0 + drift + side * (t % 7) as f64;
        Some(*w)
    };
    [100.0].into_iter().chain((1..bars).scan(100.0, step)).collect()
}

#[test]
fn the_wider_of_two_intervals_is_quoted_and_both_must_agree() {
    let agent: Vec<Vec<f64>> = (0..3).map(|i| path(300, 0.0004 + 1e-6 * f64::from(i), 0.004)).collect();
    let hold = [path(300, 0.0, 0.001)];
    let total = |path: &Vec<f64>| path[299] / path[0] - 1.0;
    let returns: Vec<f64> = agent.iter().map(total).collect();
    let baselines = [constant("buy & hold", total(&hold[0]))];
    let paths = Paths { agent: &agent, benchmark: &hold, replicates: 1000, seed: 1 };
    let alone = Evidence::new(&returns, &baselines, "buy & hold", MONTH);
    assert_eq!(Verdict::of(&alone).unwrap().outcome, Outcome::Better, "the seeds alone agree closely");
    let verdict = Verdict::of(&Evidence { paths: Some(paths), ..alone }).unwrap();
    assert_eq!((verdict.outcome, verdict.level()), (Outcome::NotDistinguishable, Level::Unclear));
    let [low, high] = verdict.time_ci95.unwrap();
    assert!(low < 0.0 && high > 0.0);
    assert_eq!((verdict.quoted.unwrap().covers, verdict.quoted.unwrap().ci95), (Covers::Time, [low, high]));
    assert!(verdict.sentences[0].contains("over blocks of time)"), "{}", verdict.sentences[0]);
    assert!(verdict.text().contains("Of two intervals the one that claims less is quoted"), "{}", verdict.text());
    // Wide but certain over the seeds, narrower over time but with 0 inside: the doubt is quoted.
    let apart = Verdict::of(&Evidence { agent: &[10.0, 11.0, 12.0], paths: Some(paths), ..alone }).unwrap();
    let [from, to] = apart.comparisons["buy & hold"].ci95.unwrap();
    assert!(from > 0.0 && to - from > high - low);
    assert_eq!((apart.outcome, apart.quoted.unwrap().covers), (Outcome::NotDistinguishable, Covers::Time));
    let one = Evidence { agent: &returns[..1], paths: Some(Paths { agent: &agent[..1], ..paths }), ..alone };
    let one = Verdict::of(&one).unwrap();
    assert_eq!((one.outcome, one.quoted), (Outcome::OneSeed, None));
    assert!(one.text().contains("over blocks of time the difference lies between"), "{}", one.text());
}

#[test]
fn a_difference_that_holds_at_every_bar_stays_better_over_time() {
    let agent: Vec<Vec<f64>> = (0..3).map(|i| path(300, 0.002 + 1e-4 * f64::from(i), 0.001)).collect();
    let hold = [path(300, 0.0, 0.001)];
    let paths = Paths { agent: &agent, benchmark: &hold, replicates: 500, seed: 1 };
    let returns: Vec<f64> = agent.iter().map(|p| p[299] / p[0] - 1.0).collect();
    let baselines = [constant("buy & hold", hold[0][299] / 100.0 - 1.0)];
    let evidence = Evidence { paths: Some(paths), ..Evidence::new(&returns, &baselines, "buy & hold", MONTH) };
    let verdict = Verdict::of(&evidence).unwrap();
    assert_eq!((verdict.outcome, verdict.level()), (Outcome::Better, Level::Better));
    assert_eq!(verdict.quoted.unwrap().covers, Covers::Seeds);
    assert_eq!(
        interval_over_time(&Paths { agent: &hold, ..paths }, 1).unwrap(),
        Some([0.0; 2]),
        "the benchmark itself"
    );
    let ruined = [vec![1.0, 0.0, 0.0]];
    let short = [vec![1.0, 1.0, 1.0]];
    assert_eq!(interval_over_time(&Paths { agent: &ruined, benchmark: &short, ..paths }, 1).unwrap(), None);
    let refusal = |agent: &[Vec<f64>], n| {
        interval_over_time(&Paths { agent, benchmark: &short, ..paths }, n).unwrap_err().to_string()
    };
    assert!(refusal(&short, 2).contains("2 seeds need as many paths"));
    assert!(refusal(&[vec![1.0]], 1).contains("the same bars, 2 or more, got 1 and 3"));
    assert!(refusal(&[vec![1.0, f64::NAN, 1.0]], 1).contains("must be finite"));
}

#[test]
fn trials_take_away_from_a_sharpe_ratio() {
    let baselines = [constant("buy & hold", 0.1)];
    let skill = Skill { trials: 100, deflated_sharpe: 0.9004, minimum_periods: Some(1234.2) };
    let evidence =
        Evidence { skill: Some(skill), ..Evidence::new(&[0.3, 0.31, 0.29], &baselines, "buy & hold", MONTH) };
    let text = Verdict::of(&evidence).unwrap().text();
    assert!(
        text.contains(
            "Its Sharpe ratio does not exceed what the best of 100 strategies without skill would show at 95 % (deflated \
             Sharpe ratio: confidence 90.0 %). A ratio of this size needs 1235 periods to stand above 0 at 95 %, the span \
             has 864."
        ),
        "{text}"
    );
}

#[test]
fn with_one_trial_the_ratio_is_the_probabilistic_one() {
    let skill = Skill { trials: 1, deflated_sharpe: 0.97, minimum_periods: None };
    let baselines = [constant("buy & hold", 0.1)];
    let evidence = Evidence { skill: Some(skill), ..Evidence::new(&[0.3, 0.31], &baselines, "buy & hold", MONTH) };
    let text = Verdict::of(&evidence).unwrap().text();
    let sentence = "Its Sharpe ratio exceeds 0 at 95 % (probabilistic Sharpe ratio: confidence 97.0 %).";
    assert!(text.contains(sentence), "{text}");
}

#[test]
fn a_verdict_written_before_reads_as_one_without_the_new_evidence() {
    let verdict = Verdict::new(&[0.3, 0.31], &[constant("buy & hold", 0.1)], "buy & hold", MONTH).unwrap();
    let mut json = serde_json::to_value(&verdict).unwrap();
    for key in ["collapsed", "time_ci95", "quoted", "skill"] {
        assert!(json.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    let read: Verdict = serde_json::from_value(json).unwrap();
    assert_eq!((read.time_ci95, read.level(), read.sentences), (None, Level::Better, verdict.sentences));
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
