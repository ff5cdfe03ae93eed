//! From the bytes of a CSV file to bars or a series, in stages: encoding, dialect (delimiter and header), columns,
//! numbers and times, order.
//!
//! Each stage takes what the manifest states, or else what the whole file leaves no doubt about; what stays open is an
//! error that names the key to set. The decisions are kept in a [`ReadAs`].

mod columns;
mod dialect;
mod encoding;
mod layout;
mod numbers;
mod order;
mod read_as;
mod table;
mod times;

use std::path::Path;

use crate::provenance::Cleaning;
use crate::recipe::Recipe;
use crate::series::Series;
use crate::{Adjustment, Bar, BarColumns, Bars, MarketDataError, Place};
use columns::{BAR_ROLES, Role, SERIES_ROLES};
pub use layout::Stamp;
pub(crate) use layout::{CsvLayout, Zone};
pub(crate) use order::{Misplaced, Order, Repeats};
pub use read_as::ReadAs;
use table::{Row, Table};

/// A file's bytes and the name under which errors speak of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'b> {
    pub(crate) path: &'b Path,
    pub(crate) bytes: &'b [u8],
}

impl Source<'_> {
    /// An error about a line.
    fn refuse(&self, line: usize, problem: impl Into<String>) -> MarketDataError {
        MarketDataError::CsvLine { path: self.path.to_owned(), line: line as u64, problem: problem.into() }
    }
}

/// What a file gave.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) content: T,
    pub(crate) cleaning: Cleaning,
    pub(crate) read_as: ReadAs,
}

/// A bar or a value, close-stamped.
pub(crate) trait Stamped: Copy + PartialEq {
    /// From when on it is known, UTC ns.
    fn time(&self) -> i64;
}

impl Stamped for Bar {
    fn time(&self) -> i64 {
        self.time
    }
}

impl Stamped for (i64, f64) {
    fn time(&self) -> i64 {
        self.0
    }
}

/// Rows as the file has them, close-stamped, each with its line.
#[derive(Debug)]
pub(crate) struct Rows<R> {
    pub(crate) rows: Vec<R>,
    pub(crate) lines: Vec<u64>,
}

/// Reads, orders, cuts to the span and validates bars.
pub(crate) fn read_bars(
    source: Source<'_>,
    layout: &CsvLayout,
    recipe: &Recipe,
    adjustment: Adjustment,
) -> Result<Read<Bars>, MarketDataError> {
    let mut read_as = ReadAs::default();
    let table = Table::open(source, layout, &BAR_ROLES, &mut read_as)?;
    check_adjustment(&source, &table, layout, adjustment)?;
    let (rows, mut cleaning) = tidy_rows(&table, &source, layout, recipe, to_bar, &mut read_as)?;
    let mut columns = BarColumns::default();
    rows.rows.into_iter().for_each(|bar| columns.push(bar));
    let bars = Bars::from_columns(recipe.symbol(), recipe.interval_ns(), columns)?;
    let place = |row: usize| Place::Line { path: source.path.to_owned(), line: rows.lines[row] };
    let (content, kept) = bars.checked(recipe.policy(), &place)?;
    cleaning.inconsistent_kept = kept.inconsistent;
    cleaning.non_positive_kept = kept.non_positive;
    Ok(Read { content, cleaning, read_as })
}

fn to_bar(time: i64, [open, high, low, close, volume]: [f64; 5]) -> Bar {
    Bar { time, open, high, low, close, volume }
}

/// A value of a series in the place of every price.
pub(crate) fn as_bar(time: i64, value: f64) -> Bar {
    Bar { time, open: value, high: value, low: value, close: value, volume: 0.0 }
}

/// The rows of a file as they stand in it, close-stamped, before any of them is judged.
pub(crate) fn bar_rows(
    source: Source<'_>,
    layout: &CsvLayout,
    recipe: &Recipe,
    adjustment: Adjustment,
) -> Result<Rows<Bar>, MarketDataError> {
    let mut read_as = ReadAs::default();
    let table = Table::open(source, layout, &BAR_ROLES, &mut read_as)?;
    check_adjustment(&source, &table, layout, adjustment)?;
    Ok(file_rows(&table, layout, recipe, to_bar)?.0)
}

/// The rows of a series as [`bar_rows`], each with its value in the place of every price.
pub(crate) fn series_rows(
    source: Source<'_>,
    layout: &CsvLayout,
    recipe: &Recipe,
) -> Result<Rows<Bar>, MarketDataError> {
    let table = Table::open(source, layout, &SERIES_ROLES, &mut ReadAs::default())?;
    Ok(file_rows(&table, layout, recipe, |time, [value]: [f64; 1]| as_bar(time, value))?.0)
}

