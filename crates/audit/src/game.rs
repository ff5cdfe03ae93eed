use std::sync::Arc;

use pavlov_rl_core::{BatchEnv, Fill, Market, Segment, Status};

use crate::{Change, Check, Difference, Field, Findings, Future, Shown, Trace};

/// Which bar fills an order, and which of its numbers may decide at what price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillTiming {
    /// Rows from the decision to the bar that fills: 1, or 0 at the decision's own close.
    pub lag: u32,
    /// What of that bar the price may depend on.
    pub price: &'static [Field],
}

impl FillTiming {
    /// At the open of the next bar.
    pub const NEXT_OPEN: Self = Self { lag: 1, price: &[Field::Open] };
    /// At the close of the next bar.
    pub const NEXT_CLOSE: Self = Self { lag: 1, price: &[Field::Close] };
    /// Between the open and the close of the next bar.
    pub const INSIDE_NEXT: Self = Self { lag: 1, price: &[Field::Open, Field::Close] };
    /// Anywhere in the next bar, with all of that bar known: limit orders.
    pub const NEXT_BAR: Self = Self { lag: 1, price: &[Field::Open, Field::High, Field::Low, Field::Close] };
    /// At the close that the order was decided with.
    pub const DECISION_CLOSE: Self = Self { lag: 0, price: &[] };
}

/// One copy of the game on a segment, with a seed for its random numbers; why it cannot be built otherwise.
pub type Build<'a> = dyn Fn(&Arc<Market>, Segment, u64) -> Result<Box<dyn BatchEnv>, String> + 'a;

/// The market with another future; `None` if that leaves none.
pub type MakeMarket<'a> = dyn Fn(&Change) -> Result<Option<Arc<Market>>, String> + 'a;

/// A game as the audit sees it.
pub struct Game<'a> {
    /// Its name in a report.
    pub name: &'a str,
    /// Names of the frame's columns.
    pub columns: &'a [String],
    /// What it says of its fills.
    pub timing: FillTiming,
    /// Whether its episodes cover the segment, whatever the seed; only then it is played on a truncated market.
    pub whole: bool,
    /// Builds it.
    pub build: &'a Build<'a>,
}

/// A part of a segment that is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The part.
    pub segment: Segment,
    /// Seed of the game and of the actions.
    pub seed: u64,
    /// Steps at most.
    pub steps: usize,
}

/// What fills tell of a game's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Rows that observations end behind the bar that fills their orders.
    pub lead: u32,
    /// Fills seen.
    pub fills: usize,
}

