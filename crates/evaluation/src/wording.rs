//! Numbers and lists as a sentence has them.

/// `+12.3 %`, with a second decimal below 10 %.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{} %", points(fraction))
}

/// `+12.3`: a fraction in percentage points, with a second decimal below 10; a difference that rounds to 0 has no sign.
pub(crate) fn points(fraction: f64) -> String {
    let points = 100.0 * fraction;
    let decimals = if points.abs() < 9.995 { 2 } else { 1 };
    let text = format!("{points:+.decimals$}");
    match text.bytes().any(|b| b.is_ascii_digit() && b != b'0') {
        true => text,
        false => text[1..].to_owned(),
    }
}

/// `36 days`, `1.5 days` or `2.3 years`.
pub(crate) fn duration(days: f64) -> String {
    match days {
        d if d >= 730.0 => format!("{:.1} years", d / 365.25),
        d if d >= 9.95 => format!("{d:.0} days"),
        d => format!("{d:.1} days"),
    }
}

/// `1 seed`, `5 seeds`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_a_sentence() {
        assert_eq!(percent(0.1234), "+12.3 %");
        assert_eq!(percent(-0.01234), "-1.23 %");
        assert_eq!(points(0.099_96), "+10.0");
        assert_eq!((points(0.0), points(-1e-9)), ("0.00".into(), "0.00".into()));
        assert_eq!(
            (duration(35.96), duration(1.5), duration(900.0)),
            ("36 days".into(), "1.5 days".into(), "2.5 years".into())
        );
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
