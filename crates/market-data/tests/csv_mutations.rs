//! R5: whatever is in a file of whatever style, reading it ends with bars or with an error that names file and place.

use std::path::Path;
use std::sync::Arc;

use encoding_rs::{EUC_KR, SHIFT_JIS};
use pavlov_market_data::{Manifest, Sources, load_dataset, load_series};
use pavlov_store::Disk;
use pavlov_testkit::SimDisk;
use rand_core::{RngCore, SeedableRng};

const HEAD: &str = r#"
schema_version = 1
name = "example"
summary = "some rows"
source = "made by hand"
symbol = "X"
interval = "1h"
adjustment = "none"
"#;

/// Files of many styles, each with the keys of its manifest beyond zone and stamp; those of series come last.
fn styles() -> Vec<(Vec<u8>, &'static str)> {
    let rows = |separator: &str, stamp: &dyn Fn(usize) -> String| -> String {
        let row =
            |i: usize| [stamp(i), "10.5".into(), "12".into(), "9".into(), format!("{}", 10 + i % 2), "1234".into()];
        (0..6).map(|i| row(i).join(separator) + "\n").collect()
    };
    let iso = |i: usize| format!("2018-05-15 {:02}:00", i + 8);
    let korean = format!("일자,시가,고가,저가,종가,거래량\n{}", rows(",", &iso));
    let japanese = format!("日付,始値,高値,安値,終値,出来高\n{}", rows(",", &iso));
    let unix = rows("\t", &|i| format!("{}", 1_526_342_400_000_i64 + 3_600_000 * i as i64));
    let american = rows("|", &|i| format!("5/15/2018 {}:00 PM", i + 1)).replace('\n', "\r\n");
    let quoted = rows(";", &|i| format!("2018-05-15T{:02}:00:00+09:00", i)).replace("1234", "\"1,234\"");
    let symbols = rows(",", &|i| format!("{},2018-05-15 {:02}:00", if i % 2 == 0 { "A" } else { "B" }, i));
    vec![
        (format!("\u{feff}Date,Open,High,Low,Close,Volume\n{}", rows(",", &iso)).into_bytes(), ""),
        (EUC_KR.encode(&korean).0.into_owned(), ""),
        (SHIFT_JIS.encode(&japanese).0.into_owned(), ""),
        (unix.into_bytes(), "header = [\"time\", \"open\", \"high\", \"low\", \"close\", \"volume\"]"),
        (format!("a preamble\r\nDate|Open|High|Low|Close|Volume\r\n{american}").into_bytes(), ""),
        (format!("time;open;high;low;close;volume\n{quoted}").into_bytes(), ""),
        (format!("tic,time,open,high,low,close,volume\n{symbols}").into_bytes(), "only = { tic = \"A\" }"),
        (b"Date,VIX\n5/15/2018,1.5\n5/16/2018,.\n5/17/2018,2.5\n".to_vec(), "# series"),
    ]
}

/// Reads without a panic; gives the message of an error.
fn outcome(bytes: &[u8], keys: &str) -> Result<(), String> {
    let is_series = keys == "# series";
    let kind = if is_series { "kind = \"series\"" } else { "" };
    let text = format!("{HEAD}{kind}\n[file]\npath = \"example.csv\"\nzone = \"UTC\"\nstamp = \"open\"\n{keys}\n");
    let manifest = Manifest::parse(&text, Path::new("datasets/example.toml")).unwrap();
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.write_new(Path::new("/data/example.csv"), bytes).unwrap();
    let sources = Sources { disk: Arc::new(disk), cache_dir: None, data_dir: Some("/data".into()) };
    let read = if is_series {
        load_series(&manifest, &sources).map(|_| ())
    } else {
        load_dataset(&manifest, &sources).map(|_| ())
    };
    read.map_err(|error| error.to_string())
}

#[test]
fn two_thousand_mutated_files_end_with_bars_or_with_a_place() {
    let scale = if pavlov_testkit::scale::nightly() { 1_000_000 } else { 2_000 };
    let pieces: [&[u8]; 22] = [
        b"NaN",
        b"null",
        b"",
        b"-",
        b"1e999",
        b"\"",
        b",",
        b";",
        b"|",
        b"\t",
        b"\n",
        b"\r\n",
        b"\0",
        b"1,234.5",
        b"1.234,5",
        b"34.75M",
        b"03/04/2018",
        b"99999999999999999999",
        b"\xff\xfe",
        b"\x8e\xa1\xb5",
        "\u{221e}년月".as_bytes(),
        b"PAR1",
    ];
    let styles = styles();
    for (bytes, keys) in &styles {
        outcome(bytes, keys).unwrap_or_else(|error| panic!("before any mutation: {error}"));
    }
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let mut draw = move |below: usize| rng.next_u32() as usize % below;
    let mut refused = 0;
    for round in 0..scale {
        let (original, keys) = &styles[round % styles.len()];
        let mut bytes = original.clone();
        for _ in 0..1 + draw(3) {
            let from = draw(bytes.len() + 1);
            let to = (from + draw(8)).min(bytes.len());
            match draw(8) {
                0 => bytes.truncate(from),
                1 => {
                    let copy = bytes[from..to].repeat(3);
                    bytes.splice(to..to, copy);
                }
                _ => {
                    bytes.splice(from..to, pieces[draw(pieces.len())].iter().copied());
                }
            }
        }
        if let Err(error) = outcome(&bytes, keys) {
            let has_place = error.contains("/data/example.csv, line ") || error.contains("example.csv holds no bars");
            let mixed = error.contains("in /data/example.csv the close lies below the low");
            assert!(has_place || mixed, "round {round}: {error}");
            refused += 1;
        }
    }
    assert!((scale / 3..scale).contains(&refused), "{refused} of {scale} mutations are refused");
}
