//! A manager that forecasts the next row and an order network that sees the forecast: two networks, one aim.
//!
//! Source: "Hierarchical attention in reinforcement learning for stock order executions", 2020: both networks are an LSTM
//! in two directions, attention of the last row over all, and a linear head; joint loss, half of each. The order network
//! learns the values of orders by double Q-learning from a replay ([`crate::double_dqn`]).
//!
//! The manager learns from the error of its forecast, and from the order network's loss, which reaches it through the
//! forecast: what is rewarded is what both made. In the article its weights are in no optimiser (`manager = "frozen"`), and
//! every order of a state is given the same value to learn, so nothing can be learnt; that is not reproduced.

mod acting;
mod config;
mod learn;
mod network;

use std::cell::RefCell;

use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Agent, AgentError, Attention, Checkpoint, Decisions, Experience, Explanation,
    Memory, Observations, Policy, Rng, RngTree, UpdateStats, uniform_f32,
};

use self::acting::{Acting, Scratch};
pub(crate) use self::config::parse;
pub use self::config::{Body, Manager, ManagerOrderConfig, Orders, Sequence};
use self::learn::Work;
use self::network::{Pair, Shape};
use crate::losses;
use crate::nn::Windows;
use crate::optim::{Adam, AdamConfig};
use crate::q_learning::{Choice, Learner, Tally};
use crate::registry::{AgentContext, RolloutLen};

const NAME: &str = "manager_order";
/// What a type of order is called where it comes with an amount: 0 buys, 1 sells.
const TYPES: &[&str] = &["buy", "sell"];

/// The agent: both networks and their targets, optimisers and experience.
pub struct ManagerOrder {
    config: ManagerOrderConfig,
    learner: Learner,
    online: Pair,
    target: Pair,
    /// Host copies of both pairs.
    acting: [Acting; 2],
    /// Of the networks that learn, the manager first.
    adams: Vec<Adam>,
    windows: Windows,
    tally: Tally,
    work: Work,
}

impl ManagerOrder {
    /// A fresh agent, its weights drawn from the stream `"init"`.
    ///
    /// # Errors
    /// [`AgentError::Mismatch`] if the environment's actions or observations do not suit the config.
    pub fn new(config: ManagerOrderConfig, context: &AgentContext<'_>, rng: &RngTree) -> Result<Self, AgentError> {
        let mismatch = |reason: &str| AgentError::Mismatch { agent: NAME, reason: reason.to_owned() };
        let seen = context.spec.observation;
        let names = match (&context.spec.action, config.orders) {
            (ActionSpec::Discrete { names }, Orders::Choice) => *names,
            (ActionSpec::Continuous { low, high }, Orders::TypeAndAmount)
                if **low == [0.0; 2] && high.len() == 2 && high[0] >= 1.0 && high[1] == 1.0 =>
            {
                TYPES
            }
            (ActionSpec::Discrete { .. }, Orders::TypeAndAmount) => {
                return Err(mismatch("its actions are choices; set orders = \"choice\""));
            }
            (ActionSpec::Continuous { .. }, _) => {
                let cure = "set orders = \"type_and_amount\" for actions of a type and an amount, or let the environment offer \
                            choices";
                return Err(mismatch(&format!("its actions are numbers; {cure}")));
            }
        };
        if config.sequence == Sequence::Columns && seen.window < seen.features.max(seen.account) {
            let most = seen.features.max(seen.account);
            return Err(mismatch(&format!("sequence = \"columns\" needs a window of {most} rows or more")));
        }
        if matches!(context.rollout_len, RolloutLen::Episode(_)) && context.num_envs != 1 {
            return Err(mismatch("train.rollout_len = \"episode\" needs train.num_envs = 1"));
        }
        let shape = Shape { seen, sequence: config.sequence, manager: config.manager, num_actions: names.len() };
        let online = Pair::new(&config, shape, &context.device, &mut rng.stream("init", 0))?;
        let target = online.duplicate()?;
        let learning = online.manager.iter().filter(|_| config.manager == Manager::Joint).chain([&online.order]);
        Ok(Self {
            adams: learning.map(|net| Adam::new(&net.params, AdamConfig::default())).collect(),
            acting: [Acting::new(&online)?, Acting::new(&target)?],
            learner: Learner::new(
                config.common(),
                seen,
                names,
                context.num_envs,
                (context.rollout_len, context.updates),
            ),
            windows: Windows::new(&context.device),
            tally: Tally::default(),
            work: Work::default(),
            online,
            target,
            config,
        })
    }

    /// What each row of a network's sequence is, the manager's first.
    fn labels(&self) -> [Vec<String>; 2] {
        let shape = &self.online.shape;
        let rows: Vec<String> = match shape.sequence {
            Sequence::Time => {
                let back = (1..shape.seen.window).rev().map(|back| format!("t-{back}"));
                back.chain(["t".to_owned()]).collect()
            }
            Sequence::Columns => {
                let columns = (0..shape.seen.features).map(|column| format!("column {column}"));
                columns.chain(["account".to_owned()]).collect()
            }
        };
        let forecast = shape.forecasts().then(|| "forecast".to_owned());
        [rows.clone(), rows.into_iter().chain(forecast).collect()]
    }
}

