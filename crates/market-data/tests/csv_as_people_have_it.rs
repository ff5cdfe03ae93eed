//! CSV as people have it: each style is read as it is meant, says how it was read, and asks where it leaves that open.

mod support;

use std::path::Path;

use encoding_rs::{EUC_KR, SHIFT_JIS, UTF_16LE};
use pavlov_market_data::{Bars, Kind, Manifest, MarketDataError, ReadAs, Series, Sources, load_dataset, load_series};
use pavlov_store::Disk;
use pavlov_testkit::SimDisk;
use std::sync::Arc;

const BARE: &str = r#"
schema_version = 1
name = "example"
summary = "two bars"
source = "made by hand"
symbol = "X"
interval = "1d"
adjustment = "none"
"#;
const UTC: &str = "zone = \"UTC\"\nstamp = \"open\"\n";
const DAY: i64 = 86_400_000_000_000;
/// 2018-05-15, UTC ns.
const MAY_15: i64 = 1_526_342_400_000_000_000;

fn manifest(head: &str, file_keys: &str) -> Manifest {
    let text = format!("{BARE}{head}\n[file]\npath = \"example.csv\"\n{file_keys}");
    Manifest::parse(&text, Path::new("datasets/example.toml")).unwrap()
}

fn sources(bytes: &[u8]) -> Sources {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.write_new(Path::new("/data/example.csv"), bytes).unwrap();
    Sources { disk: Arc::new(disk), cache_dir: None, data_dir: Some("/data".into()) }
}

fn read(bytes: impl AsRef<[u8]>, file_keys: &str) -> Result<(Bars, ReadAs), MarketDataError> {
    let dataset = load_dataset(&manifest("", file_keys), &sources(bytes.as_ref()))?;
    Ok((dataset.bars, dataset.read_as.unwrap()))
}

fn read_series(text: &str, file_keys: &str) -> Result<(Series, ReadAs), MarketDataError> {
    let dataset = load_series(&manifest("kind = \"series\"", file_keys), &sources(text.as_bytes()))?;
    Ok((dataset.series, dataset.read_as.unwrap()))
}

/// What `read` refuses.
#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, file_keys: &str) -> String {
    let error = read(bytes, file_keys).unwrap_err().to_string();
    assert!(error.contains("/data/example.csv, line "), "{error} names no file and line");
    error
}

/// Two daily bars with volumes of 1,234,567 and 34,750,000.
#[track_caller]
fn assert_usual(bars: &Bars, what: &str) {
    assert_eq!(bars.times(), &[MAY_15 + DAY, MAY_15 + 2 * DAY], "{what}");
    assert_eq!(bars.open(), &[2054.5, 2049.0], "{what}");
    assert_eq!(bars.high(), &[2056.25, 2050.0], "{what}");
    assert_eq!(bars.low(), &[2042.0, 2040.0], "{what}");
    assert_eq!(bars.close(), &[2053.0, 2049.5], "{what}");
    assert_eq!(bars.volume(), &[1_234_567.0, 34_750_000.0], "{what}");
}

const PLAIN: &str = "Date,Open,High,Low,Close,Volume\n2018-05-15,2054.5,2056.25,2042,2053,1234567\n\
                     2018-05-16,2049,2050,2040,2049.5,34750000\n";

