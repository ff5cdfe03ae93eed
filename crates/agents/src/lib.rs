//! Learning agents on candle: networks, losses, returns, rollouts, optimisers and the algorithms.
