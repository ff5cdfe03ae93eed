//! A game of your own, and the one line that checks it: `cargo run -p pavlov-rl-core --example own_environment`.
#![allow(clippy::print_stdout)]

use std::sync::Arc;

use pavlov_rl_core::{
    Action, ActionBatch, ActionSpec, Batch, BatchEnv, EnvSpec, Environment, Fill, Fills, Frame, Ledger, Market,
    ObservationSpec, Rng, RngTree, Segment, StateError, Status, Step, below,
};
use pavlov_testkit::{CountingAllocator, FillTiming, check_game, synthetic};
use serde::{Deserialize, Serialize};

// The check counts allocations: a step must make none.
#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

const CASH: f64 = 1_000.0;

/// All in or all out, filled at the next open, for free; the reward is the change of the net worth.
struct InOrOut {
    market: Arc<Market>,
    segment: Segment,
    spec: EnvSpec,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct State {
    row: u32,
    cash: f64,
    shares: f64,
}

impl InOrOut {
    fn new(market: Arc<Market>, segment: Segment) -> Result<Self, String> {
        if segment.end < segment.first + 2 {
            return Err(format!("{segment:?} has no room for a step"));
        }
        let observation = ObservationSpec { window: 1, features: market.frame.cols(), account: 1 };
        let spec = EnvSpec { observation, action: ActionSpec::Discrete { names: &["out", "in"] } };
        Ok(Self { market, segment, spec })
    }
}

impl Environment for InOrOut {
    type State = State;

    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn frame(&self) -> &Frame {
        &self.market.frame
    }

    fn new_state(&self) -> State {
        State::default()
    }

    fn reset(&self, state: &mut State, _: &mut Rng) {
        *state = State { row: self.segment.first, cash: CASH, shares: 0.0 };
    }

    fn step<F: Fills>(&self, state: &mut State, action: Action<'_>, fills: &mut F) -> Step {
        let before = self.ledger(state).net_worth();
        state.row += 1;
        let price = self.market.prices.open[state.row as usize];
        let shares = match action {
            Action::Discrete(1) => state.cash / price,
            _ => -state.shares,
        };
        if shares != 0.0 {
            (state.cash, state.shares) = (state.cash - shares * price, state.shares + shares);
            fills.fill(Fill { row: state.row, asset: 0, shares, price, fee: 0.0 });
        }
        let status = if state.row + 1 == self.segment.end { Status::Truncated } else { Status::Running };
        Step { reward: self.ledger(state).net_worth() - before, status }
    }

    fn observe(&self, state: &State, account: &mut [f32]) -> u32 {
        account[0] = f32::from(state.shares > 0.0);
        state.row
    }

    fn ledger(&self, state: &State) -> Ledger {
        let close = self.market.prices.close[state.row as usize];
        Ledger { cash: state.cash, holdings_value: state.shares * close, fees: 0.0 }
    }

    fn check(&self, state: &State) -> Result<(), StateError> {
        let inside = (self.segment.first..self.segment.end - 1).contains(&state.row);
        if inside && state.cash.is_finite() && state.shares.is_finite() {
            return Ok(());
        }
        Err(StateError::Value(format!("row {}, {} and {} shares", state.row, state.cash, state.shares)))
    }
}

fn main() -> Result<(), String> {
    let market = synthetic::random_walk(300, 1, 4, 1);

    // The contract, and that nothing it shows, pays or fills knows what comes later.
    check_game(&market, FillTiming::NEXT_OPEN, InOrOut::new);
    println!("the game keeps the contract and does not look ahead");

    let rng = RngTree::new(1);
    let mut env = Batch::new(Arc::new(InOrOut::new(Arc::new(market.clone()), market.segments[0])?), 0..4, &rng);
    let (mut draw, mut totals) = (rng.stream("actions", 0), [0.0; 4]);
    for _ in 0..299 {
        let step = env.step(&ActionBatch::Discrete((0..4).map(|_| below(&mut draw, 2)).collect()));
        totals.iter_mut().zip(step.rewards).for_each(|(total, reward)| *total += reward);
    }
    println!("four random players on {CASH} of money: {totals:+.2?}");
    Ok(())
}
