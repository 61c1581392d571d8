"""Parts of a measurement in processes of their own, which keep cores busier than threads do."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait

import torch

_LOOK_EVERY_S = 1.0


def run_side_by_side(parts: Sequence[Callable[[], None]], watch: Callable[[], None]) -> None:
    """Runs the parts at once, each on its share of the cores; `watch` is called every second.

    When one of them fails, or `watch` does, the others are stopped and the error is raised.

    Args:
        parts: functions of modules, with arguments that can be pickled.
        watch: looks how far they are.
    """
    threads = max(1, torch.get_num_threads() // len(parts))
    with ProcessPoolExecutor(
        len(parts),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(threads,),
    ) as pool:
        try:
            running = {pool.submit(part) for part in parts}
            while running:
                done, running = wait(running, _LOOK_EVERY_S, FIRST_EXCEPTION)
                for one in done:
                    one.result()
                watch()
        except BaseException:
            for child in multiprocessing.active_children():
                child.terminate()
            raise
