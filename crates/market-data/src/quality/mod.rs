//! What is odd about the rows of a source, before any policy is applied, and what the policies make of it.

mod clock;
mod numbers;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::csv_file::{Misplaced, Order, Repeats};
use crate::time::{Interval, write_time};
use crate::{Bar, Kind, OnFault, Span, rules};
pub use numbers::Moments;

/// A move is a jump from this many robust standard deviations on.
pub const JUMP_SIGMAS: f64 = 10.0;
/// A volume is an outlier if its logarithm is this many robust standard deviations from the median.
pub const VOLUME_SIGMAS: f64 = 6.0;
/// Places that are listed of each finding.
const LISTED: usize = 5;

/// The quality of rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Rows that open inside the manifest's span.
    pub rows: usize,
    /// The opening of the first row to the close of the last.
    pub span: Option<Span>,
    /// The size of a bar.
    pub interval: String,
    /// When bars are expected, in words.
    pub expected: String,
    /// Every kind of finding, also those of which there is none.
    pub findings: Vec<Finding>,
    /// Moments of the moves `ln(close / close before)`.
    pub moves: Moments,
}

/// One kind of oddity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What is odd.
    pub kind: FindingKind,
    /// Rows, or bars for [`FindingKind::Gaps`], that are odd.
    pub count: u64,
    /// What the manifest makes of them.
    pub policy: Applied,
    /// The rule, in words.
    pub rule: String,
    /// The first of them.
    pub first: Vec<Example>,
}

/// What can be odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Rows against the order of the file.
    Misplaced,
    /// Rows whose stamp an earlier row has.
    Repeats,
    /// Expected bars that are missing.
    Gaps,
    /// Bars without volume.
    ZeroVolume,
    /// Bars whose high and low do not enclose open and close, or whose volume is negative.
    Inconsistent,
    /// Bars with a price of zero or less.
    NonPositive,
    /// Moves far beyond the usual.
    Jumps,
    /// Volumes far beyond the usual.
    VolumeOutliers,
}

impl FindingKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            FindingKind::Misplaced => "misplaced",
            FindingKind::Repeats => "repeats",
            FindingKind::Gaps => "gaps",
            FindingKind::ZeroVolume => "zero volume",
            FindingKind::Inconsistent => "inconsistent",
            FindingKind::NonPositive => "not positive",
            FindingKind::Jumps => "jumps",
            FindingKind::VolumeOutliers => "volume outliers",
        }
    }
}

/// What becomes of odd rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// The dataset is refused.
    Reject,
    /// They are left out.
    Drop,
    /// They are moved to their place.
    Sort,
    /// They stay; for missing bars: nothing is filled in.
    Keep,
}

impl Applied {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Applied::Reject => "reject",
            Applied::Drop => "drop",
            Applied::Sort => "sort",
            Applied::Keep => "keep",
        }
    }
}

/// One odd row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Its close stamp, RFC 3339; for a gap the opening of the first missing bar.
    pub at: String,
    /// Its line in the file, counted from 1, where there is a file.
    pub line: Option<u64>,
    /// What is odd about it.
    pub what: String,
}

/// What is known about rows besides their numbers.
pub(crate) struct Expect<'a> {
    pub(crate) kind: Kind,
    pub(crate) interval: Interval,
    pub(crate) zone: TimeZone,
    pub(crate) order: Order,
    pub(crate) misplaced: Misplaced,
    pub(crate) repeats: Repeats,
    pub(crate) inconsistent: OnFault,
    pub(crate) non_positive: OnFault,
    /// The line of each row, if they come from a file.
    pub(crate) lines: Option<&'a [u64]>,
}

/// Rows in the order of their source and what is known about them.
struct Rows<'a> {
    rows: &'a [Bar],
    expect: &'a Expect<'a>,
}

