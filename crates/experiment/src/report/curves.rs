//! The series behind the charts; they are not part of `report.json`.

use std::collections::BTreeMap;

use pavlov_rl_core::ActionBatch;

use super::insight::InsightCurves;

/// Everything that the charts of a report show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Names of the `N` traded assets.
    pub assets: Vec<String>,
    /// The prices through both spans.
    pub price: PriceCurve,
    /// The span that was learned from, played once through after training.
    pub train: SpanCurves,
    /// The span that was judged on.
    pub test: SpanCurves,
    /// What an agent decides.
    pub actions: Actions,
    /// How every seed learned.
    pub learning: Vec<LearningCurve>,
    /// What the agent expected and attended to on the test span, if it says so.
    pub insight: Option<InsightCurves>,
}

/// What an agent decides at every bar.
#[derive(Clone, Debug, PartialEq)]
pub enum Actions {
    /// One of these, in the environment's order.
    Named(Vec<String>),
    /// Numbers between these bounds.
    Numbers(Vec<[f64; 2]>),
}

impl Default for Actions {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl Actions {
    /// The names, if it is one of several that is decided.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Named(names) => names,
            Self::Numbers(_) => &[],
        }
    }
}

/// Every bar from the first of the training span to the last of the test span, `[T]`; also those between the two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriceCurve {
    /// Close stamps, UTC ns, rising.
    pub times: Vec<i64>,
    /// Price of each asset, in money, `[N][T]`.
    pub close: Vec<Vec<f64>>,
}

/// One span: all series are `[T]`, one value a bar, the starting point first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanCurves {
    /// Close stamps, UTC ns, rising.
    pub times: Vec<i64>,
    /// Price of each asset, in money, `[N][T]`.
    pub close: Vec<Vec<f64>>,
    /// The agent, one curve a seed.
    pub agents: Vec<AgentCurve>,
    /// The policies without learning, named as in the report.
    pub baselines: Vec<BaselineCurve>,
}

/// One seed's account on one span; a ruined one ends before the span does.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentCurve {
    /// Its seed.
    pub seed: u64,
    /// Net worth, in money, `[T]`.
    pub net_worth: Vec<f64>,
    /// Signed value of each asset held, as a fraction of the net worth, `[N][T]`.
    pub weights: Vec<Vec<f64>>,
    /// Purchases and sales, in order.
    pub trades: Vec<Trade>,
    /// What was decided at each bar but the last, `[T - 1]`.
    pub actions: ActionBatch,
    /// Rewards of the steps, as the environment gives them, `[T - 1]`.
    pub rewards: Vec<f64>,
}

/// A purchase or sale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Close stamp of the bar that it happened in, UTC ns.
    pub time: i64,
    /// Number of the asset, from 0.
    pub asset: usize,
    /// Signed number of shares: a purchase is positive.
    pub shares: f64,
    /// Price of a share, in money.
    pub price: f64,
}

/// One baseline's account on one span; the mean over the seeds if it draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaselineCurve {
    /// Its name.
    pub name: String,
    /// Net worth, in money, `[T]`.
    pub net_worth: Vec<f64>,
    /// Rewards of the steps, `[T - 1]`; empty where nobody stepped.
    pub rewards: Vec<f64>,
}

/// One seed's training. What is of episodes has a value for every update in which some ended, `[U]`; the agent's own
/// figures have one for every update, `[V]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LearningCurve {
    /// Its seed.
    pub seed: u64,
    /// Environment steps so far, rising, `[U]`.
    pub env_steps: Vec<u64>,
    /// Episodes that ended, at least 1, `[U]`.
    pub episodes: Vec<u64>,
    /// Their mean profit, in money, `[U]`.
    pub episode_profit: Vec<f64>,
    /// How often they took each action, mean an episode, `[A][U]`; empty if actions are not discrete.
    pub episode_actions: Vec<Vec<f64>>,
    /// Environment steps so far at every update, rising, `[V]`.
    pub update_steps: Vec<u64>,
    /// The agent's own figures by name, `[V]` each.
    pub figures: BTreeMap<String, Vec<f64>>,
}

impl SpanCurves {
    /// The seed in the middle by its last net worth, the lower one of two; `None` without seeds.
    pub fn median_seed(&self) -> Option<u64> {
        let mut ends: Vec<(f64, u64)> =
            self.agents.iter().filter_map(|agent| Some((*agent.net_worth.last()?, agent.seed))).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        ends.get(ends.len().checked_sub(1)? / 2).map(|(_, seed)| *seed)
    }

    /// The curve of a seed.
    pub fn agent(&self, seed: u64) -> Option<&AgentCurve> {
        self.agents.iter().find(|agent| agent.seed == seed)
    }

    /// The net worth of a baseline.
    pub fn baseline(&self, name: &str) -> Option<&[f64]> {
        self.baselines.iter().find(|b| b.name == name).map(|b| b.net_worth.as_slice())
    }
}
