//! Criterion benches of Pavlov; see `benches/`.
