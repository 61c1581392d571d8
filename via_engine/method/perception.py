"""The models that look at pictures beside the editor: loaded when first needed, then resident."""

from __future__ import annotations

import gc
from functools import cached_property
from pathlib import Path

import torch

from via_engine.config import EngineConfig
from via_engine.masks.ground import Grounder, load_grounder
from via_engine.masks.segment import Segmenter, load_segmenter
from via_engine.masks.video_tracker import VideoTracker, load_video_tracker
from via_engine.models.critic import Critic, load_critic
from via_engine.models.library.library import Library
from via_engine.models.vision_language import VisionLanguage, connect
from via_engine.starter.bundle import starter_folder


class Perception:
    """Grounder, segmenter, tracker and critic, those of the configuration or the starter's.

    Raises, on first use of each:
        ModelError: it cannot be loaded.
        ModelIntegrityError: a file is not the one that was recorded.
    """

    def __init__(self, config: EngineConfig, device: torch.device) -> None:
        self._config = config
        self._device = device

    @cached_property
    def grounder(self) -> Grounder:
        """Finds what a phrase names."""
        folder = self._known(self._config.grounder_folder) or starter_folder("grounder")
        return load_grounder(folder, device=self._device)

    @cached_property
    def segmenter(self) -> Segmenter:
        """Cuts out what a box or points show."""
        source = self._known(self._config.segmenter_path) or starter_folder("segmenter")
        return load_segmenter(source, device=self._device)

    @cached_property
    def video_tracker(self) -> VideoTracker | None:
        """Follows what was found through a clip, when a SAM 2 is configured."""
        folder = self._known(self._config.tracker_folder)
        return None if folder is None else load_video_tracker(folder, device=self._device)

    @cached_property
    def critic(self) -> Critic:
        """Judges edits by pictures and captions."""
        folder = self._known(self._config.critic_folder) or starter_folder("critic")
        return load_critic(folder, device=self._device)

    @cached_property
    def vision_language(self) -> VisionLanguage | None:
        """Plans instructions and judges roots, when one is configured."""
        settings = self._config.vision_language
        return None if settings is None else connect(settings)

    def release(self) -> None:
        """Gives the memory of all of them back; they are loaded again when next needed."""
        for name in ("grounder", "segmenter", "video_tracker", "critic"):
            self.__dict__.pop(name, None)
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _known(self, path: Path | None) -> Path | None:
        """The path, once its files are found to be those recorded with it, if any were."""
        if path is not None and self._config.models_folder is not None:
            Library(self._config.models_folder).check(path)
        return path
