//! A file whose text, columns and formats are known: what its rows mean.

use std::borrow::Cow;
use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord};
use jiff::tz::TimeZone;

use super::columns::{self, Role};
use super::dialect::{self, Dialect};
use super::encoding::{self, newlines};
use super::layout::{CsvLayout, Decimal};
use super::numbers::{self, NumberEvidence};
use super::times::{TimeEvidence, TimeFault, TimeFormat};
use super::{ReadAs, Source};
use crate::MarketDataError;

/// A file of which every stage is decided.
#[derive(Debug)]
pub(super) struct Table<'b> {
    source: Source<'b>,
    text: Cow<'b, str>,
    pub(super) dialect: Dialect,
    /// The columns that are read: the time, then the values in the order of the roles.
    pub(super) fields: Vec<usize>,
    roles: Vec<Role>,
    /// The rows that count have these values in these columns.
    only: Vec<(usize, String)>,
    format: TimeFormat,
    zone: Option<TimeZone>,
    decimal: Decimal,
}

/// The values of one row.
pub(super) struct Row<const N: usize> {
    pub(super) line: u64,
    /// The stamp as the file means it, UTC ns.
    pub(super) stamp: i64,
    pub(super) values: [f64; N],
}

impl<'b> Table<'b> {
    /// Decides every stage; what the manifest does not state is found from the whole file.
    pub(super) fn open(
        source: Source<'b>,
        layout: &CsvLayout,
        roles: &[Role],
        read_as: &mut ReadAs,
    ) -> Result<Table<'b>, MarketDataError> {
        let makes_sense = |text: &str| has_foreign_header(&source, text, layout, roles);
        let (text, encoding) = encoding::decode(&source, layout.encoding, &makes_sense)?;
        read_as.note(encoding, layout.encoding.is_some());
        let dialect = dialect::find(&source, &text, layout, roles, read_as)?;
        let find = |role: &Role| columns::find(&source, dialect.line, *role, &dialect.header, layout);
        let fields = roles.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<String> = fields.iter().map(|i| format!("{:?}", dialect.header[*i])).collect();
        read_as.note(format!("columns {}", names.join(" ")), roles.iter().all(|r| columns::is_stated(*r, layout)));
        let only = layout.only.iter().flatten().map(|(name, value)| {
            read_as.note(format!("rows where {name} is {value}"), true);
            columns::named(&source, dialect.line, name, &dialect.header).map(|column| (column, value.clone()))
        });
        let only = only.collect::<Result<Vec<_>, _>>()?;
        let mut table = Table {
            source,
            text,
            dialect,
            fields,
            roles: roles.to_vec(),
            only,
            format: TimeFormat::UnixSeconds,
            zone: layout.zone.as_ref().map(|zone| zone.rules.clone()),
            decimal: Decimal::Point,
        };
        table.decide(layout, read_as)?;
        Ok(table)
    }

    /// Decides what needs the whole file: the format of times and numbers, and whether there are several symbols.
    fn decide(&mut self, layout: &CsvLayout, read_as: &mut ReadAs) -> Result<(), MarketDataError> {
        let mut times = TimeEvidence::default();
        let mut digits = NumberEvidence::default();
        let mut symbols = Symbols::of(&self.dialect.header, layout);
        let mut rows = 0;
        self.each_record(|line, record| {
            rows += 1;
            if !self.has_values(record) {
                return Ok(());
            }
            symbols.see(line, record);
            if layout.time_format.is_none() {
                times.see(line, &record[self.fields[0]]);
            }
            if layout.decimal.is_none() {
                self.cells(record).for_each(|cell| digits.see(line, cell));
            }
            Ok(())
        })?;
        let column = &self.dialect.header[self.fields[0]];
        let asked = |(line, problem): (u64, String)| self.source.refuse(line as usize, problem);
        let about_time = |(line, problem)| asked((line, format!("column {column:?}: {problem}")));
        symbols.check().map_err(asked)?;
        if rows == 0 && !self.only.is_empty() {
            return Err(asked((self.dialect.line, "no row below has the values of file.only; check them".to_owned())));
        }
        let format = match &layout.time_format {
            Some(format) => format.clone(),
            None => times.decide().map_err(about_time)?.unwrap_or(TimeFormat::UnixSeconds),
        };
        let shown = String::from(format.clone());
        let decimal = layout.decimal.map_or_else(|| digits.decide().map_err(asked), Ok)?;
        read_as.note(format!("times as {shown}"), layout.time_format.is_some());
        match (&layout.zone, format.is_absolute()) {
            (Some(zone), false) => read_as.note(format!("times in {}", zone.name), true),
            (Some(zone), true) => read_as.note(format!("instants, days of {}", zone.name), true),
            (None, _) => {}
        }
        let shown = if decimal == Decimal::Point { "decimal points" } else { "decimal commas" };
        read_as.note(shown, layout.decimal.is_some());
        (self.format, self.decimal) = (format, decimal);
        Ok(())
    }

    /// The cells with values that a row has.
    fn cells<'r>(&self, record: &'r StringRecord) -> impl Iterator<Item = &'r str> {
        self.fields[1..].iter().map(|field| &record[*field]).filter(|cell| !numbers::is_missing(cell))
    }

    /// Reads every row that counts and has a value; gives how many have none.
    pub(super) fn each_row<const N: usize>(&self, mut take: impl FnMut(Row<N>)) -> Result<usize, MarketDataError> {
        let mut empty = 0;
        self.each_record(|line, record| {
            if !self.has_values(record) {
                empty += 1;
                return Ok(());
            }
            let stamp = self.stamp(line, record)?;
            let mut values = [0.0; N];
            for (value, at) in values.iter_mut().zip(1..) {
                *value = self.value(line, record, at)?;
            }
            take(Row { line, stamp, values });
            Ok(())
        })?;
        Ok(empty)
    }

    /// Whether a row has a price, or the one value of a series; a volume of 0 alone is none, another one is odd.
    fn has_values(&self, record: &StringRecord) -> bool {
        let mut cells = self.roles[1..].iter().zip(&self.fields[1..]).map(|(role, field)| (*role, &record[*field]));
        cells.any(|(role, cell)| {
            let is_nothing = role == Role::Volume && cell.trim().trim_matches(['0', '.']).is_empty();
            !is_nothing && !numbers::is_missing(cell)
        })
    }

    fn stamp(&self, line: u64, record: &StringRecord) -> Result<i64, MarketDataError> {
        let text = &record[self.fields[0]];
        self.format.read(text, self.zone.as_ref()).map_err(|fault| {
            let expected = match fault {
                TimeFault::Unfit => self.format.describe(),
                TimeFault::NoZone => {
                    "an instant without a zone; set file.zone, such as \"UTC\" or \"Asia/Seoul\"".to_owned()
                }
                TimeFault::NotOnce => {
                    "once in its zone, where the clock is changed; state offsets or use UTC in the file".to_owned()
                }
            };
            self.wrong(line, self.fields[0], text, expected)
        })
    }

    fn value(&self, line: u64, record: &StringRecord, at: usize) -> Result<f64, MarketDataError> {
        let text = &record[self.fields[at]];
        let read = if self.roles[at] == Role::Volume { numbers::read_amount } else { numbers::read };
        read(text, self.decimal).ok_or_else(|| self.wrong(line, self.fields[at], text, "a number".to_owned()))
    }

    fn wrong(&self, line: u64, field: usize, got: &str, expected: String) -> MarketDataError {
        MarketDataError::CsvField {
            path: self.source.path.to_owned(),
            line,
            column: self.dialect.header[field].clone(),
            got: got.to_owned(),
            expected,
        }
    }

    /// Gives every record that counts with its line.
    fn each_record(
        &self,
        mut take: impl FnMut(u64, &StringRecord) -> Result<(), MarketDataError>,
    ) -> Result<(), MarketDataError> {
        let (start, bytes) = (self.dialect.start, self.text.as_bytes());
        let mut lines = Lines { bytes, at: start, line: self.dialect.line };
        let mut reader = ReaderBuilder::new()
            .delimiter(self.dialect.delimiter)
            .has_headers(self.dialect.has_header)
            .from_reader(&bytes[start..]);
        let mut record = StringRecord::new();
        let failed = |lines: Lines<'_>, error: &csv::Error| self.row_error(lines, error);
        if self.dialect.has_header {
            reader.headers().map_err(|error| failed(lines, &error))?;
        }
        while reader.read_record(&mut record).map_err(|error| failed(lines, &error))? {
            let line = lines.of(start, record.position());
            if record.len() != self.dialect.header.len() {
                return Err(self.unequal(line, record.len()));
            }
            if self.only.iter().all(|(column, value)| record[*column].trim() == value) {
                take(line, &record)?;
            }
        }
        Ok(())
    }

    fn row_error(&self, mut lines: Lines<'_>, error: &csv::Error) -> MarketDataError {
        let line = lines.of(self.dialect.start, error.position());
        match error.kind() {
            csv::ErrorKind::UnequalLengths { len, .. } => self.unequal(line, *len as usize),
            _ => self.source.refuse(line as usize, error.to_string()),
        }
    }

    fn unequal(&self, line: u64, len: usize) -> MarketDataError {
        let expected = self.dialect.header.len();
        let problem =
            format!("{len} fields, expected {expected} as in the header; the file may be cut or its delimiter another");
        self.source.refuse(line as usize, problem)
    }
}

