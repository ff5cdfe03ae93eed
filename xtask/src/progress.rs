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
    seeds: Mutex<BTreeMap<(String, u64), Seed>>,
    cells: Mutex<Option<Cells>>,
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
            cells: Mutex::default(),
            audit: OnceLock::new(),
            clock: Box::new(clock()),
        }
    }

    /// Takes one event.
    pub(crate) fn take(&self, event: Event<'_>) {
        match event {
            Event::Note(note) => self.bars.suspend(|| say(&format!("note: {note}"))),
            Event::Failed { cell, seed, error } => {
                self.bars.suspend(|| say(&format!("{} failed: {error}", who(cell, seed))));
            }
            Event::CellFailed { cell, error } => self.bars.suspend(|| say(&format!("cell {cell} failed: {error}"))),
            _ => {}
        }
        if self.quiet {
            return;
        }
        if let Event::Experiment { name, number: (n, of), cells, trainings, done, folder } = event {
            self.begin_anew();
            let cells = if cells > 1 { format!("{cells} cells, ") } else { String::new() };
            let what = format!("{name} ({n} of {of}): {cells}{trainings} trainings, {done} of them finished");
            self.bars.suspend(|| say(&format!("{what}; in {}", folder.display())));
        }
        let mut seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)();
        if let Some(cells) = cells.as_mut() {
            cells.take(event, now, self.terminal);
        }
        let many = cells.is_some();
        match event {
            Event::Planned { trainings, updates } => *cells = Some(self.planned(trainings, updates, now)),
            Event::Started { cell, seed, update, updates } => {
                let bar = if self.terminal { self.bars.add(ProgressBar::new(updates)) } else { ProgressBar::hidden() };
                bar.set_style(style());
                bar.set_prefix(who(cell, seed));
                bar.set_position(update);
                let entry = Seed { bar, begun: now, first: update, updates, last_profit: None, last_line: now };
                seeds.insert((cell.to_owned(), seed), entry);
                if !self.terminal && !many {
                    say(&format!("seed {seed}: starts at update {update} of {updates}"));
                }
            }
            Event::Updated { cell, seed, update, env_steps, episode_profit } => {
                let Some(shown) = seeds.get_mut(&(cell.to_owned(), seed)) else { return };
                shown.last_profit = episode_profit.or(shown.last_profit);
                let text = shown.text(update, env_steps, now);
                shown.bar.set_position(update);
                shown.bar.set_message(text.clone());
                if !self.terminal && !many && now - shown.last_line >= LINE_SECONDS {
                    shown.last_line = now;
                    say(&format!("seed {seed}: update {update}/{}, {text}", shown.updates));
                }
            }
            Event::Finished { cell, seed } => {
                let Some(shown) = seeds.get(&(cell.to_owned(), seed)) else { return };
                // Of many bars only those that move are worth their line.
                if many {
                    shown.bar.finish_and_clear()
                } else {
                    shown.bar.finish()
                }
                if !self.terminal {
                    say(&format!("{}: trained in {:.1} s", who(cell, seed), now - shown.begun));
                }
            }
            Event::Judging { .. } if !self.terminal && !many => say("all seeds are trained; judging"),
            Event::Audited { done, of } => self.audited(done, of),
            Event::Judging { .. }
            | Event::Experiment { .. }
            | Event::Failed { .. }
            | Event::CellFailed { .. }
            | Event::Note(_) => {}
        }
    }

    /// A bar over all trainings of several cells.
    fn planned(&self, trainings: usize, updates: u64, now: f64) -> Cells {
        let bar = if self.terminal { self.bars.add(ProgressBar::new(updates)) } else { ProgressBar::hidden() };
        bar.set_style(style());
        bar.set_prefix("all cells");
        Cells { bar, begun: now, trainings, finished: 0, done: 0, updates, last_line: now }
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

    /// Takes the bars of an experiment away: another one begins.
    fn begin_anew(&self) {
        let seeds = std::mem::take(&mut *self.seeds.lock().unwrap_or_else(PoisonError::into_inner));
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner).take();
        seeds.values().for_each(|seed| seed.bar.finish_and_clear());
        cells.iter().for_each(|cells| cells.bar.finish_and_clear());
    }

    /// Leaves the bars as they are.
    pub(crate) fn finish(&self) {
        let seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        seeds.values().filter(|seed| !seed.bar.is_finished()).for_each(|seed| seed.bar.abandon());
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.iter().for_each(|cells| cells.bar.abandon());
    }
}

/// What all trainings of several cells did.
struct Cells {
    bar: ProgressBar,
    begun: f64,
    trainings: usize,
    finished: usize,
    done: u64,
    updates: u64,
    last_line: f64,
}

impl Cells {
    fn take(&mut self, event: Event<'_>, now: f64, terminal: bool) {
        match event {
            // What was done before is nothing to be waited for.
            Event::Started { update, .. } => self.updates = self.updates.saturating_sub(update),
            Event::Updated { .. } => self.done += 1,
            Event::Finished { .. } => self.finished += 1,
            _ => return,
        }
        let rate = self.done as f64 / (now - self.begun).max(1e-9);
        let left = Duration::from_secs_f64(self.updates.saturating_sub(self.done) as f64 / rate.max(1e-9));
        let eta = if self.done == 0 { "-".to_owned() } else { HumanDuration(left).to_string() };
        let text = format!("{}/{} trainings, {rate:.1} updates/s, ETA {eta}", self.finished, self.trainings);
        self.bar.set_length(self.updates);
        self.bar.set_position(self.done);
        self.bar.set_message(text.clone());
        if !terminal && now - self.last_line >= LINE_SECONDS {
            self.last_line = now;
            say(&format!("all cells: {text}"));
        }
    }
}

/// A seed by its name, in a matrix with its cell.
fn who(cell: &str, seed: u64) -> String {
    if cell.is_empty() { format!("seed {seed}") } else { format!("{cell}, seed {seed}") }
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