#[test]
fn every_style_of_the_same_two_bars_is_read_alike() {
    let with = |header: &str| PLAIN.replace("Date,Open,High,Low,Close,Volume", header);
    let dates = |first: &str, second: &str| PLAIN.replace("2018-05-15", first).replace("2018-05-16", second);
    let cases: Vec<(&str, String, &str)> = vec![
        ("UTF-8, commas, header in line 1", PLAIN.to_owned(), ""),
        ("tabs", PLAIN.replace(',', "\t"), ""),
        ("pipes", PLAIN.replace(',', "|").replace('\n', "\r\n"), ""),
        ("semicolons", PLAIN.replace(',', ";"), ""),
        ("UTF-8 with a byte order mark", format!("\u{feff}{PLAIN}"), ""),
        ("header in line 4", format!("An export\n\nof 2018-05-17,by us\n{PLAIN}"), ""),
        ("header in line 2 (stated)", format!("Date,Open,High,Low,Close,Volume\n{PLAIN}"), "skip_lines = 1"),
        ("columns \"일자\" \"시가\"", with("일자,시가,고가,저가,종가,거래량"), ""),
        ("columns \"日付\" \"始値\"", with("日付,始値,高値,安値,終値,出来高"), ""),
        ("columns \"<DATE>\" \"<OPEN>\"", with("<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"), ""),
        (
            "columns \"a\" \"b\" \"c\" \"d\" \"e\" \"f\" (stated)",
            with("a,b,c,d,e,f"),
            "columns = { time = \"a\", open = \"b\", high = \"c\", low = \"d\", close = \"e\", volume = \"f\" }",
        ),
        (
            "no header, rows from line 1 (stated)",
            PLAIN.split_once('\n').unwrap().1.to_owned(),
            "header = [\"time\", \"open\", \"high\", \"low\", \"close\", \"volume\"]",
        ),
        ("decimal points", PLAIN.replace("1234567", "\"1,234,567\"").replace("34750000", "34.75M"), ""),
        ("decimal points", PLAIN.replace("2054.5", "\"2,054.50\"").replace("2053,", "\"2,053\","), ""),
        ("decimal commas", PLAIN.replace(',', ";").replace('.', ","), ""),
        ("decimal commas", PLAIN.replace(',', ";").replace('.', ",").replace("1234567", "1.234.567"), ""),
        ("times as %d/%m/%Y", dates("15/05/2018", "16/05/2018"), ""),
        ("times as %m/%d/%Y", dates("5/15/2018", "5/16/2018"), ""),
        ("times as %Y%m%d", dates("20180515", "20180516"), ""),
        ("times as %Y/%m/%d", dates("2018/05/15", "2018/05/16"), ""),
        ("times as %Y년 %m월 %d일", dates("2018년 05월 15일", "2018년 05월 16일"), ""),
        ("times as %Y年%m月%d日", dates("2018年5月15日", "2018年5月16日"), ""),
        ("times as %Y-%m-%d %I-%p", dates("2018-05-15 12-AM", "2018-05-16 12-AM"), ""),
        ("times as unix_seconds", dates("1526342400", "1526428800"), ""),
        ("times as unix_milliseconds", dates("1526342400000", "1526428800000"), ""),
        ("times as unix_nanoseconds", dates("1526342400000000000", "1526428800000000000"), ""),
        ("times as %Y-%m-%d %H:%M:%S%:z", dates("2018-05-15 09:00:00+09:00", "2018-05-15 20:00:00-04:00"), ""),
        ("times as %Y-%m-%dT%H:%M:%S%:z", dates("2018-05-15T00:00:00Z", "2018-05-16T00:00:00Z"), ""),
        (
            "rows where tic is A (stated)",
            "Date,tic,Open,High,Low,Close,Volume\n2018-05-15,A,2054.5,2056.25,2042,2053,1234567\n\
             2018-05-15,B,1,1,1,1,1\n2018-05-16,A,2049,2050,2040,2049.5,34750000\n"
                .to_owned(),
            "only = { tic = \"A\" }",
        ),
        (
            "stamped at the opening (stated)",
            PLAIN.replace("Date", "Date,ticker").replace("15,", "15,FB,").replace("16,", "16,META,"),
            "only = {}",
        ),
        ("stamped at the opening (stated)", format!("{PLAIN}2018-05-17,null,null,null,null,null\n,,,,,\n"), ""),
        ("stamped at the opening (stated)", format!("{PLAIN}2018-05-17,,,,,0\n\n2018-05-18,-,-,-,-,-\n"), ""),
        ("times as %d/%m/%Y (stated)", dates("15/05/2018", "16/05/2018"), "time_format = \"%d/%m/%Y\""),
        ("semicolons (stated)", PLAIN.replace(',', ";"), "delimiter = \";\""),
        ("decimal commas (stated)", PLAIN.replace(',', ";").replace('.', ","), "decimal = \",\""),
        ("UTF-8 (stated)", PLAIN.to_owned(), "encoding = \"utf-8\""),
        ("commas", PLAIN.trim_end().to_owned(), "last_line = \"whole\""),
    ];
    for (how, text, keys) in cases {
        let (bars, read_as) = read(&text, &format!("{UTC}{keys}")).unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_usual(&bars, how);
        assert!(read_as.to_string().contains(how), "{read_as} lacks {how}");
    }
}

