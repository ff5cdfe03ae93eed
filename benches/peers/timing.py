"""Seconds per call: of a peer in this process, and of one of the workspace's criterion benches.

Both give the samples of one round. A sample is the mean of a few calls in a row, so that the clock costs nothing.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_SECONDS = 0.02
MIN_SAMPLES = 5


@dataclass(frozen=True)
class Budget:
    """Seconds that one side gets in one round."""

    warm_up: float
    measure: float


def time_call(call: Callable[[], object], budget: Budget) -> list[float]:
    """Samples of a Python function."""
    calls, begun = 0, perf_counter()
    while calls == 0 or perf_counter() - begun < budget.warm_up:
        call()
        calls += 1
    per_sample = max(1, round(SAMPLE_SECONDS * calls / (perf_counter() - begun)))
    samples: list[float] = []
    begun = perf_counter()
    while len(samples) < MIN_SAMPLES or perf_counter() - begun < budget.measure:
        start = perf_counter()
        for _ in range(per_sample):
            call()
        samples.append((perf_counter() - start) / per_sample)
    return samples


def cargo_bench(arguments: list[str], folder: str | None = None) -> None:
    """Runs `cargo bench` on the benches' package; criterion writes into `folder`."""
    command = ["cargo", "bench", "--package", "pavlov-benches", *arguments]
    env = os.environ if folder is None else os.environ | {"CRITERION_HOME": folder}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")


def build_benches(names: list[str]) -> None:
    """Compiles benches, so that no round waits for the compiler."""
    cargo_bench(["--no-run", *(f"--bench={name}" for name in names)])


def time_bench(bench: str, id: str, budget: Budget) -> list[float]:
    """Samples of one criterion bench."""
    with TemporaryDirectory() as folder:
        times = [f"--warm-up-time={budget.warm_up}", f"--measurement-time={budget.measure}"]
        cargo_bench([f"--bench={bench}", "--", *times, "--exact", id], folder)
        found = list(Path(folder).glob("**/new/sample.json"))
        if len(found) != 1:
            sys.exit(f"benches/benches/{bench}.rs gave {len(found)} results for the id {id}: correct comparisons.py")
        sample = json.loads(found[0].read_text())
    return [time_ns / calls * 1e-9 for time_ns, calls in zip(sample["times"], sample["iters"])]
