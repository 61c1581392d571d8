"""Processes on one machine that share the work of a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# Its functions bind the group of the moment as their default. Imported while a group is open,
# as the optimizers do, they would keep its threads running into the interpreter's end, where
# one that frees a tensor aborts the process.
import torch.distributed.nn  # noqa: F401
from torch import distributed


@contextmanager
def process_group(rank: int, processes: int, meeting: str) -> Iterator[None]:
    """Process number `rank` of `processes` that find each other at the URL `meeting`.

    Inside, `torch.distributed` reaches them all. Outside again no thread of it is left, however
    the block was left. `meeting` is one of torch's init methods: `tcp://HOST:PORT` or
    `file:///PATH`. Alone there is nobody to meet and nothing happens.

    Raises:
        torch.distributed.DistError: The others did not come.
    """
    if processes == 1:
        yield
        return
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    try:
        yield
    finally:
        distributed.destroy_process_group()