#[test]
fn the_whole_reading_is_explained() {
    let (_, read_as) = read(PLAIN.replace(',', ";").replace('\n', "\r\n"), UTC).unwrap();
    assert_eq!(
        read_as.to_string(),
        "read as: UTF-8, semicolons, header in line 1, columns \"Date\" \"Open\" \"High\" \"Low\" \"Close\" \
         \"Volume\", times as %Y-%m-%d, times in UTC (stated), decimal points, stamped at the opening (stated)"
    );
}

#[test]
fn old_korean_and_japanese_encodings_are_known_by_their_headers() {
    let korean = PLAIN.replace("Date,Open,High,Low,Close,Volume", "일자,시가,고가,저가,종가,거래량");
    let japanese = PLAIN.replace("Date,Open,High,Low,Close,Volume", "日付,始値,高値,安値,終値,出来高");
    let cases = [
        (EUC_KR.encode(&korean).0, "", "EUC-KR (CP949)"),
        (SHIFT_JIS.encode(&japanese).0, "", "Shift_JIS"),
        (EUC_KR.encode(&korean).0, "encoding = \"cp949\"", "EUC-KR (stated)"),
        (SHIFT_JIS.encode(&japanese).0, "encoding = \"shift_jis\"", "Shift_JIS (stated)"),
    ];
    for (bytes, keys, how) in cases {
        let (bars, read_as) = read(&bytes, &format!("{UTC}{keys}")).unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_usual(&bars, how);
        assert!(read_as.to_string().contains(how), "{read_as} lacks {how}");
    }
    let utf16: Vec<u8> = format!("\u{feff}{korean}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (bars, read_as) = read(utf16, UTC).unwrap();
    assert_usual(&bars, "UTF-16");
    assert!(read_as.to_string().contains(UTF_16LE.name()), "{read_as}");
    // A header in ASCII tells nothing about the text below it.
    let named = PLAIN.replace("Volume\n", "Volume,Name\n").replace("1234567\n", "1234567,레버리지\n");
    let error = refused(EUC_KR.encode(&named.replace("34750000\n", "34750000,x\n")).0, UTC);
    assert!(error.contains("line 2: the text is not UTF-8") && error.contains("set file.encoding"), "{error}");
    let error = refused(b"Date,Open\n\x81", &format!("{UTC}encoding = \"cp949\""));
    assert!(error.contains("line 2: the text is not EUC-KR (file.encoding)"), "{error}");
}

#[test]
fn days_are_those_of_their_zone() {
    let seoul = "zone = \"Asia/Seoul\"\nstamp = \"open\"\n";
    let (bars, _) = read(PLAIN, seoul).unwrap();
    assert_eq!(bars.times(), &[MAY_15 + 15 * DAY / 24, MAY_15 + 39 * DAY / 24], "midnight in Seoul is 15:00 UTC");
    // The clock is put forward on 2018-03-11 in New York: that day has 23 hours, and closes at midnight there.
    let march = PLAIN.replace("2018-05-15", "2018-03-10").replace("2018-05-16", "2018-03-11");
    let (bars, _) = read(march, "zone = \"America/New_York\"\nstamp = \"open\"\n").unwrap();
    assert_eq!(bars.times()[1] - bars.times()[0], 23 * DAY / 24);
    let (bars, _) = read(PLAIN, "zone = \"UTC\"\nstamp = \"close\"\n").unwrap();
    assert_eq!(bars.times(), &[MAY_15, MAY_15 + DAY], "stamped at the close already");
}

#[test]
fn what_is_left_open_is_asked_for_by_key() {
    let with = |header: &str| PLAIN.replace("Date,Open,High,Low,Close,Volume", header);
    let dates = |first: &str, second: &str| PLAIN.replace("2018-05-15", first).replace("2018-05-16", second);
    let cases: Vec<(&str, String, &str, &[&str])> = vec![
        (
            "day or month",
            dates("03/04/2018", "04/04/2018"),
            UTC,
            &["line 2: column \"Date\"", "\"%d/%m/%Y\" as well as \"%m/%d/%Y\"", "file.time_format"],
        ),
        (
            "thousands or decimals",
            "Date;Open;High;Low;Close;Volume\n2018-05-15;2,054;2,056;2,042;2,053;7\n".to_owned(),
            UTC,
            &["line 2", "\"2,054\" may have a comma between thousands or a decimal comma", "file.decimal"],
        ),
        (
            "point and comma",
            PLAIN.replace(',', ";").replace("2049;", "2049,5;"),
            UTC,
            &["\"2054.5\" on line 2 has a decimal point and \"2049,5\" on line 3 a decimal comma"],
        ),
        (
            "no zone",
            PLAIN.to_owned(),
            "stamp = \"open\"\n",
            &["line 2, column \"Date\"", "without a zone; set file.zone"],
        ),
        ("two volumes", with("Date,Open,High,Low,Close,Volume BTC").replace("1234567", "5"), UTC, &[]),
        (
            "two volumes",
            with("Date,Open,High,Low,Close,Volume BTC,Volume USD").replace("67\n", "67,1\n").replace("00\n", "00,1\n"),
            UTC,
            &["line 1", "\"Volume BTC\" and \"Volume USD\" may each be the volume", "file.columns.volume"],
        ),
        (
            "two times",
            with("Date,Open,High,Low,Close,Volume,Timestamp").replace("67\n", "67,1\n").replace("00\n", "00,1\n"),
            UTC,
            &["\"Date\" and \"Timestamp\" may each be the time"],
        ),
        (
            "no close",
            with("Date,Open,High,Low,Ende,Volume"),
            UTC,
            &["line 1", "known to be the close", "file.columns.close"],
        ),
        (
            "no header",
            PLAIN.split_once('\n').unwrap().1.to_owned(),
            UTC,
            &["line 1", "no header is known in the first 20 lines", "file.header = [\"time\", ...]"],
        ),
        (
            "wrong count of names",
            PLAIN.to_owned(),
            "zone = \"UTC\"\nstamp = \"open\"\nheader = [\"time\", \"open\"]\n",
            &["line 1", "file.header names 2 columns"],
        ),
        (
            "several symbols",
            "Date,tic,Open,High,Low,Close,Volume\n2018-05-15,A,2,2,2,2,1\n2018-05-15,B,1,1,1,1,1\n".to_owned(),
            UTC,
            &["line 3: column \"tic\" holds several symbols, \"A\" and \"B\"", "file.only = { \"tic\" = \"A\" }"],
        ),
        (
            "no such symbol",
            "Date,tic,Open,High,Low,Close,Volume\n2018-05-15,A,2,2,2,2,1\n".to_owned(),
            "zone = \"UTC\"\nstamp = \"open\"\nonly = { tic = \"C\" }\n",
            &["line 1: no row below has the values of file.only"],
        ),
        (
            "no such column to choose by",
            PLAIN.to_owned(),
            "zone = \"UTC\"\nstamp = \"open\"\nonly = { tic = \"C\" }\n",
            &["line 1: column \"tic\" is there 0 times"],
        ),
        (
            "some prices only",
            PLAIN.replace(",2049,", ",null,"),
            UTC,
            &["line 3, column \"Open\": \"null\" is not a number"],
        ),
        ("a volume without prices", format!("{PLAIN}2018-05-17,,,,,7\n"), UTC, &["line 4, column \"Open\": \"\""]),
        (
            "twice in a year",
            dates("2018-11-04 01:30", "2018-11-04 02:30"),
            "zone = \"America/New_York\"\nstamp = \"open\"\n",
            &["line 2, column \"Date\"", "where the clock is changed"],
        ),
        (
            "mixed units of time",
            dates("1526342400000", "1526428800"),
            UTC,
            &["line 3: column \"Date\": \"1526428800\" is not a number of unix_milliseconds"],
        ),
        (
            "a footer",
            format!("{PLAIN}total,1,1,1,1,1\n"),
            UTC,
            &["line 4: column \"Date\": \"total\" is not a time like \"%Y-%m-%d\""],
        ),
        ("cut", PLAIN.trim_end().to_owned(), UTC, &["line 3: the file ends in mid-line", "file.last_line = \"whole\""]),
        ("a Parquet file", "PAR1\u{15}\n".to_owned(), UTC, &["line 1: this is no CSV but a Parquet file"]),
        (
            "an Excel workbook",
            "PK\u{3}\u{4}\n".to_owned(),
            UTC,
            &["line 1: this is no CSV but a zip archive or an Excel"],
        ),
    ];
    for (what, text, keys, expected) in cases {
        if expected.is_empty() {
            read(&text, keys).unwrap_or_else(|error| panic!("{what}: {error}"));
            continue;
        }
        let error = refused(&text, keys);
        for part in expected {
            assert!(error.contains(part), "{what}: {error:?} lacks {part:?}");
        }
    }
}

#[test]
fn an_adjusted_close_is_never_read_by_accident() {
    let yahoo = "Date,Open,High,Low,Close,Adj Close,Volume\n2018-05-15,10,12,9,11,8,5\n2018-05-16,10,12,9,11,8,5\n";
    let load = |adjustment: &str, keys: &str| {
        let text = format!("{BARE}\n[file]\npath = \"example.csv\"\n{UTC}{keys}");
        let text = text.replace("adjustment = \"none\"", adjustment);
        let manifest = Manifest::parse(&text, Path::new("datasets/example.toml")).unwrap();
        load_dataset(&manifest, &sources(yahoo.as_bytes()))
    };
    let (close, adjusted) = ("", "columns = { close = \"Adj Close\" }\n[bars]\ninconsistent = \"keep\"\n");
    let bars = load("adjustment = \"split\"", close).unwrap();
    assert_eq!(bars.bars.close(), &[11.0, 11.0], "the close beside the other prices, not the adjusted one");
    let error = load("adjustment = \"split\"", adjusted).unwrap_err().to_string();
    assert!(
        error.contains("line 1") && error.contains("\"Adj Close\", which is adjusted") && error.contains("\"mixed\""),
        "{error}"
    );
    let error = load("adjustment = \"split_and_dividend\"", close).unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("not adjusted for dividends"), "{error}");
    let all = "columns = { open = \"Adj Open\", close = \"Adj Close\" }\n";
    let yahoo = yahoo.replace("Open", "Adj Open").replace("10,12,9", "7,8,7");
    let text =
        format!("{BARE}\n[file]\npath = \"example.csv\"\n{UTC}{all}").replace("\"none\"", "\"split_and_dividend\"");
    let adjusted_all = Manifest::parse(&text, Path::new("datasets/example.toml")).unwrap();
    load_dataset(&adjusted_all, &sources(yahoo.as_bytes())).unwrap();
    let mixed = load("adjustment = \"mixed\"", adjusted).unwrap();
    assert_eq!((mixed.bars.close(), mixed.provenance.cleaning.inconsistent_kept), (&[8.0, 8.0][..], 2));
    assert_eq!(mixed.provenance.adjustment, pavlov_market_data::Adjustment::Mixed, "marked");
}

