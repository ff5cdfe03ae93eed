//! The best that can be made of a cue in the Bitcoin game, by dynamic programming.
//!
//! The state is the cue of the next move and the share of the net worth that is in coins; the choices are those of the
//! game: 0 hold, 1 buy with half of the cash, 2 sell half of the coins, filled at the close that the net worth is valued
//! at, with a commission on the traded value. The aim is the expected log growth of the net worth under a known law of
//! cues and moves, so that nobody who sees the same cues can expect more. (Who sees the realised prices can: that is
//! [`foresight`].) Values live on a grid of shares and are interpolated between its points. Orders of any size count;
//! the game ignores those of 1 dollar or less.
//!
//! Source: Bellman 1957, "Dynamic Programming", chapter 3; White 1963 for the settled plan (relative value iteration).

/// Steps of the grid of shares.
const STEPS: usize = 400;
/// Difference of log growth a bar, between the shares, that counts as none.
const SETTLED: f64 = 1e-8;
const CHOICES: [u32; 3] = [0, 1, 2];

/// What one cue tells; cues are drawn anew, independently, for every bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Cue {
    /// Probability that a bar shows this cue.
    pub chance: f64,
    /// Relative moves that follow, each with its probability.
    pub moves: Vec<(f64, f64)>,
}

/// What to do at every cue and share.
#[derive(Clone, Debug)]
pub struct Plan {
    law: Vec<Cue>,
    commission: f64,
    /// Expected log growth of the bars that follow by share `[STEPS + 1]`, before their first cue is seen.
    ahead: Vec<f64>,
}

impl Plan {
    /// The plan for a bar that `bars` more bars follow.
    pub fn followed_by(bars: usize, law: Vec<Cue>, commission: f64) -> Self {
        let nothing = Self { law, commission, ahead: vec![0.0; STEPS + 1] };
        (0..bars).fold(nothing, |plan, _| plan.one_bar_more())
    }

    /// The plan for a game without an end, and its log growth a bar.
    pub fn settled(law: Vec<Cue>, commission: f64) -> (Self, f64) {
        let mut plan = Self::followed_by(0, law, commission);
        loop {
            let longer = plan.one_bar_more();
            let growth = longer.ahead.iter().zip(&plan.ahead).map(|(longer, shorter)| longer - shorter);
            let (least, most) = growth.fold((f64::MAX, f64::MIN), |(low, high), g| (low.min(g), high.max(g)));
            plan = longer;
            if most - least < SETTLED {
                return (plan, 0.5 * (least + most));
            }
        }
    }

    /// Expected log growth of this bar and those that follow.
    pub fn value(&self, cue: usize, share: f64) -> f64 {
        let of_choice = CHOICES.map(|choice| self.value_of(cue, share, choice));
        of_choice.into_iter().fold(f64::MIN, f64::max)
    }

    /// The best choice; of equals the first, so that nothing is traded for nothing.
    pub fn choose(&self, cue: usize, share: f64) -> u32 {
        let best = self.value(cue, share);
        let found = CHOICES.into_iter().find(|choice| self.value_of(cue, share, *choice) >= best - 1e-12);
        found.expect("the best value is one of the three")
    }

    fn one_bar_more(&self) -> Self {
        let value = |point: usize| {
            let share = point as f64 / STEPS as f64;
            self.law.iter().enumerate().map(|(cue, Cue { chance, .. })| chance * self.value(cue, share)).sum()
        };
        Self { law: self.law.clone(), commission: self.commission, ahead: (0..=STEPS).map(value).collect() }
    }

    fn value_of(&self, cue: usize, share: f64, choice: u32) -> f64 {
        let (share, kept) = traded(share, choice, self.commission);
        let after = |&(chance, change): &(f64, f64)| {
            let grown = 1.0 + share * change;
            chance * (grown.ln() + at(&self.ahead, share * (1.0 + change) / grown))
        };
        kept.ln() + self.law[cue].moves.iter().map(after).sum::<f64>()
    }
}

/// Log growth of whoever knows all moves in advance: the bound of every policy on these prices.
pub fn foresight(moves: &[f64], share: f64, commission: f64) -> f64 {
    let mut plan = Plan::followed_by(0, Vec::new(), commission);
    for change in moves.iter().rev() {
        plan.law = vec![Cue { chance: 1.0, moves: vec![(1.0, *change)] }];
        plan = plan.one_bar_more();
    }
    at(&plan.ahead, share)
}

/// Share of coins after a choice, and the part of the net worth that its commission leaves.
fn traded(share: f64, choice: u32, commission: f64) -> (f64, f64) {
    let (bought, sold) = match choice {
        1 => (0.5 * (1.0 - share), 0.0),
        2 => (0.0, 0.5 * share),
        _ => (0.0, 0.0),
    };
    let kept = 1.0 - commission * (bought + sold);
    ((share + (1.0 - commission) * bought - sold) / kept, kept)
}

