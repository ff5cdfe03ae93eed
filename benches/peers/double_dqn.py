"""Double DQN in PyTorch with the network of the TDQN paper: one learning step from a replay, and acting greedily.

As fast as PyTorch gets: the replay holds whole observations as tensors, of which a batch is one selection; AdamW is the
fused one, and acting runs in inference mode. Constants are the defaults of `double_dqn` in this workspace.
Source: Theate and Ernst 2021, "An application of deep reinforcement learning to algorithmic trading", section 4.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OBSERVATION = 330
ACTIONS = 2
DISCOUNT = 0.4
MAX_GRAD_NORM = 1.0
REPLAY = 10_000


def network(inputs: int = OBSERVATION, units: int = 512, hidden: int = 5, actions: int = ACTIONS) -> nn.Sequential:
    """`hidden` layers with batch norm, leaky ReLU and dropout, and a layer of values."""
    layers: list[nn.Module] = []
    for _ in range(hidden):
        layers += [nn.Linear(inputs, units), nn.BatchNorm1d(units), nn.LeakyReLU(0.01), nn.Dropout(0.2)]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, actions))


def double_q_loss(q: Tensor, actions: Tensor, targets: Tensor) -> Tensor:
    """Huber distance of the values of the actions taken `[B]` to their targets `[B]`."""
    return F.huber_loss(q.gather(1, actions[:, None])[:, 0], targets)


def double_q_targets(rewards: Tensor, discounts: Tensor, next_online: Tensor, next_target: Tensor) -> Tensor:
    """The online network chooses, the target network values, `[B]`."""
    chosen = next_online.argmax(1, keepdim=True)
    return rewards + discounts * next_target.gather(1, chosen)[:, 0]


class Learner:
    """Both networks, AdamW and a replay that is full."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.online, self.target = network(), network()
        self.target.load_state_dict(self.online.state_dict())
        self.target.eval()
        self.optimiser = torch.optim.AdamW(self.online.parameters(), lr=1e-4, weight_decay=1e-5, fused=True)
        self.before, self.after = torch.randn(REPLAY, OBSERVATION), torch.randn(REPLAY, OBSERVATION)
        self.actions, self.rewards = torch.randint(ACTIONS, (REPLAY,)), torch.randn(REPLAY)
        self.discounts = torch.full((REPLAY,), DISCOUNT)

    def gradient(self) -> None:
        """Forward, backward and AdamW, without drawing, next states and the norm."""
        self.online.train()
        self.optimiser.zero_grad()
        (0.5 * self.online(self.before[: self.batch]).square().sum() / self.batch).backward()
        self.optimiser.step()

    def step(self) -> None:
        """A whole learning step."""
        drawn = torch.randint(REPLAY, (self.batch,))
        after = self.after[drawn]
        with torch.no_grad():
            self.online.eval()
            values = self.online(after), self.target(after)
            targets = double_q_targets(self.rewards[drawn], self.discounts[drawn], *values)
        self.online.train()
        self.optimiser.zero_grad()
        double_q_loss(self.online(self.before[drawn]), self.actions[drawn], targets).backward()
        nn.utils.clip_grad_norm_(self.online.parameters(), MAX_GRAD_NORM)
        self.optimiser.step()


class Actor:
    """Decides greedily for `n` states."""

    def __init__(self, n: int) -> None:
        self.network, self.seen = network().eval(), torch.randn(n, OBSERVATION)

    @torch.inference_mode()
    def act(self) -> Tensor:
        """Actions `[n]`."""
        return self.network(self.seen).argmax(1)
