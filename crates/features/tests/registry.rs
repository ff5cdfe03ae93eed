//! Every entry of the registry can be written, read back and looked up, and `docs/features.md` says what it does.

mod common;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use common::every_feature;
use pavlov_features::{FEATURES, FeatureEntry, feature};

#[test]
fn parameters_read_back_to_the_same_feature_and_are_all_documented() {
    let mut columns = BTreeSet::new();
    for feature in every_feature() {
        let (name, table) = (feature.name(), feature.to_toml());
        let entry = pavlov_features::feature(name).expect("its own name");
        let again = entry.parse_text(&table.to_string()).unwrap();
        assert_eq!((again.name(), again.columns(), again.to_toml()), (name, feature.columns(), table.clone()));
        assert_eq!(feature.validate(), Vec::<String>::new(), "{name}");
        let documented: Vec<&str> = entry.doc.parameters.iter().map(|(key, _)| *key).collect();
        assert!(table.keys().all(|key| documented.contains(&key.as_str())), "{name}: {table} of {documented:?}");
        let error = entry.parse_text("no_such_key = 1").err().expect("an unknown key").to_string();
        assert!(documented.iter().all(|key| error.contains(key)), "{name}: {error}");
        for column in feature.columns() {
            assert!(columns.insert(column.clone()), "two columns are named {column}");
        }
    }
    let names: BTreeSet<&str> = FEATURES.iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), FEATURES.len(), "two features have the same name");
}

#[test]
fn parameters_out_of_range_are_named() {
    for (name, parameters, expected) in [
        ("returns", "of = 'volume'", "of must be a price"),
        ("returns", "clip = 0.0", "clip must be positive, got 0"),
        ("volume_change", "clip = nan", "clip must be positive, got NaN"),
        ("close_position", "flat = 2.0", "flat must lie in 0..=1, got 2"),
        ("ema", "window = 0", "window must lie in 1..=100000, got 0"),
        ("moving_average", "window = 100001", "window must lie in 1..=100000, got 100001"),
        ("macd", "fast = 30", "fast must be shorter than slow, got 30 and 26"),
        ("macd", "signal = 0", "signal must lie in 1..=100000, got 0"),
        ("atr", "window = 0", "window must lie in 1"),
        ("rsi", "window = 0", "window must lie in 1"),
        ("bollinger", "window = 1", "window must lie in 2"),
        ("bollinger", "width = -1.0", "width must be positive, got -1"),
        ("volatility", "window = 1", "window must lie in 2"),
        ("sharpe", "window = 1", "window must lie in 2"),
        ("time_of_day", "utc_offset_minutes = 1441", "utc_offset_minutes must lie in -1440..=1440, got 1441"),
        ("weekday", "utc_offset_minutes = -1441", "utc_offset_minutes must lie in"),
    ] {
        let problems = feature(name).unwrap().parse_text(parameters).unwrap().validate();
        assert!(matches!(&problems[..], [only] if only.starts_with(expected)), "{name} {parameters}: {problems:?}");
    }
}

/// `docs/features.md`.
fn page() -> String {
    let mut page = String::from(PREFACE);
    for entry in FEATURES {
        let _ = writeln!(page, "| [`{0}`](#{0}) | {1} | {2} |", entry.name, entry.doc.summary, warm_up(entry, ""));
    }
    FEATURES.iter().for_each(|entry| section(&mut page, entry));
    page
}

fn warm_up(entry: &FeatureEntry, parameters: &str) -> usize {
    entry.parse_text(parameters).expect("tested above").warm_up()
}

fn section(page: &mut String, entry: &FeatureEntry) {
    let doc = &entry.doc;
    let defaults = entry.parse_text("").expect("the defaults");
    let columns: Vec<String> = defaults.columns().iter().map(|column| format!("`{column}`")).collect();
    let (first, rest) = doc.summary.split_at(1);
    let _ = write!(page, "\n## {}\n\n{}{rest}.\n\n", entry.name, first.to_uppercase());
    let _ = writeln!(page, "- Formula: {}.", doc.formula);
    let _ = writeln!(page, "- Source: {}.", doc.source);
    let _ = writeln!(page, "- Warm-up: {}.", doc.warm_up);
    let _ = writeln!(page, "- Columns: {}.", columns.join(", "));
    if !doc.parameters.is_empty() {
        let _ = write!(page, "\n| parameter | default | meaning |\n|---|---|---|\n");
    }
    let table = defaults.to_toml();
    for (key, meaning) in doc.parameters {
        let default = table.get(*key).map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
        let _ = writeln!(page, "| `{key}` | {default} | {meaning} |");
    }
    if !doc.examples.is_empty() {
        let _ = write!(page, "\n```toml\n");
    }
    for text in doc.examples {
        let parameters = text.replace('\n', ", ");
        let _ = writeln!(page, "{{ {} = {{ {parameters} }} }} # warm-up {}", entry.name, warm_up(entry, text));
    }
    if !doc.examples.is_empty() {
        page.push_str("```\n");
    }
}

const PREFACE: &str = "\
# Features

Generated from the registry of `crates/features`; `PAVLOV_WRITE_DOCS=1 cargo test -p pavlov-features --test registry`
writes it anew, and the same test without the variable fails where it is out of date.

A feature follows the bars: its value in row t depends on the bars up to t, and is known when bar t closes. A list of
features is written as names, and as tables where parameters differ from their defaults:

```toml
[features]
columns = [\"returns\", \"close_position\", { macd = { fast = 12, slow = 26, signal = 9 } }]
```

The rows of the longest warm-up are cut before the first decision. After it, a value depends on where the data begin by
less than 1e-6 of its size. A standard deviation or a distance that is nothing but rounding counts as 0.

| feature | what it is | warm-up of the defaults |
|---|---|---:|
";

#[test]
#[allow(clippy::disallowed_methods)]
fn the_documentation_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/features.md");
    if std::env::var_os("PAVLOV_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/features.md is out of date: run this test with PAVLOV_WRITE_DOCS=1");
}