/// A close that is adjusted under the name of a plain one gives itself away by lying below the lows only.
#[test]
fn a_mix_under_plain_names_is_found() {
    let row = |i: usize, close: f64| format!("2018-01-{:02},10,12,9,{close},5\n", i + 1);
    let text = |closes: [f64; 4]| {
        let rows: String = (0..20).map(|i| row(i, closes[i % 4])).collect();
        format!("Date,Open,High,Low,Close,Volume\n{rows}")
    };
    let keep = format!("{UTC}[bars]\ninconsistent = \"keep\"\n");
    let error = read(text([8.5, 11.0, 10.0, 10.0]), &keep).unwrap_err();
    assert!(matches!(error, MarketDataError::MixedAdjustment { rows: 5, of: 20, .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("/data/example.csv") && error.contains("2018-01-02T00:00:00Z"), "{error}");
    let bad_ticks = text([8.5, 12.5, 10.0, 10.0]);
    assert_eq!(read(bad_ticks, &keep).unwrap().0.len(), 20, "errors in both directions are no adjustment");
}

#[test]
fn value_only_files_are_series() {
    let fred = "Date,DCOILWTICO\r\n12/30/1985,.\r\n1/2/1986,25.56\r\n1/13/1986,\r\n1/14/1986,-2.5\r\n";
    let (series, read_as) = read_series(fred, UTC).unwrap();
    assert_eq!((series.name(), series.interval_ns(), series.values()), ("X", DAY, &[25.56, -2.5][..]));
    let known = 505_008_000_000_000_000 + DAY;
    assert_eq!(series.times_ns(), &[known, known + 12 * DAY], "a value of a day is known at its end");
    assert!(read_as.to_string().contains("columns \"Date\" \"DCOILWTICO\""), "{read_as}");
    let several = "Date,Close,PER\n1990-01-03,100.0,\n1990-01-04,102.0,7\n";
    let error = read_series(several, UTC).unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("file.columns.value"), "{error}");
    let (series, _) = read_series(several, &format!("{UTC}columns = {{ value = \"PER\" }}")).unwrap();
    assert_eq!(series.values(), &[7.0]);
}

#[test]
fn months_and_irregular_values_are_series_and_no_bars() {
    let monthly = "年月,終値\n1981年5月,\"1,126.30\"\n1981年6月,\"1,150.80\"\n";
    let months = |kind: &str| {
        let text = format!("{BARE}{kind}\n[file]\npath = \"example.csv\"\n{UTC}").replace("1d", "1mo");
        Manifest::parse(&text, Path::new("datasets/example.toml"))
    };
    let series = load_series(&months("kind = \"series\"").unwrap(), &sources(monthly.as_bytes())).unwrap().series;
    // The value of May is known when June begins, that of June when July does.
    assert_eq!((series.interval_ns(), series.times_ns()[1] - series.times_ns()[0]), (0, 30 * DAY));
    assert_eq!(series.values(), &[1126.3, 1150.8]);
    let error = months("").unwrap_err();
    assert!(error.is_bad_manifest() && error.to_string().contains("kind = \"series\""), "{error}");
    let text = format!("{BARE}kind = \"series\"\n[file]\npath = \"example.csv\"\n{UTC}").replace("1d", "irregular");
    let error = Manifest::parse(&text, Path::new("x.toml")).unwrap_err().to_string();
    assert!(error.contains("file.stamp = \"close\""), "{error}");
    let irregular = Manifest::parse(&text.replace("\"open\"", "\"close\""), Path::new("x.toml")).unwrap();
    let released = "time,value\n2018-05-15,1.5\n2018-06-01,2.5\n";
    assert_eq!(load_series(&irregular, &sources(released.as_bytes())).unwrap().series.times_ns()[0], MAY_15);
}

#[test]
fn a_series_is_cached_like_bars_and_not_mistaken_for_them() {
    let series = manifest("kind = \"series\"", UTC);
    let with_file = sources(b"Date,VIX\n2018-05-15,13.5\n2018-05-16,14\n");
    let both = Sources { cache_dir: Some("/cache".into()), ..with_file };
    let first = load_series(&series, &both).unwrap();
    let cached = load_series(&series, &Sources { data_dir: None, ..both.clone() }).unwrap();
    assert_eq!((&cached.series, cached.hash, &cached.provenance), (&first.series, first.hash, &first.provenance));
    assert!(first.read_as.is_some() && cached.read_as.is_none() && cached.notes.is_empty());
    assert_eq!((first.provenance.kind, first.provenance.bars), (Kind::Series, 2));
    let error = load_dataset(&series, &both).unwrap_err();
    assert_eq!(error.to_string(), "dataset example holds a series, see its manifest's kind; name another dataset");
    let error = load_series(&manifest("", UTC), &both).unwrap_err();
    assert!(matches!(error, MarketDataError::WrongKind { kind: Kind::Bars, .. }), "{error}");
}
