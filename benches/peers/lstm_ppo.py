"""The article's LSTM-PPO in PyTorch, twice: as published, and in one pass an epoch.

Both play one episode of one copy, then learn from it in three epochs: clip 0.1, no entropy bonus, no limit of the
gradient, advantages as they are, constant learning rate. `epochs` is an argument for `check.py` only.
Source: "Bitcoin trading robot with PPO and LSTM", FMZ 2019, section 3, and its comment with the GPU sizes.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional as F

from bitcoin_env import OBSERVATION, OneCopy

LEARNING_RATE = 5e-4
DISCOUNT = 0.98
GAE_LAMBDA = 0.95
CLIP = 0.1
EPOCHS = 3
REWARD_SCALE = 0.1
ACTIONS = 3

State = tuple[Tensor, Tensor]


class Network(nn.Module):
    """Dense layer, LSTM, and a head each for the policy and the value."""

    def __init__(self, fc: int, hidden: int) -> None:
        super().__init__()
        self.fc = nn.Linear(OBSERVATION, fc)
        self.lstm = nn.LSTM(fc, hidden)
        self.policy = nn.Linear(hidden, ACTIONS)
        self.value = nn.Linear(hidden, 1)

    def start(self) -> State:
        """Hidden and cell state `[1, 1, H]` at the start of an episode."""
        return torch.zeros(1, 1, self.lstm.hidden_size), torch.zeros(1, 1, self.lstm.hidden_size)

    def body(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Hidden states `[T, 1, H]` of observations `[T, 7]`, and the last state."""
        return self.lstm(F.relu(self.fc(x)).view(-1, 1, self.fc.out_features), state)


