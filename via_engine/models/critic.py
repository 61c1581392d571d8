"""The critic: how well the change of a picture follows the change of its caption.

Any stock CLIPModel folder serves: the packaged starter critic and openai/clip-vit-large-patch14
load by the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

from via_engine.errors import ModelError

Frame = NDArray[np.uint8]
# Without its files transformers makes up an empty tokenizer and says nothing.
_NEEDED_FILES = (
    ("model.safetensors", "model.safetensors.index.json"),
    ("preprocessor_config.json",),
    ("tokenizer.json", "vocab.json"),
)
# Below this length a change of features is the noise of floating point, not an edit.
_NO_CHANGE = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Critic:
    """A CLIP model that judges edits. Frames are (H, W, 3) uint8 RGB of any size, also mixed.

    All similarities are cosines, -1 to 1, of features scaled to length 1.

    Attributes:
        network: pictures and captions to one feature space, float32, in evaluation mode.
        tokenizer: captions to token ids; what exceeds the text encoder's length is cut off.
        preprocessor: frames to the network's square, as the folder says.
    """

    network: CLIPModel
    tokenizer: CLIPTokenizer
    preprocessor: CLIPImageProcessor

    def direction_similarity(self, source: Frame, edited: Frame, before: str, after: str) -> float:
        """How far `source` to `edited` changes the way caption `before` to `after` does.

        The cosine of image feature difference and text feature difference; 0 when nothing
        changed. A faint change has a direction too, so look at `image_similarity` as well.

        Raises:
            ModelError: a frame is not (H, W, 3) uint8.

        Source: Gal et al., "StyleGAN-NADA", 2021, as InstructPix2Pix measures it (2022).
        """
        return self.direction_similarities(source, [edited], before, after)[0]

    def direction_similarities(
        self, source: Frame, candidates: Sequence[Frame], before: str, after: str
    ) -> tuple[float, ...]:
        """`direction_similarity` of every candidate edit of one source, in their order.

        The source's features are computed once. There must be at least one candidate.
        """
        pictures = self.image_features([source, *candidates])
        texts = self.text_features([before, after])
        changes = pictures[1:] - pictures[:1]
        lengths = changes.norm(dim=-1)
        found = functional.cosine_similarity(changes, texts[1:] - texts[:1], dim=-1)
        return tuple(torch.where(lengths > _NO_CHANGE, found, 0.0).tolist())

    def image_similarity(self, source: Frame, edited: Frame) -> float:
        """How alike two frames are; 1 for equal ones."""
        features = self.image_features([source, edited])
        return float(features[0] @ features[1])

    def text_similarity(self, frame: Frame, caption: str) -> float:
        """How well the caption fits the frame."""
        return float(self.image_features([frame])[0] @ self.text_features([caption])[0])

    @torch.no_grad()
    def image_features(self, frames: Sequence[Frame]) -> Tensor:
        """(B, D) float32 of length 1 for B frames, on the critic's device.

        Raises:
            ModelError: a frame is not (H, W, 3) uint8.
        """
        for frame in frames:
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise ModelError(
                    f"the critic got a frame of {frame.dtype} and shape {frame.shape}; "
                    "give (height, width, 3) uint8 RGB"
                )
        pixels = torch.cat([self._pixels(frame) for frame in frames]).to(self.network.device)
        found = self.network.get_image_features(pixel_values=pixels).pooler_output
        return functional.normalize(found, dim=-1)

    @torch.no_grad()
    def text_features(self, captions: Sequence[str]) -> Tensor:
        """(B, D) float32 of length 1 for B captions, on the critic's device."""
        tokens = self.tokenizer(
            list(captions),
            padding="max_length",
            max_length=self.network.config.text_config.max_position_embeddings,
            truncation=True,
            return_tensors="pt",
        )
        token_ids = tokens.input_ids.to(self.network.device)
        found = self.network.get_text_features(input_ids=token_ids).pooler_output
        return functional.normalize(found, dim=-1)

    def _pixels(self, frame: Frame) -> Tensor:
        """(1, 3, side, side) float32. One by one, as frames may differ in size."""
        found = self.preprocessor(frame, input_data_format="channels_last", return_tensors="pt")
        return torch.as_tensor(found.pixel_values)


def load_critic(folder: Path, *, device: torch.device) -> Critic:
    """The critic of a CLIPModel folder with tokenizer and preprocessor: no download, no pickle.

    Raises:
        ModelError: the folder lacks a part or holds one that cannot be read.
    """
    for names in _NEEDED_FILES:
        if not any((folder / name).is_file() for name in names):
            raise ModelError(
                f"critic folder {folder} has no {names[0]}; "
                "fetch a whole CLIPModel folder with its weights in safetensors format"
            )
    network, found = _read(
        folder,
        CLIPModel.from_pretrained,
        use_safetensors=True,
        output_loading_info=True,
        dtype=torch.float32,
    )
    lacking = sorted(str(key) for key in (*found["missing_keys"], *found["mismatched_keys"]))
    if lacking:
        raise ModelError(
            f"the critic's weights in {folder} lack or misshape {len(lacking)} tensors, "
            f"such as {lacking[0]}; fetch the folder again"
        )
    tokenizer = _read(folder, CLIPTokenizer.from_pretrained)
    if len(tokenizer) > network.config.text_config.vocab_size:
        raise ModelError(
            f"the tokenizer in {folder} knows {len(tokenizer)} tokens, the text encoder "
            f"{network.config.text_config.vocab_size}; they belong to different models"
        )
    return Critic(
        network=network.requires_grad_(False).eval().to(device),
        tokenizer=tokenizer,
        preprocessor=_read(folder, CLIPImageProcessor.from_pretrained),
    )


def _read(folder: Path, read: Any, **options: Any) -> Any:
    try:
        return read(str(folder), local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"critic folder {folder} cannot be loaded: {error}") from error
