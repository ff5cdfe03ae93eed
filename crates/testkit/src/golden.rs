//! Golden numbers: outputs of reference code, one JSON file a case, read from `<golden dir>/<group>/`.
//!
//! The golden folder is `PAVLOV_GOLDEN_DIR`, by default `testdata/golden` at the repository root. Every case file below
//! it is read, so a further case can be dropped in and must pass.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One case file of the golden folder.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenCase {
    /// The file's name without `.json`.
    pub name: String,
    /// The file's content.
    pub json: Value,
}

/// Reads every case `<golden dir>/<group>/<prefix>*.json`, sorted by name.
///
/// # Panics
/// If there is no such case, or a case is not JSON: a golden test must never pass by reading nothing.
pub fn golden_cases(group: &str, prefix: &str) -> Vec<GoldenCase> {
    cases_in(&golden_dir().join(group), prefix)
}

/// Every case of a group, of which the project's own folder holds at least `least`; another one may hold any number.
///
/// # Panics
/// As [`golden_cases`], and if a case was lost.
pub fn golden_group(group: &str, least: usize) -> Vec<GoldenCase> {
    let cases = golden_cases(group, "");
    let own = std::env::var_os("PAVLOV_GOLDEN_DIR").is_none();
    assert!(!own || cases.len() >= least, "{} cases of {group}, expected {least}: a case was lost", cases.len());
    cases
}

/// The folder with the golden groups: `PAVLOV_GOLDEN_DIR`, or `testdata/golden` of the repository.
pub fn golden_dir() -> PathBuf {
    match std::env::var_os("PAVLOV_GOLDEN_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden"),
    }
}

/// The folder with real market files: `PAVLOV_DATA_DIR`, or `None` (and a line that says so) if it is not set.
///
/// # Panics
/// If the variable is set and names no folder: a typing error must not skip a test.
#[allow(clippy::print_stdout)]
pub fn data_dir() -> Option<PathBuf> {
    let dir = data_dir_from(std::env::var_os("PAVLOV_DATA_DIR").map(PathBuf::from));
    if dir.is_none() {
        println!("skipped: PAVLOV_DATA_DIR is not set");
    }
    dir
}

fn data_dir_from(variable: Option<PathBuf>) -> Option<PathBuf> {
    let dir = variable?;
    assert!(dir.is_dir(), "PAVLOV_DATA_DIR names no folder: {}", dir.display());
    Some(dir)
}

fn cases_in(dir: &Path, prefix: &str) -> Vec<GoldenCase> {
    let entries = std::fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("no golden group {}: {e}; check PAVLOV_GOLDEN_DIR", dir.display()));
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(".json").map(str::to_owned))
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no golden case {}/{prefix}*.json", dir.display());
    names.into_iter().map(|name| read_case(dir, name)).collect()
}

fn read_case(dir: &Path, name: String) -> GoldenCase {
    let path = dir.join(format!("{name}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
    let json = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{} is not JSON: {e}", path.display()));
    GoldenCase { name, json }
}

/// Reads a number or a nested array in row-major order; `null` is NaN, `"Infinity"` and `"-Infinity"` infinities, booleans 0 and 1.
///
/// # Panics
/// If a leaf is anything else.
pub fn floats(value: &Value) -> Vec<f64> {
    let mut out = Vec::new();
    flatten(value, &mut out);
    out
}

/// Reads what [`floats`] reads, rounded to `f32`; the shortest decimal of an `f32` reads back to the same bits.
///
/// # Panics
/// If a leaf is anything else.
pub fn floats_f32(value: &Value) -> Vec<f32> {
    floats(value).into_iter().map(|x| x as f32).collect()
}

/// Reads one number as [`floats`] does.
///
/// # Panics
/// If the value is an array or no number.
pub fn float(value: &Value) -> f64 {
    match floats(value)[..] {
        [x] if !value.is_array() => x,
        _ => panic!("expected one number, got {value}"),
    }
}

/// The lengths of a rectangular nested array, outermost first; `[]` for a number.
///
/// # Panics
/// If the rows of an array differ in shape.
pub fn shape(value: &Value) -> Vec<usize> {
    let Value::Array(rows) = value else { return Vec::new() };
    let inner = rows.first().map(shape).unwrap_or_default();
    assert!(rows.iter().all(|row| shape(row) == inner), "ragged array: {value}");
    [vec![rows.len()], inner].concat()
}

fn flatten(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, out)),
        Value::Null => out.push(f64::NAN),
        Value::Bool(b) => out.push(f64::from(u8::from(*b))),
        Value::String(s) if s == "Infinity" => out.push(f64::INFINITY),
        Value::String(s) if s == "-Infinity" => out.push(f64::NEG_INFINITY),
        other => out.push(other.as_f64().unwrap_or_else(|| panic!("expected a number, got {other}"))),
    }
}