impl Game<'_> {
    /// Plays a stretch of a market.
    ///
    /// # Errors
    /// Why the game cannot be built.
    pub fn play(&self, market: &Arc<Market>, stretch: &Stretch) -> Result<Trace, String> {
        let env = (self.build)(market, stretch.segment, stretch.seed)?;
        Ok(Trace::play(env, stretch.seed, stretch.steps))
    }

    /// Learns from the fills of a trace how far its observations are ahead of its decisions.
    ///
    /// An order that was decided with row `L` in view fills in row `L + lag` or later; one that fills in an earlier row
    /// was decided with rows in view that were not there yet.
    pub fn read_clock(&self, trace: &Trace, clock: &mut Clock, findings: &mut Findings) {
        findings.compared(Check::Window, trace.steps.len());
        for (last_row, Fill { row, .. }) in trace.trades() {
            clock.fills += 1;
            let lead = last_row.saturating_sub(row);
            clock.lead = clock.lead.max(lead);
            if last_row + self.timing.lag > row {
                let possible = format!("row {} at most", row.saturating_sub(self.timing.lag));
                let what = "last row of the observation";
                let found = difference(Check::Window, what, row, possible, format!("row {last_row}"));
                let rule = format!("an order that is decided with it in view fills in row {row}");
                let ahead = lead.max(1) as usize;
                let Ok(()) = findings.found(self.name, found, Shown::Against(rule), |_| known_ahead(Some(ahead)));
            }
        }
    }

    /// Compares all that is known at row `known` in the market and in markets with other rows behind it.
    ///
    /// # Errors
    /// Why a market or a game cannot be built.
    pub fn check(
        &self,
        market: &Arc<Market>,
        stretch: &Stretch,
        (known, clock): (u32, Clock),
        make: &MakeMarket<'_>,
        findings: &mut Findings,
    ) -> Result<(), String> {
        let played = self.play(market, stretch)?;
        self.check_prices(market, &played, findings);
        let change = |future, kept| Change { future, first: known as usize + 1, kept, seed: stretch.seed };
        let mut changes: Vec<Change> = Future::ALL.map(|future| change(future, &[])).into();
        if self.timing.lag > 0 {
            changes.push(change(Future::Perturbed, self.timing.price));
        }
        for change in changes {
            let Some(other) = self.play_changed(stretch, &change, make)? else { continue };
            let pair = Pair { game: self, one: &played, other: &other.1, known, clock, change: &change };
            let rest = if change.kept.is_empty() { "" } else { ", but for what its fill rule may know," };
            let shown = Shown::By(format!("the rows behind {known}{rest} are {}", change.future.name()));
            self.check_prices(&other.0, &other.1, findings);
            for difference in pair.differences(findings) {
                let place = if difference.check == Check::Columns { "features" } else { self.name };
                findings.found(place, difference, shown.clone(), |found| {
                    let ahead = Ahead { stretch, known, clock, change: &change, rows: market.frame.rows() };
                    self.ahead(&played, &ahead, found, make).map(Some)
                })?;
            }
        }
        Ok(())
    }

    /// The game on a changed market; `None` if it is truncated to less than a game.
    fn play_changed(
        &self,
        stretch: &Stretch,
        change: &Change,
        make: &MakeMarket<'_>,
    ) -> Result<Option<(Arc<Market>, Trace)>, String> {
        let truncated = change.future == Future::Truncated;
        let end = stretch.segment.end.min(if truncated { change.first as u32 } else { u32::MAX });
        let Segment { start, first, .. } = stretch.segment;
        if truncated && (!self.whole || end < first + 2) {
            return Ok(None);
        }
        let Some(market) = make(change)? else { return Ok(None) };
        let stretch = Stretch { segment: Segment { start, first, end }, ..*stretch };
        match self.play(&market, &stretch) {
            Ok(trace) => Ok(Some((market, trace))),
            // A game may need more rows than are left; that it needs no later ones is seen at later cuts.
            Err(_) if truncated => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many rows behind its own a thing looks: the last row that matters to it, by bisection.
    fn ahead(
        &self,
        played: &Trace,
        at: &Ahead<'_>,
        found: &Difference,
        make: &MakeMarket<'_>,
    ) -> Result<usize, String> {
        let last = last_that_matters(at.change.first, at.rows, |first| {
            let change = Change { first, kept: &[], ..*at.change };
            let Some((_, other)) = self.play_changed(at.stretch, &change, make)? else { return Ok(false) };
            let (known, clock) = (at.known, at.clock);
            let pair = Pair { game: self, one: played, other: &other, known, clock, change: at.change };
            let same = |d: &Difference| (&d.what, d.row) == (&found.what, found.row);
            Ok(pair.differences(&mut Findings::default()).iter().any(same))
        });
        last.map(|last: usize| last.saturating_sub(found.row as usize))
    }

    /// No fill is better than its bar allowed: bought below its low, or sold above its high.
    fn check_prices(&self, market: &Market, trace: &Trace, findings: &mut Findings) {
        let (prices, rows) = (&market.prices, market.frame.rows());
        for (row, fill) in trace.trades() {
            findings.compared(Check::FillPrices, 1);
            let (low, high) = match (fill.row as usize) < rows {
                true => {
                    let cell = fill.row as usize * prices.assets + fill.asset as usize;
                    // A close adjusted for dividends may lie outside its bar; it is a price of the bar all the same.
                    let (open, close) = (prices.open[cell], prices.close[cell]);
                    let (low, high) = (prices.low[cell].min(open).min(close), prices.high[cell].max(open).max(close));
                    (low * (1.0 - ROUNDING), high * (1.0 + ROUNDING))
                }
                false => (f64::INFINITY, f64::NEG_INFINITY),
            };
            let possible = if fill.shares > 0.0 { fill.price >= low } else { fill.price <= high };
            if possible {
                continue;
            }
            let traded = format!("{low} to {high}");
            let found = difference(Check::FillPrices, "price of a fill", row, traded, text_of(&fill));
            let rule = format!("that is the range of the bar in row {}", fill.row);
            let Ok(()) = findings.found(self.name, found, Shown::Against(rule), |_| known_ahead(None));
        }
    }
}

/// An answer that needs no search.
fn known_ahead(ahead: Option<usize>) -> Result<Option<usize>, std::convert::Infallible> {
    Ok(ahead)
}

/// The last row that matters, by bisection: `changes` says whether something changes with the rows from one on.
///
/// `first` does, `rows`, which is one past the last, does not.
///
/// # Errors
/// Those of `changes`.
pub fn last_that_matters<E>(
    first: usize,
    rows: usize,
    mut changes: impl FnMut(usize) -> Result<bool, E>,
) -> Result<usize, E> {
    let (mut matters, mut does_not) = (first, rows);
    while does_not > matters + 1 {
        let middle = matters + (does_not - matters) / 2;
        match changes(middle)? {
            true => matters = middle,
            false => does_not = middle,
        }
    }
    Ok(matters)
}

/// Relative error of a price that went through a few operations.
const ROUNDING: f64 = 1e-9;

struct Ahead<'a> {
    stretch: &'a Stretch,
    known: u32,
    clock: Clock,
    change: &'a Change,
    rows: usize,
}

/// Two traces of a game whose markets are the same up to a row.
struct Pair<'a> {
    game: &'a Game<'a>,
    one: &'a Trace,
    other: &'a Trace,
    known: u32,
    clock: Clock,
    change: &'a Change,
}

