//! Which character parts the fields, and which line is the header.

use super::columns::{self, Role};
use super::encoding::newlines;
use super::layout::{CsvLayout, Delimiter};
use super::{ReadAs, Source};
use crate::MarketDataError;

const DELIMITERS: [(u8, &str); 4] = [(b',', "commas"), (b'\t', "tabs"), (b';', "semicolons"), (b'|', "pipes")];
/// A header is looked for in so many lines.
const MAX_PREAMBLE: usize = 20;

/// Where the rows are and how their fields are parted.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// The names of the columns.
    pub(super) header: Vec<String>,
    /// The line of the header; in a file without one, that of the first row.
    pub(super) line: u64,
    /// Whether that line is a header.
    pub(super) has_header: bool,
    /// Where that line begins, in bytes.
    pub(super) start: usize,
}

/// A line that may be the header.
struct Candidate {
    start: usize,
    line: usize,
    delimiter: u8,
    fields: Vec<String>,
    /// How many of the needed columns it has.
    found: usize,
}

/// Finds delimiter and header, or the first row of a file without header; the text is whole lines.
pub(super) fn find(
    source: &Source<'_>,
    text: &str,
    layout: &CsvLayout,
    roles: &[Role],
    read_as: &mut ReadAs,
) -> Result<Dialect, MarketDataError> {
    check_lines(source, text, layout)?;
    let dialect = match &layout.header {
        Some(names) => without_header(source, text, names, layout)?,
        None => with_header(source, text, layout, roles)?,
    };
    let name = DELIMITERS.iter().find(|(delimiter, _)| *delimiter == dialect.delimiter);
    let name =
        name.map_or_else(|| format!("{:?} between fields", char::from(dialect.delimiter)), |(_, n)| (*n).to_owned());
    read_as.note(name, layout.delimiter.is_some());
    match dialect.has_header {
        true => read_as.note(format!("header in line {}", dialect.line), layout.skip_lines.is_some()),
        false => read_as.note(format!("no header, rows from line {}", dialect.line), true),
    }
    Ok(dialect)
}

fn check_lines(source: &Source<'_>, text: &str, layout: &CsvLayout) -> Result<(), MarketDataError> {
    let lines = newlines(text.as_bytes());
    if text.is_empty() {
        return Err(source.refuse(1, "the file is empty; fetch it again"));
    }
    if !text.ends_with('\n') && layout.last_line == super::layout::LastLine::Ended {
        return Err(source.refuse(
            lines + 1,
            "the file ends in mid-line and may be cut; fetch it again, or, if its last line is whole, end it \
             or set file.last_line = \"whole\"",
        ));
    }
    match layout.skip_lines {
        Some(skip) if text.lines().count() <= skip => {
            Err(source.refuse(lines, "no header behind the lines that file.skip_lines skips; check the manifest"))
        }
        _ => Ok(()),
    }
}

fn with_header(
    source: &Source<'_>,
    text: &str,
    layout: &CsvLayout,
    roles: &[Role],
) -> Result<Dialect, MarketDataError> {
    let mut best: Option<Candidate> = None;
    for candidate in lines(text, layout).flat_map(|(start, line, text)| split_each_way(start, line, text, layout)) {
        let found = roles.iter().filter(|role| !columns::candidates(**role, &candidate.fields, layout).is_empty());
        let candidate = Candidate { found: found.count(), ..candidate };
        let better = |best: &Candidate| {
            (candidate.found, candidate.line == best.line && candidate.fields.len() > best.fields.len())
                > (best.found, false)
        };
        if best.as_ref().is_none_or(better) {
            best = Some(candidate);
        }
    }
    let Some(best) = best else { return Err(source.refuse(1, "there is no line with fields; fetch the file again")) };
    let states_columns = roles.iter().any(|role| columns::is_stated(*role, layout));
    if best.found == 0 && !states_columns && layout.skip_lines.is_none() {
        return Err(source.refuse(
            best.line + 1,
            format!(
                "no header is known in the first {MAX_PREAMBLE} lines, of which this has the fields {:?}; name the \
                 columns in file.columns, or, if the file has no header, in file.header = [\"time\", ...]",
                best.fields
            ),
        ));
    }
    Ok(Dialect {
        delimiter: best.delimiter,
        header: best.fields,
        line: best.line as u64 + 1,
        has_header: true,
        start: best.start,
    })
}

fn without_header(
    source: &Source<'_>,
    text: &str,
    names: &[String],
    layout: &CsvLayout,
) -> Result<Dialect, MarketDataError> {
    let skip = layout.skip_lines.unwrap_or(0);
    let first = all_lines(text).skip(skip).find(|(_, _, line)| !line.trim().is_empty());
    let Some((start, line, first)) = first else { return Err(source.refuse(skip + 1, "the file has no rows")) };
    let ways = split_each_way(start, line, first, layout);
    // A quote inside a field shows that the line was split in the middle of quoted text.
    let mut fits = ways.filter(|way| way.fields.len() == names.len() && !way.fields.iter().any(|f| f.contains('"')));
    match (fits.next(), fits.next()) {
        (Some(way), None) => Ok(Dialect {
            delimiter: way.delimiter,
            header: names.to_vec(),
            line: line as u64 + 1,
            has_header: false,
            start,
        }),
        (Some(_), Some(_)) => Err(source.refuse(line + 1, "it can be split in two ways; set file.delimiter")),
        (None, _) => Err(source.refuse(
            line + 1,
            format!(
                "file.header names {} columns, and no delimiter splits this line into so many; correct file.header or \
                 set file.delimiter",
                names.len()
            ),
        )),
    }
}

/// The lines that may be the header, each with its start, its number from 0 and its text.
fn lines<'t>(text: &'t str, layout: &CsvLayout) -> impl Iterator<Item = (usize, usize, &'t str)> {
    let (first, count) = layout.skip_lines.map_or((0, MAX_PREAMBLE), |skip| (skip, 1));
    all_lines(text).skip(first).take(count)
}

fn all_lines(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    text.split_inclusive('\n').enumerate().scan(0, |start, (line, text)| {
        let here = *start;
        *start += text.len();
        Some((here, line, text))
    })
}

/// A line split by every delimiter that may part its fields.
fn split_each_way<'t>(
    start: usize,
    line: usize,
    text: &'t str,
    layout: &CsvLayout,
) -> impl Iterator<Item = Candidate> + use<'t> {
    let stated = layout.delimiter;
    let fits = move |delimiter: u8| stated.is_none_or(|Delimiter(stated)| stated == delimiter);
    let usual = DELIMITERS.iter().map(|(delimiter, _)| *delimiter).filter(move |delimiter| fits(*delimiter));
    let other = stated.map(|Delimiter(stated)| stated).filter(|stated| DELIMITERS.iter().all(|(d, _)| d != stated));
    usual.chain(other).filter_map(move |delimiter| {
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(text.as_bytes());
        let record = reader.records().next()?.ok()?;
        let fields = record.iter().map(str::to_owned).collect();
        Some(Candidate { start, line, delimiter, fields, found: 0 })
    })
}
