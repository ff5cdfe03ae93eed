"""Measures peers in Python beside our own benches: one core, one run, in turn.

    python benches/peers/run.py [--rounds N] [--quick] [--only TEXT] [--markdown] [--json FILE]
    python benches/peers/run.py --check
"""

import os

# Before NumPy, polars and PyTorch are loaded: they read these once.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import json
import platform
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy
import polars
import talib
import torch

import check
from comparisons import COMPARISONS, Comparison
from timing import ROOT, Budget, build_benches, time_bench, time_call

FULL = Budget(warm_up=1.0, measure=4.0)
QUICK = Budget(warm_up=0.1, measure=0.3)
HEAD = ("", "best", "median", "time / ours, best", "median")
NOTES = """\
Best: the fastest sample of all rounds. Median: the median of the rounds' medians. One thread each, in turn.
Ours does a little more work in LSTM-PPO: an entropy bonus, a limit of the gradient, normalised advantages."""
BUSY = "The machine is busy. That hurts the peers' long calls more than our short ones: no figures to pass on."


@dataclass
class Side:
    """Ours, or one peer: the samples of each round, in seconds for one unit of work."""

    name: str
    rounds: list[list[float]] = field(default_factory=list)

    def add(self, samples: list[float], work: int) -> None:
        self.rounds.append([sample / work for sample in samples])

    @property
    def best(self) -> float:
        return min(min(samples) for samples in self.rounds)

    @property
    def median(self) -> float:
        return median(median(samples) for samples in self.rounds)


@dataclass
class Result:
    """One comparison, measured."""

    comparison: Comparison
    ours: Side
    peers: list[Side]

    def show(self, seconds: float) -> str:
        """Seconds for one unit of work, in the comparison's unit."""
        number = 1 / seconds if self.comparison.unit.endswith("/s") else 1e3 * seconds
        return f"{float(f'{number:.3g}'):,.0f}" if number >= 1_000 else f"{number:.3g}"

    def rows(self) -> list[tuple[str, ...]]:
        """Cells under `HEAD`: ours, then the peers with their ratios."""
        sides = [(self.ours, "", "")]
        sides += [(p, ratio(p.best / self.ours.best), ratio(p.median / self.ours.median)) for p in self.peers]
        return [(side.name, self.show(side.best), self.show(side.median), *ratios) for side, *ratios in sides]

    def record(self) -> dict:
        """Everything measured, for `--json`."""
        sides = [
            {
                "name": side.name,
                "best_s": side.best,
                "median_s": side.median,
                "rounds": [{"best_s": min(samples), "median_s": median(samples)} for samples in side.rounds],
                "ratio_best": side.best / self.ours.best,
                "ratio_median": side.median / self.ours.median,
            }
            for side in (self.ours, *self.peers)
        ]
        return {"title": self.comparison.title, "unit": self.comparison.unit, "ours": sides[0], "peers": sides[1:]}


def ratio(times: float) -> str:
    return f"{times:,.0f}" if times >= 10 else f"{times:.1f}"


def measure(comparison: Comparison, rounds: int, budget: Budget) -> Result:
    """Ours and each peer in turn, `rounds` times."""
    ours = comparison.ours
    result = Result(comparison, Side(f"ours: `{ours.id}`"), [Side(peer.name) for peer in comparison.peers])
    for _ in range(rounds):
        result.ours.add(time_bench(ours.bench, ours.id, budget), ours.work)
        for side, peer in zip(result.peers, comparison.peers):
            side.add(time_call(peer.prepare(), budget), peer.work)
    return result


def text_table(result: Result) -> str:
    rows = [HEAD, *result.rows()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = [f"  {row[0]:<{widths[0]}}" + "".join(f"  {c:>{w}}" for c, w in zip(row[1:], widths[1:])) for row in rows]
    return "\n".join([f"{result.comparison.title} ({result.comparison.unit})", *lines])


def markdown_table(results: list[Result]) -> str:
    lines = [f"| {' | '.join(HEAD)} |", "|---|" + "---:|" * (len(HEAD) - 1)]
    for result in results:
        lines.append(f"| **{result.comparison.title}**, {result.comparison.unit} |" + " |" * (len(HEAD) - 1))
        lines += [f"| {' | '.join(row)} |" for row in result.rows()]
    return "\n".join(lines)


def cpu() -> str:
    """The CPU's name, with family and model where the name says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown CPU"
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return f"{facts.get('model name', 'unknown CPU')} (family {facts.get('cpu family')}, model {facts.get('model')})"


def machine() -> dict[str, str]:
    rustc = subprocess.run(["rustc", "--version"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    return {
        "cpu": cpu(),
        "rustc": rustc[1] if len(rustc) > 1 else "unknown",
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "polars": polars.__version__,
        "talib": talib.__version__,
        "torch": torch.__version__,
    }


def load() -> str:
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures peers in Python beside our own benches.")
    parser.add_argument("--check", action="store_true", help="check that the peers compute what they should, and stop")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="rounds of each comparison (default 2)")
    parser.add_argument("--quick", action="store_true", help="a fraction of a second each: a smoke test, no figures")
    parser.add_argument("--only", default="", metavar="TEXT", help="comparisons whose title contains this")
    parser.add_argument("--markdown", action="store_true", help="end with one Markdown table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    warnings.filterwarnings("ignore", module="torch|lstm_ppo")  # the published way to make a batch is a slow one
    if options.check:
        check.run()
        return
    chosen = [c for c in COMPARISONS if options.only.lower() in c.title.lower()]
    if not chosen or options.rounds < 1:
        sys.exit(f"nothing to measure: --only {options.only!r}, --rounds {options.rounds}")
    build_benches(sorted({c.ours.bench for c in chosen}))
    facts = machine()
    before = load()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    results = []
    for comparison in chosen:
        results.append(measure(comparison, options.rounds, QUICK if options.quick else FULL))
        print(f"\n{text_table(results[-1])}", flush=True)
    loads = {"load_before": before, "load_after": load()}
    print(f"\n{NOTES}\nLoad average (1, 5, 15 min): {before} before, {loads['load_after']} after.")
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        print(BUSY)
    if options.markdown:
        print(f"\n{markdown_table(results)}")
    if options.json:
        record = {"schema_version": 1, "machine": facts | loads, "rounds": options.rounds, "quick": options.quick}
        record["comparisons"] = [result.record() for result in results]
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
