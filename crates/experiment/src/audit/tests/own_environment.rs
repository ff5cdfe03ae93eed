//! Environments with look-ahead, each the Bitcoin game with one thing changed.

use std::sync::Arc;

use pavlov_envs::bitcoin::{Bitcoin, BitcoinConfig, BitcoinState};
use pavlov_envs::{BatchFactory, Commission, EnvError, EnvironmentConfig, EpisodeMode, FillRule, Passive, Sides};
use pavlov_rl_core::{
    Action, EnvSpec, Environment, Fill, Fills, Frame, Ledger, Market, Rng, Segment, StateError, Status, Step,
};

use super::{Audit, audited, only, plan_of};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    /// The account row shows the next close.
    NextClose,
    /// The reward holds the move of the next-but-one bar.
    RewardOfTheBarAfter,
    /// Orders fill at the low of the next bar, which is known when the bar is over.
    FillAtTheLow,
    /// Orders fill at the close that they were decided with, and the game says: at the next open.
    FillAtTheDecision,
    /// Orders fill at the close of ten bars before, and the game names the next bar.
    FillInThePast,
    /// The game ends before a fall.
    EndsBeforeAFall,
    /// The observation ends five bars behind the bar that fills its orders (system A).
    FiveBarsAhead,
    /// The observation ends nine bars behind the decision at its close (system B).
    NineDaysAhead,
}

impl Flaw {
    /// Rows that the observation reaches behind the decision.
    fn lead(self) -> u32 {
        match self {
            Self::FiveBarsAhead => 5,
            Self::NineDaysAhead => 9,
            _ => 0,
        }
    }

    fn played(self) -> FillRule {
        match self {
            Self::FillAtTheDecision | Self::FiveBarsAhead | Self::NineDaysAhead => FillRule::DecisionClose,
            _ => FillRule::NextOpen,
        }
    }

    fn said(self) -> FillRule {
        if self == Self::NineDaysAhead { FillRule::DecisionClose } else { FillRule::NextOpen }
    }
}

#[derive(Debug)]
struct Config {
    flaw: Flaw,
    rules: BitcoinConfig,
}

impl EnvironmentConfig for Config {
    fn name(&self) -> &'static str {
        self.rules.name()
    }

    fn validate(&self) -> Vec<String> {
        self.rules.validate()
    }

    fn to_toml(&self) -> toml::Table {
        self.rules.to_toml()
    }

    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    fn flaw(&self) -> Option<&'static str> {
        self.rules.flaw()
    }

    fn commission(&self) -> Commission {
        self.rules.commission()
    }

    fn with_commission(&self, commission: Commission) -> Box<dyn EnvironmentConfig> {
        Box::new(Self { flaw: self.flaw, rules: BitcoinConfig { commission, ..self.rules.clone() } })
    }

    fn fill(&self) -> FillRule {
        self.flaw.said()
    }

    fn window(&self) -> usize {
        1
    }

    fn assets(&self) -> usize {
        1
    }

    fn units(&self) -> (&'static str, &'static str) {
        self.rules.units()
    }

    fn sides(&self) -> Option<Sides> {
        self.rules.sides()
    }

    fn passive(&self, market: &Market, segment: Segment) -> Result<Vec<Passive>, EnvError> {
        self.rules.passive(market, segment)
    }

    fn build(
        &self,
        market: Arc<Market>,
        segments: &[Segment],
        mode: EpisodeMode,
    ) -> Result<Box<dyn BatchFactory>, EnvError> {
        let mut played = Market::clone(&market);
        if self.flaw == Flaw::FillAtTheLow {
            played.prices.open = played.prices.low.clone();
        }
        if self.flaw == Flaw::FillInThePast {
            let close = &market.prices.close;
            played.prices.open = (0..close.len()).map(|row| close[row.saturating_sub(10)]).collect();
        }
        // A window that reaches ahead ends its episodes before the data do.
        let early = |s: &Segment| Segment { end: s.end - self.flaw.lead().min(s.end - s.first), ..*s };
        let segments: Vec<Segment> = segments.iter().map(early).collect();
        let rules = BitcoinConfig { fill: Some(self.flaw.played()), ..self.rules.clone() };
        let game = Bitcoin::new(&rules, Arc::new(played), &segments, mode)?;
        Ok(Box::new(Arc::new(Flawed { game, market, flaw: self.flaw })))
    }
}

