//! What the data commands say of a file that somebody brings.

mod common;

use std::path::Path;

use pavlov_experiment::{Options, data};
use pavlov_store::{OsDisk, write_atomic};

const MANIFEST: &str = r#"
schema_version = 1
name = "pair"
summary = "two symbols in one file"
source = "made by hand"
symbols = ["A", "B"]
interval = "1d"
adjustment = "none"

[file]
path = "pair.csv"
only = { tic = "{symbol}" }
zone = "Asia/Seoul"
stamp = "open"
"#;

const ROWS: &str = "일자;tic;시가;고가;저가;종가;거래량\n15/05/2018;A;10;12;9;11;1,5M\n15/05/2018;B;20;22;19;21;2,5M\n";

fn options(place: &Path) -> Options {
    let data = place.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let options = Options { data_dir: Some(data.clone()), ..common::options(place, 1) };
    write_atomic(&OsDisk, &options.datasets_dir.join("pair.toml"), MANIFEST.as_bytes()).unwrap();
    write_atomic(&OsDisk, &data.join("pair.csv"), ROWS.as_bytes()).unwrap();
    options
}

#[test]
fn an_import_explains_how_the_file_was_read() {
    let place = tempfile::tempdir().unwrap();
    let options = options(place.path());
    let file = place.path().join("data/pair.csv");
    let ask = data::import(&file, None, &options.cache_dir, &options).unwrap_err().to_string();
    assert!(ask.contains("pair/A, pair/B; name one with --manifest"), "{ask}");
    let imported = data::import(&file, Some("pair/B"), &options.cache_dir, &options).unwrap();
    let lines: Vec<&str> = imported.text.lines().collect();
    assert!(lines[0].starts_with("dataset pair/B ("), "{lines:?}");
    assert_eq!(
        lines[1],
        "read as: UTF-8, semicolons, header in line 1, columns \"일자\" \"시가\" \"고가\" \"저가\" \"종가\" \"거래량\", \
         rows where tic is B (stated), times as %d/%m/%Y, times in Asia/Seoul (stated), decimal commas, stamped at the \
         opening (stated)"
    );
    assert_eq!(lines[2], "1 bars from 2018-05-14T15:00:00Z to 2018-05-15T15:00:00Z of 1 rows");
    let listed = data::list(&options).unwrap().text;
    let entry = "pair/{A, B}\n    two symbols in one file\n    all of its file; of 2 symbols 1 are cached, 2 have their file \
                 in the data folder\n";
    assert!(listed.contains(entry), "{listed}");
    let verified = data::verify(&options).unwrap();
    assert!(verified.sound && verified.text.starts_with("pair/B: sound, 1 bars"), "{}", verified.text);
}
