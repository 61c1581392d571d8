"""One training run: its settings, clock, checkpoints, progress line and closing record."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, distributed, nn
from tqdm import tqdm

from via_engine.errors import ModelError

Made = TypeVar("Made")

_CHECKPOINT_PERIOD_S = 180.0
# In a file that keeps what a terminal would have shown, a line now and then is enough.
_TERMINAL_PERIOD_S, _FILE_PERIOD_S = 0.5, 20.0
_WARM_STEPS = 100
# Drawing and encoding pairs takes one process longer than another, by minutes.
_LONGEST_WAIT = timedelta(hours=12)


@dataclass(frozen=True, kw_only=True)
class VaeSettings:
    """How the autoencoder is trained; `batch_size` is that of one process."""

    steps: int = 6000
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    kl_weight: float = 1e-4
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class EditorSettings:
    """How UNet and text encoder are trained; `batch_size` is that of one process.

    `batch_size` counts pictures of 128 x 128; of others there are as many as cost the same.
    `families` source scenes with all their edits are drawn and encoded first. In the first
    `close_up_share` of the steps most batches are cut-outs around what changes. With
    `learns_words` 0 the text encoder stays as it is, which keeps a trained conditioner valid.
    """

    steps: int = 6000
    batch_size: int = 32
    learning_rate: float = 7e-4
    families: int = 4000
    close_up_share: float = 0.3
    learns_words: int = 1
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """What a finished or running training has cost and reached."""

    command: str
    seed: int
    steps: int
    samples: int
    wall_time_s: float
    device: str
    final_loss: float
    commit: str

    def as_json(self) -> dict[str, str | int | float]:
        """Plain values for the JSON beside the weights."""
        return asdict(self)


class Optimizer(Protocol):
    """What a run asks of an optimizer; torch's own have it."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of parameters, each with its learning rate under "lr"."""
        ...

    def step(self) -> Any:
        """One step down the gradients."""
        ...

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from a checkpoint."""
        ...


@dataclass(kw_only=True)
class TrainingRun:
    """State of one resumable training; checkpoints lie in `folder`.

    `start` are weights to begin from (a file as `finish` writes it); `earlier_command` is what
    trained those, `earlier_samples` and `earlier_wall_time_s` are what they cost. `learns_from`
    names what else its weights are good for only: the autoencoder of an editor.
    Several processes may train together, each on its own batches: `rank` is this one's number
    among `processes`. On CPUs that shares cores better than several threads in one process.
    """

    name: str
    folder: Path
    device: torch.device
    seed: int
    rank: int = 0
    processes: int = 1
    command: str = ""
    time_limit_s: float = math.inf
    step: int = 0
    samples: int = 0
    wall_time_s: float = 0.0
    loss: float = math.nan
    start: Path | None = None
    earlier_command: str = ""
    earlier_samples: int = 0
    earlier_wall_time_s: float = 0.0
    learns_from: str = ""
    _wanted: int = 0
    _clock: float = field(default_factory=time.monotonic)
    _started: float = field(default_factory=time.monotonic)
    _saved: float = field(default_factory=time.monotonic)
    _bar: tqdm[Any] | None = None

    @property
    def checkpoint(self) -> Path:
        """The file training resumes from; one that goes on from other weights has its own."""
        return self.folder / f"{self.name}{'_on' if self.start else ''}.pt"

    @property
    def finished(self) -> Path:
        """The file with the weights to use."""
        return self.folder / f"{self.name}_weights.pt"

    def begin(self, model: nn.Module) -> None:
        """Load the weights to begin from, if any were given, and count what they have cost."""
        if self.start is None:
            return
        state = torch.load(self.start, map_location=self.device, weights_only=True)
        model.load_state_dict(state["model"])
        record = state["record"]
        self.earlier_command = record["command"]
        self.command = f"{self.earlier_command} && {self.command}"
        self.earlier_samples = int(record["samples"])
        self.earlier_wall_time_s = float(record["wall_time_s"])

    def resume(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Load model, optimizer and counters where this run stopped, if it did.

        A checkpoint of a run that began from other weights is not this run's: it is passed over.

        Raises:
            ModelError: the checkpoint is of another model, of another version of its training, or
                of one with other settings than the number of steps, or with another autoencoder.
        """
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        if state.get("earlier_command", "") != self.earlier_command:
            return
        found = state.get("command", self.command)
        if _without_length(found) != _without_length(self.command):
            raise ModelError(
                f"{self.checkpoint} was begun by another command: {found}; run that again to go "
                "on, or name another --cache to begin anew"
            )
        if state.get("learns_from", self.learns_from) != self.learns_from:
            raise ModelError(
                f"{self.checkpoint} learned on another autoencoder than the one in {self.folder}; "
                "move it away to begin anew, or name another --cache"
            )
        try:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ModelError(
                f"{self.checkpoint} is of another version of this training; move it away "
                "to begin anew, or go on from the packaged weights with --from-packaged"
            ) from error
        self.step, self.samples = state["step"], state["samples"]
        self.wall_time_s, self.loss = state["wall_time_s"], state["loss"]

    def steps_reached(self) -> int:
        """Steps the checkpoint has behind it; 0 without one."""
        if not self.checkpoint.exists():
            return 0
        return int(torch.load(self.checkpoint, map_location="cpu", weights_only=True)["step"])

    def continues(self, steps: int) -> bool:
        """Whether another step is due."""
        self._wanted = steps
        going = self.step < steps and time.monotonic() - self._started < self.time_limit_s
        if self.rank == 0 and self._bar is None:
            self._bar = tqdm(
                desc=self.name,
                total=steps,
                initial=self.step,
                unit="step",
                file=sys.stderr,
                mininterval=_TERMINAL_PERIOD_S if sys.stderr.isatty() else _FILE_PERIOD_S,
            )
        going = self._agreed(going)
        if not going and self._bar is not None:
            self._bar.close()
        return going

    def learn(self, loss: Tensor, model: nn.Module, optimizer: Optimizer) -> None:
        """One step down the loss, on the gradients of all processes, cut to length 1."""
        loss.backward()  # type: ignore[no-untyped-call]
        self._share_gradients(model)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _share_gradients(self, model: nn.Module) -> None:
        """Average the gradients of all processes, in place.

        What only some of them used has no gradient in the others, which counts as zero there; what
        none of them used keeps none, so that no optimizer moves it.
        """
        if self.processes == 1:
            return
        learning = [one for one in model.parameters() if one.requires_grad]
        used = torch.tensor([float(one.grad is not None) for one in learning])
        gradients = [
            (torch.zeros_like(one) if one.grad is None else one.grad).flatten() for one in learning
        ]
        flat = torch.cat([*gradients, used.to(gradients[0].device)])
        distributed.all_reduce(flat)
        pieces = torch.split(flat, [one.numel() for one in learning] + [len(learning)])
        for one, piece, users in zip(learning, pieces[:-1], pieces[-1].tolist(), strict=True):
            if not users:
                continue
            if one.grad is None:
                one.grad = torch.empty_like(one)
            one.grad.copy_((piece / self.processes).view_as(one))

    def first_one_makes(self, make: Callable[[], Made]) -> Made:
        """What `make` gives in every process, once the first process had it alone.

        For files that whoever comes first writes and everybody reads.
        """
        if self.rank == 0:
            make()
        self.wait_for_all()
        return make()

    def wait_for_all(self) -> None:
        """Return once every process has come here."""
        if self.processes > 1:
            distributed.monitored_barrier(timeout=_LONGEST_WAIT)

    def set_learning_rate(self, optimizer: Optimizer, peak: float, steps: int) -> None:
        """Linear warm-up, then a cosine down to a twentieth of the peak."""
        warm = min(1.0, (self.step + 1) / _WARM_STEPS)
        decay = 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = peak * warm * (0.05 + 0.95 * decay)

    def advance(self, loss: float, samples: int) -> bool:
        """Count one step and show it; true, to all processes, when to save."""
        now = time.monotonic()
        self.wall_time_s += now - self._clock
        self._clock = now
        self.step += 1
        self.samples += samples * self.processes
        self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss
        if self._bar is not None:
            rate = self.samples / max(self.wall_time_s, 1e-9)
            self._bar.set_postfix_str(f"loss {self.loss:.4f}, {rate:.0f} samples/s", refresh=False)
            self._bar.update()
        return self._agreed(now - self._saved > _CHECKPOINT_PERIOD_S)

    def save(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Write the checkpoint in one motion; every process has to come here."""
        self._saved = time.monotonic()
        learned = optimizer.state_dict()
        if self.rank:
            return
        state = {
            "model": model.state_dict(),
            "optimizer": learned,
            "earlier_command": self.earlier_command,
            "command": self.command,
            "learns_from": self.learns_from,
            "step": self.step,
            "samples": self.samples,
            "wall_time_s": self.wall_time_s,
            "loss": self.loss,
        }
        write_state(state, self.checkpoint)

    def finish(self, model: nn.Module) -> None:
        """Write the weights to use, with the record of how they came about."""
        if self.rank:
            return
        state = {
            "model": model.state_dict(),
            "record": self.record().as_json(),
            "learns_from": self.learns_from,
            "complete": self.step >= self._wanted,
        }
        write_state(state, self.finished)

    def record(self) -> TrainingRecord:
        """What the run has cost and reached so far."""
        return TrainingRecord(
            command=self.command,
            seed=self.seed,
            steps=self.step,
            samples=self.earlier_samples + self.samples,
            wall_time_s=round(self.earlier_wall_time_s + self.wall_time_s, 1),
            device=self.device.type,
            final_loss=round(self.loss, 5),
            commit=_commit(),
        )

    def _agreed(self, going: bool) -> bool:
        """Whether every process wants to go on."""
        if self.processes == 1:
            return going
        votes = torch.tensor([int(going)])
        distributed.all_reduce(votes, distributed.ReduceOp.MIN)
        return bool(votes.item())


def write_state(state: Mapping[str, object], path: Path) -> None:
    """Keep tensors and plain values in a file, in one motion; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    torch.save(state, half)
    half.replace(path)


def _without_length(command: str) -> str:
    """What may not change when a training goes on."""
    return re.sub(r" --(steps|processes) \S+", "", command)


def _commit() -> str:
    """The commit this code stands at, with a plus when files differ; empty outside a checkout."""
    if not _git("ls-files", "--", __file__):
        return ""
    learned_by = ("starter", "half_products.py", ":!starter/weights")
    changed = _git("status", "--porcelain", "--untracked-files=no", *learned_by)
    return _git("rev-parse", "HEAD") + ("+" if changed else "")


def _git(*words: str) -> str:
    """What git answers in the package's folder; empty when there is no git, or it has none."""
    place = Path(__file__).parents[2]
    try:
        found = subprocess.run(
            ["git", *words], cwd=place, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return found.stdout.strip()
