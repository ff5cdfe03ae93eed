//! Real files with real flaws below `PAVLOV_DATA_DIR/dirty`: each is read rightly or refused with the right message.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Dataset, Manifest, MarketDataError, SeriesDataset, Sources, load_dataset, load_series};
use pavlov_store::OsDisk;

/// A manifest for a file, and where it lies.
fn described(file: &str, interval: &str, keys: &str) -> Option<(Manifest, Sources)> {
    let data_dir: PathBuf = pavlov_testkit::data_dir()?;
    let text = format!(
        "schema_version = 1\nname = \"dirty\"\nsummary = \"a flawed file\"\nsource = \"found\"\nsymbol = \"X\"\n\
         interval = \"{interval}\"\nadjustment = \"none\"\n{keys}\n"
    )
    .replace("PATH", &format!("[file]\npath = \"dirty/{file}\""));
    let manifest = Manifest::parse(&text, Path::new("dirty.toml")).unwrap();
    Some((manifest, Sources { disk: Arc::new(OsDisk), cache_dir: None, data_dir: Some(data_dir) }))
}

fn bars(file: &str, interval: &str, keys: &str) -> Option<Result<Dataset, MarketDataError>> {
    described(file, interval, keys).map(|(manifest, sources)| load_dataset(&manifest, &sources))
}

fn series(file: &str, interval: &str, keys: &str) -> Option<Result<SeriesDataset, MarketDataError>> {
    described(file, interval, keys).map(|(manifest, sources)| load_series(&manifest, &sources))
}

#[track_caller]
fn assert_says(error: &MarketDataError, parts: &[&str]) {
    let text = error.to_string();
    parts.iter().for_each(|part| assert!(text.contains(part), "{text:?} lacks {part:?}"));
}

const UTC: &str = "PATH\nzone = \"UTC\"\nstamp = \"open\"\n";

#[test]
fn japanese_months_are_a_series() {
    let keys = format!("kind = \"series\"\n{UTC}columns = {{ value = \"Close\" }}");
    let Some(read) = series("japanese_monthly_KS11.csv", "1mo", &keys) else { return };
    let read = read.unwrap();
    assert_eq!((read.series.len(), read.series.values()[0]), (467, 126.3));
    assert_eq!(read.series.values()[466], 1938.69, "a separator between thousands");
    assert!(read.read_as.unwrap().to_string().contains("times as %Y年%m月"));
    let (_, sources) = described("japanese_monthly_KS11.csv", "1mo", &keys).unwrap();
    let text = "schema_version = 1\nname = \"x\"\nsummary = \"\"\nsource = \"\"\nsymbol = \"X\"\ninterval = \"1mo\"\n\
                adjustment = \"none\"\n[file]\npath = \"dirty/japanese_monthly_KS11.csv\"\nstamp = \"open\"\n";
    let error =
        Manifest::parse(text, Path::new("x.toml")).map(|manifest| load_dataset(&manifest, &sources)).unwrap_err();
    assert_says(&error, &["a bar has a fixed length", "kind = \"series\""]);
}

#[test]
fn a_korean_export_in_cp949_is_read_newest_first() {
    let keys = format!("{UTC}order = \"newest_first\"\nlast_line = \"whole\"");
    let Some(read) = bars("cp949_krx_kospi.csv", "1d", &keys) else { return };
    let read = read.unwrap();
    assert_eq!((read.bars.len(), read.bars.close()[122], read.bars.volume()[122]), (123, 2653.31, 562_144.0));
    let read_as = read.read_as.unwrap().to_string();
    assert!(
        read_as.contains("EUC-KR (CP949)")
            && read_as.contains("\"일자\" \"시가\" \"고가\" \"저가\" \"종가\" \"거래량\""),
        "{read_as}"
    );
    assert_says(
        &bars("cp949_krx_kospi.csv", "1d", UTC).unwrap().unwrap_err(),
        &["line 124", "ends in mid-line", "file.last_line"],
    );
    let ended = format!("{UTC}last_line = \"whole\"");
    assert_says(&bars("cp949_krx_kospi.csv", "1d", &ended).unwrap().unwrap_err(), &["line 3", "file.order"]);
}

#[test]
fn headerless_tabs_ask_for_names_and_for_the_meaning_of_the_comma() {
    let file = "tab_thousands_headerless_kospi.csv";
    let Some(read) = bars(file, "1d", UTC) else { return };
    assert_says(&read.unwrap_err(), &["line 1", "file.header"]);
    let named = format!("{UTC}header = [\"date\", \"open\", \"high\", \"low\", \"close\", \"volume\"]\n");
    assert_says(&bars(file, "1d", &named).unwrap().unwrap_err(), &["line 1", "\"2,054\"", "file.decimal"]);
    let read = bars(file, "1d", &format!("{named}decimal = \".\"")).unwrap().unwrap();
    assert_eq!((read.bars.len(), read.bars.open()[0], read.bars.volume()[0]), (600, 2054.0, 545_085.0));
    assert_eq!(read.provenance.cleaning.empty_rows, 1704);
}

