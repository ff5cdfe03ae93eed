//! Market environments: account, costs, fills, rewards and the games built from them.
