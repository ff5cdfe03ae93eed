//! Every flaw of a file is refused with the file, the line and what is wrong.

mod support;

use std::path::Path;
use std::sync::Arc;

use pavlov_market_data::{MarketDataError, import};
use pavlov_store::{Disk, OsDisk};
use rand_core::{RngCore, SeedableRng};
use support::{HEADER, csv, manifest_with};

const GOOD: &str = "2018-05-07 00:00,10,12,9,11,5\n2018-05-07 01:00,11,12,9,10,5\n";

fn imported(text: &str, keys: &str) -> Result<usize, MarketDataError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("example.csv");
    OsDisk.write_new(&file, text.as_bytes()).unwrap();
    let out = dir.path().join("cache");
    let imported = import(&file, &manifest_with(keys), &out, &OsDisk);
    if imported.is_err() {
        assert!(!out.exists(), "a failed import leaves nothing");
    }
    imported.map(|summary| summary.provenance.bars)
}

#[test]
fn each_flaw_is_named_with_its_place() {
    let cases: &[(&str, String, &[&str])] = &[
        (
            "NaN",
            format!("{HEADER}2018-05-07 00:00,10,NaN,9,11,5\n"),
            &["line 2", "column high", "2018-05-07T01:00:00Z", "NaN is not a finite"],
        ),
        (
            "infinite",
            format!("{HEADER}2018-05-07 00:00,10,12,9,11,inf\n"),
            &["line 2", "column volume", "inf is not a finite"],
        ),
        (
            "unsorted",
            format!("{HEADER}{GOOD}2018-05-06 23:00,10,12,9,11,5\n"),
            &["line 4", "2018-05-07T00:00:00Z", "2018-05-07T02:00:00Z", "file.misplaced"],
        ),
        (
            "newest first",
            format!("{HEADER}2018-05-07 01:00,11,12,9,10,5\n2018-05-07 00:00,10,12,9,11,5\n"),
            &["line 3", "set file.order"],
        ),
        (
            "repeated",
            format!("{HEADER}{GOOD}2018-05-07 01:00,11,12,9,10,6\n"),
            &["line 4", "already on line 3 with other values", "file.repeats"],
        ),
        ("repeated, equal", format!("{HEADER}{GOOD}2018-05-07 01:00,11,12,9,10,5\n"), &["line 4", "with equal values"]),
        (
            "high < low",
            format!("{HEADER}{GOOD}2018-05-07 02:00,10,8,9,8,5\n"),
            &["line 4", "column high", "8 is below the open 10", "2018-05-07T03:00:00Z"],
        ),
        (
            "low > close",
            format!("{HEADER}{GOOD}2018-05-07 02:00,10,12,9.5,9,5\n"),
            &["line 4", "column low", "9.5 is above the close 9"],
        ),
        (
            "negative price",
            format!("{HEADER}2018-05-07 00:00,10,12,-9,11,5\n"),
            &["line 2", "column low", "-9 is not a positive price"],
        ),
        ("negative volume", format!("{HEADER}2018-05-07 00:00,10,12,9,11,-5\n"), &["line 2", "column volume", "-5"]),
        (
            "missing column",
            format!("Date,Open,High,Low,Last,Volume\n{GOOD}"),
            &["line 1", "\"Close\" is there 0 times", "\"Last\""],
        ),
        (
            "column twice",
            "Date,Open,High,Low,Close,Volume,Close\n2018-05-07 00:00,1,1,1,1,1,1\n".to_owned(),
            &["line 1", "\"Close\" is there 2 times"],
        ),
        (
            "unknown delimiter",
            format!("{HEADER}{GOOD}").replace(',', "~"),
            &["line 1", "\"Date\" is there 0 times", "file.delimiter"],
        ),
        (
            "no number",
            format!("{HEADER}2018-05-07 00:00,10,12,nine,11,5\n"),
            &["line 2", "column \"Low\"", "\"nine\" is not a number"],
        ),
        (
            "thousands",
            format!("{HEADER}2018-05-07 00:00,10,12,9,11,\"5,00\"\n2018-05-07 01:00,10.5,12,9,11,1\n"),
            &["line 3", "\"5,00\" on line 2 a decimal comma", "file.decimal"],
        ),
        (
            "empty field",
            format!("{HEADER}2018-05-07 00:00,10,12,9,,5\n"),
            &["line 2", "column \"Close\"", "\"\" is not a number"],
        ),
        (
            "no time",
            format!("{HEADER}07/05/2018,10,12,9,11,5\n"),
            &["line 2", "column \"Date\"", "\"07/05/2018\" is not a time like \"%Y-%m-%d %H:%M\""],
        ),
        ("empty file", String::new(), &["line 1", "the file is empty"]),
        ("header only", HEADER.to_owned(), &["holds no bars or values of example"]),
        ("cut in mid-line", format!("{HEADER}{GOOD}2018-05-07 02:00,10,12,9,1"), &["line 4", "ends in mid-line"]),
        ("cut and closed", format!("{HEADER}{GOOD}2018-05-07 02:00,10,12\n"), &["line 4", "3 fields, expected 6"]),
        (
            "after a quote",
            format!("{HEADER}{GOOD}2018-05-07 02:00,\"10,12,9,11,5\n2018-05-07 03:00,10,12,9,11,5\n"),
            &["line 4", "fields, expected 6"],
        ),
    ];
    for (flaw, text, expected) in cases {
        let error = imported(text, "").unwrap_err().to_string();
        assert!(error.contains("example"), "{flaw}: {error}");
        for part in *expected {
            assert!(error.contains(part), "{flaw}: {error:?} lacks {part:?}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("example.csv");
    OsDisk.write_new(&file, &[HEADER.as_bytes(), b"2018-05-07 00:00,10,12,9,11,\xb5\n"].concat()).unwrap();
    let error = import(&file, &manifest_with(""), dir.path(), &OsDisk).unwrap_err().to_string();
    assert!(error.contains("example.csv, line 2: the text is not UTF-8"), "{error}");
}

#[test]
fn every_layout_key_is_obeyed() {
    let crlf = |text: String| text.replace('\n', "\r\n");
    let preamble = crlf(format!("from somewhere\n{HEADER}{GOOD}"));
    assert_eq!(imported(&preamble, "skip_lines = 1").unwrap(), 2);
    assert_eq!(imported(&preamble, "").unwrap(), 2, "the header is found");
    let wrong = imported(&preamble, "skip_lines = 0").unwrap_err().to_string();
    assert!(wrong.contains("line 1: column \"Date\" is there 0 times"), "{wrong}");
    assert_eq!(imported(&format!("{HEADER}{GOOD}").replace(',', ";"), "delimiter = \";\"").unwrap(), 2);
    let newest_first = format!("{HEADER}2018-05-07 01:00,11,12,9,10,5\n2018-05-07 00:00,10,12,9,11,5\n");
    assert_eq!(imported(&newest_first, "order = \"newest_first\"").unwrap(), 2);
    let line = "2018-05-07 00:00,10,12,9,bad,5\n";
    let shifted = imported(&crlf(format!("a\nb\n{HEADER}{GOOD}{line}")), "skip_lines = 2").unwrap_err().to_string();
    assert!(shifted.contains("line 6, column \"Close\""), "{shifted}");
    assert!(imported("a\n", "skip_lines = 1").unwrap_err().to_string().contains("no header behind"));
}

#[test]
fn misplaced_and_repeated_rows_follow_the_named_policy() {
    let odd = format!("{HEADER}{GOOD}2018-05-06 20:00,10,12,9,11,5\n2018-05-07 01:00,11,12,9,10,5\n");
    assert_eq!(imported(&odd, "misplaced = \"sort\"\nrepeats = \"keep_first_if_equal\"").unwrap(), 3);
    assert_eq!(imported(&odd, "misplaced = \"drop\"\nrepeats = \"keep_first_if_equal\"").unwrap(), 2);
    let differing = format!("{HEADER}{GOOD}2018-05-07 01:00,11,12,9,10,6\n");
    let error = imported(&differing, "repeats = \"keep_first_if_equal\"").unwrap_err();
    assert!(matches!(error, MarketDataError::CsvRepeat { line: 4, first_line: 3, equal: false, .. }), "{error}");
    assert_eq!(imported(&differing, "repeats = \"keep_first\"").unwrap(), 2);
}

#[test]
fn the_first_of_two_repeated_rows_is_kept_in_either_order() {
    let dir = tempfile::tempdir().unwrap();
    let rows = "2018-05-07 01:00,11,12,9,10,1\n2018-05-07 01:00,11,12,9,10,2\n2018-05-07 00:00,10,12,9,11,5\n";
    support::with_file(&OsDisk, dir.path(), &format!("{HEADER}{rows}"));
    let manifest = manifest_with("order = \"newest_first\"\nrepeats = \"keep_first\"");
    let dataset = pavlov_market_data::load_dataset(&manifest, &support::sources(Arc::new(OsDisk), dir.path())).unwrap();
    assert_eq!(dataset.bars.volume(), &[5.0, 1.0]);
    assert_eq!((dataset.provenance.cleaning.repeats_dropped, dataset.provenance.cleaning.repeats_differing), (1, 1));
}

#[test]
fn a_file_cut_at_any_byte_is_refused_or_gives_its_whole_rows() {
    let text = csv(3);
    for cut in 0..text.len() {
        match imported(&text[..cut], "") {
            Ok(bars) => assert!(text[..cut].ends_with('\n') && bars == text[..cut].lines().count() - 1, "cut at {cut}"),
            Err(error) => assert!(error.to_string().contains("example"), "cut at {cut}: {error}"),
        }
    }
}

#[test]
fn a_missing_file_is_unavailable_data() {
    let error = import(Path::new("no/such.csv"), &manifest_with(""), Path::new("x"), &OsDisk).unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("no/such.csv"), "{error}");
}

/// R5: whatever is in a file, reading it ends with bars or with an error that names the line.
#[test]
fn a_mutated_file_gives_bars_or_an_error_with_its_line() {
    let scale = if pavlov_testkit::scale::nightly() { 1_000_000 } else { 2_000 };
    let text = csv(4).into_bytes();
    let pieces: [&[u8]; 10] =
        [b"NaN", b"-1", b"1e999", b"\"", b",", b"\n", b"\r", b"\0", "\u{221e}".as_bytes(), b"99999999999999999999"];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let manifest = manifest_with("");
    let mut refused = 0;
    for round in 0..scale {
        let mut bytes = text.clone();
        let (from, len) = (rng.next_u32() as usize % bytes.len(), rng.next_u32() as usize % 8);
        let piece = pieces[rng.next_u32() as usize % pieces.len()];
        bytes.splice(from..(from + len).min(text.len()), piece.iter().copied());
        let (disk, file) = (pavlov_testkit::SimDisk::new(), Path::new("/example.csv"));
        disk.create_dir_all(Path::new("/")).unwrap();
        disk.write_new(file, &bytes).unwrap();
        if let Err(error) = import(file, &manifest, Path::new("/cache"), &disk) {
            let error = error.to_string();
            assert!(error.contains("example.csv, line "), "round {round}: {error}");
            refused += 1;
        }
    }
    assert!(refused > scale / 2, "{refused} of {scale} mutations are refused");
}
