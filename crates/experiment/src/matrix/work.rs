//! All trainings of all cells in one pool; a cell is judged as soon as its last seed is trained.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::error::ExperimentError;
use crate::hooks::{Event, Hooks};
use crate::matrix::todo::{self, Todo};
use crate::report::Report;
use crate::run::{Options, Place, Timed};
use crate::timing::Timing;
use crate::train::Trained;
use crate::trials;

/// What came of a cell: its report, or none if seeds of it are trained elsewhere.
pub type Judged = Result<Option<Report>, ExperimentError>;

/// A cell on its way.
#[derive(Default)]
struct Progress {
    /// Trainings that are not at their end.
    left: usize,
    /// When the first began.
    begun: Option<f64>,
    trained: BTreeMap<u64, Timed>,
    failed: BTreeMap<u64, ExperimentError>,
    unfinished: Option<ExperimentError>,
    judged: Option<Judged>,
}

/// Does what is to be done at every place, side by side; what came of them in their order, whatever the threads.
pub fn work(
    places: &[Place<'_>],
    todo: &[Todo],
    hooks: &Hooks<'_>,
    options: &Options,
) -> Result<Vec<Judged>, ExperimentError> {
    let threads = options.threads;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| ExperimentError::Threads { threads, reason: e.to_string() })?;
    let jobs: Vec<(usize, Option<u64>)> = todo.iter().enumerate().flat_map(|(n, todo)| jobs(n, todo)).collect();
    if places.iter().any(|place| !place.cell.is_empty()) {
        let trainings = todo.iter().map(|todo| todo.seeds.len()).sum();
        let updates = places.iter().zip(todo).map(|(p, todo)| p.plan.train.updates * todo.seeds.len() as u64).sum();
        (hooks.progress)(Event::Planned { trainings, updates });
    }
    let states: Vec<Mutex<Progress>> =
        todo.iter().map(|t| Mutex::new(Progress { left: t.seeds.len(), ..Progress::default() })).collect();
    let next = AtomicUsize::new(0);
    pool.install(|| {
        (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
            while let Some((n, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                one(&places[*n], *seed, &states[*n], hooks);
            }
        });
    });
    let judged = |state: Mutex<Progress>| {
        let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.judged.expect("the last job of a cell judges it")
    };
    Ok(states.into_iter().map(judged).collect())
}

/// The seeds of a cell; without any there is only the judging.
fn jobs(n: usize, todo: &Todo) -> Vec<(usize, Option<u64>)> {
    match todo.seeds.is_empty() {
        true => vec![(n, None)],
        false => todo.seeds.iter().map(|seed| (n, Some(*seed))).collect(),
    }
}

fn lock(state: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Trains a seed; the last of a cell judges it.
fn one(place: &Place<'_>, seed: Option<u64>, state: &Mutex<Progress>, hooks: &Hooks<'_>) {
    lock(state).begun.get_or_insert_with(|| (hooks.clock)());
    if let Some(seed) = seed {
        let result = place.train(seed);
        let mut state = lock(state);
        match result {
            Ok(trained) => _ = state.trained.insert(seed, trained),
            Err(error) if error.is_unfinished() => _ = state.unfinished.get_or_insert(error),
            Err(error) => {
                (hooks.progress)(Event::Failed { cell: &place.cell, seed, error: &error });
                state.failed.insert(seed, error);
            }
        }
        state.left -= 1;
        if state.left > 0 {
            return;
        }
    }
    let ended = std::mem::take(&mut *lock(state));
    let judged = judge(place, ended, hooks);
    if let (Err(error), false) = (&judged, place.cell.is_empty())
        && !error.is_unfinished()
    {
        (hooks.progress)(Event::CellFailed { cell: &place.cell, error });
    }
    lock(state).judged = Some(judged);
}

fn judge(place: &Place<'_>, mut ended: Progress, hooks: &Hooks<'_>) -> Judged {
    if !ended.failed.is_empty() {
        let errors = ended.failed.into_values().collect();
        return Err(ExperimentError::Seeds { errors, run: place.folder.root().to_owned() });
    }
    if let Some(error) = ended.unfinished {
        return Err(error);
    }
    let disk = &**place.folder.disk();
    let took_time = !ended.trained.is_empty();
    let here = |seed: u64| ended.trained.contains_key(&seed);
    let there = |seed: u64| todo::checkpoint(place.folder.root(), seed, disk).is_some();
    if !place.plan.seeds().all(|seed| here(seed) || there(seed)) {
        return Ok(None);
    }
    let mut timing = Timing::new(place.options);
    let mut trained: Vec<Trained> = Vec::new();
    for seed in place.plan.seeds() {
        let timed = match ended.trained.remove(&seed) {
            Some(timed) => timed,
            None => Timed { trained: place.load(seed)?, env_steps: 0, seconds: 0.0 },
        };
        timing.add(seed, timed.env_steps, timed.seconds);
        trained.push(timed.trained);
    }
    let report = place.judge(&trained)?;
    trials::record(disk, &place.options.trials_dir, &report)?;
    if took_time {
        let before = pavlov_store::read(disk, &place.folder.timing()).ok();
        let timing = timing.finish((hooks.clock)() - ended.begun.unwrap_or_default(), before.as_deref());
        pavlov_store::write_atomic(disk, &place.folder.timing(), timing.as_bytes())?;
    }
    Ok(Some(report))
}
