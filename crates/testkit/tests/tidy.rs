//! Conventions that a reviewer would otherwise have to remember, as tests over the repository's own text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const MAX_LINES: usize = 600;

/// What each crate may use of ours, and nothing else (docs/architecture.md). `testkit` is for tests and benches only.
const EDGES: [(&str, &[&str]); 13] = [
    ("pavlov-agents", &["pavlov-rl-core"]),
    ("pavlov-audit", &["pavlov-rl-core"]),
    ("pavlov-benches", &[]),
    ("pavlov-envs", &["pavlov-rl-core"]),
    ("pavlov-evaluation", &[]),
    (
        "pavlov-experiment",
        &[
            "pavlov-agents",
            "pavlov-audit",
            "pavlov-envs",
            "pavlov-evaluation",
            "pavlov-features",
            "pavlov-market-data",
            "pavlov-rl-core",
            "pavlov-store",
            "pavlov-tensorboard",
        ],
    ),
    ("pavlov-features", &["pavlov-market-data", "pavlov-rl-core"]),
    ("pavlov-market-data", &["pavlov-store"]),
    ("pavlov-rl-core", &[]),
    ("pavlov-store", &[]),
    ("pavlov-tensorboard", &[]),
    ("pavlov-testkit", &["pavlov-audit", "pavlov-rl-core", "pavlov-store"]),
    ("xtask", &["pavlov-experiment"]),
];

/// Left-overs that say that something is not finished; written in two halves so that this file has none.
const UNFINISHED: [&str; 3] = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "ignore")];

/// Calls that change a disk.
const DISK_WRITES: [&str; 9] = [
    "File::create",
    "OpenOptions",
    "fs::copy(",
    "fs::create_dir",
    "fs::hard_link(",
    "fs::remove_",
    "fs::rename(",
    "fs::set_permissions(",
    "fs::write(",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The files with an extension below some folders of the repository, as (path from the root, text).
fn texts(folders: &[&str], extension: &str) -> Vec<(String, String)> {
    let root = repository();
    let mut pending: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == extension) {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let found = texts(&["crates", "xtask", "benches"], "rs");
    assert!(found.len() > 10, "the repository's sources were not found");
    found
}

#[track_caller]
fn assert_none(what: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{what}:\n{}", offences.join("\n"));
}

/// The edges between our packages that are not only for tests.
fn edges(metadata: &Value) -> BTreeMap<String, Vec<String>> {
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let ours: Vec<String> = packages.iter().map(name).collect();
    let used = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let mut used: Vec<String> = dependencies.filter(|d| d["kind"] != "dev").map(name).collect();
        used.retain(|dependency| ours.contains(dependency));
        used.sort();
        used
    };
    packages.iter().map(|package| (name(package), used(package))).collect()
}

#[test]
fn crates_use_each_other_exactly_as_the_architecture_says() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = edges(&serde_json::from_slice(&output.stdout).unwrap());
    let allowed: BTreeMap<String, Vec<String>> =
        EDGES.iter().map(|(name, used)| ((*name).to_owned(), used.iter().map(|u| (*u).to_owned()).collect())).collect();
    assert_eq!(found, allowed, "(found, allowed): change the code, or docs/architecture.md and this table together");
}

#[test]
fn a_forbidden_edge_would_be_seen_and_a_test_edge_not() {
    let dependency = |name: &str, kind: Value| serde_json::json!({ "name": name, "kind": kind });
    let metadata = serde_json::json!({ "packages": [
        { "name": "agents", "dependencies": [
            dependency("envs", Value::Null), dependency("serde", Value::Null), dependency("testkit", "dev".into()),
        ] },
        { "name": "envs", "dependencies": [dependency("testkit", "build".into())] },
        { "name": "testkit", "dependencies": [] },
    ] });
    let found = edges(&metadata);
    assert_eq!((&found["agents"][..], &found["envs"][..]), (&["envs".to_owned()][..], &["testkit".to_owned()][..]));
}

#[test]
fn no_file_is_longer_than_the_limit() {
    let long = sources().into_iter().map(|(name, text)| (name, text.lines().count()));
    let offences = long.filter(|(_, lines)| *lines > MAX_LINES).map(|(name, lines)| format!("{name}: {lines} lines"));
    assert_none("split these files", offences.collect());
}

#[test]
fn nothing_is_left_unfinished_and_no_test_is_switched_off() {
    let offences = sources().into_iter().flat_map(|(name, text)| lines_with(&name, &text, &UNFINISHED));
    assert_none("finish these", offences.collect());
}

#[test]
fn only_the_store_writes_files() {
    let ships = |name: &String| name.contains("/src/") && !name.starts_with("crates/store/");
    let offences = sources()
        .into_iter()
        .filter(|(name, _)| ships(name))
        .flat_map(|(name, text)| lines_with(&name, without_tests(&text), &DISK_WRITES));
    assert_none("write through pavlov_store::Disk", offences.collect());
}

#[test]
fn a_planted_offence_would_be_seen() {
    let text = format!("fn a() {{\n    {})\n}}\n#[cfg(test)]\nmod tests {{ fs::write(p, b) }}\n", UNFINISHED[0]);
    assert_eq!(lines_with("a.rs", &text, &UNFINISHED), [format!("a.rs:2: {})", UNFINISHED[0])]);
    assert_eq!(lines_with("a.rs", &text, &DISK_WRITES).len(), 1);
    assert_eq!(lines_with("a.rs", without_tests(&text), &DISK_WRITES).len(), 0);
}

/// The lines of a text that contain one of the patterns, each with its place.
fn lines_with(name: &str, text: &str, patterns: &[&str]) -> Vec<String> {
    let lines = text.lines().enumerate().filter(|(_, line)| patterns.iter().any(|pattern| line.contains(pattern)));
    lines.map(|(i, line)| format!("{name}:{}: {}", i + 1, line.trim())).collect()
}

/// A source text up to its unit tests, which stand at the end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

#[test]
fn every_crate_says_what_it_is_for() {
    let roots = |name: &String| name.ends_with("src/lib.rs") || name.ends_with("src/main.rs");
    let crates: Vec<(String, String)> = sources().into_iter().filter(|(name, _)| roots(name)).collect();
    assert_eq!(crates.len(), EDGES.len(), "a crate without lib.rs or main.rs, or with both");
    let silent = crates.into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name);
    assert_none("begin these with `//!`", silent.collect());
}

#[test]
fn every_config_and_dataset_manifest_is_toml() {
    let files = texts(&["configs", "datasets"], "toml");
    assert!(files.iter().any(|(name, _)| name == "configs/quickstart.toml"), "the quickstart is missing");
    let broken = files.iter().filter_map(|(name, text)| {
        text.parse::<toml::Table>().err().map(|error| format!("{name}: {}", error.to_string().trim()))
    });
    assert_none("not TOML", broken.collect());
}
