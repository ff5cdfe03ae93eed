//! Where an axis is marked and what is written there.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::format::{compact, grouped};

/// A mark: its value on the axis and its text.
pub(crate) type Tick = (f64, String);

/// Marks at 1, 2 or 5 times a power of ten, about `target` of them, inside `[low, high]`.
pub(crate) fn linear(low: f64, high: f64, target: usize) -> Vec<f64> {
    let raw = (high - low) / target.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return vec![low];
    }
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= 0.999 * raw).unwrap_or(raw);
    let (from, to) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (from..=to).map(|i| i as f64 * step).collect()
}

/// Marks at 1, 2 or 5 times powers of ten inside `[low, high]`, both above 0; powers alone if they are many.
pub(crate) fn logarithmic(low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let factors: &[f64] = if decades.clone().count() > 4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let marks = decades.flat_map(|d| factors.iter().map(move |f| f * 10_f64.powi(d)));
    marks.filter(|mark| (low..=high).contains(mark)).collect()
}

/// Marks of a count, with thousands apart or shortened to k and M.
pub(crate) fn counts(low: f64, high: f64, target: usize) -> Vec<Tick> {
    let text = |x: f64| if high >= 1e6 { compact(x) } else { grouped(x, 0) };
    linear(low, high, target).into_iter().map(|x| (x, text(x))).collect()
}

/// Marks of any number: as counts, or shortened if the steps between them are fractions.
pub(crate) fn counts_or_fractions(low: f64, high: f64, target: usize) -> Vec<Tick> {
    let marks = linear(low, high, target);
    match marks.iter().all(|mark| mark.fract() == 0.0) {
        true => counts(low, high, target),
        false => marks.into_iter().map(|mark| (mark, compact(mark))).collect(),
    }
}

/// Marks of a time axis in UTC ns: whole hours, days, months or years, at most `most` of them.
pub(crate) fn times(low_ns: f64, high_ns: f64, most: usize) -> Vec<Tick> {
    let (Some(low), Some(high)) = (date(low_ns), date(high_ns)) else { return Vec::new() };
    for hours in [1, 3, 6, 12] {
        let marks = hour_marks(low_ns, high_ns, hours, most);
        if marks.len() <= most {
            return marks;
        }
    }
    let days: [&[i8]; 4] = [&[], &[1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29], &[1, 8, 15, 22], &[1, 15]];
    for chosen in days {
        let marks = date_marks(low, high, |d| (chosen.is_empty() || chosen.contains(&d.day())).then(|| day_text(d)));
        if marks.len() <= most {
            return within(marks, low_ns, high_ns);
        }
    }
    for months in [1, 2, 3, 6, 12, 24, 60, 120, 240] {
        let marks = date_marks(low, high, |d| month_text(d, months));
        if marks.len() <= most {
            return within(marks, low_ns, high_ns);
        }
    }
    Vec::new()
}

/// Marks of bars that stand side by side, by number: each at the first bar of its time, so far apart that they do not touch.
pub(crate) fn bars(times: &[i64], most: usize) -> Vec<(usize, String)> {
    /// Least distance of two marks, as a share of the bars.
    const APART: f64 = 0.09;
    let [Some(first), Some(last)] = [times.first(), times.last()] else { return Vec::new() };
    let place = |time: f64| times.partition_point(|bar| (*bar as f64) < time);
    let all = self::times(*first as f64, *last as f64, most).into_iter();
    let marks: Vec<(usize, String)> = all.map(|(time, text)| (place(time), text)).collect();
    // Of the times that fall between two bars the last one is nearest to the bar behind them.
    let mut kept: Vec<(usize, String)> = Vec::new();
    for mark in marks.chunk_by(|a, b| a.0 == b.0).filter_map(<[_]>::last) {
        if kept.last().is_none_or(|before| (mark.0 - before.0) as f64 >= APART * times.len() as f64) {
            kept.push(mark.clone());
        }
    }
    kept
}

/// `27 Jun 2019`, UTC.
pub(crate) fn day_of(time_ns: f64) -> String {
    date(time_ns).map_or(String::new(), |d| d.strftime("%-d %b %Y").to_string())
}

fn date(time_ns: f64) -> Option<Date> {
    let at = Timestamp::from_second((time_ns / 1e9).floor() as i64).ok()?;
    Some(at.to_zoned(TimeZone::UTC).date())
}

fn hour_marks(low_ns: f64, high_ns: f64, hours: i64, most: usize) -> Vec<Tick> {
    let step = hours as f64 * 3600e9;
    let (from, to) = ((low_ns / step).ceil() as i64, (high_ns / step).floor() as i64);
    let text = |i: i64| {
        let at = Timestamp::from_second(i * hours * 3600).ok()?.to_zoned(TimeZone::UTC);
        Some((i as f64 * step, at.strftime("%-d %b %H:%M").to_string()))
    };
    (from..=to).take(most + 1).filter_map(text).collect()
}

/// Every date of the span for which `text` has a label.
fn date_marks(low: Date, high: Date, text: impl Fn(Date) -> Option<String>) -> Vec<Tick> {
    let dates = std::iter::successors(Some(low), |d| d.checked_add(1.day()).ok()).take_while(|d| *d <= high);
    dates.filter_map(|d| Some((midnight(d)?, text(d)?))).collect()
}

fn midnight(date: Date) -> Option<f64> {
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second() as f64 * 1e9)
}

fn day_text(date: Date) -> String {
    date.strftime("%-d %b").to_string()
}

/// The label of a month's first day, if the month is one of every `months`.
fn month_text(date: Date, months: i32) -> Option<String> {
    let index = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
    if date.day() != 1 || index % months != 0 {
        return None;
    }
    Some(date.strftime(if months >= 12 { "%Y" } else { "%b %Y" }).to_string())
}

fn within(marks: Vec<Tick>, low: f64, high: f64) -> Vec<Tick> {
    marks.into_iter().filter(|(x, _)| (low..=high).contains(x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_NS: f64 = 86_400e9;

    fn texts(from_day: f64, days: f64) -> Vec<String> {
        times(from_day * DAY_NS, (from_day + days) * DAY_NS, 7).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn numbers_are_marked_at_round_values() {
        assert_eq!(linear(0.3, 9.7, 5), [2.0, 4.0, 6.0, 8.0]);
        assert_eq!(linear(-0.02, 0.11, 5).len(), 3);
        assert_eq!(linear(5.0, 5.0, 5), [5.0]);
        assert_eq!(logarithmic(80.0, 1200.0), [100.0, 200.0, 500.0, 1000.0]);
        assert_eq!(counts(0.0, 2e6, 2)[1].1, "1M");
    }

    #[test]
    fn time_is_marked_at_round_dates_of_any_span() {
        // 18,074 days after the epoch is 27 June 2019.
        let june = 18_074.0;
        assert_eq!(texts(june, 36.0), ["1 Jul", "8 Jul", "15 Jul", "22 Jul", "1 Aug"]);
        assert_eq!(texts(june, 0.2), ["27 Jun 00:00", "27 Jun 01:00", "27 Jun 02:00", "27 Jun 03:00", "27 Jun 04:00"]);
        assert_eq!(texts(june - 415.0, 415.0).first().unwrap(), "Jul 2018");
        assert_eq!(texts(0.0, 20_000.0), ["1970", "1980", "1990", "2000", "2010", "2020"]);
        assert_eq!(day_of(june * DAY_NS), "27 Jun 2019");
    }
}
