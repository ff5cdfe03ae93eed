"""Gaussian PPO in PyTorch on two funds, as the KOSPI notebook plays it: 200 steps of one copy, then 80 passes over them.

Actor and critic are 60-128-64-1 with tanh, the mean ends in a sigmoid, the deviation is 0.6. The game is a few lines of
Python on arrays; Adam is the fused one, acting runs in inference mode, and the law is written out: `MultivariateNormal`
factorises a matrix at every step.
Source: the KOSPI ratio notebook; constants are those of `gaussian_ppo` in this workspace.
"""

from math import log, pi, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

WINDOW, FEATURES = 10, 6
STEPS, EPOCHS = 200, 80
STD, CLIP, ENTROPY, LEARNING_RATE = 0.6, 0.2, 0.01, 1e-5
SAMPLE_LEN, STOP_LOSS, CASH = 30, 0.05, 1_000_000.0


class TwoFunds:
    """The notebook's game, look-ahead included: the window begins with the day of the decision."""

    def __init__(self, features: NDArray[np.float32], prices: NDArray[np.float64], cash: float = CASH) -> None:
        self.features, self.cash = features, cash
        self.prices: list[list[float]] = prices.tolist()

    @classmethod
    def made_up(cls, rows: int, seed: int = 1) -> "TwoFunds":
        """Two random walks from 100, and features that say nothing."""
        rng = np.random.default_rng(seed)
        walks = 100 * np.cumprod(1 + 0.02 * (rng.random((rows, 2)) - 0.5), axis=0)
        return cls(rng.uniform(-1, 1, (rows, FEATURES)).astype(np.float32), walks)

    def reset(self) -> None:
        """Half of the money in each fund, on the first day."""
        self.day, (a, b) = 0, self.prices[0]
        self.shares = int(self.cash * 0.5 / a), int(self.cash * 0.5 / b)
        self.opening = self.worth = self.shares[0] * a + self.shares[1] * b

    def observe(self) -> NDArray[np.float32]:
        """Ten days, flat `[60]`."""
        return self.features[self.day : self.day + WINDOW].reshape(-1)

    def step(self, share: float) -> tuple[float, bool]:
        """Gain since the start, and whether the episode is over."""
        a, b = self.prices[self.day]
        self.shares = int(self.worth * share / a), int(self.worth * (1 - share) / b)
        self.day += 1
        a, b = self.prices[self.day]
        self.worth = self.shares[0] * a + self.shares[1] * b
        gain = self.worth - self.opening
        return gain, self.day == SAMPLE_LEN or gain / self.opening < -STOP_LOSS


def network(head: nn.Module) -> nn.Sequential:
    """60-128-64-1."""
    inputs = WINDOW * FEATURES
    return nn.Sequential(nn.Linear(inputs, 128), nn.Tanh(), nn.Linear(128, 64), nn.Tanh(), nn.Linear(64, 1), head)


def log_probs(mean: Tensor, x: Tensor) -> Tensor:
    """Of rows `[B, D]` under the normal law with deviation 0.6, `[B, 1]`."""
    return (-((x - mean) ** 2) / (2 * STD**2) - log(STD * sqrt(2 * pi))).sum(1, keepdim=True)


def normalised(returns: Tensor) -> Tensor:
    """At mean 0 and deviation 1."""
    return (returns - returns.mean()) / (returns.std() + 1e-7)


def loss(mean: Tensor, actions: Tensor, old: Tensor, values: Tensor, returns: Tensor) -> Tensor:
    """Of means and actions `[B, D]`; log-probabilities, values and returns are `[B, 1]`."""
    ratio = torch.exp(log_probs(mean, actions) - old)
    advantages = returns - values.detach()
    surrogate = torch.min(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages)
    entropy = mean.shape[1] * (0.5 + log(STD * sqrt(2 * pi)))
    return -surrogate.mean() + 0.5 * nn.functional.mse_loss(values, returns) - ENTROPY * entropy


class Loop:
    """Acts, steps and learns."""

    def __init__(self, rows: int = 3_000) -> None:
        self.env = TwoFunds.made_up(rows)
        self.actor, self.critic = network(nn.Sigmoid()), network(nn.Identity())
        parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
        self.rng = np.random.default_rng(2)
        self.env.reset()

    def update(self) -> None:
        """200 steps, and 80 passes over them."""
        observations, actions, rewards, ends = [], [], [], []
        noise = (STD * self.rng.standard_normal(STEPS)).tolist()
        with torch.inference_mode():
            for t in range(STEPS):
                observation = self.env.observe()
                mean = self.actor(torch.from_numpy(observation)).item()
                action = min(max(mean + noise[t], 0.0), 1.0)
                reward, done = self.env.step(action)
                observations.append(observation)
                actions.append(action)
                rewards.append(reward)
                ends.append(done)
                if done:
                    self.env.reset()
        self.learn(torch.from_numpy(np.stack(observations)), torch.tensor(actions)[:, None], self.returns(rewards, ends))

    @staticmethod
    def returns(rewards: list[float], ends: list[bool]) -> Tensor:
        """Sums of later rewards `[T, 1]`, at mean 0 and deviation 1."""
        later, backwards = 0.0, []
        for reward, end in zip(reversed(rewards), reversed(ends)):
            later = reward + (0.0 if end else later)
            backwards.append(later)
        return normalised(torch.tensor(backwards[::-1])[:, None])

    def learn(self, observations: Tensor, actions: Tensor, returns: Tensor) -> None:
        """80 passes over all rows."""
        with torch.no_grad():
            old = log_probs(self.actor(observations), actions)
        for _ in range(EPOCHS):
            self.optimiser.zero_grad()
            loss(self.actor(observations), actions, old, self.critic(observations), returns).backward()
            self.optimiser.step()
