"""The paper's long/short game on NumPy arrays, one copy and many, and two environments from PyPI on the same market.

Rules: short, long or hold with all that the account allows, in whole shares, at the close of the next bar; commission
0.1 %; a short is kept repayable should the price rise by 10 %; reward = relative change of the net worth, cut at -1 and
1; 252 bars from a random start; over at a net worth of 0. Source: Théate and Ernst, "An application of deep
reinforcement learning to algorithmic trading", Expert Systems with Applications 173 (2021), sections 3 and 4, theorem 2.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from gym_anytrading.envs import StocksEnv
from gym_trading_env.environments import TradingEnv
from numpy.typing import NDArray

SHORT, LONG, HOLD = range(3)
WINDOW, COLUMNS, SAMPLE_LEN = 30, 11, 252
CASH, COMMISSION, EPSILON = 100_000.0, 0.001, 0.1
REPAY = (1 + EPSILON) * (1 + COMMISSION)
CUT = EPSILON * (1 + COMMISSION)
SELL = 2 * COMMISSION + CUT
MAX_SHOWN_WEIGHT = 10.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """Closes `[T]` and features `[T, 11]`."""

    close: Floats
    features: NDArray[np.float32]

    @property
    def starts(self) -> int:
        """Rows that an episode can start from, counted from the first one with a whole window."""
        return len(self.close) - WINDOW + 1 - SAMPLE_LEN


def market(rows: int, seed: int = 1) -> Market:
    """A random walk from 100 with steps of at most 2 %, and noise to look at."""
    rng = np.random.default_rng(seed)
    close = 100 * np.cumprod(1 + 0.04 * (rng.random(rows) - 0.5))
    return Market(close, rng.random((rows, COLUMNS), np.float32))


class OneCopy:
    """One account, one step at a time; the closes are a list, which Python reads faster than an array."""

    def __init__(self, market: Market, seed: int = 3) -> None:
        self.market = market
        self.closes: list[float] = market.close.tolist()
        self.rng = np.random.default_rng(seed)
        self.reset()

    def reset(self, row: int | None = None) -> None:
        """Starts an episode at a row, or at a random one."""
        self.row = WINDOW - 1 + int(self.rng.integers(self.market.starts)) if row is None else row
        self.end = self.row + SAMPLE_LEN
        self.cash, self.shares, self.worth = CASH, 0.0, CASH

    def step(self, action: int) -> tuple[float, bool]:
        """Trades at the next close, and gives the reward and whether the episode is over."""
        self.row += 1
        price = self.closes[self.row]
        held = (self.shares > 0) - (self.shares < 0)
        side = held if action == HOLD else 2 * action - 1
        asked = 0.0
        if side != held:
            value = self.shares * price
            flat = self.cash + value - COMMISSION * abs(value)
            asked = side * max(flat / (price * (1 + COMMISSION)) // 1, 0.0) - self.shares
        lacking = -self.cash - self.shares * price * REPAY
        least = -(-lacking / (price * (CUT if lacking >= 0 else SELL)) // 1)
        traded = max(asked, min(least, max(-self.shares, 0.0)))
        self.cash -= traded * price + COMMISSION * abs(traded * price)
        self.shares += traded
        worth = self.cash + self.shares * price
        reward = min(max((worth - self.worth) / self.worth, -1.0), 1.0)
        self.worth = worth
        return reward, self.row == self.end or worth <= 0

    def account(self) -> float:
        """The account's part of an observation."""
        weight = self.shares * self.closes[self.row] / self.worth if self.worth > 0 else 0.0
        return min(max(weight, -MAX_SHOWN_WEIGHT), MAX_SHOWN_WEIGHT)

    def observe(self) -> NDArray[np.float32]:
        """A fresh observation `[30 x 11 + 1]`."""
        seen = self.market.features[self.row + 1 - WINDOW : self.row + 1].ravel()
        return np.append(seen, np.float32(self.account()))