struct Flawed {
    game: Bitcoin,
    market: Arc<Market>,
    flaw: Flaw,
}

impl Flawed {
    fn close(&self, row: u32) -> f64 {
        self.market.prices.close[(row as usize).min(self.market.times.len() - 1)]
    }
}

/// Fills that name the next bar.
struct InTheNextBar<'a, F>(&'a mut F);

impl<F: Fills> Fills for InTheNextBar<'_, F> {
    fn fill(&mut self, fill: Fill) {
        self.0.fill(Fill { row: fill.row + 1, ..fill });
    }
}

impl Environment for Flawed {
    type State = BitcoinState;

    fn spec(&self) -> &EnvSpec {
        self.game.spec()
    }

    fn frame(&self) -> &Frame {
        self.game.frame()
    }

    fn new_state(&self) -> BitcoinState {
        self.game.new_state()
    }

    fn reset(&self, state: &mut BitcoinState, rng: &mut Rng) {
        self.game.reset(state, rng);
    }

    fn step<F: Fills>(&self, state: &mut BitcoinState, action: Action<'_>, fills: &mut F) -> Step {
        let mut step = match self.flaw {
            Flaw::FillAtTheDecision => self.game.step(state, action, &mut InTheNextBar(fills)),
            _ => self.game.step(state, action, fills),
        };
        let row = self.game.observe(state, &mut [0.0; 2]);
        match self.flaw {
            Flaw::RewardOfTheBarAfter => step.reward += self.close(row + 1) - self.close(row),
            Flaw::EndsBeforeAFall if self.close(row + 2) < 0.99 * self.close(row) => step.status = Status::Terminated,
            _ => {}
        }
        step
    }

    fn observe(&self, state: &BitcoinState, account: &mut [f32]) -> u32 {
        let row = self.game.observe(state, account);
        if self.flaw == Flaw::NextClose {
            account[0] = self.close(row + 1) as f32;
        }
        row + self.flaw.lead()
    }

    fn ledger(&self, state: &BitcoinState) -> Ledger {
        self.game.ledger(state)
    }

    fn check(&self, state: &BitcoinState) -> Result<(), StateError> {
        self.game.check(state)
    }
}

fn audit_of(flaw: Flaw) -> Audit {
    let mut plan = plan_of(&[]);
    plan.environment = Box::new(Config { flaw, rules: BitcoinConfig { sample_len: 100, ..BitcoinConfig::default() } });
    audited(&plan, &plan)
}

#[test]
fn what_an_environment_knows_too_early_is_caught_and_measured() {
    for (flaw, what, ahead) in [
        (Flaw::NextClose, &["account number 0"][..], Some(1)),
        (Flaw::RewardOfTheBarAfter, &["reward"], Some(1)),
        (Flaw::FillAtTheLow, &["fill"], Some(1)),
        (Flaw::EndsBeforeAFall, &["end of the episode"], Some(2)),
    ] {
        let audit = audit_of(flaw);
        let leak = only(&audit, what);
        assert_eq!(leak.ahead, ahead, "{flaw:?}: {leak:?}");
    }
}

#[test]
fn a_fill_that_its_bar_did_not_allow_is_caught() {
    for flaw in [Flaw::FillAtTheDecision, Flaw::FillInThePast] {
        let audit = audit_of(flaw);
        only(&audit, &["price of a fill"]);
    }
}

#[test]
fn the_published_windows_of_systems_a_and_b_are_caught_and_measured() {
    for (flaw, ahead) in [(Flaw::FiveBarsAhead, 5), (Flaw::NineDaysAhead, 9)] {
        let audit = audit_of(flaw);
        // A game that ends its episodes before the data do needs rows that it must not know of.
        let leak = only(&audit, &["last row of the observation", "end of the episode"]);
        assert_eq!(leak.ahead, Some(ahead), "{flaw:?}: {leak:?}");
    }
}
