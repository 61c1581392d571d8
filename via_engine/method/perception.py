"""The models that look at pictures beside the editor: loaded when first needed, then resident."""

from __future__ import annotations

from functools import cached_property

import torch

from via_engine.config import EngineConfig
from via_engine.masks.ground import Grounder, load_grounder
from via_engine.masks.segment import Segmenter, load_segmenter
from via_engine.models.critic import Critic, load_critic
from via_engine.models.vision_language import VisionLanguage, connect
from via_engine.starter.bundle import starter_folder


class Perception:
    """Grounder, segmenter and critic, those of the configuration or the starter's.

    Raises, on first use of each:
        ModelError: it cannot be loaded.
    """

    def __init__(self, config: EngineConfig, device: torch.device) -> None:
        self._config = config
        self._device = device

    @cached_property
    def grounder(self) -> Grounder:
        """Finds what a phrase names."""
        folder = self._config.grounder_folder or starter_folder("grounder")
        return load_grounder(folder, device=self._device)

    @cached_property
    def segmenter(self) -> Segmenter:
        """Cuts out what a box or points show."""
        source = self._config.segmenter_path or starter_folder("segmenter")
        return load_segmenter(source, device=self._device)

    @cached_property
    def critic(self) -> Critic:
        """Judges edits by pictures and captions."""
        folder = self._config.critic_folder or starter_folder("critic")
        return load_critic(folder, device=self._device)

    @cached_property
    def vision_language(self) -> VisionLanguage | None:
        """Plans instructions and judges roots, when one is configured."""
        settings = self._config.vision_language
        return None if settings is None else connect(settings)
