//! R10 and R11: LSTM-PPO finds what can be found and nothing where nothing is, judged on bars it never saw.
#![allow(clippy::print_stdout)]

mod common;

use std::sync::Arc;

use common::experiment;
use pavlov_envs::{EpisodeMode, environment};
use pavlov_experiment::report::Report;
use pavlov_features::{FittedScaler, Scaling, feature, market};
use pavlov_market_data::{Manifest, Sources, load_dataset};
use pavlov_rl_core::{ActionBatch, RngTree, Segment, Status};

const SEEDS: u64 = 3;

/// A dataset of a mode of the synthetic provider.
fn manifest(mode: &str, span: &str) -> String {
    format!(
        r#"
schema_version = 1
name = "generated"
summary = "a generated market"
source = "generated"
symbol = "SYN"
interval = "1h"
adjustment = "none"
span = {span}
sources = ["provider"]
[provider]
name = "synthetic"
seed = 21
start_price = 10000.0
mean_volume = 1000.0
{mode}
"#
    )
}

fn config(manifest: &str, spans: &str, commission: f64, updates: u32) -> String {
    format!(
        r#"
manifest = '''{manifest}'''
name = "learning"
[data]
dataset = "generated"
{spans}
[features]
columns = [
    {{ returns = {{ of = "open", kind = "percent" }} }},
    {{ returns = {{ of = "close", kind = "percent" }} }},
    {{ volume_change = {{ kind = "percent", clip = 300.0 }} }},
]
[environment]
name = "bitcoin"
sample_len = 240
commission = {commission}
[agent]
name = "lstm_ppo"
learning_rate = 2e-3
clip = 0.2
[train]
num_envs = 32
rollout_len = 120
updates = {updates}
reward_scale = 0.01
[runs]
num = {SEEDS}
"#
    )
}

fn run(config: &str) -> Report {
    let place = tempfile::tempdir().unwrap();
    experiment(place.path(), "learning", config, 2).unwrap()
}

const PLANTED_SPAN: &str = "[\"2018-01-01\", \"2018-09-01\"]";
const PLANTED_SPANS: &str = "train = [\"2018-01-01\", \"2018-07-01\"]\ntest = [\"2018-07-01\", \"2018-09-01\"]";

/// Return on the test span of whoever reads the planted column: a high volume is followed by a rise.
fn oracle(manifest: &str, commission: f64) -> f64 {
    let manifest = Manifest::parse(manifest, "generated.toml".as_ref()).unwrap();
    let sources = Sources { disk: Arc::new(pavlov_store::OsDisk), cache_dir: None, data_dir: None };
    let bars = load_dataset(&manifest, &sources).unwrap().bars;
    let july = 1_530_403_200_000_000_000;
    let rows = bars.opening_between(july, i64::MAX);
    let segment = Segment { start: 0, first: rows.start as u32, end: rows.end as u32 };
    let features = [feature("raw").unwrap().parse_text("of = 'volume'").unwrap()];
    let scaler = FittedScaler::fit(&Scaling::None, &features, &bars, 0..rows.start).unwrap();
    let market = Arc::new(market(&bars, &features, &scaler, vec![segment]).unwrap());
    let config = environment("bitcoin").unwrap().parse_text(&format!("commission = {commission}")).unwrap();
    let game = config.build(market, segment, EpisodeMode::Whole).unwrap();
    let mut env = game.batch(0..1, &RngTree::new(0));
    let mut books = Vec::new();
    env.ledgers(&mut books);
    let start = books[0].net_worth();
    loop {
        let row = env.observations().last_row[0] as usize;
        let action = if bars.volume()[row] > 1_000.0 { 1 } else { 2 };
        let step = env.step(&ActionBatch::Discrete(vec![action]));
        if step.statuses[0] != Status::Running {
            return step.end_ledgers[0].net_worth() / start - 1.0;
        }
    }
}

fn log_growth(total_return: f64) -> f64 {
    (1.0 + total_return).ln()
}

/// t statistic of the mean return of a bar: Sharpe ratio times the root of the years.
fn t_statistic(report: &Report, sharpe: f64) -> f64 {
    sharpe * (report.verdict.days / 365.25).sqrt()
}

#[test]
fn a_planted_signal_is_found_on_every_seed_with_and_without_commission() {
    let manifest = manifest("mode.planted_signal = { volatility = 0.005, hit_rate = 0.9 }", PLANTED_SPAN);
    for commission in [0.0, 0.00075] {
        let report = run(&config(&manifest, PLANTED_SPANS, commission, 350));
        let best = log_growth(oracle(&manifest, commission));
        let random = log_growth(report.baselines["random"].metrics["cumulative_return"].unwrap()) / best;
        assert!(best > 0.5 && random < 0.2, "the oracle makes {best:.3}, random {random:.2} of it");
        for run in &report.runs {
            let share = log_growth(run.metrics["cumulative_return"].unwrap()) / best;
            println!("R11: commission {commission}, seed {}: {share:.3} of the oracle, random {random:.3}", run.seed);
            assert!(share >= 0.9, "PROMISE=R11 commission {commission}, seed {}: {share:.3}", run.seed);
        }
        assert!(!report.subject.notes.iter().any(|n| n.starts_with("Collapsed")), "{:?}", report.subject.notes);
        // The positive control of the test below: where there is a signal, it fires.
        let t = t_statistic(&report, report.runs[0].metrics["sharpe"].unwrap());
        assert!(t > SIGNIFICANT, "t = {t:.1}");
    }
}

/// One-sided 0.1 % of the normal distribution.
const SIGNIFICANT: f64 = 3.09;

#[test]
fn a_martingale_with_commission_pays_nothing() {
    let manifest = manifest("mode.martingale.volatility = 0.005", "[\"2012-01-01\", \"2018-09-01\"]");
    let spans = "train = [\"2012-01-01\", \"2012-07-01\"]\ntest = [\"2012-07-01\", \"2018-09-01\"]";
    let report = run(&config(&manifest, spans, 0.00075, 60));
    assert!(report.verdict.periods >= 50_000, "{} bars", report.verdict.periods);
    // Where nothing can be earned, not trading is right, and the report says what that is.
    assert!(
        report.subject.notes.iter().any(|n| n.starts_with("Collapsed") && n.contains("3 of 3 runs")),
        "{:?}",
        report.subject.notes
    );
    for run in &report.runs {
        let t = t_statistic(&report, run.metrics["sharpe"].unwrap_or(0.0));
        println!("R10: seed {}: t = {t:.2}", run.seed);
        assert!(t < SIGNIFICANT, "PROMISE=R10 seed {}: a martingale cannot pay, yet t = {t:.2}", run.seed);
    }
}
