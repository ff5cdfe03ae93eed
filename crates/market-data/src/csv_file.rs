//! From the bytes of a CSV file to bars, as its layout says.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use serde::{Deserialize, Serialize};

use crate::csv_order::{self, Misplaced, Order, Repeats};
use crate::provenance::Cleaning;
use crate::recipe::Recipe;
use crate::time::TimeFormat;
use crate::{Bar, BarColumns, Bars, MarketDataError, Place};

/// How a CSV file writes bars; the `[file]` table of a manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CsvLayout {
    /// The file, relative to the data folder.
    pub(crate) path: String,
    /// Lines before the header. Default 0.
    #[serde(default)]
    pub(crate) skip_lines: usize,
    /// The character between fields. Default ",".
    #[serde(default = "comma")]
    pub(crate) delimiter: Delimiter,
    /// The header of each column; other columns are not read.
    pub(crate) columns: ColumnNames,
    /// How stamps are written.
    pub(crate) time_format: TimeFormat,
    /// The zone of the stamps.
    pub(crate) zone: Zone,
    /// Which end of the bar is stamped.
    pub(crate) stamp: Stamp,
    /// The order of the rows. Default oldest first.
    #[serde(default)]
    pub(crate) order: Order,
    /// What happens to rows against that order. Default reject.
    #[serde(default)]
    pub(crate) misplaced: Misplaced,
    /// What happens to rows of one stamp. Default reject.
    #[serde(default)]
    pub(crate) repeats: Repeats,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnNames {
    time: String,
    open: String,
    high: String,
    low: String,
    close: String,
    volume: String,
}

/// One ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub(crate) struct Delimiter(u8);

fn comma() -> Delimiter {
    Delimiter(b',')
}

impl TryFrom<char> for Delimiter {
    type Error = String;

    fn try_from(c: char) -> Result<Self, String> {
        let usable = c.is_ascii() && !c.is_ascii_alphanumeric() && !"\"\r\n".contains(c);
        if usable { Ok(Delimiter(c as u8)) } else { Err(format!("{c:?} cannot separate fields")) }
    }
}

impl From<Delimiter> for char {
    fn from(delimiter: Delimiter) -> char {
        char::from(delimiter.0)
    }
}

/// The zone of a file's stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Zone {
    #[serde(rename = "UTC")]
    Utc,
}

/// Which end of a bar its source stamps; [`Bars`] are always stamped with the close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// The opening: the close lies one interval later.
    Open,
    /// The close.
    Close,
}

/// Rows as the file has them, close-stamped, each with its line.
#[derive(Debug, Default)]
pub(crate) struct CsvRows {
    pub(crate) bars: Vec<Bar>,
    pub(crate) lines: Vec<u64>,
}

/// Reads, orders, cuts to the span and validates.
pub(crate) fn read_bars(
    path: &Path,
    bytes: &[u8],
    layout: &CsvLayout,
    recipe: &Recipe,
) -> Result<(Bars, Cleaning), MarketDataError> {
    let rows = read_rows(path, bytes, layout, recipe.interval_ns())?;
    let mut cleaning = Cleaning { rows_read: rows.bars.len(), ..Cleaning::default() };
    let rows = csv_order::tidy(path, rows, layout, &mut cleaning)?;
    let mut columns = BarColumns::default();
    let mut lines = Vec::with_capacity(rows.lines.len());
    for (bar, line) in rows.bars.into_iter().zip(rows.lines) {
        if recipe.spans(bar.time) {
            columns.push(bar);
            lines.push(line);
        } else {
            cleaning.outside_span += 1;
        }
    }
    let bars = Bars::from_columns(recipe.symbol(), recipe.interval_ns(), columns)?;
    let place = |row: usize| Place::Line { path: path.to_owned(), line: lines[row] };
    let (bars, kept) = bars.checked(recipe.policy(), &place)?;
    cleaning.inconsistent_kept = kept.inconsistent;
    cleaning.non_positive_kept = kept.non_positive;
    Ok((bars, cleaning))
}

fn read_rows(path: &Path, bytes: &[u8], layout: &CsvLayout, interval_ns: i64) -> Result<CsvRows, MarketDataError> {
    let start = header_start(path, bytes, layout.skip_lines)?;
    let mut lines = Lines { bytes, at: start, line: layout.skip_lines as u64 + 1 };
    let mut reader = ReaderBuilder::new().delimiter(layout.delimiter.0).from_reader(&bytes[start..]);
    let header = reader.headers().map_err(|error| row_error(path, lines, start, &error))?.clone();
    let fields = Fields::find(path, lines.line, &header, layout)?;
    let mut rows = CsvRows::default();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| row_error(path, lines, start, &error))? {
        let line = lines.of(start, record.position());
        let (stamp, bar) = fields.bar(path, line, &record, layout)?;
        let shift = if layout.stamp == Stamp::Open { interval_ns } else { 0 };
        rows.bars.push(Bar { time: stamp.saturating_add(shift), ..bar });
        rows.lines.push(line);
    }
    Ok(rows)
}

