//! What a check finds: each planted defect and nothing else, and the known facts of real files.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Applied, Check, FindingKind, Manifest, Sources, check, manifests};
use pavlov_store::{OsDisk, write_atomic};
use support::{HEADER, manifest_with};

/// Four weeks of hours, prices from 100 to 105, volumes near 1000.
fn rows() -> Vec<String> {
    let price = |i: usize| 100.0 + (i * i * 31 % 97) as f64 / 20.0;
    let row = |i: usize| {
        let (open, close) = (price(i), price(i + 1));
        let (high, low, volume) = (open.max(close) + 1.0, open.min(close) - 1.0, 900 + (i * 37) % 200);
        format!("2018-03-{:02} {:02}:00,{open:.2},{high:.2},{low:.2},{close:.2},{volume}", 1 + i / 24, i % 24)
    };
    (0..672).map(row).collect()
}

fn checked(rows: &[String], keys: &str) -> Check {
    let folder = tempfile::tempdir().unwrap();
    let text = HEADER.to_owned() + &rows.join("\n") + "\n";
    write_atomic(&OsDisk, &folder.path().join("example.csv"), text.as_bytes()).unwrap();
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(folder.path().to_owned()) };
    check(&manifest_with(keys), &sources).unwrap()
}

fn counts(check: &Check) -> BTreeMap<FindingKind, u64> {
    check.quality.findings.iter().filter(|f| f.count > 0).map(|f| (f.kind, f.count)).collect()
}

fn replaced(row: &str, column: usize, value: &str) -> String {
    let mut cells: Vec<&str> = row.split(',').collect();
    cells[column] = value;
    cells.join(",")
}

#[test]
fn a_clean_file_has_no_findings() {
    let check = checked(&rows(), "");
    assert_eq!((counts(&check), check.refused.as_deref()), (BTreeMap::new(), None), "{}", check.table());
    assert_eq!(check.quality.rows, 672);
    assert_eq!(check.quality.expected, "usual days and openings: every day, 24 bars a day from 00:00 to 23:00 (UTC)");
    assert_eq!(check.quality.findings.len(), 8);
}

#[test]
fn each_planted_defect_is_found_with_its_line_and_nothing_else() {
    type Plant = fn(&mut Vec<String>);
    // Row 100 stands in line 102.
    let cases: [(FindingKind, u64, Option<u64>, bool, Plant); 9] = [
        (FindingKind::Gaps, 3, None, false, |rows| drop(rows.drain(100..103))),
        (FindingKind::Repeats, 1, Some(103), true, |rows| rows.insert(101, rows[100].clone())),
        (FindingKind::Misplaced, 1, Some(103), true, |rows| rows.swap(100, 101)),
        (FindingKind::ZeroVolume, 1, Some(102), false, |rows| rows[100] = replaced(&rows[100], 5, "0")),
        (FindingKind::VolumeOutliers, 1, Some(102), false, |rows| rows[100] = replaced(&rows[100], 5, "9000000")),
        (FindingKind::Inconsistent, 1, Some(102), true, |rows| rows[100] = replaced(&rows[100], 2, "99.5")),
        (FindingKind::Inconsistent, 1, Some(102), true, |rows| rows[100] = replaced(&rows[100], 5, "-5")),
        (FindingKind::NonPositive, 1, Some(102), true, |rows| rows[100] = replaced(&rows[100], 3, "-1")),
        // Up and down again: the line of the move up comes first.
        (FindingKind::Jumps, 2, Some(102), false, |rows| {
            rows[100] = "2018-03-05 04:00,100,1000,90,900,1000".to_owned();
        }),
    ];
    for (kind, count, line, refused, plant) in cases {
        let mut rows = rows();
        plant(&mut rows);
        let check = checked(&rows, "");
        let table = check.table();
        assert_eq!(counts(&check), BTreeMap::from([(kind, count)]), "{kind:?}\n{table}");
        let finding = check.quality.finding(kind).unwrap();
        assert_eq!(finding.first[0].line, line, "{table}");
        assert_eq!((check.refused.is_some(), finding.policy == Applied::Reject), (refused, refused), "{table}");
        assert_eq!((table.contains("REFUSED: "), table.contains("accepted: ")), (refused, !refused));
    }
}

#[test]
fn the_policy_that_applies_is_that_of_the_manifest() {
    let mut twice = rows();
    twice.insert(101, twice[100].clone());
    let policy = |rows: &[String], keys: &str, kind| {
        let check = checked(rows, keys);
        (check.quality.finding(kind).unwrap().policy, check.refused.is_none())
    };
    let repeats = FindingKind::Repeats;
    assert_eq!(policy(&twice, "repeats = \"keep_first_if_equal\"", repeats), (Applied::Drop, true));
    twice[101] = replaced(&twice[101], 5, "1001");
    assert_eq!(policy(&twice, "repeats = \"keep_first_if_equal\"", repeats), (Applied::Reject, false));
    assert_eq!(policy(&twice, "repeats = \"keep_first\"", repeats), (Applied::Drop, true));
    let mut swapped = rows();
    swapped.swap(100, 101);
    let misplaced = FindingKind::Misplaced;
    assert_eq!(policy(&swapped, "misplaced = \"sort\"", misplaced), (Applied::Sort, true));
    assert_eq!(policy(&swapped, "misplaced = \"drop\"", misplaced), (Applied::Drop, true));
    let mut odd = rows();
    odd[100] = replaced(&odd[100], 2, "99.5");
    let kept = policy(&odd, "[bars]\ninconsistent = \"keep\"", FindingKind::Inconsistent);
    assert_eq!(kept, (Applied::Keep, true));
}

