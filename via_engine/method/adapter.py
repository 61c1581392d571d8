"""What an adaptation learned, on a shared editor for a while, or in a file.

A LoRA file is one that diffusers' `load_lora_weights` takes, a full one is a UNet's state. Both
name the weights they were tuned on: on others they would do harm without an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import Enum
from functools import cached_property
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialized
from torch import Tensor

from via_engine.edit_settings import Sampling
from via_engine.errors import AdapterError
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.picture.durable_file import durable_file, output_errors

_LORA_PREFIX = "unet."
# Readers of LoRA files pass over layers that are none of theirs.
_ANCHOR_PREFIX = "lora_anchor."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_SAMPLED_VALUES = 64


class AdapterKind(Enum):
    """What was tuned."""

    LORA = "lora"
    FULL = "full"


@dataclass(frozen=True, kw_only=True, eq=False)
class Anchor:
    """A frame and its edit, which a clip's other frames look at while they are gathered.

    Attributes:
        frame: its number in the media it is from.
        source, edited: (1, 3, H, W), RGB, float32, 0 to 1, at working size.
    """

    frame: int
    source: Tensor
    edited: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.source.shape[2:]
        return width, height


@dataclass(frozen=True, kw_only=True, eq=False)
class Adapter:
    """Tuned weights for one editor's UNet; they do not change once tuned.

    Attributes:
        kind: a LoRA of the attention projections, or all weights.
        rank: of the LoRA, whose scale is 1; 0 of a full one.
        steps: tuned, up to the step that was best on the held-out affine; 0 where the tuning has no
            effect.
        model: name of the editor it was tuned on, for messages.
        unet_identity: `unet_identity` of that editor.
        tensors: of a LoRA `<layer>.lora_A.weight` (rank, in) and `<layer>.lora_B.weight`
            (out, rank), float32; of a full one the parameters by their names.
        sampling: what the frames are to be sampled with; None leaves that to the request.
        anchor: the edit the frames are to follow, where a person chose it.
        root_frame: media frame it was tuned on; None where the file does not say it.
        notes: what a person should know of its root; no file holds them.
    """

    kind: AdapterKind
    rank: int
    steps: int
    model: str
    unet_identity: str
    tensors: Mapping[str, Tensor]
    sampling: Sampling | None = None
    anchor: Anchor | None = None
    root_frame: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Memory the tensors hold, those of the anchor included."""
        tensors = (*self.tensors.values(), *_anchor_tensors(self.anchor).values())
        return sum(tensor.nbytes for tensor in tensors)

    @cached_property
    def identity(self) -> str:
        """Hex digest of all that decides its effect; the same after a save and a load."""
        what = f"{self.kind.value}|{self.rank}|{self.unet_identity}|{self.sampling}"
        digest = hashlib.sha256(what.encode())
        tensors = {**self.tensors, **_anchor_tensors(self.anchor)}
        for name, tensor in sorted(tensors.items()):
            digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}\n".encode())
            digest.update(_bytes(tensor))
        return digest.hexdigest()

    def silenced(self) -> Adapter:
        """The same without effect on the weights: what remains of it is its sampling."""
        if self.kind is AdapterKind.FULL:
            raise ValueError("all weights cannot be left out")
        silent = {
            name: torch.zeros_like(tensor) if name.endswith(_UP) else tensor
            for name, tensor in self.tensors.items()
        }
        return replace(self, tensors=silent, steps=0)


@contextmanager
def adapted(editor: InstructPix2PixEditor, adapter: Adapter | None) -> Iterator[None]:
    """While open, the editor's UNet has the adapter's weights; its own come back on exit.

    With None nothing changes. A LoRA is merged, so frames cost what they cost without one.
    Whatever the body raises, the very tensors that were there before are put back.

    Raises:
        AdapterError: the adapter was made for other weights, or another one is on already.
    """
    if adapter is None:
        yield
        return
    _check_made_for(editor, adapter.unet_identity, f"the adapter for {adapter.model}")
    parameters = dict(editor.unet.named_parameters())
    tuned = _tuned_weights(parameters, adapter)
    former = {name: parameters[name].data for name in tuned}
    try:
        for name, weight in tuned.items():
            parameters[name].data = weight
        yield
    finally:
        for name, weight in former.items():
            parameters[name].data = weight


def save_adapter(adapter: Adapter, path: Path) -> None:
    """Writes a safetensors file, complete or not at all.

    Raises:
        OutputError: the folder cannot be written; DiskFullError when no space is left.
    """
    prefix = _LORA_PREFIX if adapter.kind is AdapterKind.LORA else ""
    named = {prefix + name: tensor for name, tensor in adapter.tensors.items()}
    named |= _anchor_tensors(adapter.anchor)
    tensors = {name: tensor.contiguous().cpu() for name, tensor in named.items()}
    metadata = {
        "format": "pt",
        "via_kind": adapter.kind.value,
        "via_rank": str(adapter.rank),
        "via_steps": str(adapter.steps),
        "via_model": adapter.model,
        "via_unet": adapter.unet_identity,
    }
    if adapter.anchor is not None:
        metadata["via_anchor_frame"] = str(adapter.anchor.frame)
    if adapter.root_frame is not None:
        metadata["via_root_frame"] = str(adapter.root_frame)
    if adapter.sampling is not None:
        metadata["via_sampling"] = json.dumps(asdict(adapter.sampling))
    with durable_file(path) as partial, output_errors(path):
        partial.write_bytes(serialized(tensors, metadata))


