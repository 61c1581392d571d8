"""The models that look at pictures beside the editor: loaded when first needed, then kept.

Where the device is short of memory they leave it after use: to wait in main memory, or for good.
"""

from __future__ import annotations

import gc
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

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
        self._networks: list[nn.Module] = []
        self._waits = False

    @property
    def grounder(self) -> Grounder:
        """Finds what a phrase names."""
        self._call_back()
        return self._grounder

    @property
    def segmenter(self) -> Segmenter:
        """Cuts out what a box or points show."""
        self._call_back()
        return self._segmenter

    @property
    def video_tracker(self) -> VideoTracker | None:
        """Follows what was found through a clip, when a SAM 2 is configured."""
        self._call_back()
        return self._video_tracker

    @property
    def critic(self) -> Critic:
        """Judges edits by pictures and captions."""
        self._call_back()
        return self._critic

    @cached_property
    def vision_language(self) -> VisionLanguage | None:
        """Plans instructions and judges roots, when one is configured."""
        settings = self._config.vision_language
        return None if settings is None else connect(settings)

    def offload(self) -> None:
        """Takes all of them off the device: they wait in main memory until one is asked for."""
        for network in self._networks:
            network.to("cpu")
        self._waits = True
        self._give_back()

    def release(self) -> None:
        """Gives the memory of all of them back; they are loaded again when next needed."""
        for name in ("_grounder", "_segmenter", "_video_tracker", "_critic"):
            self.__dict__.pop(name, None)
        self._networks.clear()
        self._give_back()

    @cached_property
    def _grounder(self) -> Grounder:
        folder = self._known(self._config.grounder_folder) or starter_folder("grounder")
        found = load_grounder(folder, device=self._device)
        self._networks.append(found.model)
        return found

    @cached_property
    def _segmenter(self) -> Segmenter:
        source = self._known(self._config.segmenter_path) or starter_folder("segmenter")
        found = load_segmenter(source, device=self._device)
        self._networks.append(found.sam)
        return found

    @cached_property
    def _video_tracker(self) -> VideoTracker | None:
        folder = self._known(self._config.tracker_folder)
        if folder is None:
            return None
        found = load_video_tracker(folder, device=self._device)
        self._networks.append(found.model)
        return found

    @cached_property
    def _critic(self) -> Critic:
        folder = self._known(self._config.critic_folder) or starter_folder("critic")
        found = load_critic(folder, device=self._device)
        self._networks.append(found.network)
        return found

    def _call_back(self) -> None:
        if self._waits:
            for network in self._networks:
                network.to(self._device)
            self._waits = False

    def _give_back(self) -> None:
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _known(self, path: Path | None) -> Path | None:
        """The path, once its files are found to be those recorded with it, if any were."""
        if path is not None and self._config.models_folder is not None:
            Library(self._config.models_folder).check(path)
        return path
