"""Manager and order networks in PyTorch: a two-way LSTM, attention of the last row, a head; learnt by double Q-learning.

`Learner` and `Loop` are as fast as PyTorch gets: sequences are time-major, only the last row asks, the replay holds whole
observations as tensors, Adam is the fused one, and next states are valued in inference mode. With `AsPublished` the
networks are the article's: every row asks, and the optimiser is PyTorch's default. The game is a few lines of Python.
Source: "Hierarchical attention in reinforcement learning for stock order executions", 2020; constants are the defaults of
`manager_order` in this workspace.
"""

from math import log, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from double_dqn import double_q_loss, double_q_targets

WINDOW, FEATURES, ACCOUNT, ACTIONS = 6, 5, 4, 3
HIDDEN, BATCH, DISCOUNT, MAX_GRAD_NORM, WEIGHT = 64, 32, 0.99, 2.0, 0.5
REPLAY, COPY_EVERY = 10_000, 500


class Network(nn.Module):
    """Maps a sequence `[L, B, inputs]` to `[B, outputs]`."""

    def __init__(self, inputs: int, outputs: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        width = 2 * hidden
        self.lstm = nn.LSTM(inputs, hidden, bidirectional=True)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(width, outputs)

    def context(self, x: Tensor) -> Tensor:
        """Of the last row, `[B, 2 H]`."""
        y = self.lstm(x)[0]
        scores = (self.key(y) * self.query(y[-1])).sum(2, keepdim=True) / sqrt(y.shape[2])
        return (scores.softmax(0) * self.value(y)).sum(0)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.context(x))


class AsPublished(Network):
    """The same with the contexts of all rows, of which the last is used."""

    def context(self, x: Tensor) -> Tensor:
        y = self.lstm(x)[0].transpose(0, 1)
        scores = torch.bmm(self.key(y), self.query(y).transpose(2, 1)) / sqrt(y.shape[2])
        return torch.bmm(scores.softmax(1).transpose(2, 1), self.value(y))[:, -1]


class Pair(nn.Module):
    """Both networks, the forecast being the last row of the order network's sequence."""

    def __init__(self, network: type[Network]) -> None:
        super().__init__()
        self.manager, self.order = network(FEATURES, FEATURES), network(FEATURES + ACCOUNT, ACTIONS)

    def forward(self, rows: Tensor, accounts: Tensor) -> tuple[Tensor, Tensor]:
        """Forecasts `[B, F]` and values `[B, A]` of windows `[W, B, F]` and accounts `[B, 4]`."""
        forecast = self.manager(rows)
        seen = torch.cat([rows, forecast[None]])
        return forecast, self.order(torch.cat([seen, accounts.expand(len(seen), -1, -1)], 2))


class Learner:
    """Both pairs, an Adam for each network, and a replay that is full."""

    def __init__(self, network: type[Network] = Network) -> None:
        self.online, self.target = Pair(network), Pair(network)
        self.target.load_state_dict(self.online.state_dict())
        nets, fused = (self.online.manager, self.online.order), network is Network or None
        self.parameters = [list(net.parameters()) for net in nets]
        self.optimisers = [torch.optim.Adam(parameters, lr=1e-3, fused=fused) for parameters in self.parameters]
        self.rows = torch.randn(REPLAY, WINDOW + 1, FEATURES)
        self.accounts = torch.randn(REPLAY, 2, ACCOUNT)
        self.actions, self.rewards = torch.randint(ACTIONS, (REPLAY,)), torch.randn(REPLAY)
        self.discounts, self.steps = torch.full((REPLAY,), DISCOUNT), 0

    def step(self) -> None:
        """A whole learning step."""
        drawn = torch.randint(REPLAY, (BATCH,))
        rows, accounts = self.rows[drawn].transpose(0, 1), self.accounts[drawn]
        with torch.inference_mode():
            after = rows[1:], accounts[:, 1]
            values = self.online(*after)[1], self.target(*after)[1]
            targets = double_q_targets(self.rewards[drawn], self.discounts[drawn], *values)
        targets = targets.clone()
        forecast, q = self.online(rows[:-1], accounts[:, 0])
        loss = WEIGHT * F.huber_loss(forecast, rows[-1]) + (1 - WEIGHT) * double_q_loss(q, self.actions[drawn], targets)
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser, parameters in zip(self.optimisers, self.parameters):
            nn.utils.clip_grad_norm_(parameters, MAX_GRAD_NORM)
            optimiser.step()
        self.steps += 1
        if self.steps % COPY_EVERY == 0:
            self.target.load_state_dict(self.online.state_dict())


class Orders:
    """Buy all, sell all or hold one stock, filled inside the next bar; the reward is the change of the log net worth."""

    def __init__(self, rows: int, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        walk = 100 * np.cumprod(1 + 0.002 * (rng.random(rows) - 0.5))
        self.features = rng.uniform(-1, 1, (rows, FEATURES)).astype(np.float32)
        self.opens, self.closes = walk.tolist(), np.append(walk[1:], walk[-1]).tolist()
        self.rng = rng
        self.reset()

    def reset(self) -> None:
        """All cash, at a random bar."""
        self.t, self.age = int(self.rng.integers(WINDOW, len(self.opens) - 200)), 0
        self.cash, self.shares, self.cost = 10_000.0, 0, 0.0
        self.worth = self.best = self.cash

    def observe(self) -> tuple[NDArray[np.float32], list[float]]:
        """The window `[W, F]` and the account."""
        price = self.closes[self.t]
        account = [self.cash / 10_000, self.shares * price / 10_000, self.best / 10_000, self.cost / price]
        return self.features[self.t - WINDOW + 1 : self.t + 1], account

    def step(self, action: int) -> tuple[float, bool]:
        """Reward, and whether the episode is over."""
        self.t += 1
        open_, close = self.opens[self.t], self.closes[self.t]
        price = open_ + (close - open_) * self.rng.random()
        if action == 1 and (bought := int(self.cash / price)):
            self.cost = (self.cost * self.shares + bought * price) / (self.shares + bought)
            self.cash, self.shares = self.cash - bought * price, self.shares + bought
        elif action == 2:
            self.cash, self.shares, self.cost = self.cash + self.shares * price, 0, 0.0
        before, self.worth = self.worth, self.cash + self.shares * close
        self.best, self.age = max(self.best, self.worth), self.age + 1
        return log(self.worth / before), self.age == 195 or self.worth <= 1_000


class Loop:
    """Acts, steps, remembers and learns."""

    def __init__(self, network: type[Network] = Network, rows: int = 8_000) -> None:
        self.env, self.learner, self.place = Orders(rows), Learner(network), 0

    def step(self) -> None:
        """One step of the game and of learning."""
        window, account = self.env.observe()
        with torch.inference_mode():
            q = self.learner.online(torch.from_numpy(window)[:, None], torch.tensor([account]))[1]
        action = int(q.argmax()) if self.env.rng.random() > 0.5 else int(self.env.rng.integers(ACTIONS))
        reward, done = self.env.step(action)
        after, account_after = self.env.observe()
        learner, i = self.learner, self.place
        learner.rows[i] = torch.from_numpy(np.concatenate([window, after[-1:]]))
        learner.accounts[i] = torch.tensor([account, account_after])
        learner.actions[i], learner.rewards[i], learner.discounts[i] = action, reward, 0.0 if done else DISCOUNT
        self.place = (i + 1) % REPLAY
        if done:
            self.env.reset()
        learner.step()