def load_adapter(path: Path, editor: InstructPix2PixEditor) -> Adapter:
    """An adapter that was saved, for this editor, on its device.

    Raises:
        AdapterError: there is no such file, it is damaged, was not exported by Via, or was made
            for other weights.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise AdapterError(
            f"adapter {path} cannot be read ({error}); give a .safetensors file that an earlier "
            "edit exported"
        ) from error
    adapter = _described(path, metadata, tensors)
    _check_made_for(editor, adapter.unet_identity, f"adapter {path} for {adapter.model}")
    _check_shapes(path, editor.unet, adapter)
    return adapter


def unet_identity(unet: UNet2DConditionModel) -> str:
    """Hex digest of a UNet's layers and the first numbers of each, whatever dtype it runs in.

    Unlike a folder's identity it is the same wherever the checkpoint lies. No adapter may be on.
    """
    digest = hashlib.sha256()
    for name, weight in unet.named_parameters():
        sample = weight.detach().flatten()[:_SAMPLED_VALUES].to(torch.bfloat16)
        digest.update(f"{name}|{tuple(weight.shape)}\n".encode() + _bytes(sample))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _tuned_weights(parameters: Mapping[str, Tensor], adapter: Adapter) -> dict[str, Tensor]:
    """The weights an adapter replaces, by parameter name, as the UNet has them with it."""
    if adapter.kind is AdapterKind.FULL:
        return {name: tensor.to(parameters[name]) for name, tensor in adapter.tensors.items()}
    merged = {}
    for name, down in adapter.tensors.items():
        if name.endswith(_DOWN):
            layer = name.removesuffix(_DOWN)
            weight = parameters[f"{layer}.weight"]
            up = adapter.tensors[layer + _UP].to(weight.device)
            merged[f"{layer}.weight"] = (weight.float() + up @ down.to(weight.device)).to(weight)
    return merged


def _check_made_for(editor: InstructPix2PixEditor, made_for: str, what: str) -> None:
    if unet_identity(editor.unet) != made_for:
        raise AdapterError(
            f"{what} was made for other weights than those {editor.card.name} has now; take off "
            "any adapter that is on, choose the model it was made with, or tune anew"
        )


def _described(path: Path, metadata: Mapping[str, str], tensors: dict[str, Tensor]) -> Adapter:
    try:
        return Adapter(
            kind=AdapterKind(metadata["via_kind"]),
            rank=int(metadata["via_rank"]),
            steps=int(metadata["via_steps"]),
            model=metadata["via_model"],
            unet_identity=metadata["via_unet"],
            tensors=_without_prefix(tensors),
            anchor=_anchor(metadata.get("via_anchor_frame", ""), tensors),
            sampling=_sampling(metadata.get("via_sampling", "")),
            root_frame=int(metadata["via_root_frame"]) if "via_root_frame" in metadata else None,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise AdapterError(
            f"adapter {path} does not say what Via tuned it on ({error}); give a file that an "
            "earlier edit exported"
        ) from error


def _sampling(text: str) -> Sampling | None:
    if not text:
        return None
    values = json.loads(text)
    return Sampling(
        seed=int(values["seed"]),
        guidance_scale=float(values["guidance_scale"]),
        image_guidance_scale=float(values["image_guidance_scale"]),
    )


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(_LORA_PREFIX): tensor
        for name, tensor in tensors.items()
        if not name.startswith(_ANCHOR_PREFIX)
    }


def _anchor_tensors(anchor: Anchor | None) -> dict[str, Tensor]:
    if anchor is None:
        return {}
    return {f"{_ANCHOR_PREFIX}source": anchor.source, f"{_ANCHOR_PREFIX}edited": anchor.edited}


def _anchor(frame: str, tensors: Mapping[str, Tensor]) -> Anchor | None:
    if not frame:
        return None
    source, edited = (tensors[f"{_ANCHOR_PREFIX}{name}"] for name in ("source", "edited"))
    return Anchor(frame=int(frame), source=source, edited=edited)


def _check_shapes(path: Path, unet: UNet2DConditionModel, adapter: Adapter) -> None:
    """A file cut together by hand must not fail in the middle of an edit."""
    parameters = dict(unet.named_parameters())
    try:
        tuned = _tuned_weights(parameters, adapter)
        wrong = [name for name, tensor in tuned.items() if tensor.shape != parameters[name].shape]
    except (KeyError, RuntimeError) as error:
        raise AdapterError(
            f"adapter {path} holds layers that {adapter.model} does not have, or of another shape "
            f"({error}); export it again"
        ) from error
    if wrong or not tuned:
        raise AdapterError(
            f"adapter {path} does not fit the layers of {adapter.model}, such as "
            f"{wrong[0] if wrong else 'any at all'}; export it again"
        )
