//! The one line for an environment of one's own passes a sound one and catches what shows the future.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pavlov_rl_core::{Action, EnvSpec, Environment, Fills, Frame, Ledger, Market, Rng, StateError, Step};
use pavlov_testkit::toys::{Portfolio, PortfolioState};
use pavlov_testkit::{CountingAllocator, FillTiming, check_game, synthetic};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    NextClose,
    NextReward,
    WindowAhead,
    FrameOfItsOwn,
}

/// A portfolio that knows too much.
struct Flawed {
    game: Portfolio,
    market: Arc<Market>,
    frame: Frame,
    flaw: Flaw,
}

impl Flawed {
    fn new(market: Arc<Market>, flaw: Flaw) -> Self {
        let rows = market.frame.rows();
        let scale = (0..rows).map(|row| market.frame.row(row)[0].abs()).fold(0.0, f32::max);
        let data: Vec<f32> = (0..rows).flat_map(|row| market.frame.row(row)).map(|x| x / scale).collect();
        let frame =
            if flaw == Flaw::FrameOfItsOwn { Frame::new(market.frame.cols(), data) } else { market.frame.clone() };
        Self { game: Portfolio::new(market.clone()), market, frame, flaw }
    }

    fn close(&self, row: u32) -> f64 {
        self.market.prices.close[(row as usize).min(self.market.times.len() - 1) * self.market.prices.assets]
    }
}

impl Environment for Flawed {
    type State = PortfolioState;

    fn spec(&self) -> &EnvSpec {
        self.game.spec()
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn new_state(&self) -> PortfolioState {
        self.game.new_state()
    }

    fn reset(&self, state: &mut PortfolioState, rng: &mut Rng) {
        self.game.reset(state, rng);
    }

    fn step<F: Fills>(&self, state: &mut PortfolioState, action: Action<'_>, fills: &mut F) -> Step {
        let mut step = self.game.step(state, action, fills);
        if self.flaw == Flaw::NextReward {
            let row = self.game.observe(state, &mut [0.0; 3]);
            step.reward += self.close(row + 2) / self.close(row) - 1.0;
        }
        step
    }

    fn observe(&self, state: &PortfolioState, account: &mut [f32]) -> u32 {
        let row = self.game.observe(state, account);
        match self.flaw {
            Flaw::NextClose => account[0] = self.close(row + 1) as f32,
            Flaw::WindowAhead => return (row + 2).min(self.frame.rows() as u32 - 1),
            _ => {}
        }
        row
    }

    fn ledger(&self, state: &PortfolioState) -> Ledger {
        self.game.ledger(state)
    }

    fn check(&self, state: &PortfolioState) -> Result<(), StateError> {
        self.game.check(state)
    }
}

#[test]
fn a_sound_environment_passes_and_every_planted_leak_is_named() {
    let market = synthetic::random_walk(400, 2, 4, 7);
    let outcome = |flaw| {
        let check = || check_game(&market, FillTiming::NEXT_BAR, |market, _| Ok(Flawed::new(market, flaw)));
        catch_unwind(AssertUnwindSafe(check)).map_err(|panic| *panic.downcast::<String>().expect("a message"))
    };
    assert_eq!(outcome(Flaw::None), Ok(()));
    for (flaw, part) in [
        (Flaw::NextClose, "account number 0"),
        (Flaw::NextReward, "reward"),
        (Flaw::WindowAhead, "last row of the observation"),
        (Flaw::FrameOfItsOwn, "column `0`"),
    ] {
        let message = outcome(flaw).expect_err(&format!("{flaw:?} was not caught"));
        assert!(message.contains("R8 broken") && message.contains(part), "{flaw:?} was caught as: {message}");
    }
}
