use pavlov_rl_core::{
    ActionBatch, ActionSpec, BatchEnv, Fill, Frame, Ledger, Rng, RngTree, Status, below, uniform_f32,
};

/// What one copy of a game showed from its first observation to the end of its episode, or of the steps asked for.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The table that its windows lie in.
    pub frame: Frame,
    /// What was seen, `steps.len() + 1` times.
    pub seen: Vec<Seen>,
    /// What came of each action.
    pub steps: Vec<Taken>,
}

/// An observation and the books.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Last visible row.
    pub last_row: u32,
    /// Account numbers `[A]`.
    pub account: Vec<f32>,
    /// The books.
    pub ledger: Ledger,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Its reward.
    pub reward: f64,
    /// Whether the episode went on.
    pub status: Status,
    /// Its fills.
    pub fills: Vec<Fill>,
}

impl Trace {
    /// Plays copy 0 with random actions that depend on `seed` and on nothing that is seen.
    pub fn play(mut env: Box<dyn BatchEnv>, seed: u64, steps: usize) -> Self {
        let spec = env.spec().action.clone();
        let mut actor = Actor {
            rng: RngTree::new(seed).child("audit").stream("policy", 0),
            actions: ActionBatch::new(&spec, env.len()),
        };
        let mut ledgers = Vec::new();
        env.ledgers(&mut ledgers);
        let now = env.observations();
        let first = Seen { last_row: now.last_row[0], account: now.account(0).to_vec(), ledger: ledgers[0] };
        let mut trace = Self { frame: now.frame.clone(), seen: vec![first], steps: Vec::new() };
        for t in 0..steps {
            env.record_fills(true);
            let step = env.step(actor.draw(&spec, t));
            let (reward, status) = (step.rewards[0], step.statuses[0]);
            let ended = status != Status::Running;
            let now = if ended { step.end } else { step.next };
            let (last_row, account, end) = (now.last_row[0], now.account(0).to_vec(), step.end_ledgers[0]);
            env.ledgers(&mut ledgers);
            trace.seen.push(Seen { last_row, account, ledger: if ended { end } else { ledgers[0] } });
            trace.steps.push(Taken { reward, status, fills: env.fills()[0].clone() });
            if ended {
                break;
            }
        }
        trace
    }

    /// Fills that moved shares, each with the last row that was seen when it was decided; a charge is none.
    pub fn trades(&self) -> impl Iterator<Item = (u32, Fill)> {
        let steps = self.seen.iter().zip(&self.steps);
        let fills = steps.flat_map(|(seen, step)| step.fills.iter().map(move |fill| (seen.last_row, *fill)));
        fills.filter(|(_, fill)| fill.shares != 0.0)
    }
}

/// Draws an action, and keeps it for four steps on average: accounts live longer than with one at every step.
struct Actor {
    rng: Rng,
    actions: ActionBatch,
}

impl Actor {
    fn draw(&mut self, spec: &ActionSpec, t: usize) -> &ActionBatch {
        if t > 0 && below(&mut self.rng, 4) != 0 {
            return &self.actions;
        }
        match (&mut self.actions, spec) {
            (ActionBatch::Discrete(choices), ActionSpec::Discrete { names }) => {
                choices.fill(below(&mut self.rng, names.len() as u32));
            }
            (ActionBatch::Continuous { width, values }, ActionSpec::Continuous { low, high }) => {
                for (i, value) in values.iter_mut().enumerate() {
                    let (low, high) = (low[i % *width], high[i % *width]);
                    *value = (low + (high - low) * uniform_f32(&mut self.rng)).clamp(low, high);
                }
            }
            _ => unreachable!("the batch was made from the specification"),
        }
        &self.actions
    }
}
