//! R1: `kill -9` at a random instant loses nothing committed; on the machine's own disk, with real processes.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use pavlov_store::{Disk, OsDisk, RunFolder, StoreError};
use pavlov_testkit::scale;

use crate::pipeline::{Acks, World, check_committed, run};

const CHILD: &str = "PAVLOV_KILL_TEST_BASE";
const NAME: &str = "kill::kill_9_at_any_instant_loses_nothing_committed";

fn world(base: &Path) -> World {
    World { base: base.to_owned(), steps: u64::MAX, bytes: 20_000 }
}

/// The child: runs until it is killed and prints each commit once it is durable.
fn commit_until_killed(base: PathBuf) -> ! {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let ended = run(&disk, &world(&base), &mut |kind, number| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "committed {kind} {number}").and_then(|()| out.flush()).expect("the parent reads");
    });
    panic!("the child ended by itself: {ended:?}");
}

fn spawn(base: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, base)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Starts a child, kills it shortly after its `commits`-th commit and returns all it acknowledged.
fn kill_after(base: &Path, commits: usize, spin: u64, mut acks: Acks) -> Acks {
    let mut child = spawn(base);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut note = |line: String| match line.split_once("committed ").and_then(|(_, ack)| ack.split_once(' ')) {
        Some((kind, number)) => {
            acks.note(kind, number.parse().unwrap());
            true
        }
        None => false,
    };
    let seen = lines.by_ref().filter_map(|line| note(line).then_some(())).take(commits).count();
    assert_eq!(seen, commits, "the child stopped by itself: the restart needed help");
    if commits > 0 {
        let second = RunFolder::open(Arc::new(OsDisk), &world(base).root());
        assert!(matches!(second, Err(StoreError::Locked { .. })), "a second owner was let in");
    }
    (0..spin).for_each(|_| std::hint::spin_loop());
    child.kill().unwrap();
    child.wait().unwrap();
    lines.for_each(|line| {
        note(line);
    });
    acks
}

#[test]
#[allow(clippy::print_stdout)]
fn kill_9_at_any_instant_loses_nothing_committed() {
    if let Some(base) = std::env::var_os(CHILD) {
        commit_until_killed(PathBuf::from(base));
    }
    let kills: u64 = if scale::nightly() { 1_000 } else { 20 };
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let mut acks = Acks::default();
    for kill in 0..kills {
        let random = (kill + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        acks = kill_after(dir.path(), (random % 41) as usize, random % 200_000, acks);
        check_committed(&disk, &world(dir.path()), &acks).unwrap_or_else(|e| panic!("PROMISE=R1 kill {kill}: {e}"));
    }
    println!("R1: {kills} kills, {} checkpoints committed, 0 lost, 0 torn", acks.of("checkpoint"));
    assert!(acks.of("checkpoint") >= kills, "the kills came before any work was done");
}
