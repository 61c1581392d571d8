"""The editor's optimizer turns all directions of a weight alike, convolutions too."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from via_engine.starter.training.editor_optimizer import EditorOptimizer
from via_engine.starter.training.process_group import process_group

RATE = 0.01


class Network(nn.Module):
    """Two convolutions, kept channels last as the editor is."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Conv2d(6, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 4, 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.as_tensor(self.second(nn.functional.silu(self.first(pictures))))


def learn(net: Network, optimizer: EditorOptimizer, steps: int) -> None:
    torch.manual_seed(5)
    for _ in range(steps):
        torch.autograd.backward(net(torch.randn(3, 6, 5, 5)).square().mean())
        optimizer.step()
        optimizer.zero_grad()


def test_a_step_of_a_convolution_has_no_preferred_direction() -> None:
    net = Network()
    before = net.first.weight.detach().clone()
    learn(net, EditorOptimizer(net, [], RATE), 1)
    step = (net.first.weight.detach() - before).flatten(1)
    sizes = torch.linalg.svdvals(step) / (0.2 * RATE * 54**0.5)
    assert sizes.min() > 0.5
    assert sizes.max() < 1.5


def test_biases_and_other_parts_learn_too() -> None:
    net, other = Network(), nn.Parameter(torch.ones(4))
    optimizer = EditorOptimizer(net, [other], RATE)
    bias = net.state_dict()["second.bias"].clone()
    torch.autograd.backward((net(torch.randn(3, 6, 5, 5)).mean((0, 2, 3)) * other).sum())
    optimizer.step()
    assert not torch.equal(net.state_dict()["second.bias"], bias)
    assert not torch.equal(other.detach(), torch.ones(4))


def test_a_run_that_stopped_goes_on_as_if_it_had_not() -> None:
    net, resumed = Network(), Network()
    optimizer = EditorOptimizer(net, [], RATE)
    learn(net, optimizer, 2)
    resumed.load_state_dict(net.state_dict())
    second = EditorOptimizer(resumed, [], RATE)
    second.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    learn(net, optimizer, 1)
    learn(resumed, second, 1)
    for one, other in zip(net.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_processes_that_share_the_work_learn_what_one_learns(tmp_path: Path) -> None:
    spawn(_learn_with_another, (tmp_path,), nprocs=2)  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first["group's threads"] == second["group's threads"] == 0
    alone = Network()
    optimizer = EditorOptimizer(alone, [], RATE)
    learn(alone, optimizer, 3)
    for name, weight in alone.state_dict().items():
        assert torch.equal(first["net"][name], second["net"][name])
        assert torch.allclose(first["net"][name], weight, atol=1e-6)
    # One process goes on from what two have kept.
    optimizer.load_state_dict(first["optimizer"])
    _assert_alike(optimizer.state_dict()["momenta"], second["optimizer"]["momenta"])


def _learn_with_another(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    with process_group(rank, 2, f"file://{folder / 'meeting'}"):
        net = Network()
        optimizer = EditorOptimizer(net, [], RATE, rank=rank, processes=2)
        learn(net, optimizer, 3)
        kept: dict[str, Any] = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
    # A thread of the group that outlives it can abort the process at its end.
    threads = [(one / "comm").read_text() for one in Path("/proc/self/task").glob("*")]
    kept["group's threads"] = sum("gloo" in name for name in threads)
    torch.save(kept, folder / f"{rank}.pt")


def _assert_alike(some: list[Tensor], others: list[Tensor]) -> None:
    assert len(some) == len(others) == 2
    for one, other in zip(some, others, strict=True):
        assert one.abs().sum() > 0
        assert torch.equal(one, other)
