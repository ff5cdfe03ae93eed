"""Reads the event files of a run with TensorBoard's own package and compares every scalar with the metrics log.

    pip install tensorboard
    python benches/peers/tensorboard_check.py <run>

The values are asked for as the scalar dashboard asks for them, with the default limit of points. Exit code 1 with the
first differences of each seed, 0 if there are none. Needs Python 3.11 or newer.
"""

import json
import logging
import math
import struct
import sys
import tomllib
from pathlib import Path

from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.data import provider

# As many points as the scalar dashboard shows, and as many as a run has at most.
POINTS = 1_000
SHARES = "action_share"
# Keys of the log that are no figures: counters, and columns by action (of which TensorBoard gets the shares).
NO_FIGURES = {"update", "env_steps", "episode_actions", SHARES}


def f32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def tag(key):
    if key == "episodes":
        return "episode/ended"
    return "episode/" + key.removeprefix("episode_") if key.startswith("episode_") else "train/" + key


def expected(seed, updates):
    """What the metrics log says: {tag: {step: value}}, and {step: value} of each action in order."""
    lines = [json.loads(line) for line in (seed / "metrics.jsonl").read_text().splitlines()]
    assert [line["update"] for line in lines] == list(range(1, updates + 1)), "the run is not trained to its end"
    stride = math.ceil(updates / POINTS)
    figures, actions = {}, [{} for _ in lines[0][SHARES]]
    for begin in range(0, updates, stride):
        part = lines[begin : begin + stride]
        step = part[-1]["env_steps"]
        for key in part[0].keys() - NO_FIGURES:
            numbers = [line[key] for line in part if line[key] is not None]
            if numbers:
                figures.setdefault(tag(key), {})[step] = f32(sum(numbers) / len(numbers))
        for i, series in enumerate(actions):
            shares = [line[SHARES][i] for line in part]
            series[step] = f32(sum(shares) / len(shares))
    return figures, actions


def shown(seed):
    """What TensorBoard shows: {tag: {step: value}}."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"scalars": POINTS})
    multiplexer.AddRunsFromDirectory(str(seed.parent)).Reload()
    source = data_provider.MultiplexerDataProvider(multiplexer, str(seed.parent))
    series = source.read_scalars(
        context.RequestContext(),
        experiment_id="",
        plugin_name="scalars",
        downsample=POINTS,
        run_tag_filter=provider.RunTagFilter(runs=[seed.name]),
    )
    found = {}
    for name, points in series.get(seed.name, {}).items():
        found[name] = {point.step: point.value for point in points}
        assert len(found[name]) == len(points), f"{name} has a step twice"
    return found


def differences(want, got):
    steps = sorted(want.keys() | got.keys())
    return [f"step {step}: log {want.get(step)}, TensorBoard {got.get(step)}" for step in steps
            if want.get(step) != got.get(step)]


def check(seed, updates):
    """The problems of one seed, and the number of scalars that were compared."""
    figures, actions = expected(seed, updates)
    found = shown(seed)
    rate = found.pop("time/steps_per_second", {})
    problems = [] if rate and min(rate.values()) > 0 else ["time/steps_per_second is missing or not positive"]
    choices = {name: found.pop(name) for name in list(found) if name.startswith("actions/")}
    for name in sorted(figures.keys() | found.keys()):
        problems += [f"{name}: {d}" for d in differences(figures.get(name, {}), found.get(name, {}))]
    # The log has no names of actions: each column must be one of the tags, and only untaken actions may be left.
    for i, series in enumerate(actions):
        same = [name for name, got in choices.items() if got == series]
        if same:
            choices.pop(same[0])
        else:
            problems.append(f"{SHARES}[{i}] equals none of {sorted(choices)}")
    problems += [f"{name} equals no column of {SHARES}" for name in choices if any(choices[name].values())]
    return problems, sum(map(len, [*figures.values(), *actions]))


def main(run):
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    updates = tomllib.loads((run / "plan.toml").read_text())["train"]["updates"]
    seeds = sorted(log.parent for log in run.glob("runs/*/metrics.jsonl"))
    bad = not seeds
    for seed in seeds:
        problems, compared = check(seed, updates)
        files = len(list(seed.glob("*tfevents*")))
        print(f"{seed}: {compared} scalars from {files} event files, {len(problems)} differences")
        print("".join(f"  {problem}\n" for problem in problems[:5]), end="")
        bad |= bool(problems)
    return int(bad)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
