"""What is compared. A new peer is a function that prepares its work and returns a call, and a line in `COMPARISONS`."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch
from gymnasium import Env

import long_short_env as long_short
import manager_order
import market_data
import metric_set
from bitcoin_env import Game, ManyCopies, OneCopy, random_walk
from double_dqn import Actor, Learner
from gaussian_ppo import STEPS as FUND_STEPS
from gaussian_ppo import Loop
from lstm_ppo import AsPublished, Network, OnePass

Call = Callable[[], object]


@dataclass(frozen=True)
class Ours:
    """A criterion bench of this workspace, and how many units of work one iteration of it is."""

    bench: str
    id: str
    work: int = 1


@dataclass(frozen=True)
class Peer:
    """A name, a function that prepares the work anew for each round, and how many units of work one call of it is."""

    name: str
    prepare: Callable[[], Call]
    work: int = 1


@dataclass(frozen=True)
class Comparison:
    """Ours and its peers, doing the same work. `unit` is `.../s` for a rate, or `ms` for the time of one unit."""

    title: str
    unit: str
    ours: Ours
    peers: tuple[Peer, ...]


# The sizes of the workspace's own benches: rows of the market, plans of random actions, steps of an episode.
ENV_ROWS, PLANS, LEARN_ROWS, EPISODE, YEAR, BARS, RETURNS = 2_000, 64, 10_000, 500, 252, 1_000_000, 10_000


def one_copy(whole: bool) -> Callable[[], Call]:
    """500 steps of one copy; observations are made whole, or, as ours, a row's index and the account's numbers."""

    def prepare() -> Call:
        env = OneCopy(Game.from_bars(random_walk(ENV_ROWS)))
        see = env.observe if whole else env.account
        actions = np.random.default_rng(2).integers(3, size=EPISODE).tolist()

        def steps() -> None:
            for action in actions:
                if env.step(action)[1]:
                    env.reset()
                see()

        return steps

    return prepare


def many_copies(n: int, whole: bool) -> Callable[[], Call]:
    """One step of `n` copies, with observations as in `one_copy`."""

    def prepare() -> Call:
        env = ManyCopies(Game.from_bars(random_walk(ENV_ROWS)), n)
        see = env.observe if whole else env.account
        plans = cycle(np.random.default_rng(2).integers(3, size=(PLANS, n)))

        def step() -> None:
            env.step(next(plans))
            see()

        return step

    return prepare


def ppo(agent: type[AsPublished] | type[OnePass], fc: int, hidden: int) -> Callable[[], Call]:
    """One episode of one copy and the update from it."""

    def prepare() -> Call:
        torch.manual_seed(1)
        env = OneCopy(Game.from_bars(random_walk(LEARN_ROWS)))
        return agent(Network(fc, hidden), env).episode

    return prepare


def lstm(onednn: bool) -> Callable[[], Call]:
    """Forward and backward of the mean square of `h`: 64 inputs, 32 units, 500 steps, batch 1, no gradient of `x`."""

    def prepare() -> Call:
        torch.manual_seed(1)
        layer = torch.nn.LSTM(64, 32)
        x = 2 * torch.rand(EPISODE, 1, 64) - 1
        state = (torch.zeros(1, 1, 32), torch.zeros(1, 1, 32))

        def learn() -> None:
            with torch.backends.mkldnn.flags(enabled=onednn):
                layer.zero_grad()
                layer(x, state)[0].square().mean().backward()

        return learn

    return prepare


def long_short_one(whole: bool) -> Callable[[], Call]:
    """As `one_copy`, an episode of 252 steps of the long/short game."""

    def prepare() -> Call:
        env = long_short.OneCopy(long_short.market(ENV_ROWS))
        see = env.observe if whole else env.account
        actions = np.random.default_rng(2).integers(3, size=YEAR).tolist()

        def steps() -> None:
            for action in actions:
                if env.step(action)[1]:
                    env.reset()
                see()

        return steps

    return prepare


def long_short_many(n: int, whole: bool) -> Callable[[], Call]:
    """As `many_copies`."""

    def prepare() -> Call:
        env = long_short.ManyCopies(long_short.market(ENV_ROWS), n)
        see = env.observe if whole else env.account
        plans = cycle(np.random.default_rng(2).integers(3, size=(PLANS, n)))

        def step() -> None:
            env.step(next(plans))
            see()

        return step

    return prepare


def from_pypi(make: Callable[[long_short.Market], Env]) -> Callable[[], Call]:
    """252 steps of an environment with Gymnasium's interface; it makes its observations whole."""

    def prepare() -> Call:
        env = make(long_short.market(ENV_ROWS))
        env.reset(seed=1)
        actions = np.random.default_rng(2).integers(env.action_space.n, size=YEAR).tolist()

        def steps() -> None:
            for action in actions:
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()

        return steps

    return prepare


def ppo_comparison(fc: int, hidden: int) -> Comparison:
    """The whole training loop: acting, stepping, learning."""
    return Comparison(
        f"LSTM-PPO, fc {fc}, LSTM {hidden}, one environment, 500 steps an update",
        "env steps/s",
        Ours("ppo_update", f"ppo_update/whole/1x500/fc{fc}-lstm{hidden}", EPISODE),
        (
            Peer("PyTorch, as published", ppo(AsPublished, fc, hidden), EPISODE),
            Peer("PyTorch, one pass", ppo(OnePass, fc, hidden), EPISODE),
        ),
    )