/// Counts lines up to a record; the csv crate's own count is one short after `\r\n` and blank lines.
#[derive(Clone, Copy)]
struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which the record at a position behind `start` begins.
    fn of(&mut self, start: usize, position: Option<&csv::Position>) -> u64 {
        let mut record = start + position.map_or(0, |position| position.byte() as usize);
        while matches!(self.bytes.get(record), Some(b'\r' | b'\n')) {
            record += 1;
        }
        self.line += newlines(&self.bytes[self.at..record]) as u64;
        self.at = record;
        self.line
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Where the header begins, behind the preamble; the text is whole lines of UTF-8.
fn header_start(path: &Path, bytes: &[u8], skip_lines: usize) -> Result<usize, MarketDataError> {
    let refuse = |line: usize, problem: &str| {
        Err(MarketDataError::CsvRow { path: path.to_owned(), line: line as u64, problem: problem.to_owned() })
    };
    if let Err(error) = std::str::from_utf8(bytes) {
        return refuse(newlines(&bytes[..error.valid_up_to()]) + 1, "the text is not UTF-8; convert the file");
    }
    if bytes.is_empty() {
        return refuse(1, "the file is empty; fetch it again");
    }
    if !bytes.ends_with(b"\n") {
        return refuse(
            newlines(bytes) + 1,
            "the file ends in mid-line and may be cut; fetch it again, or end its last line if it is whole",
        );
    }
    if newlines(bytes) <= skip_lines {
        return refuse(newlines(bytes), "no header behind the lines that file.skip_lines skips; check the manifest");
    }
    Ok(bytes.split_inclusive(|byte| *byte == b'\n').take(skip_lines).map(<[u8]>::len).sum())
}

fn row_error(path: &Path, mut lines: Lines<'_>, start: usize, error: &csv::Error) -> MarketDataError {
    let line = lines.of(start, error.position());
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!(
                "{len} fields, expected {expected_len} as in the header; the file may be cut or its delimiter another"
            )
        }
        _ => error.to_string(),
    };
    MarketDataError::CsvRow { path: path.to_owned(), line, problem }
}

/// The positions of the columns that are read.
struct Fields {
    time: usize,
    values: [usize; 5],
}

impl Fields {
    fn find(path: &Path, line: u64, header: &StringRecord, layout: &CsvLayout) -> Result<Fields, MarketDataError> {
        let find = |name: &str| {
            let mut positions = header.iter().enumerate().filter(|(_, found)| *found == name).map(|(i, _)| i);
            match (positions.next(), positions.count()) {
                (Some(position), 0) => Ok(position),
                (first, more) => Err(MarketDataError::CsvColumn {
                    path: path.to_owned(),
                    line,
                    column: name.to_owned(),
                    times: more + usize::from(first.is_some()),
                    found: header.iter().map(str::to_owned).collect(),
                }),
            }
        };
        let names = &layout.columns;
        Ok(Fields {
            time: find(&names.time)?,
            values: [
                find(&names.open)?,
                find(&names.high)?,
                find(&names.low)?,
                find(&names.close)?,
                find(&names.volume)?,
            ],
        })
    }

    /// The stamp as the file means it, and the values.
    fn bar(
        &self,
        path: &Path,
        line: u64,
        row: &StringRecord,
        layout: &CsvLayout,
    ) -> Result<(i64, Bar), MarketDataError> {
        let ColumnNames { time, open, high, low, close, volume } = &layout.columns;
        let wrong = |column: &String, got: &str, expected: String| MarketDataError::CsvField {
            path: path.to_owned(),
            line,
            column: column.clone(),
            got: got.to_owned(),
            expected,
        };
        let stamp = &row[self.time];
        let stamp = layout.time_format.read(stamp).ok_or_else(|| wrong(time, stamp, layout.time_format.describe()))?;
        let value = |i: usize, column| {
            let text = &row[self.values[i]];
            text.parse::<f64>().map_err(|_| wrong(column, text, "a number".to_owned()))
        };
        let (open, high, low) = (value(0, open)?, value(1, high)?, value(2, low)?);
        let (close, volume) = (value(3, close)?, value(4, volume)?);
        Ok((stamp, Bar { time: stamp, open, high, low, close, volume }))
    }
}
