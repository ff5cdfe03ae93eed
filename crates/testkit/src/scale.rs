//! How much a test does: short by default, long with `PAVLOV_TEST_SCALE=nightly`.

/// Whether the long versions of the tests run.
pub fn nightly() -> bool {
    std::env::var("PAVLOV_TEST_SCALE").is_ok_and(|scale| scale == "nightly")
}

/// Seeds `0..short`, or `0..long` at night; `PAVLOV_TEST_SEED` replays a single one.
///
/// # Panics
/// If `PAVLOV_TEST_SEED` is no number.
pub fn seeds(short: u64, long: u64) -> Vec<u64> {
    match std::env::var("PAVLOV_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("PAVLOV_TEST_SEED is a number")],
        Err(_) => (0..if nightly() { long } else { short }).collect(),
    }
}