class ManyCopies:
    """`n` accounts as arrays; whoever is done starts a new episode within the same step."""

    def __init__(self, market: Market, n: int, seed: int = 3) -> None:
        self.market = market
        self.windows = np.lib.stride_tricks.sliding_window_view(market.features.ravel(), WINDOW * COLUMNS)[::COLUMNS]
        self.rng = np.random.default_rng(seed)
        self.row, self.end = np.empty((2, n), np.int64)
        self.cash, self.shares, self.worth = np.empty((3, n))
        self.reset(np.arange(n))

    def reset(self, who: NDArray[np.int64]) -> None:
        """Starts episodes at random rows."""
        self.row[who] = WINDOW - 1 + self.rng.integers(self.market.starts, size=len(who))
        self.end[who] = self.row[who] + SAMPLE_LEN
        self.cash[who], self.shares[who], self.worth[who] = CASH, 0.0, CASH

    def step(self, action: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
        """Rewards and ends `[N]` of actions `[N]`."""
        self.row += 1
        price = self.market.close[self.row]
        held = np.sign(self.shares)
        side = np.where(action == HOLD, held, 2.0 * action - 1)
        value = self.shares * price
        flat = self.cash + value - COMMISSION * np.abs(value)
        size = np.maximum(np.floor(flat / (price * (1 + COMMISSION))), 0.0)
        asked = np.where(side == held, 0.0, side * size - self.shares)
        lacking = -self.cash - self.shares * price * REPAY
        least = np.ceil(lacking / (price * np.where(lacking >= 0, CUT, SELL)))
        traded = np.maximum(asked, np.minimum(least, np.maximum(-self.shares, 0.0)))
        self.cash -= traded * price + COMMISSION * np.abs(traded * price)
        self.shares += traded
        worth = self.cash + self.shares * price
        reward = np.clip((worth - self.worth) / self.worth, -1.0, 1.0)
        self.worth = worth
        done = (self.row == self.end) | (worth <= 0)
        if done.any():
            self.reset(np.flatnonzero(done))
        return reward, done

    def account(self) -> NDArray[np.float32]:
        """The account's part of the observations, `[N]`."""
        weight = self.shares * self.market.close[self.row] / self.worth
        return np.clip(weight, -MAX_SHOWN_WEIGHT, MAX_SHOWN_WEIGHT).astype(np.float32)

    def observe(self) -> NDArray[np.float32]:
        """Fresh observations `[N, 30 x 11 + 1]`."""
        seen = np.empty((len(self.row), WINDOW * COLUMNS + 1), np.float32)
        seen[:, :-1] = self.windows[self.row + 1 - WINDOW]
        seen[:, -1] = self.account()
        return seen


class AnyTrading(StocksEnv):
    """gym-anytrading's stock environment on the market's closes and features."""

    def __init__(self, market: Market) -> None:
        self.of = market
        frame = pd.DataFrame({"Close": market.close})
        super().__init__(df=frame, window_size=WINDOW, frame_bound=(WINDOW, len(market.close)))

    def _process_data(self) -> tuple[Floats, NDArray[np.float32]]:
        return self.of.close, self.of.features


def trading_env(market: Market) -> TradingEnv:
    """gym-trading-env's environment on the same market: positions -1, 0 and 1, the same commission and episodes."""
    frame = pd.DataFrame(market.features, columns=[f"feature_{i}" for i in range(COLUMNS)])
    frame = frame.assign(open=market.close, high=market.close, low=market.close, close=market.close, volume=1.0)
    frame.index = pd.date_range("2018-01-01", periods=len(frame), freq="h")
    return TradingEnv(
        df=frame,
        positions=[-1, 0, 1],
        windows=WINDOW,
        trading_fees=COMMISSION,
        max_episode_duration=SAMPLE_LEN,
        portfolio_initial_value=CASH,
        verbose=0,
    )
