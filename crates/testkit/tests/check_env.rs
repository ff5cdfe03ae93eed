//! The environment kit passes a sound environment of many assets and catches broken ones.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pavlov_rl_core::{
    Action, Batch, EnvSpec, Environment, Fill, Fills, Frame, Ledger, Rng, RngTree, StateError, Status, Step,
};
use pavlov_testkit::toys::{Portfolio, PortfolioState};
use pavlov_testkit::{CountingAllocator, check_env, synthetic};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

fn portfolio(assets: usize) -> Portfolio {
    Portfolio::new(Arc::new(synthetic::random_walk(400, assets, 4, 7)))
}

#[test]
fn a_portfolio_of_many_assets_and_continuous_orders_keeps_the_contract() {
    for assets in [1, 5, 30] {
        let game = Arc::new(portfolio(assets));
        check_env(&|copies, rng| Box::new(Batch::new(game.clone(), copies, rng)));
    }
}

#[derive(Clone, Copy, Debug)]
enum Bug {
    HiddenState,
    FillWithoutFee,
    FillsUnreported,
    NotANumber,
    Allocates,
    NeverEnds,
    PanicsOnDamage,
    StartsWithOldFees,
    LooksBeyondTheFrame,
}

/// A portfolio with one planted bug.
struct Broken {
    game: Portfolio,
    bug: Bug,
    calls: AtomicU32,
}

struct WithoutFee<'a, F>(&'a mut F);

impl<F: Fills> Fills for WithoutFee<'_, F> {
    fn fill(&mut self, fill: Fill) {
        self.0.fill(Fill { fee: 0.0, ..fill });
    }
}

impl Environment for Broken {
    type State = (PortfolioState, f64);

    fn spec(&self) -> &EnvSpec {
        self.game.spec()
    }

    fn frame(&self) -> &Frame {
        self.game.frame()
    }

    fn new_state(&self) -> Self::State {
        (self.game.new_state(), 0.0)
    }

    fn reset(&self, state: &mut Self::State, rng: &mut Rng) {
        if matches!(self.bug, Bug::StartsWithOldFees) {
            state.1 += self.game.ledger(&state.0).fees;
        }
        self.game.reset(&mut state.0, rng);
    }

    fn step<F: Fills>(&self, state: &mut Self::State, action: Action<'_>, fills: &mut F) -> Step {
        let mut step = match self.bug {
            Bug::FillWithoutFee => self.game.step(&mut state.0, action, &mut WithoutFee(fills)),
            Bug::FillsUnreported => self.game.step(&mut state.0, action, &mut pavlov_rl_core::NoFills),
            _ => self.game.step(&mut state.0, action, fills),
        };
        match self.bug {
            Bug::HiddenState => step.reward += f64::from(self.calls.fetch_add(1, Ordering::Relaxed)),
            Bug::NotANumber => step.reward /= 0.0,
            Bug::Allocates => drop(std::hint::black_box(Box::new(step.reward))),
            Bug::NeverEnds if step.status != Status::Running => {
                self.game.reset(&mut state.0, &mut RngTree::new(0).stream("again", 0));
                step.status = Status::Running;
            }
            _ => {}
        }
        step
    }

    fn observe(&self, state: &Self::State, account: &mut [f32]) -> u32 {
        let row = self.game.observe(&state.0, account);
        if matches!(self.bug, Bug::LooksBeyondTheFrame) { row + 100 } else { row }
    }

    fn ledger(&self, state: &Self::State) -> Ledger {
        let books = self.game.ledger(&state.0);
        Ledger { fees: books.fees + state.1, ..books }
    }

    fn check(&self, state: &Self::State) -> Result<(), StateError> {
        if matches!(self.bug, Bug::PanicsOnDamage) { Ok(()) } else { self.game.check(&state.0) }
    }
}

#[test]
fn every_planted_bug_breaks_the_promise_that_covers_it() {
    let planted = [
        (Bug::HiddenState, "equal builds"),
        (Bug::FillWithoutFee, "fills replay"),
        (Bug::FillsUnreported, "fills replay"),
        (Bug::NotANumber, "numbers are finite"),
        (Bug::Allocates, "allocates nothing"),
        (Bug::NeverEnds, "started anew"),
        (Bug::PanicsOnDamage, "never a panic"),
        (Bug::StartsWithOldFees, "started anew"),
        (Bug::LooksBeyondTheFrame, "lengths follow"),
    ];
    for (bug, promise) in planted {
        let game = Arc::new(Broken { game: portfolio(2), bug, calls: AtomicU32::new(0) });
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            check_env(&|copies, rng| Box::new(Batch::new(game.clone(), copies, rng)));
        }));
        let message = *outcome.expect_err(&format!("{bug:?} was not caught")).downcast::<String>().expect("a message");
        assert!(message.contains(promise), "{bug:?} was caught as: {message}");
    }
}