/// The value of a grid at this share.
fn at(grid: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * STEPS as f64;
    let left = (place as usize).min(STEPS - 1);
    let part = place - left as f64;
    grid[left] + part * (grid[left + 1] - grid[left])
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{Rng, RngTree, uniform_f64};

    use super::*;

    /// Two cues, each right with 80 %, and moves of two sizes.
    fn law() -> Vec<Cue> {
        let moves = |up: f64| [0.02, 0.005].map(|size| [(up / 2.0, size), ((1.0 - up) / 2.0, -size)]);
        [0.8, 0.2].map(|up| Cue { chance: 0.5, moves: moves(up).concat() }).into()
    }

    /// The same value by trying everything: no grid, no interpolation, no memory.
    fn exhaustive(bars: u32, law: &[Cue], commission: f64, cue: usize, share: f64) -> f64 {
        let ahead = |share: f64| match bars {
            1 => 0.0,
            _ => (0..law.len()).map(|c| law[c].chance * exhaustive(bars - 1, law, commission, c, share)).sum(),
        };
        let of_choice = |choice| {
            let (coins, cash) = account(share, choice, commission);
            let after = |&(chance, change): &(f64, f64)| {
                let coins = coins * (1.0 + change);
                chance * ((cash + coins).ln() + ahead(coins / (cash + coins)))
            };
            law[cue].moves.iter().map(after).sum::<f64>()
        };
        [0, 1, 2].map(of_choice).into_iter().fold(f64::MIN, f64::max)
    }

    /// Value of the coins and cash of an account of 1 dollar after a choice, step by step as the game's rules say.
    fn account(share: f64, choice: u32, commission: f64) -> (f64, f64) {
        let (coins, cash) = (share, 1.0 - share);
        match choice {
            1 => (coins + cash / 2.0 * (1.0 - commission), cash / 2.0),
            2 => (coins / 2.0, cash + coins / 2.0 * (1.0 - commission)),
            _ => (coins, cash),
        }
    }

    #[test]
    fn a_plan_is_worth_what_trying_everything_finds() {
        for commission in [0.0, 0.00075, 0.01] {
            let plan = Plan::followed_by(3, law(), commission);
            for (cue, share) in [(0, 0.5), (1, 0.5), (0, 0.0), (1, 1.0), (0, 0.123), (1, 0.877)] {
                let (ours, exact) = (plan.value(cue, share), exhaustive(4, &law(), commission, cue, share));
                assert!((ours - exact).abs() < 2e-7, "commission {commission}, {cue} at {share}: {ours}, {exact}");
            }
        }
    }

    #[test]
    fn foresight_is_the_best_of_all_sequences() {
        let mut rng = RngTree::new(1).stream("moves", 0);
        let moves: Vec<f64> = (0..9).map(|_| 0.04 * (uniform_f64(&mut rng) - 0.5)).collect();
        for commission in [0.0, 0.00075, 0.01] {
            let growth = |sequence: u32| {
                let (mut share, mut growth) = (0.5, 0.0);
                for (bar, change) in moves.iter().enumerate() {
                    let (coins, cash) = account(share, sequence / 3_u32.pow(bar as u32) % 3, commission);
                    let coins = coins * (1.0 + change);
                    (share, growth) = (coins / (cash + coins), growth + (cash + coins).ln());
                }
                growth
            };
            let best = (0..3_u32.pow(9)).map(growth).fold(f64::MIN, f64::max);
            let ours = foresight(&moves, 0.5, commission);
            assert!((ours - best).abs() < 1e-6, "commission {commission}: {ours}, all sequences {best}");
        }
    }

    /// Log growth a bar of a policy on drawn cues and moves.
    fn simulated(bars: u32, commission: f64, policy: impl Fn(usize, f64) -> u32) -> f64 {
        let mut rng: Rng = RngTree::new(2).stream("draws", 0);
        let (law, mut share, mut growth) = (law(), 0.5, 0.0);
        for _ in 0..bars {
            let cue = usize::from(uniform_f64(&mut rng) < 0.5);
            let (coins, cash) = account(share, policy(cue, share), commission);
            let mut draw = uniform_f64(&mut rng);
            let drawn = law[cue].moves.iter().find(|(chance, _)| {
                draw -= chance;
                draw < 0.0
            });
            let coins = coins * (1.0 + drawn.unwrap_or(&law[cue].moves[3]).1);
            (share, growth) = (coins / (cash + coins), growth + (cash + coins).ln());
        }
        growth / f64::from(bars)
    }

    #[test]
    fn the_settled_plan_grows_as_it_says_and_no_slower_than_a_rule() {
        const BARS: u32 = 200_000;
        let rule = |cue: usize, _| [1, 2][cue];
        for (commission, margin) in [(0.0, 0.0), (0.00075, 0.0), (0.01, 5e-4)] {
            let (plan, expected) = Plan::settled(law(), commission);
            let planned = simulated(BARS, commission, |cue, share| plan.choose(cue, share));
            // A bar's log growth deviates by 0.015 at most.
            assert!(
                (planned - expected).abs() < 4.0 * 0.015 / f64::from(BARS).sqrt(),
                "{planned}, expected {expected}"
            );
            let ruled = simulated(BARS, commission, rule);
            assert!(planned >= ruled + margin, "commission {commission}: plan {planned}, rule {ruled}");
        }
    }

    #[test]
    fn a_cue_that_tells_nothing_is_not_traded_on() {
        let moves = vec![(0.5, 0.01), (0.5, -0.01)];
        let law = vec![Cue { chance: 0.5, moves: moves.clone() }, Cue { chance: 0.5, moves }];
        let plan = Plan::followed_by(10, law, 0.001);
        assert_eq!([0.0, 0.1, 0.5].map(|share| plan.choose(1, share)), [0, 0, 0]);
    }
}