#[test]
fn nights_and_weekends_are_no_gaps_and_a_holiday_is_one() {
    // Four weeks from Thursday 2018-03-01 on, hours from 09:00 to 15:00; Wednesday the 14th is missing.
    let trades = |row: &String| {
        let (day, hour): (usize, usize) = (row[8..10].parse().unwrap(), row[11..13].parse().unwrap());
        !matches!(day % 7, 3 | 4) && day != 14 && (9..16).contains(&hour)
    };
    let check = checked(&rows().into_iter().filter(trades).collect::<Vec<_>>(), "");
    assert_eq!(
        check.quality.expected,
        "usual days and openings: Mon Tue Wed Thu Fri, 7 bars a day from 09:00 to 15:00 (UTC)"
    );
    let gaps = check.quality.finding(FindingKind::Gaps).unwrap();
    assert_eq!((gaps.count, gaps.first.len(), &*gaps.first[0].at), (7, 1, "2018-03-14T09:00:00Z"));
}

#[test]
fn a_session_keeps_its_clock_where_daylight_saving_begins() {
    // Hours from 10:00 in New York, winter and summer time: 15:00 UTC, then 14:00 UTC from Sunday 2018-03-11 on.
    let in_summer = |day: usize| usize::from(day >= 11);
    let trades = |row: &String| {
        let (day, hour): (usize, usize) = (row[8..10].parse().unwrap(), row[11..13].parse().unwrap());
        !matches!(day % 7, 3 | 4) && (15 - in_summer(day)..21 - in_summer(day)).contains(&hour)
    };
    let rows: Vec<String> = rows().into_iter().filter(trades).collect();
    let folder = tempfile::tempdir().unwrap();
    let utc = rows.iter().map(|row| row.replacen(",", "+00:00,", 1) + "\n").collect::<String>();
    let utc = HEADER.to_owned() + &utc;
    write_atomic(&OsDisk, &folder.path().join("example.csv"), utc.as_bytes()).unwrap();
    let text = support::DATASET.replace("%H:%M\"", "%H:%M%:z\"").replace("\"UTC\"", "\"America/New_York\"");
    let manifest = Manifest::parse(&text, Path::new("datasets/example.toml")).unwrap();
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(folder.path().to_owned()) };
    let check = check(&manifest, &sources).unwrap();
    assert_eq!(check.quality.finding(FindingKind::Gaps).unwrap().count, 0, "{}", check.table());
    assert!(check.quality.expected.ends_with("6 bars a day from 10:00 to 15:00 (America/New_York)"));
}

fn datasets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets")
}

#[test]
fn made_up_markets_are_checked_without_a_file() {
    let manifest = Manifest::load(&datasets().join("synthetic-martingale.toml")).unwrap();
    let check = check(&manifest, &Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: None }).unwrap();
    assert_eq!((check.quality.rows, check.origin.as_str()), (6_000, "provider synthetic"));
    assert!(counts(&check).is_empty(), "{}", check.table());
    // Twelve pieces of uniform noise: no skew, and a kurtosis of -1.2 / 12.
    let moves = check.quality.moves;
    assert!(moves.skewness.unwrap().abs() < 0.1 && (moves.excess_kurtosis.unwrap() + 0.1).abs() < 0.2, "{moves:?}");
    assert!((moves.std.unwrap() / 0.005 - 1.0).abs() < 0.03, "{moves:?}");
}

/// Facts that were counted with another program before.
#[test]
fn real_files_have_the_findings_that_are_known() {
    let Some(data_dir) = pavlov_testkit::data_dir() else { return };
    let sources = Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(data_dir) };
    let all = manifests(&datasets(), &OsDisk).unwrap();
    let with_file = all.iter().filter(|manifest| manifest.file().is_some());
    let checks: BTreeMap<String, Check> =
        with_file.map(|manifest| (manifest.name().to_owned(), check(manifest, &sources).unwrap())).collect();
    assert!(checks.len() > 100, "{} datasets have a file", checks.len());
    for (name, check) in &checks {
        assert_eq!(check.refused, None, "{name}");
        let rejected = check.quality.findings.iter().filter(|f| f.count > 0 && f.policy == Applied::Reject);
        assert_eq!(rejected.count(), 0, "{name} loads though a policy rejects it");
    }
    let known = [
        ("bitfinex-btcusd-1h", FindingKind::ZeroVolume, 14),
        ("bitfinex-btcusd-1h", FindingKind::Gaps, 0),
        ("bitfinex-btcusd-1h", FindingKind::Repeats, 0),
        ("coinbase-btcusd-1h", FindingKind::ZeroVolume, 28),
        ("coinbase-btcusd-1h", FindingKind::Misplaced, 5),
        ("coinbase-btcusd-1h", FindingKind::Gaps, 5),
        ("tdqn-test/AAPL", FindingKind::Inconsistent, 418),
        ("tdqn-train/0700.HK", FindingKind::ZeroVolume, 6),
        ("tdqn-test/7203.T", FindingKind::ZeroVolume, 16),
        ("macro-2017-2019/^VIX", FindingKind::ZeroVolume, 753),
        // Two minutes: 4 of 195 are missing on 2020-01-27, 1 on 01-28, 02-12, 02-13 and 03-04, 2 on 02-24, and a holiday.
        ("intraday-2m/AAPL", FindingKind::Gaps, 10 + 195),
    ];
    for (name, kind, count) in known {
        let check = &checks[name];
        assert_eq!(check.quality.finding(kind).unwrap().count, count, "{name}\n{}", check.table());
    }
    let aapl = &checks["intraday-2m/AAPL"].quality.expected;
    assert!(aapl.contains("195 bars a day from 09:30 to 15:58 (America/New_York)"), "{aapl}");
}