impl Quality {
    /// Judges rows in the order of their source; a series has its value in all four prices.
    pub(crate) fn of(rows: &[Bar], expect: &Expect<'_>) -> Quality {
        let source = Rows { rows, expect };
        let (placed, misplaced) = source.placed();
        let (rising, repeats) = source.rising(placed);
        let opening = |row: usize| expect.interval.before(rows[row].time, &expect.zone);
        let openings: Vec<i64> = rising.iter().map(|row| opening(*row)).collect();
        let clock = clock::judge(&openings, expect.interval, &expect.zone);
        let (jumps, moves) = source.jumps(&rising);
        let mut findings = vec![misplaced, repeats, gaps(&clock), source.inconsistent(&rising)];
        findings.extend([source.non_positive(&rising), jumps]);
        if expect.kind == Kind::Bars {
            findings.extend([source.zero_volume(&rising), source.volume_outliers(&rising)]);
        }
        findings.sort_by_key(|finding| finding.kind);
        let span = openings.first().zip(rising.last()).map(|(from, last)| (*from, rows[*last].time));
        Quality {
            rows: rows.len(),
            span: span.map(|(from_ns, to_ns)| Span { from_ns, to_ns }),
            interval: expect.interval.into(),
            expected: clock.rule,
            findings,
            moves,
        }
    }

    /// The finding of a kind; a series has none about volumes.
    pub fn finding(&self, kind: FindingKind) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind == kind)
    }
}

fn gaps(clock: &clock::Clock) -> Finding {
    let missing: u64 = clock.gaps.iter().map(|gap| gap.missing).sum();
    let listed = clock.gaps.iter().take(LISTED);
    let first = listed.map(|gap| Example {
        at: write_time(gap.from_ns),
        line: None,
        what: format!("{} missing from this opening on", gap.missing),
    });
    let rule = format!("expected bars that are missing, in {} gaps", clock.gaps.len());
    Finding { kind: FindingKind::Gaps, count: missing, policy: Applied::Keep, rule, first: first.collect() }
}

