//! R1: a process that is killed while it writes the cache loses nothing that it reported as committed.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pavlov_market_data::{Origin, Sources, import, load_dataset};
use pavlov_store::OsDisk;
use pavlov_testkit::scale;
use support::{csv, manifest_with, sources, with_file};

const CHILD: &str = "PAVLOV_KILLED_CHILD";

/// The child: imports ever longer files and prints the rows of each commit.
#[test]
#[allow(clippy::print_stdout)]
fn child() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let root = Path::new(&root);
    for rows in 100.. {
        let file = with_file(&OsDisk, root, &csv(rows));
        import(&file, &manifest_with(""), &root.join("cache"), &OsDisk).unwrap();
        println!("committed {rows}");
    }
}

#[test]
fn kill_9_loses_no_commit_and_shows_nothing_torn() {
    let kills = if scale::nightly() { 1_000 } else { 20 };
    for round in 0..kills {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Killed at the n-th commit plus a delay of busy work, so that the instants differ.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut commits = Vec::new();
        while commits.len() <= round % 5 {
            commits.extend(lines.next().unwrap().strip_prefix("committed ").map(|rows| rows.parse::<usize>().unwrap()));
        }
        std::hint::black_box((0..round as u64 * 40_000).fold(0, |sum: u64, i| sum.rotate_left(3) ^ i));
        child.kill().unwrap();
        child.wait().unwrap();
        commits.extend(lines.filter_map(|line| line.strip_prefix("committed ")?.parse::<usize>().ok()));
        let alone = Sources { data_dir: None, ..sources(Arc::new(OsDisk), dir.path()) };
        let found = load_dataset(&manifest_with(""), &alone).unwrap();
        let last = *commits.last().unwrap();
        // The next commit may have become durable before it was printed.
        assert!((last..=last + 1).contains(&found.bars.len()), "{} rows, {last} committed", found.bars.len());
        assert_eq!((found.origin, found.notes.len()), (Origin::Cache, 0));
        let file = with_file(&OsDisk, dir.path(), &csv(7));
        import(&file, &manifest_with(""), &dir.path().join("cache"), &OsDisk).unwrap();
        let left = std::fs::read_dir(dir.path().join("cache/example")).unwrap().count();
        assert_eq!(left, 3, "lock, manifest and one segment");
    }
}
