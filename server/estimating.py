"""What an edit that was never measured will take.

With a model: the sizes of its weights against the device's speed. Without one: how fast the first
frames pass.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from server.edit_spec import EditPlan
from server.probing import MediaProber, PassTrial
from server.worker import Worker
from via_engine.config import EngineConfig
from via_engine.errors import MediaError, ModelIntegrityError, OutputError
from via_engine.model_card import ModelCard
from via_engine.models.estimate import DeviceFacts, EditSize, estimated

# An engine that still starts is waited for so long; it loads its libraries meanwhile.
LONGEST_START_S = 30.0
POLL_S = 0.05
# A frame that is read and one that is written, beside the batch and those that wait for the writer.
BESIDE_BATCHES = 3
# Red, green, blue and how much of the edit shows, as float32.
PIXEL_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """Completes plans by computing; one that has measured figures needs none of it."""

    worker: Worker
    prober: MediaProber
    config: EngineConfig

    async def passed(self, plan: EditPlan) -> EditPlan:
        """The plan of an identity edit with its time, from passing a few of its frames.

        What cannot be read or written stays without a time; the job will tell why.
        """
        frames = plan.spec.frame_range
        trial = PassTrial(
            media=plan.media, frame_range=frames, output_format=plan.spec.output_format
        )
        try:
            pace = await self.prober.pass_pace(trial)
        except (MediaError, OutputError):
            return plan
        facts = await self._facts()
        return replace(
            plan,
            estimated_seconds=pace.seconds_per_frame * frames.frame_count,
            estimated_memory_bytes=None if facts is None else self._passing_bytes(plan, facts),
        )

    async def completed(self, plan: EditPlan, card: ModelCard) -> EditPlan:
        """The plan with time and memory, as far as they can be told without loading the model."""
        facts = await self._facts()
        if facts is None:
            return plan
        return await asyncio.to_thread(self._estimated, plan, card, facts)

    def _passing_bytes(self, plan: EditPlan, facts: DeviceFacts) -> int:
        """What the engine holds anyhow, and on a CPU the frames under way, which lie beside it."""
        if facts.has_main_memory:
            return facts.used_bytes
        under_way = 2 * self.config.batch_frames + BESIDE_BATCHES
        return facts.used_bytes + under_way * PIXEL_BYTES * plan.working_width * plan.working_height

    async def _facts(self) -> DeviceFacts | None:
        until_s = time.monotonic() + LONGEST_START_S
        while not self.worker.is_tried and time.monotonic() < until_s:
            await asyncio.sleep(POLL_S)
        return self.worker.facts

    def _estimated(self, plan: EditPlan, card: ModelCard, facts: DeviceFacts) -> EditPlan:
        size = EditSize(
            width=plan.working_width,
            height=plan.working_height,
            steps=plan.spec.steps,
            group_size=plan.spec.group_size,
        )
        try:
            found = estimated(self.config, card, facts, size)
        except ModelIntegrityError:  # the job will tell it, when it loads the model
            return plan
        if found is None:
            return plan
        return replace(
            plan,
            estimated_seconds=found.seconds_per_frame * plan.spec.frame_range.frame_count,
            estimated_memory_bytes=found.memory_bytes,
        )