/// Asserts `|got - expected| <= abs + rel * |expected|` for every element; NaN equals NaN, infinities must match.
///
/// # Panics
/// If a length or an element differs: the message has the index, both values and how many elements differ.
#[track_caller]
pub fn assert_close(name: &str, got: &[f64], expected: &[f64], abs: f64, rel: f64) {
    assert_eq!(got.len(), expected.len(), "{name}: length differs (got, expected)");
    let bad: Vec<usize> = (0..got.len()).filter(|&i| !is_close(got[i], expected[i], abs, rel)).collect();
    if let Some(&i) = bad.first() {
        let (got_i, expected_i) = (got[i], expected[i]);
        panic!(
            "{name}[{i}]: got {got_i:?}, expected {expected_i:?} (difference {:e}, abs {abs:e}, rel {rel:e}); {} of {} differ",
            (got_i - expected_i).abs(),
            bad.len(),
            got.len()
        );
    }
}

/// [`assert_close`] for `f32` values, compared in `f64`.
///
/// # Panics
/// As [`assert_close`].
#[track_caller]
pub fn assert_close_f32(name: &str, got: &[f32], expected: &[f32], abs: f64, rel: f64) {
    let widen = |xs: &[f32]| xs.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    assert_close(name, &widen(got), &widen(expected), abs, rel);
}

fn is_close(got: f64, expected: f64, abs: f64, rel: f64) -> bool {
    if got.is_nan() || expected.is_nan() {
        return got.is_nan() && expected.is_nan();
    }
    got == expected || (got - expected).abs() <= abs + rel * expected.abs() && expected.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_group_of_the_golden_folder_reads() {
        let cases = golden_cases("learning", "adam_");
        assert!(cases.len() >= 2);
        assert!(cases.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(cases.iter().all(|case| case.json.is_object()));
    }

    #[test]
    #[should_panic(expected = "no golden case")]
    fn no_matching_case_is_a_failure_not_a_pass() {
        golden_cases("learning", "no_such_case");
    }

    #[test]
    #[should_panic(expected = "no golden group")]
    fn a_missing_group_is_a_failure_not_a_pass() {
        golden_cases("no_such_group", "");
    }

    #[test]
    #[should_panic(expected = "PAVLOV_DATA_DIR names no folder")]
    fn a_data_folder_that_is_set_but_missing_is_a_failure() {
        data_dir_from(Some(PathBuf::from("no/such/folder")));
    }

    #[test]
    fn nested_arrays_flatten_in_row_order_with_nan_and_infinities() {
        let value = json!([[1.5, null], ["Infinity", "-Infinity"]]);
        let got = floats(&value);
        assert_eq!((got[0], got[2], got[3]), (1.5, f64::INFINITY, f64::NEG_INFINITY));
        assert!(got[1].is_nan());
        assert_eq!(shape(&value), [2, 2]);
        assert_eq!(float(&json!(0.1)), 0.1);
        assert_eq!(floats_f32(&json!([0.1])), [0.1_f32]);
    }

    #[test]
    #[should_panic(expected = "expected a number")]
    fn a_leaf_that_is_no_number_is_refused() {
        floats(&json!(["nan"]));
    }

    #[test]
    fn close_values_pass_and_nan_equals_only_nan() {
        assert_close("x", &[1.0 + 1e-12, f64::NAN, f64::INFINITY], &[1.0, f64::NAN, f64::INFINITY], 0.0, 1e-9);
        assert!(!is_close(f64::NAN, 1.0, 1e9, 1e9));
        assert!(!is_close(1.0, f64::NAN, 1e9, 1e9));
        assert!(!is_close(1.0, f64::INFINITY, 1e9, 1e9));
        assert!(!is_close(f64::INFINITY, 1.0, 1e9, 1e9));
    }

    #[test]
    #[should_panic(expected = "x[1]: got 2.5, expected 2.0")]
    fn a_difference_is_reported_with_index_and_both_values() {
        assert_close("x", &[1.0, 2.5], &[1.0, 2.0], 1e-9, 1e-9);
    }
}
