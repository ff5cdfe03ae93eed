//! An environment of one's own: the contract (R15) and no look-ahead (R8), by one line.

use std::sync::Arc;

use pavlov_audit::{FillTiming, Findings, Future, Game, MakeMarket, Survey, survey};
use pavlov_rl_core::{Batch, Environment, Market, RngTree, Segment};

use crate::{check_env, scale};

/// Cuts at random rows, with each seed.
const CUTS: usize = 20;

/// Checks all that can be checked of an environment without knowing it: [`check_env`] and [`check_look_ahead`].
///
/// `make` builds it on the market's first segment, and on parts and changed copies of it.
///
/// # Panics
/// If a promise is broken; the message names it and the seed that shows it. Episodes must end within 1,200 steps, and
/// the test binary must install [`CountingAllocator`](crate::CountingAllocator).
#[track_caller]
pub fn check_game<E: Environment + 'static>(
    market: &Market,
    timing: FillTiming,
    make: impl Fn(Arc<Market>, Segment) -> Result<E, String>,
) {
    let market = Arc::new(market.clone());
    let game = Arc::new(make(market.clone(), market.segments[0]).unwrap_or_else(|e| panic!("it cannot be built: {e}")));
    check_env(&|copies, rng| Box::new(Batch::new(game.clone(), copies, rng)));
    check_look_ahead(&market, timing, &|market, segment, seed| {
        let game = Arc::new(make(market.clone(), segment)?);
        Ok(Box::new(Batch::new(game, 0..1, &RngTree::new(seed))))
    });
}

/// Checks that nothing known at a row changes with the rows behind it: 3 seeds, or 100 at night.
///
/// Features and prices of the market's first segment are changed as given numbers: how the features were made is not
/// looked at (`cargo xtask audit` does). A market without a future is played if all episodes start at the same row.
///
/// # Panics
/// If something does; the message says what, where and by how many rows.
#[track_caller]
pub fn check_look_ahead(market: &Arc<Market>, timing: FillTiming, build: &pavlov_audit::Build<'_>) {
    let segment = market.segments[0];
    let starts_at = |seed| build(market, segment, seed).map(|env| env.observations().last_row[0]);
    let whole = (1..8).all(|seed| starts_at(seed) == starts_at(0));
    let game = Game { name: "the environment", columns: &[], timing, whole, build };
    for seed in scale::seeds(3, 100) {
        let mut findings = Findings::default();
        let cuts = Survey { segment, cuts: CUTS, seed };
        let make: &MakeMarket<'_> = &|change| Ok(change.of_market(market).map(Arc::new));
        let played = survey(&game, market, &cuts, make, &mut findings, &mut || {});
        let futures = Future::ALL.map(Future::name).join(", ");
        if let Err(reason) = played {
            panic!("R8 cannot be checked: with another future ({futures}): {reason}; PAVLOV_TEST_SEED={seed}");
        }
        let leaks: Vec<String> = findings.leaks.iter().map(|leak| leak.sentence(None)).collect();
        assert!(leaks.is_empty(), "R8 broken: {}; replay with PAVLOV_TEST_SEED={seed}", leaks.join("\n"));
    }
}
