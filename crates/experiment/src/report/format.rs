//! Numbers as people read them, and text made safe for HTML.

use pavlov_evaluation::{Better, MetricEntry, Unit};

/// A metric's value without its unit, except for the sign of percent.
pub(crate) fn metric(entry: &MetricEntry, value: f64) -> String {
    metric_among(entry, value, &[value])
}

/// A metric's value with as many decimals as the largest of `company` needs, so that they can be compared.
pub(crate) fn metric_among(entry: &MetricEntry, value: f64, company: &[f64]) -> String {
    let largest = company.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    match entry.unit {
        Unit::Fraction | Unit::FractionPerYear => {
            let text = grouped(100.0 * value, decimals(100.0 * largest, 1000.0));
            format!("{}{text} %", plus(&text, entry.better == Better::Higher))
        }
        Unit::Ratio => grouped(value, if largest < 0.01 { small(largest) } else { decimals(largest, 100.0) }),
        Unit::Times | Unit::TimesPerYear => grouped(value, decimals(largest, 100.0)),
        Unit::Periods | Unit::Count => grouped(value, usize::from(company.iter().any(|x| x.fract() != 0.0))),
        Unit::Days => grouped(value, 1),
        Unit::Money => grouped(value, if largest < 999.995 { 2 } else { 0 }),
    }
}

/// Two decimals below 10, one up to `whole_from`, none above.
fn decimals(largest: f64, whole_from: f64) -> usize {
    match largest {
        v if v < 9.995 => 2,
        v if v < whole_from - 0.05 => 1,
        _ => 0,
    }
}

/// Decimals that leave three digits of a number below 0.01, such as a variance.
fn small(largest: f64) -> usize {
    if largest > 0.0 { (2 - largest.log10().floor() as i32).clamp(2, 12) as usize } else { 2 }
}

/// `+` before a number above 0 whose sign is of interest.
pub(crate) fn plus(text: &str, signed: bool) -> &'static str {
    let positive = !text.starts_with('-') && text.bytes().any(|b| (b'1'..=b'9').contains(&b));
    if signed && positive { "+" } else { "" }
}

/// What stands beside a metric's name: the unit that its cells leave out.
pub(crate) fn unit(entry: &MetricEntry, money: &str) -> String {
    match entry.unit {
        Unit::Fraction | Unit::FractionPerYear | Unit::Ratio | Unit::Count => String::new(),
        Unit::Times | Unit::TimesPerYear => "x net worth".into(),
        Unit::Periods => "periods".into(),
        Unit::Days => "days".into(),
        Unit::Money => money.to_owned(),
    }
}

/// `12.3 %`: two decimals below 10, one below 1000, none above.
pub(crate) fn percent(fraction: f64, signed: bool) -> String {
    let value = 100.0 * fraction;
    let text = grouped(value, decimals(value.abs(), 1000.0));
    format!("{}{text} %", plus(&text, signed))
}

/// Fixed decimals with thousands apart; powers of ten from 10^12 on; a zero has no sign.
pub(crate) fn grouped(value: f64, decimals: usize) -> String {
    if value.abs() >= 1e12 {
        return format!("{value:.2e}");
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let negative = value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b));
    let mut out = String::from(if negative { "-" } else { "" });
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// `1.5M`, `20k`, `300`, `0.05`: short enough for an axis.
pub(crate) fn compact(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        v if v >= 1e12 => return format!("{value:.0e}"),
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    // Twelve digits hide what binary fractions add to 0.1 + 0.2.
    let rounded: f64 = format!("{scaled:.11e}").parse().unwrap_or(scaled);
    format!("{}{suffix}", if rounded == 0.0 { 0.0 } else { rounded })
}

/// Text for HTML, also inside quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A number's text with a minus sign as wide as a plus.
pub(crate) fn typographic(number: &str) -> String {
    number.replace('-', "\u{2212}").replace(" %", "\u{a0}%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pavlov_evaluation::METRICS;

    #[test]
    fn numbers_keep_about_three_digits_and_group_thousands() {
        assert_eq!(percent(0.1234, true), "+12.3 %");
        assert_eq!(percent(-0.012_34, false), "-1.23 %");
        assert_eq!(percent(51.234, true), "+5,123 %");
        assert_eq!(percent(-1e-9, true), "0.00 %");
        assert_eq!(grouped(-1_234_567.891, 1), "-1,234,567.9");
        assert_eq!(grouped(999.999, 2), "1,000.00");
        assert_eq!(grouped(3e15, 0), "3.00e15");
    }

    #[test]
    fn numbers_that_stand_together_have_the_same_decimals() {
        let turnover = METRICS.iter().find(|m| m.name == "turnover").unwrap();
        let company = [101.23, 68.5, 134.0];
        assert_eq!(company.map(|x| metric_among(turnover, x, &company)), ["101", "68", "134"]);
        assert_eq!(metric(turnover, 1.234), "1.23");
    }

    #[test]
    fn axis_numbers_are_short_and_without_binary_dust() {
        let marks = [0.1 + 0.2, 20_000.0, 1.5e6, -0.0, 300.0].map(compact);
        assert_eq!(marks, ["0.3", "20k", "1.5M", "0", "300"]);
    }

    #[test]
    fn markup_in_a_name_stays_text() {
        assert_eq!(escape(r#"<b a="x">&'"#), "&lt;b a=&quot;x&quot;&gt;&amp;&#39;");
    }
}