/// Reads, orders, cuts to the span and validates a series.
pub(crate) fn read_series(
    source: Source<'_>,
    layout: &CsvLayout,
    recipe: &Recipe,
) -> Result<Read<Series>, MarketDataError> {
    let mut read_as = ReadAs::default();
    let table = Table::open(source, layout, &SERIES_ROLES, &mut read_as)?;
    let to_value = |time, [value]: [f64; 1]| (time, value);
    let (rows, cleaning) = tidy_rows(&table, &source, layout, recipe, to_value, &mut read_as)?;
    let (times, values) = rows.rows.into_iter().unzip();
    let place = |row: usize| Place::Line { path: source.path.to_owned(), line: rows.lines[row] };
    let content = Series::checked(recipe.symbol(), recipe.interval_ns(), times, values, &place)?;
    Ok(Read { content, cleaning, read_as })
}

/// The rows of a table, close-stamped, in rising time and inside the span.
fn tidy_rows<const N: usize, R: Stamped>(
    table: &Table<'_>,
    source: &Source<'_>,
    layout: &CsvLayout,
    recipe: &Recipe,
    to_row: impl Fn(i64, [f64; N]) -> R,
    read_as: &mut ReadAs,
) -> Result<(Rows<R>, Cleaning), MarketDataError> {
    let (rows, empty_rows) = file_rows(table, layout, recipe, to_row)?;
    let end = if layout.stamp == Stamp::Open { "opening" } else { "close" };
    read_as.note(format!("stamped at the {end}"), true);
    let mut cleaning = Cleaning { rows_read: rows.rows.len() + empty_rows, empty_rows, ..Cleaning::default() };
    let tidy = order::tidy(source.path, rows, layout, &mut cleaning)?;
    let mut inside = Rows { rows: Vec::with_capacity(tidy.rows.len()), lines: Vec::with_capacity(tidy.rows.len()) };
    for (row, line) in tidy.rows.into_iter().zip(tidy.lines) {
        if recipe.spans(row.time()) {
            inside.rows.push(row);
            inside.lines.push(line);
        } else {
            cleaning.outside_span += 1;
        }
    }
    Ok((inside, cleaning))
}

/// The rows of a table, close-stamped, as they stand in it, and how many have no value.
fn file_rows<const N: usize, R>(
    table: &Table<'_>,
    layout: &CsvLayout,
    recipe: &Recipe,
    to_row: impl Fn(i64, [f64; N]) -> R,
) -> Result<(Rows<R>, usize), MarketDataError> {
    let mut rows = Rows { rows: Vec::new(), lines: Vec::new() };
    let close = |stamp| if layout.stamp == Stamp::Open { recipe.close_of(stamp) } else { stamp };
    let empty_rows = table.each_row(|Row { line, stamp, values }| {
        rows.rows.push(to_row(close(stamp), values));
        rows.lines.push(line);
    })?;
    Ok((rows, empty_rows))
}

/// Refuses to read an adjusted close beside other prices, or unadjusted prices as adjusted ones.
fn check_adjustment(
    source: &Source<'_>,
    table: &Table<'_>,
    layout: &CsvLayout,
    adjustment: Adjustment,
) -> Result<(), MarketDataError> {
    let header = &table.dialect.header;
    let adjusted = columns::candidates(Role::AdjustedClose, header, layout);
    let [_, open, _, _, close, _] = table.fields[..] else { return Ok(()) };
    let Some(other) = adjusted.first() else { return Ok(()) };
    let problem = match adjustment {
        Adjustment::Mixed => return Ok(()),
        _ if columns::is_adjusted(&header[close]) && columns::is_adjusted(&header[open]) => return Ok(()),
        _ if adjusted.contains(&close) => format!(
            "the close is read from {:?}, which is adjusted for dividends, and the open from {:?}, which is not; read \
             another close, or allow the mix by name: adjustment = \"mixed\"",
            header[close], header[open]
        ),
        Adjustment::SplitAndDividend => format!(
            "adjustment is \"split_and_dividend\", but {:?} is read though the file has {:?}; these prices are not \
             adjusted for dividends: set adjustment = \"split\" or \"none\"",
            header[close], header[*other]
        ),
        Adjustment::None | Adjustment::Split => return Ok(()),
    };
    Err(source.refuse(table.dialect.line as usize, problem))
}
