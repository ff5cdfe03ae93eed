//! The series behind the charts; they are not part of `report.json`.

/// Everything that the charts of a report show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// The span that was learned from.
    pub train: SpanCurves,
    /// The span that was judged on.
    pub test: SpanCurves,
    /// How every seed learned.
    pub learning: Vec<LearningCurve>,
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

/// One seed's episodes, `[E]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LearningCurve {
    /// Its seed.
    pub seed: u64,
    /// Environment steps at the end of each episode, not falling.
    pub env_steps: Vec<u64>,
    /// Profit of each episode, in money.
    pub episode_profit: Vec<f64>,
}