def double_dqn(part: str, batch: int) -> Callable[[], Call]:
    """The `gradient` or the whole `step` of a learner, or acting `greedily` for as many states."""

    def prepare() -> Call:
        torch.manual_seed(1)
        calls = {"gradient": Learner.gradient, "step": Learner.step}
        if part not in calls:
            return Actor(batch).act
        learner = Learner(batch)
        return lambda: calls[part](learner)

    return prepare


def dqn_comparison(title: str, part: str, batch: int) -> Comparison:
    """The network of the TDQN paper, 330 -> 5 x 512 -> 2."""
    ours = Ours("dqn_update", f"dqn_update/{part}/{batch}")
    return Comparison(f"Double DQN, {title}", "ms", ours, (Peer("PyTorch, fused AdamW", double_dqn(part, batch)),))


def metrics(benchmark: metric_set.Benchmark) -> Callable[[], Call]:
    """The full set on 10,000 returns with a benchmark."""

    def prepare() -> Call:
        returns, market = metric_set.series(RETURNS)
        return lambda: metric_set.full_set(returns, market, benchmark)

    return prepare


def gaussian_ppo() -> Call:
    """200 steps of two funds and the update from them."""
    torch.manual_seed(1)
    return Loop().update


def orders(
    make: type[manager_order.Loop] | type[manager_order.Learner], network: type[manager_order.Network]
) -> Callable[[], Call]:
    """A step of the whole loop, or of the learner alone."""

    def prepare() -> Call:
        torch.manual_seed(1)
        return make(network).step

    return prepare


COMPARISONS: tuple[Comparison, ...] = (
    Comparison(
        "Bitcoin environment, one copy",
        "env steps/s",
        Ours("env_step", "bitcoin/1"),
        (
            Peer("Python on arrays", one_copy(whole=False), EPISODE),
            Peer("Python on arrays, whole observations", one_copy(whole=True), EPISODE),
        ),
    ),
    Comparison(
        "Bitcoin environment, many copies (ours: 4,096)",
        "env steps/s",
        Ours("env_step", "bitcoin/4096", 4_096),
        (
            Peer("NumPy, 64 copies", many_copies(64, whole=False), 64),
            Peer("NumPy, 4,096 copies", many_copies(4_096, whole=False), 4_096),
            Peer("NumPy, 4,096 copies, whole observations", many_copies(4_096, whole=True), 4_096),
        ),
    ),
    Comparison(
        "Long/short environment, window 30 x 11, one copy",
        "env steps/s",
        Ours("env_step", "long_short/1"),
        (
            Peer("Python on arrays", long_short_one(whole=False), YEAR),
            Peer("Python on arrays, whole observations", long_short_one(whole=True), YEAR),
            Peer("gym-anytrading", from_pypi(long_short.AnyTrading), YEAR),
            Peer("gym-trading-env", from_pypi(long_short.trading_env), YEAR),
        ),
    ),
    Comparison(
        "Long/short environment, window 30 x 11, 4,096 copies",
        "env steps/s",
        Ours("env_step", "long_short/4096", 4_096),
        (
            Peer("NumPy", long_short_many(4_096, whole=False), 4_096),
            Peer("NumPy, whole observations", long_short_many(4_096, whole=True), 4_096),
        ),
    ),
    ppo_comparison(fc=10, hidden=10),
    ppo_comparison(fc=64, hidden=32),
    Comparison(
        "LSTM 64 -> 32, 500 steps, batch 1, forward and backward",
        "ms",
        Ours("lstm", "lstm_sequence/fused/500x1x64x32"),
        (
            Peer("PyTorch, oneDNN", lstm(onednn=True)),
            Peer("PyTorch, without oneDNN", lstm(onednn=False)),
        ),
    ),
    dqn_comparison("forward, backward and AdamW, batch 32", "gradient", 32),
    dqn_comparison("a learning step, batch 32", "step", 32),
    dqn_comparison("a greedy action", "greedy", 1),
    dqn_comparison("eight greedy actions", "greedy", 8),
    Comparison(
        "Gaussian PPO on two funds, 200 steps and 80 passes an update",
        "env steps/s",
        Ours("gaussian_ppo", "gaussian_ppo/whole", FUND_STEPS),
        (Peer("PyTorch, fused Adam", gaussian_ppo, FUND_STEPS),),
    ),
    Comparison(
        "manager and order networks, one environment, a learning step each step",
        "env steps/s",
        Ours("manager_order", "manager_order/loop"),
        (
            Peer("PyTorch, attention as published", orders(manager_order.Loop, manager_order.AsPublished)),
            Peer("PyTorch, only the last row asks, fused Adam", orders(manager_order.Loop, manager_order.Network)),
            Peer("the same, the learning step alone", orders(manager_order.Learner, manager_order.Network)),
        ),
    ),
    Comparison(
        "MACD, ATR and three EMA over 1,000,000 bars",
        "rows/s",
        Ours("features", "features/frame", BARS),
        (Peer("TA-Lib (C)", lambda: market_data.indicators(BARS), BARS),),
    ),
    Comparison(
        "Bars from Parquet, 1,000,000 of a minute",
        "rows/s",
        Ours("cache_read", "cache_read/bars", BARS),
        (Peer("polars, one thread", lambda: market_data.parquet_read(BARS), BARS),),
    ),
    Comparison(
        "The full metric set on 10,000 returns",
        "sets/s",
        Ours("metrics", f"metrics/full_set/{RETURNS}"),
        (
            Peer("quantstats", metrics(metric_set.against)),
            Peer("quantstats, NumPy against the benchmark", metrics(metric_set.against_by_numpy)),
        ),
    ),
)
