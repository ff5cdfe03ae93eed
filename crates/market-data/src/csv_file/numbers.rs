//! From text to numbers: decimal point or comma, separators between thousands, `34.75M`, and the marks of no value.

use super::layout::Decimal;

/// What stands in a cell without a value, in lower case.
const MISSING: [&str; 9] = ["", "null", "nan", "na", "n/a", "#n/a", "none", "-", "."];

/// Whether a cell says that there is no value.
pub(super) fn is_missing(cell: &str) -> bool {
    let cell = cell.trim();
    cell.len() <= 4 && MISSING.iter().any(|mark| cell.eq_ignore_ascii_case(mark))
}

/// What the numbers of a file tell about their commas and points, each time with the first line that tells it.
#[derive(Debug, Default)]
pub(super) struct NumberEvidence {
    /// Only a decimal point explains a number.
    point: Option<(u64, String)>,
    /// Only a decimal comma explains a number.
    comma: Option<(u64, String)>,
    /// A comma may be either.
    open: Option<(u64, String)>,
}

impl NumberEvidence {
    /// Takes a cell into account.
    pub(super) fn see(&mut self, line: u64, cell: &str) {
        let bare = without_unit(cell.trim()).0.trim_start_matches(['-', '+']);
        let slot = match (bare.matches(',').count(), bare.matches('.').count()) {
            (0, 0) => return,
            (0, 1) => {
                // A fraction of three digits may also be a group of thousands, where commas are decimal.
                if bare.rsplit('.').next().is_some_and(|fraction| fraction.len() == 3) {
                    return;
                }
                &mut self.point
            }
            (0, _) => &mut self.comma,
            (commas, 0) if commas > 1 => &mut self.point,
            (_, 0) => match bare.split_once(',') {
                Some((whole, group)) if group.len() == 3 && (1..=3).contains(&whole.len()) && whole != "0" => {
                    &mut self.open
                }
                _ => &mut self.comma,
            },
            _ if bare.rfind(',') < bare.rfind('.') => &mut self.point,
            _ => &mut self.comma,
        };
        slot.get_or_insert_with(|| (line, cell.to_owned()));
    }

    /// The decimal sign of the file, or the line that leaves it open and why.
    pub(super) fn decide(&self) -> Result<Decimal, (u64, String)> {
        match (&self.point, &self.comma, &self.open) {
            (Some((line, point)), Some((other, comma)), _) => Err((
                *line.max(other),
                format!(
                    "{point:?} on line {line} has a decimal point and {comma:?} on line {other} a decimal comma; \
                     correct the file, or set file.decimal = \".\" or \",\""
                ),
            )),
            (None, None, Some((line, open))) => Err((
                *line,
                format!(
                    "{open:?} may have a comma between thousands or a decimal comma; set file.decimal = \".\" if the \
                     comma parts thousands, or \",\""
                ),
            )),
            (None, Some(_), _) => Ok(Decimal::Comma),
            (Some(_), None, _) | (None, None, None) => Ok(Decimal::Point),
        }
    }
}

