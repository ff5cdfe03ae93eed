use std::ops::Range;

use pavlov_rl_core::{BatchEnv, RngTree};

use crate::BatchFactory;

/// Copies in chunks of a fixed length, which several threads play for whole rollouts.
///
/// A copy has the random stream of its number and a chunk is played by one thread from begin to end, so that the number of
/// threads changes no result. Starting threads costs tens of microseconds: give them rollouts, never single steps.
pub struct Chunks {
    envs: Vec<Box<dyn BatchEnv>>,
}

impl Chunks {
    /// The copies numbered `copies` in chunks of `len`, the last one shorter if they do not divide.
    ///
    /// # Panics
    /// If `len` is 0.
    pub fn new(factory: &dyn BatchFactory, copies: Range<u64>, len: u64, rng: &RngTree) -> Self {
        assert!(len > 0, "a chunk of no copies never ends");
        let starts = (copies.start..copies.end).step_by(len as usize);
        let envs = starts.map(|start| factory.batch(start..(start + len).min(copies.end), rng)).collect();
        Self { envs }
    }

    /// The chunks, in the order of their copies.
    pub fn envs(&self) -> &[Box<dyn BatchEnv>] {
        &self.envs
    }

    /// Plays every chunk once on at most so many threads and returns what `play` made of each, in the order of the chunks.
    ///
    /// `play` gets the number of a chunk and its copies; it acts, steps and keeps what it needs.
    pub fn play<R: Send>(&mut self, threads: usize, play: impl Fn(usize, &mut dyn BatchEnv) -> R + Sync) -> Vec<R> {
        let mut results: Vec<Option<R>> = self.envs.iter().map(|_| None).collect();
        let share = self.envs.len().div_ceil(threads.max(1)).max(1);
        let work = |first: usize, envs: &mut [Box<dyn BatchEnv>], results: &mut [Option<R>]| {
            for (k, (env, result)) in envs.iter_mut().zip(results).enumerate() {
                *result = Some(play(first + k, &mut **env));
            }
        };
        std::thread::scope(|scope| {
            let mut shares = self.envs.chunks_mut(share).zip(results.chunks_mut(share)).enumerate();
            let own = shares.next();
            for (j, (envs, results)) in shares {
                let work = &work;
                scope.spawn(move || work(j * share, envs, results));
            }
            if let Some((_, (envs, results))) = own {
                work(0, envs, results);
            }
        });
        results.into_iter().map(|result| result.expect("every chunk was played")).collect()
    }
}
