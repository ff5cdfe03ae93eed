//! Scalars for TensorBoard: `cargo run -p pavlov-tensorboard --example events > my-run/events.out.tfevents.1`, then
//! `tensorboard --logdir my-run`.

use std::io::{IsTerminal, Write, stdout};

use pavlov_tensorboard::{Event, encode};

fn main() -> std::io::Result<()> {
    // The caller says what time it is; here one second passes between two steps.
    let start = 1_577_880_000.0;
    let mut file = Vec::new();
    encode(&mut file, start, 0, &Event::FileVersion);
    encode(&mut file, start, 0, &Event::SessionStart);
    for step in 1..=100_u16 {
        let loss = 1.0 / f32::from(step);
        let scalars = [("train/loss", loss), ("episode/profit", 100.0 * (1.0 - loss))];
        encode(&mut file, start + f64::from(step), u64::from(step), &Event::Scalars(&scalars));
    }
    if stdout().is_terminal() {
        return writeln!(stdout(), "{} bytes of events; send them into a file, as the first line says", file.len());
    }
    stdout().write_all(&file)
}