#[test]
fn a_headerless_file_is_read_by_named_columns() {
    let named = format!("{UTC}header = [\"date\", \"open\", \"high\", \"low\", \"close\", \"volume\"]");
    let Some(read) = bars("headerless_122630.csv", "1d", &named) else { return };
    let read = read.unwrap();
    assert_eq!((read.bars.len(), read.bars.open()[0], read.bars.volume()[1471]), (1472, 12_490.0, 7_844_724.0));
    assert_says(&bars("headerless_122630.csv", "1d", UTC).unwrap().unwrap_err(), &["line 1", "file.header"]);
}

#[test]
fn a_parquet_file_named_csv_is_recognised() {
    let Some(read) = bars("parquet_named_csv_FVX.csv", "1d", UTC) else { return };
    assert_says(&read.unwrap_err(), &["parquet_named_csv_FVX.csv, line 1", "a Parquet file"]);
}

#[test]
fn pipes_are_read_and_inconsistent_bars_named() {
    let Some(read) = bars("pipe_crlf_gold.csv", "1d", UTC) else { return };
    assert_says(&read.unwrap_err(), &["pipe_crlf_gold.csv, line ", "bars.inconsistent = \"keep\""]);
    let late = format!("span = [\"2012-01-01\", \"2021-12-22\"]\n{UTC}");
    let read = bars("pipe_crlf_gold.csv", "1d", &late).unwrap().unwrap();
    assert_eq!((read.bars.len(), read.provenance.cleaning.inconsistent_kept), (read.bars.len().max(2500), 0));
    assert!(read.read_as.unwrap().to_string().contains("pipes"));
}

#[test]
fn day_first_dates_and_null_rows_are_read() {
    let Some(read) = bars("ddmmyyyy_nulls_FVX.csv", "1d", UTC) else { return };
    let read = read.unwrap();
    assert_eq!((read.bars.len(), read.provenance.cleaning.empty_rows), (18_361 - 3_621, 3_621));
    assert_eq!(read.bars.close()[0], 3.88);
    assert!(read.read_as.unwrap().to_string().contains("times as %d/%m/%Y"));
}

#[test]
fn a_yahoo_export_with_null_rows_is_read() {
    let Some(read) = bars("yahoo_null_rows_KS11.csv", "1d", &format!("{UTC}last_line = \"whole\"")) else { return };
    let read = read.unwrap();
    assert_eq!((read.bars.len(), read.provenance.cleaning.empty_rows), (1_046, 5));
    assert_eq!(read.bars.close()[1045], 3198.620117);
}

#[test]
fn two_symbols_in_one_file_are_asked_about_and_chosen() {
    let file = "misaligned_header_alpaca.csv";
    let Some(read) = bars(file, "1m", UTC) else { return };
    assert_says(
        &read.unwrap_err(),
        &["line 3", "column \"tic\" holds several symbols, \"ETHUSD\" and \"BTCUSD\"", "file.only"],
    );
    let read = bars(file, "1m", &format!("{UTC}only = {{ tic = \"BTCUSD\" }}")).unwrap().unwrap();
    assert_eq!((read.bars.len(), read.bars.open()[0]), (29, 27_840.1));
}

#[test]
fn hours_with_am_and_pm_below_a_preamble_are_read() {
    let file = "am_pm_preamble_bitfinex_2018.csv";
    let Some(read) = bars(file, "1h", &format!("{UTC}order = \"newest_first\"")) else { return };
    assert_says(&read.unwrap_err(), &["line 2", "\"Volume From\" and \"Volume To\" may each be the volume"]);
    let keys = format!("{UTC}order = \"newest_first\"\ncolumns = {{ volume = \"Volume From\" }}");
    let read = bars(file, "1h", &keys).unwrap().unwrap();
    assert_eq!((read.bars.len(), read.bars.open()[0], read.bars.volume()[0]), (5_163, 4575.4, 628.89));
    let read_as = read.read_as.unwrap().to_string();
    assert!(read_as.contains("header in line 2") && read_as.contains("times as %Y-%m-%d %I-%p"), "{read_as}");
}

#[test]
fn an_unfinished_session_is_read_and_its_last_bar_can_be_cut() {
    let file = "unfinished_session_INTC_1m.csv";
    let Some(read) = bars(file, "1m", "PATH\nstamp = \"open\"\n") else { return };
    let read = read.unwrap();
    assert_eq!((read.bars.len(), read.bars.volume()[145]), (146, 0.0));
    // 09:30 in New York is 13:30 UTC; the bar is stamped a minute later.
    assert_eq!(read.bars.times()[0], 1_678_714_260_000_000_000);
    let cut = "span = [\"2023-03-13\", \"2023-03-13T15:55:00Z\"]\nPATH\nstamp = \"open\"\n";
    let read = bars(file, "1m", cut).unwrap().unwrap();
    assert_eq!((read.bars.len(), read.provenance.cleaning.outside_span), (145, 1));
}

/// A flawed file that no test here reads would be a promise not kept.
#[test]
fn every_dirty_file_is_tested_here() {
    let Some(data_dir) = pavlov_testkit::data_dir() else { return };
    for entry in std::fs::read_dir(data_dir.join("dirty")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(include_str!("dirty_files.rs").contains(&format!("\"{name}\"")), "{name} is not tested");
    }
}
