//! Causal features: streaming indicators folded into one shared frame, and scalers fitted on training rows.
