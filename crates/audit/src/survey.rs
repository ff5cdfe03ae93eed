use std::sync::Arc;

use pavlov_rl_core::{Market, RngTree, Segment, below};

use crate::{Clock, Findings, Game, MakeMarket, Stretch};

/// Steps before a cut, at most.
const BEFORE: u32 = 200;
/// Stretches that the clock is read from, and their length.
const CLOCKS: u64 = 4;
const CLOCK_STEPS: usize = 300;

/// Where and how often a game is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The segment that is played.
    pub segment: Segment,
    /// Cuts at random rows; those next to both ends of the segment come on top.
    pub cuts: usize,
    /// Decides rows, actions and other futures.
    pub seed: u64,
}

impl Survey {
    /// The cuts, which are rows whose close is the last known one.
    pub fn rows(&self) -> Vec<u32> {
        let Segment { first, end, .. } = self.segment;
        let mut rng = RngTree::new(self.seed).child("audit").stream("cut", u64::from(first));
        let mut rows = vec![first, first + 1, end - 2, end - 1];
        rows.extend((0..self.cuts).map(|_| first + below(&mut rng, end - first)));
        rows.retain(|row| (first..end).contains(row));
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

/// Checks a game at the cuts of a survey; `done` is told after each.
///
/// # Errors
/// Why a market or a game cannot be built.
pub fn survey(
    game: &Game<'_>,
    market: &Arc<Market>,
    survey: &Survey,
    make: &MakeMarket<'_>,
    findings: &mut Findings,
    done: &mut dyn FnMut(),
) -> Result<Clock, String> {
    let clock = read_clock(game, market, survey, findings)?;
    let Segment { start, first, end } = survey.segment;
    let mut rng = RngTree::new(survey.seed).child("audit").stream("stretch", u64::from(first));
    for (number, row) in survey.rows().into_iter().enumerate() {
        let seed = survey.seed.wrapping_add(number as u64);
        let (stretch, known) = if game.whole {
            let from = row.saturating_sub(below(&mut rng, BEFORE)).clamp(first, (end - 2).max(first));
            let stretch = Stretch { segment: Segment { start, first: from, end }, seed, steps: 0 };
            let stretch = playable(game, market, stretch, first);
            let steps = (row.saturating_sub(stretch.segment.first) + clock.lead) as usize + 2;
            (Stretch { steps, ..stretch }, row)
        } else {
            let stretch = Stretch { segment: survey.segment, seed, steps: BEFORE as usize };
            let trace = game.play(market, &stretch)?;
            let at = below(&mut rng, trace.seen.len() as u32) as usize;
            (stretch, trace.seen[at].last_row.saturating_sub(clock.lead))
        };
        game.check(market, &stretch, (known, clock), make, findings)?;
        done();
    }
    Ok(clock)
}

fn read_clock(
    game: &Game<'_>,
    market: &Arc<Market>,
    survey: &Survey,
    findings: &mut Findings,
) -> Result<Clock, String> {
    let Segment { start, first, end } = survey.segment;
    let mut rng = RngTree::new(survey.seed).child("audit").stream("clock", u64::from(first));
    let mut clock = Clock::default();
    for number in 0..CLOCKS {
        let from = match game.whole && number > 0 {
            true => first + below(&mut rng, end.saturating_sub(first + 1).max(1)),
            false => first,
        };
        let segment = Segment { start, first: from, end };
        let stretch = Stretch { segment, seed: survey.seed.wrapping_add(number), steps: CLOCK_STEPS };
        let stretch = playable(game, market, stretch, first);
        game.read_clock(&game.play(market, &stretch)?, &mut clock, findings);
    }
    Ok(clock)
}

/// The stretch, from the segment's first row on if what is behind its own is too short for the game.
fn playable(game: &Game<'_>, market: &Arc<Market>, stretch: Stretch, first: u32) -> Stretch {
    match (game.build)(market, stretch.segment, stretch.seed) {
        Ok(_) => stretch,
        Err(_) => Stretch { segment: Segment { first, ..stretch.segment }, ..stretch },
    }
}
