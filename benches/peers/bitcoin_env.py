"""The article's Bitcoin game on NumPy arrays: one copy in plain Python, and many copies at once.

Rules: hold, buy with half of the cash or sell half of the coins at the close that the decision was made with;
commission 0.075 %; reward = change of the profit over holding the initial account; 500 bars from a random start; over
below 10 % of the initial value. Source: "Bitcoin trading robot with PPO and LSTM", FMZ 2019, section 4.
Its data frame has become arrays, its arithmetic is unchanged: `check.py` replays the golden files.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HOLD, BUY, SELL = range(3)
OBSERVATION = 7
CASH_UNIT = 10_000.0
MIN_ORDER_CASH = 1.0
MIN_ORDER_COINS = 0.0001
RUIN_FRAC = 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Game:
    """Bars, the first account and the rules that a golden case may change."""

    close: Floats
    """Closes `[T]`, float32 widened to float64."""
    table: NDArray[np.float32]
    """Observations `[T, 7]`: 100 x relative change of open, high, low, close, volume; two columns for the account."""
    cash: float = 10_000.0
    coins: float = 1.0
    commission: float = 0.00075
    sample_len: int = 500

    @classmethod
    def from_bars(cls, bars: NDArray[np.float32], **rules: float) -> "Game":
        """The game on bars `[T, 5]` of open, high, low, close and volume; volumes must not be 0."""
        table = np.zeros((len(bars), OBSERVATION), np.float32)
        table[1:, :5] = 100 * (bars[1:] / bars[:-1] - 1)
        return cls(bars[:, 3].astype(np.float64), table, **rules)

    @property
    def starts(self) -> int:
        """Rows that an episode can start from."""
        return len(self.close) - self.sample_len


def random_walk(rows: int, seed: int = 1) -> NDArray[np.float32]:
    """Bars `[T, 5]` around a random walk from 8,000 with steps of at most 1 %."""
    rng = np.random.default_rng(seed)
    close = 8_000 * np.cumprod(1 + 0.02 * (rng.random(rows) - 0.5))
    open_ = 0.5 * (np.roll(close, 1) + close)
    open_[0] = close[0]
    high, low = 1.001 * np.maximum(open_, close), 0.999 * np.minimum(open_, close)
    return np.stack([open_, high, low, close, rng.uniform(100, 1_000, rows)], axis=1).astype(np.float32)


class OneCopy:
    """One account, one step at a time; the closes are a list, which Python reads faster than an array."""

    def __init__(self, game: Game, seed: int = 3) -> None:
        self.game = game
        self.closes: list[float] = game.close.tolist()
        self.rng = np.random.default_rng(seed)
        self.reset()

    def reset(self, row: int | None = None) -> None:
        """Starts an episode at a row, or at a random one."""
        game = self.game
        self.row = int(self.rng.integers(game.starts)) if row is None else row
        self.end = self.row + game.sample_len
        self.cash, self.coins, self.profit = game.cash, game.coins, 0.0
        self.ruin_below = RUIN_FRAC * (game.cash + game.coins * self.closes[self.row])

    def step(self, action: int) -> tuple[float, bool]:
        """Trades at the close of the row, goes on by one, and gives the reward and whether the episode is over."""
        game, price = self.game, self.closes[self.row]
        if action == BUY:
            spend = 0.5 * self.cash
            if spend > MIN_ORDER_CASH:
                self.cash -= spend
                self.coins += (1 - game.commission) * spend / price
        elif action == SELL:
            sold = 0.5 * self.coins
            if sold > MIN_ORDER_COINS:
                self.coins -= sold
                self.cash += (1 - game.commission) * sold * price
        self.row += 1
        close = self.closes[self.row]
        value = self.cash + self.coins * close
        profit = value - (game.cash + game.coins * close)
        reward = profit - self.profit
        self.profit = profit
        return reward, self.row == self.end or value < self.ruin_below

    def account(self) -> tuple[float, float]:
        """The account's part of an observation."""
        return self.cash / CASH_UNIT, self.coins

    def observe(self) -> NDArray[np.float32]:
        """A fresh observation `[7]`."""
        observation = self.game.table[self.row].copy()
        observation[5], observation[6] = self.account()
        return observation


class ManyCopies:
    """`n` accounts as arrays; whoever is done starts a new episode within the same step."""

    def __init__(self, game: Game, n: int, seed: int = 3) -> None:
        self.game = game
        self.rng = np.random.default_rng(seed)
        self.row = np.empty(n, np.int64)
        self.end = np.empty(n, np.int64)
        self.cash, self.coins, self.profit, self.ruin_below = np.empty((4, n))
        self.reset(np.arange(n))

    def reset(self, who: NDArray[np.int64]) -> None:
        """Starts episodes at random rows."""
        game = self.game
        rows = self.rng.integers(game.starts, size=len(who))
        self.row[who], self.end[who] = rows, rows + game.sample_len
        self.cash[who], self.coins[who], self.profit[who] = game.cash, game.coins, 0.0
        self.ruin_below[who] = RUIN_FRAC * (game.cash + game.coins * game.close[rows])

    def step(self, action: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
        """Rewards and ends `[N]` of actions `[N]`."""
        game, price = self.game, self.game.close[self.row]
        spend = 0.5 * self.cash
        spend *= (action == BUY) & (spend > MIN_ORDER_CASH)
        sold = 0.5 * self.coins
        sold *= (action == SELL) & (sold > MIN_ORDER_COINS)
        kept = 1 - game.commission
        self.cash += kept * sold * price - spend
        self.coins += kept * spend / price - sold
        self.row += 1
        close = game.close[self.row]
        value = self.cash + self.coins * close
        profit = value - (game.cash + game.coins * close)
        reward = profit - self.profit
        self.profit = profit
        done = (self.row == self.end) | (value < self.ruin_below)
        if done.any():
            self.reset(np.flatnonzero(done))
        return reward, done

    def account(self) -> NDArray[np.float32]:
        """The account's part of the observations, `[2, N]`."""
        account = np.empty((2, len(self.row)), np.float32)
        np.divide(self.cash, CASH_UNIT, out=account[0], casting="same_kind")
        account[1] = self.coins
        return account

    def observe(self) -> NDArray[np.float32]:
        """Fresh observations `[N, 7]`."""
        observation = self.game.table[self.row]
        observation[:, 5:] = self.account().T
        return observation
