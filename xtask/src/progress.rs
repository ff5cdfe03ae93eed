//! What a user sees while a run goes on: a bar for each seed, or plain lines where there is no terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use pavlov_experiment::Event;

/// Seconds since 1970-01-01 UTC, steady from this call on also when somebody sets the machine's clock.
#[allow(clippy::disallowed_methods)]
pub(crate) fn clock() -> impl Fn() -> f64 + Sync {
    let today = SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64());
    let start = Instant::now();
    move || today + start.elapsed().as_secs_f64()
}

/// A line on the error stream.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Text on the output stream.
pub(crate) fn print(text: &str) {
    print!("{text}");
}

/// The result table and where the report is.
pub(crate) fn result(table: &str, html: &Path) {
    println!("{table}");
    println!("report: {}", html.display());
}

/// Shows the events of a run.
pub(crate) struct Shown {
    quiet: bool,
    terminal: bool,
    bars: MultiProgress,
    seeds: Mutex<BTreeMap<u64, Seed>>,
    audit: OnceLock<ProgressBar>,
    clock: Box<dyn Fn() -> f64 + Sync>,
}

struct Seed {
    bar: ProgressBar,
    begun: f64,
    first: u64,
    updates: u64,
    last_profit: Option<f64>,
    last_line: f64,
}

/// Seconds between two plain lines of a seed.
const LINE_SECONDS: f64 = 5.0;

impl Shown {
    /// Bars on a terminal, lines elsewhere, nothing if `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: stderr().is_terminal(),
            bars: MultiProgress::new(),
            seeds: Mutex::default(),
            audit: OnceLock::new(),
            clock: Box::new(clock()),
        }
    }

    /// Takes one event.
    pub(crate) fn take(&self, event: Event<'_>) {
        match event {
            Event::Note(note) => self.bars.suspend(|| say(&format!("note: {note}"))),
            Event::Failed { seed, error } => self.bars.suspend(|| say(&format!("seed {seed} failed: {error}"))),
            _ => {}
        }
        if self.quiet {
            return;
        }
        let mut seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)();
        match event {
            Event::Started { seed, update, updates } => {
                let bar = if self.terminal { self.bars.add(ProgressBar::new(updates)) } else { ProgressBar::hidden() };
                bar.set_style(style());
                bar.set_prefix(format!("seed {seed}"));
                bar.set_position(update);
                let entry = Seed { bar, begun: now, first: update, updates, last_profit: None, last_line: now };
                seeds.insert(seed, entry);
                if !self.terminal {
                    say(&format!("seed {seed}: starts at update {update} of {updates}"));
                }
            }
            Event::Updated { seed, update, env_steps, episode_profit } => {
                let Some(shown) = seeds.get_mut(&seed) else { return };
                shown.last_profit = episode_profit.or(shown.last_profit);
                let text = shown.text(update, env_steps, now);
                shown.bar.set_position(update);
                shown.bar.set_message(text.clone());
                if !self.terminal && now - shown.last_line >= LINE_SECONDS {
                    shown.last_line = now;
                    say(&format!("seed {seed}: update {update}/{}, {text}", shown.updates));
                }
            }
            Event::Finished { seed } => {
                let Some(shown) = seeds.get(&seed) else { return };
                shown.bar.finish();
                if !self.terminal {
                    say(&format!("seed {seed}: trained in {:.1} s", now - shown.begun));
                }
            }
            Event::Judging if !self.terminal => say("all seeds are trained; judging"),
            Event::Audited { done, of } => self.audited(done, of),
            Event::Judging | Event::Failed { .. } | Event::Note(_) => {}
        }
    }

    /// A bar for the cuts of an audit; a line at each tenth where there is no terminal.
    fn audited(&self, done: usize, of: usize) {
        let bar = self.audit.get_or_init(|| {
            let bar = if self.terminal { self.bars.add(ProgressBar::new(of as u64)) } else { ProgressBar::hidden() };
            bar.set_style(style());
            bar.set_prefix("audit");
            bar
        });
        bar.set_position(done as u64);
        if !self.terminal && done * 10 / of > (done - 1) * 10 / of {
            say(&format!("audit: {done} of {of} cuts"));
        }
        if done == of {
            bar.finish_and_clear();
        }
    }

    /// Leaves the bars as they are.
    pub(crate) fn finish(&self) {
        let seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        seeds.values().for_each(|seed| seed.bar.abandon());
    }
}

impl Seed {
    fn text(&self, update: u64, env_steps: u64, now: f64) -> String {
        let seconds = (now - self.begun).max(1e-9);
        let left = seconds / (update - self.first).max(1) as f64 * (self.updates - update) as f64;
        let profit = self.last_profit.map_or("-".into(), |p| format!("{p:+.1}"));
        let rate = env_steps as f64 / seconds / 1e3;
        format!("{rate:.0}k steps/s, episode profit {profit}, ETA {}", HumanDuration(Duration::from_secs_f64(left)))
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{prefix:>10} [{bar:30}] {pos}/{len} {msg}");
    style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "))
}
