"""Finds what a phrase names: Grounding DINO checkpoints, public or the starter's, to boxes."""

from __future__ import annotations

import ast
import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from groundingdino.models.GroundingDINO.groundingdino import GroundingDINO
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import box_convert, clip_boxes_to_image, nms

from via_engine.errors import InstructionError, ModelError
from via_engine.starter.networks.grounder_model import InputSize, build_grounder, picture_tensor
from via_engine.starter.networks.grounding_text import phrase_numbers
from via_engine.weights.weight_file import read_tensors

_SAME_BOX_IOU = 0.8
_MOST_TOKENS = 256
# Left in public checkpoints by their training and by older transformers; nothing reads them.
_IDLE_KEYS = {"label_enc.weight", "bert.embeddings.position_ids"}


@dataclass(frozen=True, kw_only=True)
class Detection:
    """A box that answers a phrase.

    Attributes:
        box_xyxy: left, top, right, bottom in pixels of the frame, right and bottom exclusive.
        score: how sure the grounder is, 0 to 1.
        phrase: the phrase it answers, as asked.
        words: the words of the phrase seen in the box; fewer than asked is a partial match.
    """

    box_xyxy: tuple[float, float, float, float]
    score: float
    phrase: str
    words: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Grounder:
    """A Grounding DINO, ready to look at frames."""

    model: GroundingDINO
    input_size: InputSize
    device: torch.device

    def find(
        self,
        frame: NDArray[np.uint8],
        phrase: str,
        *,
        box_threshold: float = 0.35,
        text_threshold: float = 0.25,
    ) -> tuple[Detection, ...]:
        """What the phrase names in a frame, the surest first; empty when nothing does.

        Args:
            frame: (height, width, 3) uint8, RGB.
            phrase: what to look for, "red ball"; several are parted by ".", "ball . star".
            box_threshold: a box answers a phrase when a word of it scores higher, 0 to 1.
            text_threshold: words that score higher count as seen, 0 to 1.

        Raises:
            InstructionError: the phrase is blank or very long.
        """
        phrases = _phrases_in(phrase)
        caption = "".join(f"{one} . " for one in phrases)
        tokens = self.model.tokenizer([caption], return_tensors="pt").input_ids[0]
        if len(tokens) > _MOST_TOKENS:
            raise InstructionError(
                f"the phrase to look for has {len(tokens)} word pieces, at most {_MOST_TOKENS} are "
                "read; name what to find in a few words"
            )
        scores, boxes = self._look(frame, caption)
        numbers = phrase_numbers(self.model.tokenizer, [caption])[0]
        found = []
        for number, one in enumerate(phrases):
            asked = torch.nonzero(numbers == number).flatten()
            best = scores[:, asked].amax(dim=1) if len(asked) else torch.zeros(len(boxes))
            for row in _distinct(boxes, best, box_threshold):
                seen = tokens[asked[scores[row, asked] > text_threshold]]
                found.append(
                    Detection(
                        box_xyxy=tuple(boxes[row].tolist()),
                        score=float(best[row]),
                        phrase=one,
                        words=self.model.tokenizer.decode(seen),
                    )
                )
        return tuple(sorted(found, key=lambda detection: -detection.score))

    @torch.no_grad()
    def _look(self, frame: NDArray[np.uint8], caption: str) -> tuple[Tensor, Tensor]:
        """Scores of every box for every token, and the boxes in pixels, on the CPU."""
        picture = picture_tensor(frame, self.input_size).to(self.device)[None]
        with warnings.catch_warnings():
            # The library's own calls of names that torch will drop one day.
            warnings.simplefilter("ignore")
            found = self.model(picture, captions=[caption])
        height, width = frame.shape[:2]
        scale = torch.tensor([width, height, width, height])
        boxes = box_convert(found["pred_boxes"][0].float().cpu(), "cxcywh", "xyxy") * scale
        return found["pred_logits"][0].sigmoid().float().cpu(), clip_boxes_to_image(
            boxes, (height, width)
        )


