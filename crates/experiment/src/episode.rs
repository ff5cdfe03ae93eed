//! Plays one whole episode and keeps its books.

use pavlov_rl_core::{
    ActMode, ActionBatch, AgentError, BatchEnv, Decisions, Fill, Ledger, Memory, Observations, Policy, Rng, Status,
};

/// The books of one episode, a row a bar, and its fills.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeRecord {
    /// Rows of the market, rising, `[T]`.
    pub rows: Vec<u32>,
    /// Books at the close of each row, `[T]`.
    pub ledgers: Vec<Ledger>,
    /// Trades, in order.
    pub fills: Vec<Fill>,
    /// What was decided at each row but the last, `[T - 1]`; `None` where no policy decided.
    pub actions: Option<ActionBatch>,
    /// Reward of the step to each row but the first, as the environment gives it, `[T - 1]`; empty where nobody stepped.
    pub rewards: Vec<f64>,
}

impl EpisodeRecord {
    /// Books that no policy stepped through.
    pub fn of_books(rows: Vec<u32>, ledgers: Vec<Ledger>, fills: Vec<Fill>) -> Self {
        Self { rows, ledgers, fills, actions: None, rewards: Vec::new() }
    }
}

/// Plays copy 0 of `env` to the end of its episode.
///
/// # Errors
/// What `decide` returns.
pub fn play<E>(
    mut env: Box<dyn BatchEnv>,
    mut decide: impl FnMut(Observations<'_>, &mut ActionBatch) -> Result<(), E>,
) -> Result<EpisodeRecord, E> {
    let mut actions = ActionBatch::new(&env.spec().action, 1);
    let mut ledgers = Vec::new();
    env.record_fills(true);
    env.ledgers(&mut ledgers);
    let mut record = EpisodeRecord::of_books(vec![env.observations().last_row[0]], ledgers.clone(), Vec::new());
    let mut taken = ActionBatch::new(&env.spec().action, 0);
    loop {
        decide(env.observations(), &mut actions)?;
        add(&mut taken, &actions);
        let after = env.step(&actions);
        record.rewards.push(after.rewards[0]);
        let ended = after.statuses[0] != Status::Running;
        record.rows.push(if ended { after.end.last_row[0] } else { after.next.last_row[0] });
        if ended {
            record.ledgers.push(after.end_ledgers[0]);
            record.fills = env.fills()[0].clone();
            record.actions = Some(taken);
            return Ok(record);
        }
        env.ledgers(&mut ledgers);
        record.ledgers.push(ledgers[0]);
    }
}

/// Puts the actions of a step behind those before it.
fn add(taken: &mut ActionBatch, step: &ActionBatch) {
    match (taken, step) {
        (ActionBatch::Discrete(all), ActionBatch::Discrete(now)) => all.extend(now),
        (ActionBatch::Continuous { values: all, .. }, ActionBatch::Continuous { values: now, .. }) => all.extend(now),
        _ => unreachable!("both are of the environment's kind"),
    }
}

/// A policy with its memory, ready to [`play`].
pub struct Player<'a> {
    policy: &'a dyn Policy,
    memory: Memory,
    decisions: Decisions,
    mode: ActMode,
    rng: Rng,
    warmed: u32,
}

impl<'a> Player<'a> {
    /// A player at the start of an episode of `env`; its memory is warmed on the `warm_bars` rows
    /// before the first one, seen with the account of the start.
    ///
    /// # Errors
    /// [`AgentError`] if the policy fails.
    pub fn new(
        policy: &'a dyn Policy,
        env: &dyn BatchEnv,
        (warm_bars, earliest): (u32, u32),
        mode: ActMode,
        rng: Rng,
    ) -> Result<Self, AgentError> {
        let decisions = Decisions::new(&env.spec().action, 1);
        let mut player = Self { policy, memory: policy.memory(1), decisions, mode, rng, warmed: 0 };
        let start = env.observations();
        let first = start.last_row[0];
        for row in first.saturating_sub(warm_bars).max(earliest)..first {
            let seen = Observations { last_row: &[row], ..start };
            player.policy.act(seen, &mut player.memory, ActMode::Greedy, &mut player.rng, &mut player.decisions)?;
            player.warmed += 1;
        }
        Ok(player)
    }

    /// What the policy remembers.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Bars that its memory was warmed on.
    pub fn warmed(&self) -> u32 {
        self.warmed
    }

    /// The next decision.
    ///
    /// # Errors
    /// [`AgentError`] if the policy fails.
    pub fn decide(&mut self, seen: Observations<'_>, actions: &mut ActionBatch) -> Result<(), AgentError> {
        self.policy.act(seen, &mut self.memory, self.mode, &mut self.rng, &mut self.decisions)?;
        actions.clone_from(&self.decisions.actions);
        Ok(())
    }
}