class AsPublished:
    """What the article's code does: three runs of the LSTM an epoch, lists in Python, a graph while acting."""

    def __init__(self, network: Network, env: OneCopy, epochs: int = EPOCHS) -> None:
        self.network, self.env, self.epochs = network, env, epochs
        self.optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def policy(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Probabilities `[T, 1, 3]`."""
        hidden, state = self.network.body(x, state)
        return F.softmax(self.network.policy(hidden), dim=2), state

    def values(self, x: Tensor, state: State) -> Tensor:
        """Values `[T, 1]`."""
        return self.network.value(self.network.body(x, state)[0]).squeeze(1)

    def episode(self) -> int:
        """Plays one episode, learns from it, and gives its number of steps."""
        self.env.reset()
        state, observation, done, played = self.network.start(), self.env.observe(), False, []
        while not done:
            before = state
            probabilities, state = self.policy(torch.from_numpy(observation).float(), before)
            probabilities = probabilities.view(-1)
            action = Categorical(probabilities).sample().item()
            reward, done = self.env.step(action)
            after = self.env.observe()
            probability = probabilities[action].item()
            played.append((observation, action, reward * REWARD_SCALE, after, probability, before, done))
            observation = after
        self.learn(played)
        return len(played)

    def batch(self, played: list[tuple]) -> tuple[Tensor, ...]:
        """Columns `[T, ...]`: observation, action, reward, next observation, running, probability."""
        columns = [[] for _ in range(6)]
        for observation, action, reward, after, probability, _, done in played:
            row = (observation, [action], [reward], after, [0 if done else 1], [probability])
            for column, entry in zip(columns, row):
                column.append(entry)
        observations, actions, rewards, afters, running, probabilities = columns
        return (
            torch.tensor(observations, dtype=torch.float),
            torch.tensor(actions),
            torch.tensor(rewards),
            torch.tensor(afters, dtype=torch.float),
            torch.tensor(running, dtype=torch.float),
            torch.tensor(probabilities),
        )

    def learn(self, played: list[tuple]) -> None:
        """A few epochs over one episode."""
        observations, actions, rewards, afters, running, old_probabilities = self.batch(played)
        hidden, cell = played[0][5]
        start = (hidden.detach(), cell.detach())
        for _ in range(self.epochs):
            targets = rewards + DISCOUNT * self.values(afters, start) * running
            values = self.values(observations, start)
            deltas = (targets - values).detach().numpy()
            advantage, backwards = 0.0, []
            for delta in deltas[::-1]:
                advantage = DISCOUNT * GAE_LAMBDA * advantage + delta[0]
                backwards.append([advantage])
            backwards.reverse()
            advantages = torch.tensor(backwards, dtype=torch.float)

            probabilities = self.policy(observations, start)[0].squeeze(1).gather(1, actions)
            ratio = torch.exp(torch.log(probabilities) - torch.log(old_probabilities))
            clipped = torch.clamp(ratio, 1 - CLIP, 1 + CLIP)
            policy_loss = -torch.min(ratio * advantages, clipped * advantages)
            loss = policy_loss + F.smooth_l1_loss(values, targets.detach())
            self.optimiser.zero_grad()
            loss.mean().backward(retain_graph=True)
            self.optimiser.step()


def advantages_of(deltas: NDArray[np.float32]) -> NDArray[np.float32]:
    """Generalised advantages `[T]` of one episode's temporal differences `[T]`."""
    advantage, backwards = 0.0, []
    for delta in reversed(deltas.tolist()):
        advantage = DISCOUNT * GAE_LAMBDA * advantage + delta
        backwards.append(advantage)
    return np.array(backwards[::-1], np.float32)


class OnePass:
    """The same algorithm with care: no graph and a bare cell while acting, buffers, one run of the LSTM an epoch.

    A pass over the `T + 1` observations of an episode gives the policy, the values, and the values one step on. (Those
    of the article come from an LSTM that starts at the second observation.)
    """

    def __init__(self, network: Network, env: OneCopy, epochs: int = EPOCHS, seed: int = 4) -> None:
        self.network, self.env, self.epochs = network, env, epochs
        self.optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
        self.rng = np.random.default_rng(seed)
        length = env.game.sample_len
        self.observations = np.empty((length + 1, OBSERVATION), np.float32)
        self.actions = np.empty(length, np.int64)
        self.rewards = np.empty(length, np.float32)
        self.log_probs = np.empty(length, np.float32)
        # `nn.LSTM` called for one step costs several times as much as a cell with the same weights.
        lstm = network.lstm
        self.cell = nn.LSTMCell(lstm.input_size, lstm.hidden_size)
        self.cell.weight_ih, self.cell.weight_hh = lstm.weight_ih_l0, lstm.weight_hh_l0
        self.cell.bias_ih, self.cell.bias_hh = lstm.bias_ih_l0, lstm.bias_hh_l0

    def episode(self) -> int:
        """Plays one episode, learns from it, and gives its number of steps."""
        steps = self.play()
        self.learn(steps)
        return steps

    @torch.inference_mode()
    def play(self) -> int:
        """Fills the buffers with one episode and gives its number of steps."""
        env, network = self.env, self.network
        env.reset()
        draws = self.rng.random(len(self.actions)).tolist()
        rows = torch.from_numpy(self.observations).unsqueeze(1).unbind()
        hidden, cell = network.start()
        state, t, done = (hidden[0], cell[0]), 0, False
        self.observations[0] = env.observe()
        while not done:
            state = self.cell(torch.relu(network.fc(rows[t])), state)
            (probabilities,) = torch.softmax(network.policy(state[0]), dim=1).tolist()
            hold, buy, _ = probabilities
            action = 0 if draws[t] < hold else 1 if draws[t] < hold + buy else 2
            reward, done = env.step(action)
            self.actions[t], self.log_probs[t], self.rewards[t] = action, probabilities[action], reward * REWARD_SCALE
            t += 1
            self.observations[t] = env.observe()
        np.log(self.log_probs[:t], out=self.log_probs[:t])
        return t

    def forward(self, steps: int) -> tuple[Tensor, Tensor]:
        """Log-probabilities `[T, 3]` and values `[T + 1]` of the buffers' first rows."""
        hidden = self.network.body(torch.from_numpy(self.observations[: steps + 1]), self.network.start())[0].squeeze(1)
        return F.log_softmax(self.network.policy(hidden[:-1]), dim=1), self.network.value(hidden).squeeze(1)

    def learn(self, steps: int) -> None:
        """A few epochs over the buffers' first rows."""
        actions = torch.from_numpy(self.actions[:steps]).unsqueeze(1)
        old_log_probs = torch.from_numpy(self.log_probs[:steps])
        for _ in range(self.epochs):
            log_probs, values = self.forward(steps)
            now = values.detach().numpy()
            later = now[1:].copy()
            later[-1] = 0.0
            targets = self.rewards[:steps] + np.float32(DISCOUNT) * later
            advantages = torch.from_numpy(advantages_of(targets - now[:-1]))

            ratio = torch.exp(log_probs.gather(1, actions).squeeze(1) - old_log_probs)
            clipped = torch.clamp(ratio, 1 - CLIP, 1 + CLIP)
            policy_loss = -torch.min(ratio * advantages, clipped * advantages).mean()
            loss = policy_loss + F.smooth_l1_loss(values[:-1], torch.from_numpy(targets))
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