def load_grounder(
    source: Path, *, device: str | torch.device, text_folder: Path | None = None
) -> Grounder:
    """Load the grounder kept in a folder.

    The folder holds one configuration, `config.json` or a groundingdino `.py`, and one file of
    weights, `.safetensors` or `.pth`. A BERT's `config.json` and tokenizer files lie in
    `text_folder`, by default the subfolder that the configuration calls `text_encoder_type`;
    BERT's weights are part of the grounder's.

    Raises:
        ModelError: a file is missing, cannot be read, or does not fit the others.
        ModelIntegrityError: the file of weights is damaged.
    """
    config_path = _one_file(source, ("config.json", "*.py"), "configuration")
    weights_path = _one_file(source, ("*.safetensors", "*.pth"), "file of weights")
    config = _read_config(config_path)
    text = text_folder or source / str(config.get("text_encoder_type", ""))
    if not (text / "config.json").is_file():
        raise ModelError(
            f"the grounder in {source} reads its phrases with a BERT, and {text} holds no "
            "config.json of one; put BERT's config.json and tokenizer files there"
        )
    try:
        model = build_grounder(config, text)
    except (AttributeError, KeyError, TypeError, ValueError, AssertionError, OSError) as error:
        raise ModelError(
            f"{config_path} with {text} does not describe a Grounding DINO ({error}); use the "
            "configuration published with the weights"
        ) from error
    _fill(model, _read_weights(weights_path), weights_path)
    sizes = {name: config[name] for name in ("short_side_px", "long_side_px") if name in config}
    device = torch.device(device)
    return Grounder(
        model=model.eval().requires_grad_(False).to(device),
        input_size=InputSize(**sizes),
        device=device,
    )


def _phrases_in(text: str) -> list[str]:
    """The phrases of a text, lower-cased, without the signs that part them."""
    parts = [" ".join(part.split()) for part in re.split(r"[.?]", text.lower())]
    phrases = [part for part in parts if part]
    if not phrases:
        raise InstructionError(
            "the phrase to look for is blank; name what to find, such as 'red ball'"
        )
    return phrases


def _distinct(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    """Rows that score above the threshold, of boxes almost the same the surest only."""
    rows = torch.nonzero(scores > threshold).flatten()
    kept: list[int] = rows[nms(boxes[rows], scores[rows], _SAME_BOX_IOU)].tolist()
    return kept


def _one_file(folder: Path, patterns: tuple[str, ...], what: str) -> Path:
    """The file of the first pattern that any file of the folder fits."""
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found)
            raise ModelError(f"{folder} holds several of what should be one {what}: {names}")
    raise ModelError(
        f"{folder} holds no {what} of a grounder ({' or '.join(patterns)}); put it there"
    )


def _read_config(path: Path) -> dict[str, Any]:
    """Names and values of a configuration; one in Python is read, not run."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return dict(json.loads(text))
        return {
            target.id: ast.literal_eval(line.value)
            for line in ast.parse(text).body
            if isinstance(line, ast.Assign)
            for target in line.targets
            if isinstance(target, ast.Name)
        }
    except (OSError, ValueError, TypeError, SyntaxError) as error:
        raise ModelError(
            f"the grounder's configuration {path} cannot be read ({error}); fetch it again"
        ) from error


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Parameters by name, in float32, as the library names them."""
    return {
        name.removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in read_tensors(path).items()
    }


def _fill(model: GroundingDINO, weights: dict[str, Tensor], path: Path) -> None:
    """Load every parameter; one left over or left out means another model's weights."""
    weights = {name: value for name, value in weights.items() if name not in _IDLE_KEYS}
    try:
        found = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{path} does not fit its configuration: {error}") from error
    if found.missing_keys or found.unexpected_keys:
        raise ModelError(
            f"{path} does not fit its configuration: it lacks {_listed(found.missing_keys)} and "
            f"has {_listed(found.unexpected_keys)} too many; use the configuration published "
            "with the weights"
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{len(names)} ({shown}, ...)" if len(names) > 3 else shown or "none"
