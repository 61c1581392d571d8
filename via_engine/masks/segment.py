"""Boxes and clicks to masks with Segment Anything: a public checkpoint or the starter's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything import SamPredictor, sam_model_registry
from segment_anything.modeling import Sam
from torch import Tensor

from via_engine.errors import ModelError, RequestError
from via_engine.starter.networks.close_up import close_up_of
from via_engine.starter.networks.sam_model import (
    ARCHITECTURE_NAME,
    WEIGHTS_NAME,
    build_sam,
    read_architecture,
)
from via_engine.weights.weight_file import read_tensors

Frame = NDArray[np.uint8]
Masks = NDArray[np.bool_]
# Public architectures by the width of their image encoder; files are renamed, tensors are not.
_PUBLIC_WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
_POSITIONS = "image_encoder.pos_embed"
# A close-up's side beside the longer side of the box it is about.
_ROOM = 1.5
# Logit of what a close-up does not show: certainly not the object.
_NOWHERE = -32.0


class Segmenter:
    """Finds the object that a box or clicks mean.

    The encoding of the last frame is kept, so further prompts on it are cheap. One caller at a
    time.

    With `looks_closer`, every box is looked at once more in a close-up of its own, and the two
    answers are added up: worth its encoding where the model's canvas is small. Without, answers
    are those of `SamPredictor`.
    """

    def __init__(self, sam: Sam, *, looks_closer: bool = False) -> None:
        self._predictor = SamPredictor(sam)
        self._looks_closer = looks_closer
        self._frame: Frame | None = None

    @property
    def sam(self) -> Sam:
        """The network."""
        return self._predictor.model

    def segment(
        self,
        frame: Frame,
        *,
        boxes_xyxy: NDArray[np.floating] | None = None,
        points_xy: NDArray[np.floating] | None = None,
        point_labels: NDArray[np.integer] | None = None,
    ) -> Masks:
        """The visible part of what is asked for.

        Args:
            frame: (H, W, 3) uint8, RGB, of any size.
            boxes_xyxy: (N, 4) float, outer edges in pixels of the frame; one mask for each.
            points_xy: (K, 2) float, pixels of the frame; one mask for all of them together.
            point_labels: (K,) of points: 1 for a pixel of the object, 0 for one beside it.

        Returns:
            (N, H, W) bool for boxes, (0, H, W) when there are none; (1, H, W) bool for points.

        Raises:
            RequestError: not exactly one of boxes and points, or shapes as above are not met.
        """
        if (boxes_xyxy is None) == (points_xy is None):
            raise RequestError("a mask is asked for by boxes or by points; give one of the two")
        if boxes_xyxy is not None:
            return self._from_boxes(frame, np.asarray(boxes_xyxy, np.float32))
        return self._from_points(frame, np.asarray(points_xy, np.float32), np.asarray(point_labels))

    def _from_boxes(self, frame: Frame, boxes: NDArray[np.float32]) -> Masks:
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise RequestError(f"boxes of shape {boxes.shape} were given; (N, 4) is needed, xyxy")
        if len(boxes) == 0:
            return np.zeros((0, *frame.shape[:2]), np.bool_)
        self._encode(frame)
        logits = self._logits(boxes, frame.shape[:2])
        if self._looks_closer:
            logits = logits + np.stack([self._closer_logits(frame, box) for box in boxes])
        return np.asarray(logits > self.sam.mask_threshold)

    def _closer_logits(self, frame: Frame, box: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W) of a box of the frame, as a close-up of it tells."""
        height, width = frame.shape[:2]
        closer = close_up_of(box, room=_ROOM, side=self.sam.image_encoder.img_size)
        self._encode(closer.draw(frame))
        logits = self._logits(closer.to_canvas(box[None]), (closer.side, closer.side))[0]
        return np.asarray(closer.back(logits, (height, width), beyond=_NOWHERE))

    def _logits(self, boxes: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
        """(N, H, W) for boxes in the encoded picture, whose size is `shape`."""
        predictor = self._predictor
        prompts = predictor.transform.apply_boxes_torch(
            torch.from_numpy(boxes).to(predictor.device), shape
        )
        masks, _, _ = predictor.predict_torch(
            point_coords=None,
            point_labels=None,
            boxes=prompts,
            multimask_output=False,
            return_logits=True,
        )
        return np.asarray(masks[:, 0].cpu().numpy())

    def _from_points(
        self, frame: Frame, points: NDArray[np.float32], labels: NDArray[np.integer]
    ) -> Masks:
        if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
            raise RequestError(f"points of shape {points.shape} were given; (K, 2) is needed, xy")
        if labels.shape != points.shape[:1] or not np.isin(labels, (0, 1)).all():
            raise RequestError(f"{len(points)} points need as many labels, each 1 or 0")
        self._encode(frame)
        masks, _, _ = self._predictor.predict(
            point_coords=points, point_labels=labels, multimask_output=False
        )
        return np.asarray(masks, np.bool_)

    def _encode(self, frame: Frame) -> None:
        """Encode the frame, unless it is the last one again."""
        if self._frame is not None and np.array_equal(frame, self._frame):
            return
        self._frame = None
        self._predictor.set_image(frame)
        self._frame = frame.copy()


def load_segmenter(source: Path, *, device: torch.device) -> Segmenter:
    """A segmenter ready to use, in float32.

    Args:
        source: a folder with `model.safetensors`, or a public checkpoint file of Segment Anything
            (`sam_vit_b_*.pth`, `sam_vit_l_*.pth`, `sam_vit_h_*.pth`), whose canvas of 1024 px needs
            no second look. Beside other architectures than the public ones lies `sam.json`; these
            look closer.
        device: where it runs.

    Raises:
        ModelError: its tensors fit no known architecture, or it holds more than tensors.
        ModelIntegrityError: nothing is there, or it is damaged.
    """
    path = source / WEIGHTS_NAME if source.is_dir() else source
    state = read_tensors(path)
    has_architecture = (source / ARCHITECTURE_NAME).is_file()
    sam = build_sam(read_architecture(source)) if has_architecture else _public_sam(path, state)
    try:
        sam.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"segmenter weights {path} do not fit their model: {error}") from error
    ready = sam.requires_grad_(False).eval().to(device)
    return Segmenter(ready, looks_closer=has_architecture)


def _public_sam(path: Path, state: Mapping[str, Tensor]) -> Sam:
    """The untrained public model whose shape the tensors have."""
    positions = state.get(_POSITIONS)
    name = None if positions is None else _PUBLIC_WIDTHS.get(positions.shape[-1])
    if name is None:
        widths = ", ".join(f"{width} ({one})" for width, one in _PUBLIC_WIDTHS.items())
        found = f"no {_POSITIONS}" if positions is None else f"width {positions.shape[-1]}"
        raise ModelError(
            f"segmenter checkpoint {path}: expected a Segment Anything with an image encoder of "
            f"width {widths}; found {found}. Use an original checkpoint"
        )
    return sam_model_registry[name](checkpoint=None)