/// Reads a number; `None` if it is none.
pub(super) fn read(cell: &str, decimal: Decimal) -> Option<f64> {
    let cell = cell.trim();
    if decimal == Decimal::Point && !cell.contains(',') {
        return cell.parse().ok();
    }
    let (mark, separator) = if decimal == Decimal::Point { ('.', ',') } else { (',', '.') };
    let (whole, fraction) = cell.split_once(mark).map_or((cell, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut groups = whole.trim_start_matches(['-', '+']).split(separator);
    let first = groups.next()?;
    let mut grouped = groups.clone().count() > 0;
    let sound = groups.all(|group| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit()));
    grouped &= !(1..=3).contains(&first.len());
    if !sound || grouped || fraction.is_some_and(|fraction| fraction.contains(separator)) {
        return None;
    }
    let whole: String = whole.chars().filter(|c| *c != separator).collect();
    fraction.map_or_else(|| whole.clone(), |fraction| format!("{whole}.{fraction}")).parse().ok()
}

/// Reads an amount, which may end in `K`, `M`, `B` or `T` for thousands to millions of millions.
pub(super) fn read_amount(cell: &str, decimal: Decimal) -> Option<f64> {
    match without_unit(cell.trim()) {
        (_, 0) => read(cell, decimal),
        (bare, power) => {
            let number = read(bare, decimal)?;
            // Through text: 34.75M is the number nearest to 34.75e6, not a product of two rounded ones.
            format!("{number}e{power}").parse().ok()
        }
    }
}

/// A number without its unit, and the power of ten that the unit means.
fn without_unit(cell: &str) -> (&str, u32) {
    let power = match cell.as_bytes() {
        [.., digit, unit] if digit.is_ascii_digit() => match unit.to_ascii_uppercase() {
            b'K' => 3,
            b'M' => 6,
            b'B' => 9,
            b'T' => 12,
            _ => 0,
        },
        _ => 0,
    };
    if power == 0 { (cell, 0) } else { (&cell[..cell.len() - 1], power) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(cells: &[&str]) -> Result<Decimal, (u64, String)> {
        let mut evidence = NumberEvidence::default();
        cells.iter().zip(1..).for_each(|(cell, line)| evidence.see(line, cell));
        evidence.decide()
    }

    #[test]
    fn the_whole_column_decides_between_point_and_comma() {
        assert_eq!(decided(&["100", "9658.7"]), Ok(Decimal::Point));
        assert_eq!(decided(&["2,054", "126.30"]), Ok(Decimal::Point), "one point tells what all commas are");
        assert_eq!(decided(&["2,054", "1,234,567"]), Ok(Decimal::Point));
        assert_eq!(decided(&["1.234", "12,5"]), Ok(Decimal::Comma));
        assert_eq!(decided(&["1.234,567"]), Ok(Decimal::Comma));
        assert_eq!(decided(&["1.234"]), Ok(Decimal::Point));
        assert_eq!(decided(&["0,125"]), Ok(Decimal::Comma), "no thousands begin with a lone zero");
        let (line, open) = decided(&["12", "2,054", "545,085"]).unwrap_err();
        assert!(line == 2 && open.contains("\"2,054\"") && open.contains("file.decimal"), "{open}");
        let (line, mixed) = decided(&["1.5", "1,5"]).unwrap_err();
        assert!(line == 2 && mixed.contains("line 1") && mixed.contains("line 2"), "{mixed}");
    }

    #[test]
    fn numbers_are_read_or_refused_whole() {
        let point = |cell| read(cell, Decimal::Point);
        assert_eq!(
            (point("1,234,567.25"), point(" 9658.7 "), point("-1,234")),
            (Some(1_234_567.25), Some(9658.7), Some(-1234.0))
        );
        for bad in ["1,23", "1234,567", ",123", "1,234.5,6", "1.2.3", "", "nine", "1 234", "12,3456"] {
            assert_eq!(point(bad), None, "{bad}");
        }
        let comma = |cell| read(cell, Decimal::Comma);
        assert_eq!((comma("1.234,5"), comma("12,5"), comma("1234")), (Some(1234.5), Some(12.5), Some(1234.0)));
        assert_eq!((comma("1.5"), comma("1,2,3")), (None, None));
    }

    #[test]
    fn amounts_have_units() {
        let amount = |cell| read_amount(cell, Decimal::Point);
        assert_eq!(
            (amount("34.75M"), amount("1.2k"), amount("3B"), amount("1,234.5K")),
            (Some(34.75e6), Some(1200.0), Some(3e9), Some(1_234_500.0))
        );
        assert_eq!((amount("M"), amount("34.75X"), amount("5")), (None, None, Some(5.0)));
        assert!(["", " null", "NaN", "-", ".", "N/A"].iter().all(|mark| is_missing(mark)) && !is_missing("0"));
    }
}
