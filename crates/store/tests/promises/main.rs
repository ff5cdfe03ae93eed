//! The promises about files, each tried at every disk call of a small run (docs/reliability.md: R1, R2, R4, R19).

mod bugs;
mod damage;
mod disk_faults;
mod kill;
mod pipeline;
mod power_loss;
