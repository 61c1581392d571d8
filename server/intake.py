"""Where edits come in: the file is found, looked into, the edit checked, the job queued."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from server.access import Access
from server.attachments import AttachmentReader
from server.checking import check_frame, check_number
from server.dispatch import Dispatcher
from server.edit_spec import EditPlan, EditSpec
from server.errors import ArgumentError, EngineFaultError
from server.estimating import Estimator
from server.jobs import Job, job_id
from server.json_values import to_json
from server.ledger import JobLedger
from server.planning import check_words, plan_edit, plan_identity
from server.probing import MediaProber
from server.shared_look import SharedLook, check_lent_adapter, shared_look
from server.store import JobStore
from server.worker_process import (
    Answer,
    Command,
    FramePicture,
    PreviewEdit,
    ProposeRoots,
    RootProposal,
)
from via_engine.edit_events import RootCandidate
from via_engine.media_types import MediaInfo
from via_engine.model_card import ModelCard
from via_engine.models.catalog import ModelCatalog

MAX_REQUEST_ID_CHARACTERS = 128
DEFAULT_PROPOSED_ROOTS = 6
MAX_PROPOSED_ROOTS = 24


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What it takes to accept an edit."""

    access: Access
    catalog: ModelCatalog
    prober: MediaProber
    ledger: JobLedger
    store: JobStore
    dispatcher: Dispatcher
    estimator: Estimator
    preview_folder: Path

    async def plan(self, spec: EditSpec) -> EditPlan:
        """What the edit would do.

        Raises:
            ViaEngineError, ViaServerError: it cannot be done; the message says why.
        """
        # What needs no file comes first: nobody waits for a file to hear of an empty instruction.
        check_words(spec)
        lender = await self._lender(spec)
        if spec.identity:
            return plan_identity(spec, media=await self._probed(spec))
        card = self.card(spec.model or (lender.spec.model if lender else None))
        media = await self._probed(spec)
        pace = await asyncio.to_thread(self.store.pace, card.name)
        return plan_edit(
            spec,
            media=media,
            card=card,
            pace=pace,
            attached=await AttachmentReader(access=self.access, prober=self.prober).read(spec),
            look=None if lender is None else self._look_of(lender, card),
        )

    async def estimated_plan(self, spec: EditSpec) -> EditPlan:
        """The same with time and memory also for what never ran; waits for the engine then.

        Raises as `plan`.
        """
        plan = await self.plan(spec)
        if plan.is_measured:
            return plan
        if plan.spec.identity:
            return await self.estimator.passed(plan)
        return await self.estimator.completed(plan, self.card(plan.spec.model))

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
        # In one go: a caller who leaves in between must not leave a job that nobody takes up.
        return await asyncio.to_thread(self._queued, plan, request_id, digest)

    async def retry(self, name: str) -> Job:
        """Queues an ended job again.

        Raises:
            ViaServerError: there is no such job, it has not ended, or no more may wait.
        """
        return await asyncio.to_thread(self._requeued, job_id(name))

    async def preview(self, spec: EditSpec, frame: int) -> FramePicture:
        """One edited frame; cancelling the call stops the work.

        Raises:
            ViaEngineError, ViaServerError: it cannot be done; the message says why.
        """
        _check_has_model(spec)
        plan = await self.plan(spec)
        check_frame(frame, plan.media)
        await asyncio.to_thread(check_lent_adapter, plan.spec)
        request = plan.spec.engine_request(plan.media, work_folder=self.preview_folder)
        picture = await self.run_errand(PreviewEdit(request=request, frame=frame))
        if not isinstance(picture, FramePicture):
            raise EngineFaultError("the engine gave no picture; this is a fault of Via")
        return picture

    async def propose_roots(self, spec: EditSpec, count: int) -> tuple[RootCandidate, ...]:
        """Edited root frames to choose from, the best first; cancelling the call stops the work.

        Args:
            spec: the edit.
            count: candidates wanted; 0 takes the default.

        Raises:
            ViaEngineError, ViaServerError: it cannot be done; the message says why.
        """
        _check_has_model(spec)
        check_number("count", count, 0, MAX_PROPOSED_ROOTS)
        if spec.group_from:
            raise ArgumentError(
                "a look brings its root along, so there is none to choose; choose one for the job "
                "that lends it",
                field="spec.group_from",
            )
        plan = await self.plan(spec)
        request = plan.spec.engine_request(plan.media, work_folder=self.preview_folder)
        command = ProposeRoots(request=request, count=count or DEFAULT_PROPOSED_ROOTS)
        proposal = await self.run_errand(command)
        if not isinstance(proposal, RootProposal):
            raise EngineFaultError("the engine proposed no roots; this is a fault of Via")
        return proposal.candidates

    async def run_errand(self, command: Command) -> Answer | None:
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

    def _queued(self, plan: EditPlan, request_id: str, digest: str) -> Job:
        job = self.ledger.create(plan, request_id=request_id, request_digest=digest)
        self.dispatcher.wake()
        return job

    def _requeued(self, identifier: str) -> Job:
        job = self.ledger.retry(identifier)
        self.dispatcher.wake()
        return job

    async def _probed(self, spec: EditSpec) -> MediaInfo:
        media_file = await asyncio.to_thread(self.access.media_file, spec.source)
        return await self.prober.probe(media_file)

    async def _lender(self, spec: EditSpec) -> Job | None:
        """The job whose look the edit shares, if it names one."""
        if not spec.group_from:
            return None
        return await asyncio.to_thread(self.ledger.read, job_id(spec.group_from))

    def _look_of(self, lender: Job, card: ModelCard) -> SharedLook:
        if lender.spec.model != card.name:
            raise ArgumentError(
                f"{lender.name} was made with model {lender.spec.model} and this edit asks for "
                f"{card.name}; a look is shared on one model only, name the same",
                field="spec.group_from",
            )
        return shared_look(lender, self.ledger.work_folder(lender.id))


def _check_has_model(spec: EditSpec) -> None:
    if spec.identity:
        raise ArgumentError(
            "an identity edit changes nothing, so there is nothing to try; ReadFrame shows frames "
            "as they are",
            field="spec.identity",
        )
