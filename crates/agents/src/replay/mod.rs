//! What off-policy agents remember: a ring of transitions, as indices of rows, drawn evenly or by priority.

mod horizon;
mod sum_tree;

use pavlov_rl_core::{AgentError, Checkpoint, CheckpointError, Rng, Snapshot, Status, below, uniform_f64};
use serde::{Deserialize, Serialize};

pub use self::horizon::Horizon;
pub use self::sum_tree::SumTree;

/// How transitions are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// All alike.
    #[default]
    Uniform,
    /// In proportion to `(|error| + 1e-6) ^ alpha` (Schaul et al. 2016, "Prioritized experience replay", section 3.3), their
    /// weights corrected by `beta`, which rises linearly to 1 over the training.
    Prioritised {
        /// How much the error counts; 0 draws evenly. The paper: 0.6.
        alpha: f64,
        /// How much of the bias is corrected at the start. The paper: 0.4.
        beta: f64,
    },
}

/// Added to an error, so that none is never drawn.
const LEAST_ERROR: f64 = 1e-6;

/// What is seen at one moment: the last visible row and the account numbers `[A]`.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Last visible row of the frame.
    pub row: u32,
    /// Account numbers.
    pub account: &'a [f32],
}

/// A decision and what followed it over `steps` steps.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// What was seen before.
    pub before: Seen<'a>,
    /// What was done.
    pub action: u32,
    /// Sum of the rewards, each discounted to the first step.
    pub reward: f32,
    /// Steps that it is the sum of.
    pub steps: u8,
    /// Whether the episode went on.
    pub status: Status,
    /// What was seen afterwards.
    pub after: Seen<'a>,
}

/// A ring of transitions; the newest takes the place of the oldest.
///
/// A transition is two row indices, two account rows and 10 bytes more: 100,000 of an account with 2 numbers are 3.4 MB.
pub struct Replay {
    capacity: usize,
    account: usize,
    next: usize,
    rows: Vec<[u32; 2]>,
    /// Account numbers before and after `[len, 2, A]`.
    accounts: Vec<f32>,
    actions: Vec<u32>,
    rewards: Vec<f32>,
    steps: Vec<u8>,
    statuses: Vec<Status>,
    priorities: Option<Priorities>,
}

struct Priorities {
    alpha: f64,
    beta: f64,
    tree: SumTree,
    /// The largest so far; a new transition has it.
    most: f64,
}

/// Transitions drawn from a [`Replay`]; kept between draws.
#[derive(Clone, Debug, Default)]
pub struct ReplayBatch {
    /// Places in the ring `[B]`.
    pub places: Vec<usize>,
    /// What was seen before `[B]`.
    pub before: Snapshot,
    /// Actions `[B]`.
    pub actions: Vec<u32>,
    /// Rewards `[B]`.
    pub rewards: Vec<f32>,
    /// Discount of what comes after, 0 where nothing does, `[B]`.
    pub discounts: Vec<f32>,
    /// What was seen after `[B]`.
    pub after: Snapshot,
    /// Weights in the loss `[B]`.
    pub weights: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    next: u64,
    rows: Vec<[u32; 2]>,
    actions: Vec<u32>,
    steps: Vec<u8>,
    statuses: Vec<Status>,
    most: f64,
    priorities: Vec<f64>,
}

impl Replay {
    /// Room for `capacity` transitions with `account` account numbers.
    ///
    /// # Panics
    /// If there is no room.
    pub fn new(capacity: usize, account: usize, sampling: Sampling) -> Self {
        assert!(capacity > 0, "a replay without room");
        let priorities = match sampling {
            Sampling::Uniform => None,
            Sampling::Prioritised { alpha, beta } => {
                Some(Priorities { alpha, beta, tree: SumTree::new(capacity), most: 1.0 })
            }
        };
        Self {
            capacity,
            account,
            next: 0,
            rows: Vec::new(),
            accounts: Vec::new(),
            actions: Vec::new(),
            rewards: Vec::new(),
            steps: Vec::new(),
            statuses: Vec::new(),
            priorities,
        }
    }

    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes that the transitions take up.
    pub fn bytes(&self) -> usize {
        let tree = self.priorities.as_ref().map_or(0, |p| p.tree.bytes());
        self.len() * (8 + 8 * self.account + 4 + 4 + 1 + size_of::<Status>()) + tree
    }

    /// Takes in a transition.
    ///
    /// # Panics
    /// If it has another number of account numbers.
    pub fn push(&mut self, new: &Transition<'_>) {
        let a = self.account;
        assert_eq!((new.before.account.len(), new.after.account.len()), (a, a), "account numbers of a transition");
        let i = self.next;
        if i == self.len() {
            self.rows.push([0; 2]);
            self.accounts.resize((i + 1) * 2 * a, 0.0);
            self.actions.push(0);
            self.rewards.push(0.0);
            self.steps.push(0);
            self.statuses.push(Status::Running);
        }
        self.rows[i] = [new.before.row, new.after.row];
        let (before, after) = self.accounts[i * 2 * a..][..2 * a].split_at_mut(a);
        before.copy_from_slice(new.before.account);
        after.copy_from_slice(new.after.account);
        self.actions[i] = new.action;
        self.rewards[i] = new.reward;
        self.steps[i] = new.steps;
        self.statuses[i] = new.status;
        if let Some(p) = &mut self.priorities {
            p.tree.set(i, p.most);
        }
        self.next = (i + 1) % self.capacity;
    }

