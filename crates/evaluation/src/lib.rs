//! Honest numbers: equity curve and fills in, metrics and statistics over runs out.