thread_local! {
    /// Each thread that acts has its buffers: acting takes `&self` and allocates nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Policy for ManagerOrder {
    fn memory(&self, n: usize) -> Memory {
        Memory::zeros(n, 0)
    }

    fn act(
        &self,
        seen: Observations<'_>,
        _: &mut Memory,
        mode: ActMode,
        rng: &mut Rng,
        out: &mut Decisions,
    ) -> Result<(), AgentError> {
        SCRATCH.with_borrow_mut(|scratch| {
            self.acting[0].infer(seen, scratch);
            for (i, q) in scratch.q().chunks_exact(self.learner.num_actions()).enumerate() {
                let Choice { taken, value, explores } = self.learner.choose(q, mode, rng);
                (out.log_prob[i], out.value[i]) = (0.0, value);
                match &mut out.actions {
                    ActionBatch::Discrete(actions) => actions[i] = taken,
                    ActionBatch::Continuous { values, .. } => {
                        let amount = if explores { uniform_f32(rng) } else { losses::log_softmax_at(q, taken).exp() };
                        for numbers in [values, &mut out.drawn] {
                            numbers[2 * i..2 * i + 2].copy_from_slice(&[taken as f32, amount]);
                        }
                    }
                }
            }
        });
        Ok(())
    }
}

impl Agent for ManagerOrder {
    fn mirror(&self, decisions: &Decisions, out: &mut ActionBatch) -> bool {
        self.learner.mirror(decisions, out)
    }

    fn observe(&mut self, step: Experience<'_>) -> Result<(), AgentError> {
        self.learner.observe(&step, |i| match &step.decisions.actions {
            ActionBatch::Discrete(actions) => actions[i],
            ActionBatch::Continuous { values, .. } => values[2 * i] as u32,
        });
        Ok(())
    }

    fn update(&mut self, rng: &mut Rng) -> Result<Option<UpdateStats>, AgentError> {
        for _ in 0..self.learner.gradient_steps_due() {
            self.learn(rng)?;
        }
        if !self.learner.ends_update(self.tally.steps) {
            return Ok(None);
        }
        let (epsilon, replay_len) = (self.learner.epsilon(), self.learner.replay_len());
        let mut stats = self.tally.stats(epsilon, replay_len);
        if self.online.shape.forecasts() {
            stats.push(("forecast_loss", self.work.forecast_loss / self.tally.steps));
        }
        (self.tally, self.work.forecast_loss) = (Tally::default(), 0.0);
        Ok(Some(stats))
    }

    fn explain(&self, seen: Observations<'_>, _: &Memory) -> Result<Explanation, AgentError> {
        let one = Observations { last_row: &seen.last_row[..1], account: &seen.account[..seen.spec.account], ..seen };
        let attention = |(of, (labels, shares)): (&'static str, (Vec<String>, &[f32]))| {
            (!shares.is_empty()).then(|| Attention { of, labels, shares: shares.to_vec() })
        };
        SCRATCH.with_borrow_mut(|scratch| {
            self.acting[0].infer(one, scratch);
            let parts = ["manager", "order network"].into_iter().zip(self.labels().into_iter().zip(scratch.shares()));
            Ok(Explanation {
                of_actions: vec![("q", scratch.q().to_vec())],
                of_state: Vec::new(),
                forecast: scratch.forecast().to_vec(),
                attention: parts.filter_map(attention).collect(),
            })
        })
    }

    fn save(&self, to: &mut Checkpoint) -> Result<(), AgentError> {
        assert_eq!(self.tally.steps, 0.0, "checkpoints are taken between updates");
        for (prefix, pair) in [("weights/", &self.online), ("target/", &self.target)] {
            pair.nets().try_for_each(|(name, net)| net.params.save(&format!("{prefix}{name}"), to))?;
        }
        for (i, adam) in self.adams.iter().enumerate() {
            adam.save(&format!("adam/{i}/"), to)?;
        }
        self.learner.save(to);
        Ok(())
    }

    fn restore(&mut self, from: &Checkpoint) -> Result<(), AgentError> {
        for (prefix, pair) in [("weights/", &mut self.online), ("target/", &mut self.target)] {
            pair.nets_mut().try_for_each(|(name, net)| net.params.restore(&format!("{prefix}{name}"), from))?;
        }
        for (i, adam) in self.adams.iter_mut().enumerate() {
            adam.restore(&format!("adam/{i}/"), from)?;
        }
        self.learner.restore(from)?;
        (self.tally, self.work.forecast_loss) = (Tally::default(), 0.0);
        self.acting = [Acting::new(&self.online)?, Acting::new(&self.target)?];
        Ok(())
    }
}
