"""What a model that never ran will take: the sizes of its weights against the device's speed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from server.edit_spec import EditPlan
from server.worker import Worker
from via_engine.config import EngineConfig
from via_engine.errors import ModelIntegrityError
from via_engine.model_card import ModelCard
from via_engine.models.estimate import DeviceFacts, EditSize, estimated

# An engine that still starts is waited for so long; it loads its libraries meanwhile.
LONGEST_START_S = 30.0
POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """Completes plans by computing; one that has measured figures needs none of it."""

    worker: Worker
    config: EngineConfig

    async def completed(self, plan: EditPlan, card: ModelCard) -> EditPlan:
        """The plan with time and memory, as far as they can be told without loading the model."""
        facts = await self._facts()
        if facts is None:
            return plan
        return await asyncio.to_thread(self._estimated, plan, card, facts)

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
