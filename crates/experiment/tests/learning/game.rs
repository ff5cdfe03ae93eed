//! A generated market, an agent and a budget; and what is made of the figures.

use pavlov_evaluation::Summary;
use pavlov_experiment::report::{Report, RunReport};
use pavlov_testkit::scale::nightly;

use crate::common::experiment;

/// Name and keys of a mode.
pub type Mode = (&'static str, &'static str);

/// What is played, and by whom.
#[derive(Clone, Copy)]
pub struct Game {
    /// Mode of the synthetic provider and its keys but for the volatility.
    pub mode: Mode,
    pub volatility: f64,
    /// Seed of the market.
    pub market: u64,
    pub commission: f64,
    /// Training and test span, one behind the other.
    pub spans: [&'static str; 3],
    /// Body of the agent's net.
    pub body: &'static str,
    pub updates: u32,
}

/// Six months to learn from, two to be judged on.
pub const SPANS: [&str; 3] = ["2018-01-01", "2018-07-01", "2018-09-01"];

/// Agents trained on each market.
pub fn agents() -> u64 {
    if nightly() { 10 } else { 3 }
}

/// Seeds of the markets: one, or two at night.
pub fn markets() -> Vec<u64> {
    if nightly() { vec![21, 22] } else { vec![21] }
}

impl Game {
    pub fn manifest(&self) -> String {
        let Self { mode: (law, rest), volatility, market, spans: [from, _, to], .. } = self;
        format!(
            r#"
schema_version = 1
name = "generated"
summary = "a generated market"
source = "generated"
symbol = "SYN"
interval = "1h"
adjustment = "none"
span = ["{from}", "{to}"]
sources = ["provider"]
[provider]
name = "synthetic"
seed = {market}
start_price = 10000.0
mean_volume = 1000.0
[provider.mode.{law}]
volatility = {volatility}
{rest}
"#
        )
    }

    /// Episodes of training are as long as the test span, so that an account of the size that a good policy reaches there
    /// is nothing new. Rewards are scaled so that a bar's is about 0.3.
    fn config(&self, environment: &str, reward: f64, learner: &str) -> String {
        let Self { commission, spans: [from, to, end], updates, .. } = self;
        let (manifest, agents, reward_scale) = (self.manifest(), agents(), reward / self.volatility);
        format!(
            r#"
manifest = '''{manifest}'''
name = "learning"
[data]
dataset = "generated"
train = ["{from}", "{to}"]
test = ["{to}", "{end}"]
[features]
columns = [
    {{ returns = {{ of = "open", kind = "percent" }} }},
    {{ returns = {{ of = "close", kind = "percent" }} }},
    {{ volume_change = {{ kind = "percent", clip = 300.0 }} }},
]
[environment]
{environment}
sample_len = 1400
commission = {commission}
{learner}
updates = {updates}
reward_scale = {reward_scale}
[runs]
num = {agents}
"#
        )
    }

    /// Trains LSTM-PPO and judges it.
    pub fn run(&self) -> Report {
        let body = self.body;
        let learner = format!(
            r#"
[agent]
name = "lstm_ppo"
body = "{body}"
learning_rate = 3e-3
clip = 0.2
discount = 0.5
gae_lambda = 0.8
entropy_coef = 0.002
[train]
num_envs = 64
rollout_len = 30"#
        );
        self.run_with("name = \"bitcoin\"", 5e-5, &learner)
    }

    /// Trains the agent of these sections, of which `[train]` is the last, and judges it; `reward` is what a bar's reward is
    /// scaled to, over its size in money or as a return.
    pub fn run_with(&self, environment: &str, reward: f64, learner: &str) -> Report {
        Self::trained(&self.config(environment, reward, learner))
    }

    /// The same with columns that are scaled.
    pub fn run_scaled(&self, environment: &str, reward: f64, learner: &str) -> Report {
        let config = self.config(environment, reward, learner);
        Self::trained(&config.replace("[features]", "[features]\nscaling = \"standard\""))
    }

    fn trained(config: &str) -> Report {
        let place = tempfile::tempdir().unwrap();
        experiment(place.path(), "learning", config, 2).unwrap()
    }

    /// What the runs made of what an oracle made, in log growth of the test span.
    pub fn shares(&self, report: &Report, oracle: f64) -> Vec<f64> {
        report.runs.iter().map(|run| log_growth(run) / oracle).collect()
    }
}

pub fn log_growth(run: &RunReport) -> f64 {
    run.metrics["cumulative_return"].unwrap().ln_1p()
}

/// Log growth of the random policy, of its mean over the seeds.
pub fn random(report: &Report) -> f64 {
    report.baselines["random"].metrics["cumulative_return"].unwrap().ln_1p()
}

/// One-sided 0.1 % of the normal distribution.
pub const SIGNIFICANT: f64 = 3.09;

/// t statistic of the mean return of a bar: Sharpe ratio times the root of the years.
pub fn t_statistics(report: &Report) -> Vec<f64> {
    let years = report.verdict.days / 365.25;
    report.runs.iter().map(|run| run.metrics["sharpe"].unwrap_or(0.0) * years.sqrt()).collect()
}

/// Mean over the seeds of the t statistic of what the agents make of the test span when trades cost nothing.
pub fn gross_t(report: &Report) -> f64 {
    let free = report.fee_sweep.as_ref().unwrap().rows.iter().find(|row| row.commission == 0.0).unwrap();
    free.sharpe.mean.unwrap_or(0.0) * (report.verdict.days / 365.25).sqrt()
}

pub fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MAX, f64::min)
}

pub fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MIN, f64::max)
}

/// Mean, 95 % interval and extremes over the seeds.
pub fn figures(values: &[f64]) -> String {
    let summary = Summary::of(values.iter().copied());
    let (mean, [low, high]) = (summary.mean.unwrap(), summary.ci95.unwrap());
    let (least, most, n) = (least(values), most(values), values.len());
    format!("mean {mean:.3} (95 % interval {low:.3} to {high:.3}), least {least:.3}, most {most:.3}, {n} seeds")
}
