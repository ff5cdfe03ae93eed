//! The series behind the charts; they are not part of `report.json`.

/// Everything that the charts of a report show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// The price through both spans.
    pub price: PriceCurve,
    /// The span that was learned from, played once through after training.
    pub train: SpanCurves,
    /// The span that was judged on.
    pub test: SpanCurves,
    /// Names of the discrete actions, in the environment's order.
    pub actions: Vec<String>,
    /// How every seed learned.
    pub learning: Vec<LearningCurve>,
}

/// Every bar from the first of the training span to the last of the test span, `[T]`; also those between the two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriceCurve {
    /// Close stamps, UTC ns, rising.
    pub times: Vec<i64>,
    /// Price of the asset, in money.
    pub close: Vec<f64>,
}

/// One span: all series are `[T]`, one value a bar, the starting point first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanCurves {
    /// Close stamps, UTC ns, rising.
    pub times: Vec<i64>,
    /// Price of the asset, in money.
    pub close: Vec<f64>,
    /// The agent, one curve a seed.
    pub agents: Vec<AgentCurve>,
    /// The policies without learning, named as in the report.
    pub baselines: Vec<BaselineCurve>,
}

/// One seed's account on one span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentCurve {
    /// Its seed.
    pub seed: u64,
    /// Net worth, in money, `[T]`.
    pub net_worth: Vec<f64>,
    /// Signed units held, `[T]`.
    pub position: Vec<f64>,
}

/// One baseline's account on one span; the mean over the seeds if it draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaselineCurve {
    /// Its name.
    pub name: String,
    /// Net worth, in money, `[T]`.
    pub net_worth: Vec<f64>,
}

/// One seed's training, `[U]`: a value for every update in which episodes ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LearningCurve {
    /// Its seed.
    pub seed: u64,
    /// Environment steps so far, rising.
    pub env_steps: Vec<u64>,
    /// Episodes that ended, at least 1.
    pub episodes: Vec<u64>,
    /// Their mean profit, in money.
    pub episode_profit: Vec<f64>,
    /// How often they took each action, mean an episode, `[A][U]`; empty if actions are not discrete.
    pub episode_actions: Vec<Vec<f64>>,
}
