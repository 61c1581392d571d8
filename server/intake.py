"""Where edits come in: the file is found, looked into, the edit checked, the job queued."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from server.access import Access
from server.dispatch import Dispatcher
from server.edit_spec import EditPlan, EditSpec
from server.errors import ArgumentError, EngineFaultError
from server.jobs import Job
from server.json_values import to_json
from server.ledger import JobLedger
from server.planning import check_frame, check_instruction, plan_edit
from server.probing import MediaProber
from server.store import JobStore
from server.worker_process import Command, FramePicture, PreviewEdit
from via_engine.edit_types import ModelCard
from via_engine.models.catalog import ModelCatalog

MAX_REQUEST_ID_CHARACTERS = 128


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What it takes to accept an edit."""

    access: Access
    catalog: ModelCatalog
    prober: MediaProber
    ledger: JobLedger
    store: JobStore
    dispatcher: Dispatcher
    preview_folder: Path

    async def plan(self, spec: EditSpec) -> EditPlan:
        """What the edit would do.

        Raises:
            ViaEngineError, ViaServerError: it cannot be done; the message says why.
        """
        # What needs no file comes first: nobody waits for a file to hear of an empty instruction.
        check_instruction(spec.instruction)
        card = self.card(spec.model)
        path = await asyncio.to_thread(self.access.media_path, spec.source)
        media = await self.prober.probe(path)
        pace = await asyncio.to_thread(self.store.pace, card.name)
        return plan_edit(spec, media=media, card=card, pace=pace)

    async def create(self, spec: EditSpec, *, request_id: str) -> Job:
        """Queues the edit, once per request_id; the job is durable when this returns.

        Raises:
            ViaEngineError, ViaServerError: it cannot be done; the message says why.
        """
        if len(request_id) > MAX_REQUEST_ID_CHARACTERS:
            raise ArgumentError("longer than a UUID; send a UUID4", field="request_id")
        digest = hashlib.sha256(json.dumps(to_json(spec)).encode()).hexdigest()
        earlier = await asyncio.to_thread(self.ledger.find_request, request_id, digest)
        if earlier is not None:
            return earlier
        plan = await self.plan(spec)
        job = await asyncio.to_thread(
            self.ledger.create, plan, request_id=request_id, request_digest=digest
        )
        self.dispatcher.wake()
        return job

    async def preview(self, spec: EditSpec, frame: int) -> FramePicture:
        """One edited frame; cancelling the call stops the work.

        Raises:
            ViaEngineError, ViaServerError: it cannot be done; the message says why.
        """
        plan = await self.plan(spec)
        check_frame(frame, plan.media)
        request = plan.spec.engine_request(plan.media, work_folder=self.preview_folder)
        picture = await self.run_errand(PreviewEdit(request=request, frame=frame))
        if picture is None:
            raise EngineFaultError("the engine gave no picture; this is a fault of Via")
        return picture

    async def run_errand(self, command: Command) -> FramePicture | None:
        """Has the worker do `command` between two jobs; cancelling the call stops the work."""
        errand = self.dispatcher.submit(command)
        try:
            return await asyncio.wrap_future(errand.answer)
        finally:
            errand.cancelled.set()

    def card(self, model: str | None) -> ModelCard:
        """The card of a model, of the default one for None.

        Raises:
            UnknownModelError: there is none of that name.
        """
        return self.catalog.cards[0] if model is None else self.catalog.card(model)
