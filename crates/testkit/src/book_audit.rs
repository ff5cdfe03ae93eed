//! Every step of an environment checked against independent books (promise R12).

use pavlov_rl_core::{ActionBatch, BatchEnv, EnvSpec, Fill, Ledger, PriceTable, Status, StepBatch};

use crate::{BOOK_TOLERANCE, SecondLedger};

/// Second books beside each copy of a batch.
///
/// Each step checks the books against the replayed fills, the change of the net worth against price moves and fees, that every
/// fill lies within the range of its bar, that nothing is bought on credit, that rewards and account numbers are finite, and on
/// demand that shares are whole.
pub struct BookAudit<'a> {
    env: Box<dyn BatchEnv>,
    prices: &'a PriceTable,
    positions: Vec<f64>,
    books: Vec<SecondLedger>,
    ledgers: Vec<Ledger>,
    rows: Vec<u32>,
    /// Whether every fill must be of whole shares.
    pub whole_shares: bool,
    /// Part of a price by which slippage may move a fill out of its bar.
    pub slack: f64,
    /// Changes what the environment reported before it is checked: a planted bug.
    pub tamper: fn(&mut [Fill], &mut Ledger),
}

impl<'a> BookAudit<'a> {
    /// Opens books for copies that are freshly reset, whose episodes all start with these positions by asset.
    pub fn new(mut env: Box<dyn BatchEnv>, prices: &'a PriceTable, positions: &[f64]) -> Self {
        env.record_fills(true);
        let mut ledgers = Vec::new();
        env.ledgers(&mut ledgers);
        let books = ledgers.iter().map(|ledger| SecondLedger::new(ledger.cash, positions)).collect();
        let rows = env.observations().last_row.to_vec();
        Self {
            env,
            prices,
            positions: positions.to_vec(),
            books,
            ledgers,
            rows,
            whole_shares: false,
            slack: 0.0,
            tamper: |_, _| {},
        }
    }

    /// What each copy shows and accepts.
    pub fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    /// Steps the environment and checks the books of every copy.
    ///
    /// # Errors
    /// The copy and the entry that does not balance.
    pub fn step(&mut self, actions: &ActionBatch) -> Result<(), String> {
        let step = self.env.step(actions);
        check_finite(&step)?;
        let ended: Vec<bool> = step.statuses.iter().map(|status| *status != Status::Running).collect();
        let end_rows = step.end.last_row.to_vec();
        let end_ledgers = step.end_ledgers.to_vec();
        let next_rows = step.next.last_row.to_vec();
        let mut next_ledgers = Vec::new();
        self.env.ledgers(&mut next_ledgers);
        let fills = self.env.fills().to_vec();
        self.env.record_fills(true);
        for (i, fills) in fills.into_iter().enumerate() {
            let (row, ledger) = if ended[i] { (end_rows[i], end_ledgers[i]) } else { (next_rows[i], next_ledgers[i]) };
            self.check_copy(i, fills, row, ledger).map_err(|e| format!("copy {i} at row {row}: {e}"))?;
            if ended[i] {
                self.books[i] = SecondLedger::new(next_ledgers[i].cash, &self.positions);
                (self.rows[i], self.ledgers[i]) = (next_rows[i], next_ledgers[i]);
            }
        }
        Ok(())
    }

    fn check_copy(&mut self, i: usize, mut fills: Vec<Fill>, row: u32, mut ledger: Ledger) -> Result<(), String> {
        (self.tamper)(&mut fills, &mut ledger);
        let (before, after) = (closes(self.prices, self.rows[i]), closes(self.prices, row));
        let mut broken: Vec<String> =
            self.check_attribution(i, &fills, before, after, &ledger).err().into_iter().collect();
        for fill in &fills {
            broken.extend(check_range(fill, self.prices, self.slack).err());
            if self.whole_shares && fill.shares.fract() != 0.0 {
                broken.push(format!("{fill:?} is not of whole shares"));
            }
            self.books[i].replay(fill);
        }
        broken.extend(self.books[i].check(&ledger, after).err());
        broken.extend(check_credit(&ledger).err());
        (self.rows[i], self.ledgers[i]) = (row, ledger);
        if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
    }

    fn check_attribution(
        &self,
        i: usize,
        fills: &[Fill],
        before: &[f64],
        after: &[f64],
        ledger: &Ledger,
    ) -> Result<(), String> {
        let attributed = self.books[i].attributed_change(fills, before, after);
        let (was, is) = (self.ledgers[i].net_worth(), ledger.net_worth());
        let scale = was.abs().max(is.abs());
        if (is - was - attributed).abs() <= BOOK_TOLERANCE * scale {
            return Ok(());
        }
        Err(format!("the net worth changed by {} where prices and fees account for {attributed}", is - was))
    }
}

fn check_finite(step: &StepBatch<'_>) -> Result<(), String> {
    let accounts = step.next.account.iter().chain(step.end.account).map(|&x| f64::from(x));
    match step.rewards.iter().copied().chain(accounts).find(|x| !x.is_finite()) {
        None => Ok(()),
        Some(number) => Err(format!("a reward or an account number is {number}")),
    }
}

fn closes(prices: &PriceTable, row: u32) -> &[f64] {
    &prices.close[row as usize * prices.assets..][..prices.assets]
}

fn check_range(fill: &Fill, prices: &PriceTable, slack: f64) -> Result<(), String> {
    let i = fill.row as usize * prices.assets + fill.asset as usize;
    let (low, high) = (prices.low[i] * (1.0 - slack), prices.high[i] * (1.0 + slack));
    if (low..=high).contains(&fill.price) { Ok(()) } else { Err(format!("{fill:?} outside its bar's {low}..{high}")) }
}

/// Cash is below 0 only beside a short, whose loss it is, or where nothing is left.
fn check_credit(ledger: &Ledger) -> Result<(), String> {
    let owed = ledger.cash < -BOOK_TOLERANCE * ledger.holdings_value.abs();
    if owed && ledger.holdings_value >= 0.0 && ledger.net_worth() > 0.0 {
        return Err(format!("{ledger:?} was bought on credit"));
    }
    Ok(())
}
