"""Are the peers correct? Golden files, the two environments against each other, the two learners against each other."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import long_short_env as long_short
import manager_order
import metric_set
from bitcoin_env import Game, ManyCopies, OneCopy, random_walk
from double_dqn import double_q_loss, double_q_targets, network
from gaussian_ppo import SAMPLE_LEN, TwoFunds, loss, normalised
from lstm_ppo import AsPublished, Network, OnePass, advantages_of
from timing import ROOT

GOLDEN = ROOT / "testdata" / "golden"
SMALL = replace(Game.from_bars(random_walk(300)), sample_len=40)


def golden(group: str, pattern: str) -> list[Path]:
    found = sorted((GOLDEN / group).glob(pattern))
    assert found, f"no golden files {group}/{pattern}"
    return found


def one_copy_replays_the_golden_games() -> str:
    """Accounts and rewards to 1e-9, observations to 1e-5, ends exactly."""
    steps = 0
    for path in golden("bitcoin", "*.json"):
        case = json.loads(path.read_text())
        rules, bars = case["config"], np.array([case["input"][c] for c in "ohlcv"], np.float32).T
        game = Game.from_bars(
            bars,
            cash=rules["initial_balance"],
            coins=rules["initial_stocks"],
            commission=rules["commission"],
            sample_len=rules["end"] - rules["start"],
        )
        env = OneCopy(game, seed=0)
        env.reset(rules["start"])
        np.testing.assert_allclose(env.observe(), case["reset"]["observation"], rtol=0, atol=1e-5)
        for step in case["steps"]:
            reward, done = env.step(step["action"])
            account = step["account"]
            np.testing.assert_allclose(
                [reward, env.cash, env.coins, env.profit],
                [step["reward"], account["balance"], account["stocks"], step["profit"]],
                rtol=1e-9,
                atol=1e-9,
                err_msg=path.name,
            )
            np.testing.assert_allclose(env.observe(), step["observation"], rtol=1e-6, atol=1e-5, err_msg=path.name)
            assert done == step["done"], path.name
            steps += 1
    return f"{steps} golden steps"


def many_copies_equal_one_copy() -> str:
    """Bit for bit, through the ends of episodes: by length, and by ruin in a crashing market where nobody sells."""
    crashes = replace(SMALL, close=np.where(np.arange(300) % 50 < 48, SMALL.close, 1.0), cash=5.0)
    episodes = 0
    for game, choices in ((SMALL, 3), (crashes, 2)):
        many = ManyCopies(game, 16)
        singles = [OneCopy(game) for _ in range(16)]
        for single, row in zip(singles, many.row):
            single.reset(int(row))
        for actions in np.random.default_rng(1).integers(choices, size=(200, 16)):
            rewards, done = many.step(actions)
            for i, single in enumerate(singles):
                assert single.step(int(actions[i])) == (rewards[i], done[i])
                if done[i]:
                    single.reset(int(many.row[i]))
                    episodes += 1
            np.testing.assert_array_equal(many.observe(), [single.observe() for single in singles])
    assert episodes > 2 * 16 * 200 // SMALL.sample_len, "no episode ended early"
    return f"2 x 200 steps of 16 copies, {episodes} episodes"


def many_accounts_go_long_and_short_as_one() -> str:
    """Bit for bit through the ends of episodes, and no short is ever beyond what a rise by 10 % lets repay."""
    market = long_short.market(600)
    many, episodes, shorts = long_short.ManyCopies(market, 16), 0, 0
    singles = [long_short.OneCopy(market) for _ in range(16)]
    for single, row in zip(singles, many.row):
        single.reset(int(row))
    for actions in np.random.default_rng(1).integers(3, size=(1_000, 16)):
        rewards, done = many.step(actions)
        for i, single in enumerate(singles):
            assert single.step(int(actions[i])) == (rewards[i], done[i])
            owed = -single.shares * market.close[single.row] * (1 + long_short.COMMISSION)
            assert single.cash >= owed * (1 + long_short.EPSILON) or single.shares >= 0
            shorts += single.shares < 0
            if done[i]:
                single.reset(int(many.row[i]))
                episodes += 1
        np.testing.assert_array_equal(many.observe(), [single.observe() for single in singles])
    assert episodes > 16 and shorts > 4_000
    return f"1,000 steps of 16 copies, {episodes} episodes, short in {shorts} steps"


def advantages_equal_the_golden_ones() -> str:
    for path in golden("learning", "gae_01*.json"):
        case = json.loads(path.read_text())
        deltas = np.array(case["output"]["delta"], np.float32)
        np.testing.assert_allclose(advantages_of(deltas), case["output"]["advantage"], rtol=1e-5, err_msg=path.name)
    return "1e-5"


def both_learners(network: Network) -> tuple[AsPublished, OnePass, int]:
    """Two learners with the same weights, and the steps of an episode that the second has played."""
    twin = Network(network.fc.out_features, network.lstm.hidden_size)
    twin.load_state_dict(network.state_dict())
    careful = OnePass(twin, OneCopy(SMALL), epochs=1)
    return AsPublished(network, OneCopy(SMALL), epochs=1), careful, careful.play()


def one_pass_sees_what_three_passes_see() -> str:
    """Policy and values to 1e-5; and the cell acted with the probabilities that the pass over the episode gives."""
    torch.manual_seed(1)
    published, careful, steps = both_learners(Network(10, 10))
    observations, start = torch.from_numpy(careful.observations[:steps]), published.network.start()
    with torch.no_grad():
        log_probs, values = careful.forward(steps)
        policy = published.policy(observations, start)[0].squeeze(1)
        torch.testing.assert_close(log_probs.exp(), policy, rtol=0, atol=1e-5)
        expected = published.values(observations, start).squeeze(1)
        torch.testing.assert_close(values[:-1], expected, rtol=0, atol=1e-5)
    acted = log_probs.numpy()[np.arange(steps), careful.actions[:steps]]
    np.testing.assert_allclose(careful.log_probs[:steps], acted, rtol=0, atol=1e-5)
    return "policy and values to 1e-5"


def without_memory(network: Network) -> Network:
    """Cuts the LSTM from its past, so that both learners see the same value one step on."""
    forget = slice(network.lstm.hidden_size, 2 * network.lstm.hidden_size)
    with torch.no_grad():
        network.lstm.weight_hh_l0.zero_()
        network.lstm.weight_ih_l0[forget] = 0
        network.lstm.bias_ih_l0[forget] = -50
    return network


def one_epoch_gives_both_the_same_weights() -> str:
    """From an episode of another policy, so that the clip is at work."""
    torch.manual_seed(1)
    published, careful, steps = both_learners(without_memory(Network(10, 10)))
    careful.log_probs[:steps] += np.random.default_rng(1).uniform(-0.3, 0.3, steps).astype(np.float32)
    start = published.network.start()
    played = [
        (
            careful.observations[t],
            int(careful.actions[t]),
            float(careful.rewards[t]),
            careful.observations[t + 1],
            float(np.exp(careful.log_probs[t])),
            start,
            t + 1 == steps,
        )
        for t in range(steps)
    ]
    before = [weight.clone() for weight in published.network.parameters()]
    published.learn(played)
    careful.learn(steps)
    for old, a, b in zip(before, published.network.parameters(), careful.network.parameters()):
        assert (a - old).abs().max() > 1e-4, "an epoch must move every layer"
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    return "gradients to 1e-4, weights to 1e-5"


def double_dqn_gives_the_golden_numbers() -> str:
    """Targets, loss and its gradient; and the network in training and evaluation mode, without dropout."""
    for path in golden("learning", "ddqn_huber_*.json"):
        case = json.loads(path.read_text())
        given, expected = case["input"], case["output"]
        q = torch.tensor(given["q"], requires_grad=True)
        rewards, next_online, next_target = (
            torch.tensor(given[key]) for key in ("reward", "next_q_online", "next_q_target")
        )
        discounts = case["config"]["gamma"] * torch.tensor(given["discount"])
        targets = double_q_targets(rewards, discounts, next_online, next_target)
        np.testing.assert_allclose(targets, expected["td_target"], rtol=1e-5, atol=1e-6, err_msg=path.name)
        loss = double_q_loss(q, torch.tensor(given["action"]), targets)
        loss.backward()
        np.testing.assert_allclose(loss.item(), expected["loss_mean"], rtol=1e-5, err_msg=path.name)
        np.testing.assert_allclose(q.grad, expected["grad_q"], rtol=1e-5, atol=1e-6, err_msg=path.name)
    for path in golden("learning", "mlp_batchnorm_*.json"):
        case = json.loads(path.read_text())
        weights = {key.replace("3.", "4.", 1): torch.tensor(value) for key, value in case["weights"].items()}
        units, inputs = weights["0.weight"].shape
        net = network(inputs, units, 1, len(weights["4.bias"]))
        net.load_state_dict(weights)
        net[3].p = 0.0
        x = torch.tensor(case["input"]["x"])
        for mode, key in ((net.train, "train"), (net.eval, "eval_after")):
            mode()
            with torch.no_grad():
                np.testing.assert_allclose(net(x), case["output"][key], rtol=1e-5, atol=1e-6, err_msg=path.name)
    return "1e-5"


def quantstats_means_what_ours_means() -> str:
    """Its numbers by their formulas to 1e-9, and both ways against a benchmark."""
    returns, market = metric_set.series(2_000, seed=3)
    expected, shared = metric_set.direct(returns, market), 0
    for benchmark in (metric_set.against, metric_set.against_by_numpy):
        got = metric_set.full_set(returns, market, benchmark)
        for name in expected:
            np.testing.assert_allclose(got[name], expected[name], rtol=1e-9, err_msg=name)
            shared += 1
        assert np.isfinite(list(got.values())).all() and len(got) == 22
    return f"{shared // 2} of 22 metrics"


def two_funds_replay_the_golden_games() -> str:
    """Observations to 1e-5, gains to 1e-9, ends exactly."""
    steps = 0
    for path in golden("kospi_ratio", "*.json"):
        case = json.loads(path.read_text())
        rules, bars, scaler = case["config"], case["input"], case["scaler"]
        if rules["reset_random_ratio"] is not None or rules["sim_day_max"] != SAMPLE_LEN:
            continue
        features = np.array(list(bars["kospi"].values())).T * scaler["scale"] + scaler["min"]
        prices = np.array([bars["leverage_close"], bars["inverse_close"]]).T
        env = TwoFunds(features.astype(np.float32), prices, rules["initial_cash"])
        env.reset()
        np.testing.assert_allclose(env.observe(), case["reset"]["observation"], rtol=0, atol=1e-5)
        for step in case["steps"]:
            gain, done = env.step(step["action"])
            np.testing.assert_allclose(gain, step["reward"], rtol=1e-9, atol=1e-6, err_msg=path.name)
            np.testing.assert_allclose(env.observe(), step["observation"], rtol=0, atol=1e-5, err_msg=path.name)
            assert done == step["done"], path.name
            steps += 1
    return f"{steps} golden steps"


def gaussian_ppo_gives_the_golden_loss() -> str:
    """Returns, loss and gradients to 1e-5."""
    for path in golden("learning", "ppo_gauss_*.json"):
        case = json.loads(path.read_text())
        given, expected = case["input"], case["output"]
        mean = torch.tensor(given["mean"], requires_grad=True)
        values = torch.tensor(given["value"])[:, None].requires_grad_()
        returns = normalised(torch.tensor(expected["returns"]))[:, None]
        np.testing.assert_allclose(returns[:, 0], expected["returns_norm"], rtol=1e-5, atol=1e-6, err_msg=path.name)
        old = torch.tensor(given["old_logprob"])[:, None]
        got = loss(mean, torch.tensor(given["action"]), old, values, returns)
        got.backward()
        for number, key in ((got.detach(), "loss_mean"), (mean.grad, "grad_mean"), (values.grad[:, 0], "grad_value")):
            np.testing.assert_allclose(number, expected[key], rtol=1e-5, atol=1e-6, err_msg=f"{path.name} {key}")
    return "1e-5"


def attention_gives_the_golden_numbers() -> str:
    """Outputs and the gradients of the network's weights, to 1e-5."""
    for path in golden("learning", "bilstm_attention_*.json"):
        case = json.loads(path.read_text())
        weights = {key: torch.tensor(value) for key, value in case["weights"].items()}
        for theirs, ours in (("attn.Q", "query"), ("attn.K", "key"), ("attn.V", "value"), ("fc", "head")):
            weights |= {f"{ours}.{part}": weights.pop(f"{theirs}.{part}") for part in ("weight", "bias")}
        outputs, width = weights["head.weight"].shape
        for network in (manager_order.Network, manager_order.AsPublished):
            net = network(case["config"]["input_size"], outputs, width // 2)
            net.load_state_dict(weights)
            out = net(torch.tensor(case["input"]["x"]).transpose(0, 1))
            out = out.softmax(1) if "action" in case["output"] else out
            np.testing.assert_allclose(out.detach(), case["output"]["out"], rtol=1e-5, atol=1e-6, err_msg=path.name)
            (out * torch.tensor(case["input"]["loss_weight"])).sum().backward()
            weights_of = {"attn.Q.weight": net.query.weight, "lstm.weight_ih_l0": net.lstm.weight_ih_l0}
            for name, weight in weights_of.items():
                grad = case["grad"][name]
                np.testing.assert_allclose(weight.grad, grad, rtol=1e-4, atol=1e-6, err_msg=f"{path.name} {name}")
    return "1e-5, gradients to 1e-4"


CHECKS = (
    quantstats_means_what_ours_means,
    one_copy_replays_the_golden_games,
    many_copies_equal_one_copy,
    many_accounts_go_long_and_short_as_one,
    advantages_equal_the_golden_ones,
    one_pass_sees_what_three_passes_see,
    one_epoch_gives_both_the_same_weights,
    double_dqn_gives_the_golden_numbers,
    two_funds_replay_the_golden_games,
    gaussian_ppo_gives_the_golden_loss,
    attention_gives_the_golden_numbers,
)


def run() -> None:
    """Runs all checks; the first that fails ends the program with its numbers."""
    for check in CHECKS:
        print(f"{check.__name__.replace('_', ' ')}: {check()}")
