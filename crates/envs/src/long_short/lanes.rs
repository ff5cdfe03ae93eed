use pavlov_rl_core::{Fill, NoFills, StepColumns};

use super::rules::{Rules, Terms, sign};
use super::{HOLD, LongShortState, shown_weight};
use crate::{Account, Commission};

/// Copies that are stepped side by side.
pub(super) const LANES: usize = 64;

/// The numbers of [`LANES`] copies, a column each, so that the processor takes several copies at a time.
///
/// The same operations as in [`Rules::step`], for rules that are plain ([`Rules::is_plain`]) and choices.
pub(super) struct Lanes {
    choice: [f64; LANES],
    price: [f64; LANES],
    close: [f64; LANES],
    cash: [f64; LANES],
    position: [f64; LANES],
    fees: [f64; LANES],
    net_worth: [f64; LANES],
    weight: [f32; LANES],
}

impl Lanes {
    pub(super) fn new() -> Self {
        let zeros = [0.0; LANES];
        Self {
            choice: zeros,
            price: zeros,
            close: zeros,
            cash: zeros,
            position: zeros,
            fees: zeros,
            net_worth: zeros,
            weight: [0.0; LANES],
        }
    }

    /// Steps the copies from `at` on.
    #[inline(always)]
    pub(super) fn step(
        &mut self,
        rules: &Rules,
        states: &mut [LongShortState],
        choices: &[u32],
        out: &mut StepColumns<'_>,
        at: usize,
    ) {
        let states: &mut [LongShortState; LANES] = (&mut states[at..at + LANES]).try_into().expect("so many copies");
        let choices: &[u32; LANES] = choices[at..at + LANES].try_into().expect("so many choices");
        self.load(rules, states, choices);
        let commission = Commission::proportional(rules.terms.commission.proportional);
        self.trade(Terms { commission, least_size: 0.0, ..rules.terms });
        self.store(rules, states, out, at);
    }

    #[inline(always)]
    fn load(&mut self, rules: &Rules, states: &[LongShortState; LANES], choices: &[u32; LANES]) {
        for k in 0..LANES {
            let t = (states[k].row - rules.first) as usize;
            let quotes = &rules.quotes[t..t + 2];
            (self.price[k], self.close[k]) = (quotes[0].fill, quotes[1].close);
            let account = &states[k].account;
            (self.cash[k], self.position[k], self.fees[k]) = (account.cash, account.position, account.fees);
            self.choice[k] = f64::from(choices[k] as i32);
        }
    }

    #[inline(always)]
    fn trade(&mut self, terms: Terms) {
        for k in 0..LANES {
            let (choice, price, close) = (self.choice[k], self.price[k], self.close[k]);
            let mut account = Account { cash: self.cash[k], position: self.position[k], fees: self.fees[k] };
            let held = sign(account.position);
            let side = if choice == f64::from(HOLD) { held } else { 2.0 * choice - 1.0 };
            let shares = terms.repayable(&account, terms.turn(&account, held, side, price), price);
            let fee = terms.commission.fee((shares * price).abs(), shares);
            account.trade(Fill { row: 0, asset: 0, shares, price, fee }, &mut NoFills);
            (self.cash[k], self.position[k], self.fees[k]) = (account.cash, account.position, account.fees);
            self.net_worth[k] = account.net_worth(close);
            self.weight[k] = shown_weight(&account, close);
        }
    }

    #[inline(always)]
    fn store(&self, rules: &Rules, states: &mut [LongShortState; LANES], out: &mut StepColumns<'_>, at: usize) {
        for (k, state) in states.iter_mut().enumerate() {
            let i = at + k;
            state.account = Account { cash: self.cash[k], position: self.position[k], fees: self.fees[k] };
            (state.row, state.mark, state.side) = (state.row + 1, self.close[k], sign(self.position[k]));
            out.rewards[i] = rules.reward.next(&mut state.reward, self.net_worth[k]);
            out.statuses[i] = rules.status(state.row, state.end, self.net_worth[k]);
            (out.last_row[i], out.account[i]) = (state.row, self.weight[k]);
        }
    }
}
