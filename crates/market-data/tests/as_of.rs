//! The as-of join: equal to the plain definition, and blind for what comes later.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Elapsed, Manifest, Series, Sources, as_of, load_dataset, load_series, manifest_text};
use pavlov_store::OsDisk;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// Strictly rising times with steps of 1 to `most` seconds.
fn rising(len: std::ops::Range<usize>, most: i64) -> impl Strategy<Value = Vec<i64>> {
    (0..100_i64, prop::collection::vec(1..=most, len)).prop_map(|(start, steps)| {
        let times = steps.into_iter().scan(start, |time, step| {
            *time += step;
            Some(*time * SECOND)
        });
        times.collect()
    })
}

fn known(times: &[i64]) -> Series {
    Series::new("S", 0, times.to_vec(), (0..times.len()).map(|i| i as f64).collect()).unwrap()
}

fn seconds(n: i64) -> Elapsed {
    Elapsed::try_from(format!("{n}s")).unwrap()
}

/// The definition, row by row: the last of all values known by then, if it is fresh enough.
fn naive(series: &Series, clock: &[i64], max_age: i64) -> Vec<Option<f64>> {
    let at = |time: i64| {
        let all = series.times_ns().iter().zip(series.values());
        all.filter(|(known, _)| **known <= time).max_by_key(|(known, _)| **known)
    };
    clock.iter().map(|time| at(*time).filter(|(known, _)| time - *known <= max_age).map(|(_, value)| *value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_join_is_the_definition(times in rising(0..40, 9), clock in rising(0..40, 9), age in 1..20_i64) {
        let series = known(&times);
        let expected = naive(&series, &clock, age * SECOND);
        let first = expected.iter().position(Option::is_some);
        let whole = first.and_then(|first| expected[first..].iter().copied().collect::<Option<Vec<f64>>>());
        match as_of(&series, &clock, seconds(age)) {
            Ok(got) => prop_assert_eq!((Some(got.first), Some(got.values)), (first, whole)),
            Err(_) => prop_assert_eq!(whole, None),
        }
    }

    #[test]
    fn nothing_after_a_time_changes_anything_at_or_before_it(
        times in rising(1..40, 9),
        clock in rising(1..40, 9),
        cut in 0..40_usize,
        other in -1e6..1e6_f64,
    ) {
        let (series, cut) = (known(&times), cut % clock.len());
        let now = clock[cut];
        let past = times.partition_point(|time| *time <= now);
        let values = series.values().iter().enumerate().map(|(i, x)| if i < past { *x } else { other }).collect();
        let changed = Series::new("S", 0, times.clone(), values).unwrap();
        let ended = known(&times[..past]);
        let expected = as_of(&ended, &clock[..=cut], seconds(100_000)).ok();
        for series in [&series, &changed] {
            let got = as_of(series, &clock, seconds(100_000)).ok();
            let upto = got.filter(|got| got.first <= cut).map(|got| (got.first, got.values[..=cut - got.first].to_vec()));
            prop_assert_eq!(upto, expected.clone().map(|e| (e.first, e.values)));
        }
    }
}

/// A dataset of the repository as bars' closes or as a series, if the market files are there.
fn closes(name: &str) -> Option<Series> {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(pavlov_testkit::data_dir()?) };
    let (path, text): (PathBuf, String) = manifest_text(&datasets, name, &OsDisk).unwrap();
    let manifest = Manifest::parse(&text, &path).unwrap();
    match load_series(&manifest, &sources) {
        Ok(loaded) => Some(loaded.series),
        Err(_) => Some(load_dataset(&manifest, &sources).unwrap().bars.closes()),
    }
}

/// The instant of a text.
fn at(text: &str) -> i64 {
    let span = pavlov_market_data::Span::try_from([text.to_owned(), "2030-01-01".to_owned()]);
    span.unwrap().from_ns
}

fn days(n: i64) -> Elapsed {
    Elapsed::try_from(format!("{n}d")).unwrap()
}

#[test]
fn gold_on_the_days_of_tesla_carries_the_one_day_it_lacks() {
    let (Some(tesla), Some(gold)) = (closes("tsla-2017-2019"), closes("macro-2017-2019/GC=F")) else { return };
    assert_eq!((tesla.len(), gold.len()), (753, 752));
    let got = as_of(&gold, tesla.times_ns(), days(5)).unwrap();
    assert_eq!((got.first, got.values.len()), (0, 753));
    // The day that Tesla traded and gold did not has the value of the day before; all others have their own.
    let missing: Vec<usize> =
        (0..753).filter(|i| gold.times_ns().binary_search(&tesla.times_ns()[*i]).is_err()).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(got.values[missing[0]], got.values[missing[0] - 1]);
    let own: Vec<f64> = (0..753).filter(|i| *i != missing[0]).map(|i| got.values[i]).collect();
    assert_eq!(own, gold.values());
}

#[test]
fn a_days_vix_reaches_the_hours_of_bitcoin_when_its_day_is_over_and_lasts_over_the_weekend() {
    let (Some(bitcoin), Some(vix)) = (closes("bitfinex-btcusd-1h"), closes("macro-2017-2019/^VIX")) else { return };
    let got = as_of(&vix, bitcoin.times_ns(), days(5)).unwrap();
    let value = |text: &str| {
        let row = bitcoin.times_ns().binary_search(&at(text)).unwrap();
        let day = vix.values().iter().position(|value| *value == got.values[row - got.first]).unwrap();
        vix.times_ns()[day]
    };
    // Friday 2018-05-11 is known at Saturday 00:00 UTC and stays the last one until the end of Monday.
    assert_eq!(got.first, 0);
    for (now, known) in [
        ("2018-05-11T23:00:00Z", "2018-05-11"),
        ("2018-05-12T00:00:00Z", "2018-05-12"),
        ("2018-05-14T23:00:00Z", "2018-05-12"),
        ("2018-05-15T00:00:00Z", "2018-05-15"),
    ] {
        assert_eq!(value(now), at(known), "{now}");
    }
    // Memorial Day 2018-05-28: from Saturday's first moment to the end of Tuesday are four days.
    let error = as_of(&vix, bitcoin.times_ns(), days(3)).unwrap_err().to_string();
    assert!(error.starts_with("^VIX: at 2018-05-29T01:00:00Z the last value is from 2018-05-26T00:00:00Z"), "{error}");
    assert!(error.contains("73h old, and may be carried 3d at most"), "{error}");
}

#[test]
fn a_session_of_new_york_reaches_a_clock_that_never_sleeps_at_its_own_hour_before_and_after_the_clocks_change() {
    let place = tempfile::tempdir().unwrap();
    // The clocks of New York went forward on Sunday, 2018-03-11.
    let rows = "time,value\n2018-03-08 16:00,1\n2018-03-09 16:00,2\n2018-03-12 16:00,3\n2018-03-13 16:00,4\n";
    pavlov_store::write_atomic(&OsDisk, &place.path().join("closes.csv"), rows.as_bytes()).unwrap();
    let text = "schema_version = 1\nname = \"closes\"\nsummary = \"closes\"\nsource = \"made up\"\nkind = \"series\"\n\
                symbol = \"NYSE\"\ninterval = \"irregular\"\nadjustment = \"none\"\nsources = [\"file\"]\n[file]\n\
                path = \"closes.csv\"\nzone = \"America/New_York\"\nstamp = \"close\"\n";
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(place.path().to_owned()) };
    let manifest = Manifest::parse(text, Path::new("closes.toml")).unwrap();
    let closes = load_series(&manifest, &sources).unwrap().series;
    let hours: Vec<i64> = (0..144).map(|hour| at("2018-03-08") + hour * 3_600 * SECOND).collect();
    let got = as_of(&closes, &hours, days(4)).unwrap();
    assert_eq!(hours[got.first], at("2018-03-08T21:00:00Z"));
    let news = got.values.windows(2).zip(&hours[got.first + 1..]).filter(|(pair, _)| pair[0] != pair[1]);
    let expected = ["2018-03-09T21:00:00Z", "2018-03-12T20:00:00Z", "2018-03-13T20:00:00Z"];
    assert_eq!(news.map(|(_, hour)| *hour).collect::<Vec<_>>(), expected.map(at));
}