    /// Draws `n` transitions with replacement; `progress` of the training lies in 0..=1.
    ///
    /// # Panics
    /// If there is nothing to draw from.
    pub fn sample(&self, n: usize, progress: f64, discount: f64, rng: &mut Rng, batch: &mut ReplayBatch) {
        assert!(!self.is_empty(), "a draw from an empty replay");
        let ReplayBatch { places, before, actions, rewards, discounts, after, weights } = batch;
        places.clear();
        weights.clear();
        match &self.priorities {
            None => {
                places.extend((0..n).map(|_| below(rng, self.len() as u32) as usize));
                weights.resize(n, 1.0);
            }
            Some(p) => p.draw(n, self.len(), progress, rng, places, weights),
        }
        for seen in [&mut *before, &mut *after] {
            seen.last_row.clear();
            seen.account.clear();
        }
        for numbers in [&mut *rewards, &mut *discounts] {
            numbers.clear();
        }
        actions.clear();
        for &i in places.iter() {
            let accounts = self.accounts[i * 2 * self.account..][..2 * self.account].split_at(self.account);
            for (to, row, account) in
                [(&mut *before, self.rows[i][0], accounts.0), (&mut *after, self.rows[i][1], accounts.1)]
            {
                to.last_row.push(row);
                to.account.extend_from_slice(account);
            }
            actions.push(self.actions[i]);
            rewards.push(self.rewards[i]);
            discounts.push(match self.statuses[i] {
                Status::Terminated => 0.0,
                Status::Running | Status::Truncated => discount.powi(i32::from(self.steps[i])) as f32,
            });
        }
    }

    /// Takes in the errors of transitions that were drawn.
    pub fn learnt(&mut self, places: &[usize], errors: &[f32]) {
        let Some(p) = &mut self.priorities else { return };
        for (&i, error) in places.iter().zip(errors) {
            let priority = (f64::from(error.abs()) + LEAST_ERROR).powf(p.alpha);
            p.most = p.most.max(priority);
            p.tree.set(i, priority);
        }
    }

    /// Writes everything as `<prefix>...`.
    pub fn save(&self, prefix: &str, to: &mut Checkpoint) {
        let leaves = |p: &Priorities| (0..self.len()).map(|i| p.tree.at(i)).collect();
        let saved = Saved {
            next: self.next as u64,
            rows: self.rows.clone(),
            actions: self.actions.clone(),
            steps: self.steps.clone(),
            statuses: self.statuses.clone(),
            most: self.priorities.as_ref().map_or(0.0, |p| p.most),
            priorities: self.priorities.as_ref().map_or_else(Vec::new, leaves),
        };
        to.put_value(&format!("{prefix}transitions"), &saved);
        to.put_f32(&format!("{prefix}accounts"), &[self.len(), 2, self.account], &self.accounts);
        to.put_f32(&format!("{prefix}rewards"), &[self.len()], &self.rewards);
    }

    /// Takes up what [`Replay::save`] wrote; unchanged if an entry does not fit.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] if an entry is missing, has another shape or is impossible.
    pub fn restore(&mut self, prefix: &str, from: &Checkpoint) -> Result<(), AgentError> {
        let name = format!("{prefix}transitions");
        let saved: Saved = from.value(&name)?;
        let len = saved.rows.len();
        let leaves = if self.priorities.is_some() { len } else { 0 };
        let lengths = [saved.actions.len(), saved.steps.len(), saved.statuses.len()];
        let next = if len < self.capacity { saved.next == len as u64 } else { saved.next < len as u64 };
        let valid = saved.priorities.iter().chain([&saved.most]).all(|p| p.is_finite() && *p >= 0.0);
        if len > self.capacity || lengths != [len; 3] || saved.priorities.len() != leaves || !next || !valid {
            return Err(CheckpointError::Decode(format!("entry `{name}`: not a replay of {}", self.capacity)).into());
        }
        let accounts = from.f32(&format!("{prefix}accounts"), &[len, 2, self.account])?;
        let rewards = from.f32(&format!("{prefix}rewards"), &[len])?;
        (self.accounts, self.rewards, self.next) = (accounts, rewards, saved.next as usize);
        (self.rows, self.actions) = (saved.rows, saved.actions);
        (self.steps, self.statuses) = (saved.steps, saved.statuses);
        if let Some(p) = &mut self.priorities {
            p.most = saved.most;
            p.tree = SumTree::new(self.capacity);
            saved.priorities.iter().enumerate().for_each(|(i, priority)| p.tree.set(i, *priority));
        }
        Ok(())
    }
}

impl Priorities {
    /// One place from each of `n` equal parts of the sum, and weights `(len P) ^ -beta` over the largest of them.
    fn draw(
        &self,
        n: usize,
        len: usize,
        progress: f64,
        rng: &mut Rng,
        places: &mut Vec<usize>,
        weights: &mut Vec<f32>,
    ) {
        let (total, beta) = (self.tree.total(), self.beta + (1.0 - self.beta) * progress.clamp(0.0, 1.0));
        for part in 0..n {
            let at = (part as f64 + uniform_f64(rng)) / n as f64 * total;
            places.push(self.tree.find(at).min(len - 1));
        }
        let weight = |i: &usize| (len as f64 * self.tree.at(*i) / total).powf(-beta);
        let most = places.iter().map(weight).fold(0.0, f64::max);
        weights.extend(places.iter().map(|i| (weight(i) / most) as f32));
    }
}

#[cfg(test)]
mod tests;