/// Whether a header of the text is understood thanks to a column that is not ASCII, usual or stated.
fn has_foreign_header(source: &Source<'_>, text: &str, layout: &CsvLayout, roles: &[Role]) -> bool {
    let unread = CsvLayout { last_line: super::layout::LastLine::Whole, ..layout.clone() };
    let Ok(dialect) = dialect::find(source, text, &unread, roles, &mut ReadAs::default()) else { return false };
    let all_found = roles.iter().all(|role| !columns::candidates(*role, &dialect.header, layout).is_empty());
    let stated = roles.iter().filter(|role| columns::is_stated(**role, layout));
    let stated_abroad = stated
        .flat_map(|role| columns::candidates(*role, &dialect.header, layout))
        .any(|column| !dialect.header[column].is_ascii());
    all_found && (stated_abroad || dialect.header.iter().any(|name| columns::is_known_abroad(name)))
}

/// The values of the columns that tell symbols apart.
struct Symbols<'h> {
    columns: Vec<(usize, &'h str)>,
    seen: BTreeMap<usize, String>,
    several: Option<(u64, String)>,
}

impl<'h> Symbols<'h> {
    /// Looks at every symbol column, unless the manifest chooses rows.
    fn of(header: &'h [String], layout: &CsvLayout) -> Symbols<'h> {
        let columns = if layout.only.is_none() {
            columns::candidates(Role::Symbol, header, layout).into_iter().map(|i| (i, header[i].as_str())).collect()
        } else {
            Vec::new()
        };
        Symbols { columns, seen: BTreeMap::new(), several: None }
    }

    fn see(&mut self, line: u64, record: &StringRecord) {
        if self.several.is_some() {
            return;
        }
        for (column, name) in &self.columns {
            let symbol = record[*column].trim();
            let first = self.seen.entry(*column).or_insert_with(|| symbol.to_owned());
            if !symbol.is_empty() && first != symbol {
                let problem = format!(
                    "column {name:?} holds several symbols, {first:?} and {symbol:?}; choose one with \
                     file.only = {{ {name:?} = {first:?} }}, or take all rows with file.only = {{}}"
                );
                self.several = Some((line, problem));
            }
        }
    }

    fn check(&self) -> Result<(), (u64, String)> {
        self.several.clone().map_or(Ok(()), Err)
    }
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