impl Rows<'_> {
    /// A finding of odd rows, each with what is odd.
    fn finding(&self, kind: FindingKind, policy: Applied, rule: String, odd: &[(usize, String)]) -> Finding {
        let example = |(row, what): &(usize, String)| Example {
            at: write_time(self.rows[*row].time),
            line: self.expect.lines.map(|lines| lines[*row]),
            what: what.clone(),
        };
        let first = odd.iter().take(LISTED).map(example).collect();
        Finding { kind, count: odd.len() as u64, policy, rule, first }
    }

    /// The rows that count, and those that stand behind a row that they should precede.
    fn placed(&self) -> (Vec<usize>, Finding) {
        let (mut placed, mut odd) = (Vec::new(), Vec::new());
        let mut frontier: Option<i64> = None;
        for (row, Bar { time, .. }) in self.rows.iter().enumerate() {
            let against = frontier.filter(|frontier| match self.expect.order {
                Order::OldestFirst => time < frontier,
                Order::NewestFirst => time > frontier,
            });
            match against {
                None => frontier = Some(*time),
                Some(other) => odd.push((row, format!("stands behind {}", write_time(other)))),
            }
            if against.is_none() || self.expect.misplaced != Misplaced::Drop {
                placed.push(row);
            }
        }
        let policy = match self.expect.misplaced {
            Misplaced::Reject => Applied::Reject,
            Misplaced::Sort => Applied::Sort,
            Misplaced::Drop => Applied::Drop,
        };
        let rule = "rows against the order of the file".to_owned();
        (placed, self.finding(FindingKind::Misplaced, policy, rule, &odd))
    }

    /// The rows in strictly rising time, and those that repeat a stamp.
    fn rising(&self, mut placed: Vec<usize>) -> (Vec<usize>, Finding) {
        placed.sort_by_key(|row| self.rows[*row].time);
        let (mut rising, mut odd, mut differing): (Vec<usize>, Vec<_>, usize) = (Vec::new(), Vec::new(), 0);
        for row in placed {
            match rising.last() {
                Some(first) if self.rows[*first].time == self.rows[row].time => {
                    let equal = self.rows[*first] == self.rows[row];
                    differing += usize::from(!equal);
                    let what = if equal { "as before" } else { "with other values" };
                    odd.push((row, format!("the same stamp again, {what}")));
                }
                _ => rising.push(row),
            }
        }
        let policy = match self.expect.repeats {
            Repeats::KeepFirst => Applied::Drop,
            Repeats::KeepFirstIfEqual if differing == 0 => Applied::Drop,
            _ => Applied::Reject,
        };
        let rule = format!("rows whose stamp an earlier row has, {differing} with other values");
        (rising, self.finding(FindingKind::Repeats, policy, rule, &odd))
    }

    fn zero_volume(&self, rising: &[usize]) -> Finding {
        let odd = rising.iter().filter(|row| self.rows[**row].volume == 0.0);
        let flat = |bar: &Bar| if bar.high == bar.low { "one price" } else { "though its price moves" };
        let odd: Vec<_> = odd.map(|row| (*row, format!("no volume, {}", flat(&self.rows[*row])))).collect();
        let rule = if odd.len() == rising.len() { "no bar has a volume" } else { "bars without volume" };
        self.finding(FindingKind::ZeroVolume, Applied::Keep, rule.to_owned(), &odd)
    }

    fn inconsistent(&self, rising: &[usize]) -> Finding {
        let odd = rising.iter().filter_map(|row| {
            let (column, fault) = rules::inconsistency(&self.rows[*row])?;
            Some((*row, format!("{column}: {fault}")))
        });
        let rule = "high and low must enclose open and close, and volume must not be negative".to_owned();
        let (policy, odd) = (applied(self.expect.inconsistent), odd.collect::<Vec<_>>());
        self.finding(FindingKind::Inconsistent, policy, rule, &odd)
    }

    fn non_positive(&self, rising: &[usize]) -> Finding {
        let lowest = |bar: &Bar| bar.open.min(bar.high).min(bar.low).min(bar.close);
        let odd = rising.iter().map(|row| (*row, lowest(&self.rows[*row]))).filter(|(_, price)| *price <= 0.0);
        let odd: Vec<_> = odd.map(|(row, price)| (row, format!("a price of {price}"))).collect();
        // A value of a series may be anything.
        let series = self.expect.kind == Kind::Series;
        let policy = if series { Applied::Keep } else { applied(self.expect.non_positive) };
        self.finding(FindingKind::NonPositive, policy, "prices must be positive".to_owned(), &odd)
    }

    /// Moves between neighbouring positive closes, over nights and gaps too.
    fn jumps(&self, rising: &[usize]) -> (Finding, Moments) {
        let moves: Vec<(usize, f64)> = rising
            .windows(2)
            .filter(|pair| pair.iter().all(|row| self.rows[*row].close > 0.0))
            .map(|pair| (pair[1], (self.rows[pair[1]].close / self.rows[pair[0]].close).ln()))
            .collect();
        let values: Vec<f64> = moves.iter().map(|(_, value)| *value).collect();
        let scale = numbers::center_and_sigma(&values);
        let odd = moves.iter().filter_map(|(row, value)| {
            let (center, sigma) = scale?;
            let sigmas = (value - center) / sigma;
            let what = || format!("ln(close / close before) is {value:.4}, {sigmas:.1} robust sigmas");
            (sigmas.abs() > JUMP_SIGMAS).then(|| (*row, what()))
        });
        let sigma = scale.map_or_else(|| "none, all alike".to_owned(), |(_, sigma)| format!("{sigma:.3e}"));
        let rule = format!("moves beyond {JUMP_SIGMAS} robust sigmas from the median; one sigma is {sigma}");
        let odd: Vec<_> = odd.collect();
        (self.finding(FindingKind::Jumps, Applied::Keep, rule, &odd), Moments::of(&values))
    }

    fn volume_outliers(&self, rising: &[usize]) -> Finding {
        let traded = rising.iter().filter(|row| self.rows[**row].volume > 0.0);
        let logs: Vec<(usize, f64)> = traded.map(|row| (*row, self.rows[*row].volume.ln())).collect();
        let scale = numbers::center_and_sigma(&logs.iter().map(|(_, log)| *log).collect::<Vec<_>>());
        let odd = logs.iter().filter_map(|(row, log)| {
            let (center, sigma) = scale?;
            let times = (log - center).exp();
            let what = || format!("a volume of {}, {times:.3e} times the median", self.rows[*row].volume);
            ((log - center).abs() > VOLUME_SIGMAS * sigma).then(|| (*row, what()))
        });
        let rule = format!("ln(volume) beyond {VOLUME_SIGMAS} robust sigmas from the median, zeros left out");
        let odd: Vec<_> = odd.collect();
        self.finding(FindingKind::VolumeOutliers, Applied::Keep, rule, &odd)
    }
}

fn applied(on_fault: OnFault) -> Applied {
    match on_fault {
        OnFault::Reject => Applied::Reject,
        OnFault::Keep => Applied::Keep,
    }
}