impl Pair<'_> {
    fn differences(&self, findings: &mut Findings) -> Vec<Difference> {
        let mut found = Vec::new();
        if self.change.kept.is_empty() {
            self.columns(&mut found, findings);
        }
        for (i, seen) in self.one.seen.iter().enumerate() {
            let row = seen.last_row.saturating_sub(self.clock.lead);
            if row > self.known {
                break;
            }
            if i > 0 {
                self.step(i, row, &mut found, findings);
            }
            let Some(other) = self.other.seen.get(i) else { break };
            self.observation(row, (seen, other), &mut found, findings);
            if row == self.known {
                self.orders(i, row, &mut found, findings);
            }
        }
        found
    }

    fn columns(&self, found: &mut Vec<Difference>, findings: &mut Findings) {
        let (one, other) = (&self.one.frame, &self.other.frame);
        let rows = one.rows().min(other.rows()).min(self.known as usize + 1);
        findings.compared(Check::Columns, rows * one.cols());
        for col in 0..one.cols() {
            let differs = |row: &usize| one.row(*row)[col].to_bits() != other.row(*row)[col].to_bits();
            let Some(row) = (0..rows).find(differs) else { continue };
            let name = self.game.columns.get(col).map_or_else(|| col.to_string(), String::clone);
            found.push(Difference {
                check: Check::Columns,
                what: format!("column `{name}`"),
                row: row as u32,
                before: one.row(row)[col].to_string(),
                after: other.row(row)[col].to_string(),
            });
        }
    }

    /// What step `i - 1` brought, which is known at `row`.
    fn step(&self, i: usize, row: u32, found: &mut Vec<Difference>, findings: &mut Findings) {
        let one = &self.one.steps[i - 1];
        let other = self.other.steps.get(i - 1);
        let [before, after] = [Some(one), other].map(|step| step.map(|step| step.status));
        // The last row of a truncated market ends the episode.
        let last = self.change.future == Future::Truncated && row == self.known && after != Some(Status::Running);
        findings.compared(Check::Statuses, 1);
        if before != after && !(last && after.is_some()) {
            let text = |status: Option<Status>| status.map_or_else(|| "ended before".into(), |s| format!("{s:?}"));
            found.push(difference(Check::Statuses, "end of the episode", row, text(before), text(after)));
        }
        let Some(other) = other else { return };
        findings.compared(Check::Rewards, 1);
        if one.reward.to_bits() != other.reward.to_bits() {
            found.push(difference(Check::Rewards, "reward", row, one.reward, other.reward));
        }
        self.fills((&one.fills, &other.fills), row, found, findings);
    }

    /// The trades of the decision at `row`, of which only what the fill rule names may be known.
    fn orders(&self, i: usize, row: u32, found: &mut Vec<Difference>, findings: &mut Findings) {
        let rule_is_kept = self.game.timing.lag == 0 || !self.change.kept.is_empty();
        let steps = (self.one.steps.get(i), self.other.steps.get(i));
        if let (true, (Some(one), Some(other))) = (rule_is_kept, steps) {
            let until = row + self.game.timing.lag;
            let [one, other] = [one, other]
                .map(|step| -> Vec<Fill> { step.fills.iter().filter(|fill| fill.row <= until).copied().collect() });
            self.fills((&one, &other), row, found, findings);
        }
    }

    fn fills(&self, (one, other): (&[Fill], &[Fill]), row: u32, found: &mut Vec<Difference>, findings: &mut Findings) {
        findings.compared(Check::Fills, one.len().max(1));
        if one == other {
            return;
        }
        let text = |fills: &[Fill]| match fills {
            [] => "no fill".to_owned(),
            fills => fills.iter().map(text_of).collect::<Vec<_>>().join(", "),
        };
        found.push(difference(Check::Fills, "fill", row, text(one), text(other)));
    }

    fn observation(
        &self,
        row: u32,
        (one, other): (&crate::Seen, &crate::Seen),
        found: &mut Vec<Difference>,
        findings: &mut Findings,
    ) {
        findings.compared(Check::Window, 1);
        if one.last_row != other.last_row {
            found.push(difference(Check::Window, "last row of the observation", row, one.last_row, other.last_row));
        }
        findings.compared(Check::Account, one.account.len());
        for (number, (before, after)) in one.account.iter().zip(&other.account).enumerate() {
            if before.to_bits() != after.to_bits() {
                found.push(difference(Check::Account, &format!("account number {number}"), row, before, after));
            }
        }
        let books = [
            ("cash", one.ledger.cash, other.ledger.cash),
            ("value of the holdings", one.ledger.holdings_value, other.ledger.holdings_value),
            ("fees", one.ledger.fees, other.ledger.fees),
        ];
        findings.compared(Check::Books, books.len());
        for (what, before, after) in books {
            if before.to_bits() != after.to_bits() {
                found.push(difference(Check::Books, what, row, before, after));
            }
        }
    }
}

fn difference(check: Check, what: &str, row: u32, before: impl ToString, after: impl ToString) -> Difference {
    Difference { check, what: what.to_owned(), row, before: before.to_string(), after: after.to_string() }
}

fn text_of(fill: &Fill) -> String {
    let Fill { row, asset, shares, price, .. } = fill;
    format!("{shares:+} of asset {asset} at {price} in row {row}")
}
