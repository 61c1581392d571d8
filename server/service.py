"""The job service of the contract: convert, call, convert back."""

# ruff: noqa: N802, ARG002 - the contract names the methods and what they are called with

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from grpc import aio
from via.v1 import edit_pb2
from via.v1 import job_service_pb2 as messages
from via.v1.job_service_pb2_grpc import JobServiceServicer

from server.convert import (
    candidate_message,
    frame_request,
    job_message,
    picture_message,
    result_part,
    states,
    upload_parts,
    view_message,
    watch_message,
)
from server.convert_edit import edit_spec, plan_message
from server.edit_spec import EditSpec
from server.inline_pictures import with_pictures_kept
from server.intake import Intake
from server.jobs import job_id
from server.paging import page_limit, page_start, page_token
from server.results import read_result
from server.root_sheet import root_sheet
from server.uploads import Uploads
from server.viewing import FrameViewer
from server.watching import JobWatcher

Context = aio.ServicerContext[Any, Any]


@dataclass(frozen=True, kw_only=True)
class JobServicer(JobServiceServicer):
    """Edits as long-running jobs."""

    intake: Intake
    watcher: JobWatcher
    uploads: Uploads
    viewer: FrameViewer

    async def CreateJob(
        self, request: messages.CreateJobRequest, context: Context
    ) -> messages.CreateJobResponse:
        """Queues an edit."""
        spec = await self._spec(request.spec)
        job = await self.intake.create(spec, request_id=request.request_id)
        return messages.CreateJobResponse(job=job_message(job))

    async def GetJob(
        self, request: messages.GetJobRequest, context: Context
    ) -> messages.GetJobResponse:
        """Reads one job."""
        job = await asyncio.to_thread(self.intake.ledger.read, job_id(request.name))
        return messages.GetJobResponse(job=job_message(job))

    async def ListJobs(
        self, request: messages.ListJobsRequest, context: Context
    ) -> messages.ListJobsResponse:
        """Lists jobs, newest first."""
        limit, before = page_limit(request.page_size), page_start(request.page_token)
        # One more than the page holds tells whether another page follows.
        found = await asyncio.to_thread(
            self.intake.store.page, limit=limit + 1, before=before, states=states(request.states)
        )
        page = found[:limit]
        return messages.ListJobsResponse(
            jobs=[job_message(job) for _, job in page],
            next_page_token=page_token(page[-1][0]) if len(found) > limit else "",
        )

    async def WatchJob(
        self, request: messages.WatchJobRequest, context: Context
    ) -> AsyncIterator[messages.WatchJobResponse]:
        """Follows a job."""
        watching = self.watcher.watch(job_id(request.name), request.after_sequence)
        async with aclosing(watching) as events:
            async for event in events:
                yield watch_message(event)

    async def CancelJob(
        self, request: messages.CancelJobRequest, context: Context
    ) -> messages.CancelJobResponse:
        """Asks a job to stop."""
        job = await asyncio.to_thread(self.intake.ledger.cancel, job_id(request.name))
        return messages.CancelJobResponse(job=job_message(job))

    async def RetryJob(
        self, request: messages.RetryJobRequest, context: Context
    ) -> messages.RetryJobResponse:
        """Queues an ended job again."""
        return messages.RetryJobResponse(job=job_message(await self.intake.retry(request.name)))

    async def DeleteJob(
        self, request: messages.DeleteJobRequest, context: Context
    ) -> messages.DeleteJobResponse:
        """Removes an ended job."""
        await asyncio.to_thread(self.intake.ledger.delete, job_id(request.name))
        return messages.DeleteJobResponse()

    async def ValidateEdit(
        self, request: messages.ValidateEditRequest, context: Context
    ) -> messages.ValidateEditResponse:
        """Says what an edit would do."""
        plan = await self.intake.estimated_plan(await self._spec(request.spec))
        return messages.ValidateEditResponse(plan=plan_message(plan))

    async def PreviewFrame(
        self, request: messages.PreviewFrameRequest, context: Context
    ) -> messages.PreviewFrameResponse:
        """Edits a single frame."""
        picture = await self.intake.preview(await self._spec(request.spec), request.frame)
        return picture_message(picture)

    async def ReadFrame(
        self, request: messages.ReadFrameRequest, context: Context
    ) -> messages.ReadFrameResponse:
        """Shows a single frame as it is."""
        return view_message(await self.viewer.view(frame_request(request)))

    async def ProposeRoots(
        self, request: messages.ProposeRootsRequest, context: Context
    ) -> AsyncIterator[messages.ProposeRootsResponse]:
        """Edits root frames in several ways."""
        spec = await self._spec(request.spec)
        candidates = await self.intake.propose_roots(spec, request.count)
        for candidate in candidates:
            yield candidate_message(candidate)
        sheet = await asyncio.to_thread(root_sheet, candidates)
        yield messages.ProposeRootsResponse(sheet_png=sheet)

    async def UploadMedia(
        self, request_iterator: AsyncIterator[messages.UploadMediaRequest], context: Context
    ) -> messages.UploadMediaResponse:
        """Takes a file."""
        receipt = await self.uploads.receive(upload_parts(request_iterator))
        return messages.UploadMediaResponse(
            upload_id=receipt.upload_id, size_bytes=receipt.size_bytes, sha256=receipt.sha256
        )

    async def ReadResult(
        self, request: messages.ReadResultRequest, context: Context
    ) -> AsyncIterator[messages.ReadResultResponse]:
        """Reads the finished clip, or the adapter."""
        job = await asyncio.to_thread(self.intake.ledger.read, job_id(request.name))
        pieces = read_result(
            job,
            result_part(request.part),
            offset_bytes=request.offset_bytes,
            limit_bytes=request.limit_bytes,
        )
        async with aclosing(pieces):
            async for data in pieces:
                yield messages.ReadResultResponse(data=data)

    async def _spec(self, message: edit_pb2.EditSpec) -> EditSpec:
        return edit_spec(await with_pictures_kept(message, self.uploads))
