"""The model service of the contract: the models, and the server itself."""

# ruff: noqa: N802, ARG002 - the contract names the methods and what they are called with

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from grpc import aio
from via.v1 import model_service_pb2 as messages
from via.v1.model_service_pb2_grpc import ModelServiceServicer

from server.config import ServerConfig
from server.convert import model_message
from server.intake import Intake
from server.worker import Worker
from server.worker_process import Load, Unload
from via_engine.config import MAX_INSTRUCTION_CHARACTERS
from via_engine.model_card import ModelCard

API_VERSION = "v1"
DISTRIBUTION = "via-editor"

Context = aio.ServicerContext[Any, Any]


@dataclass(frozen=True, kw_only=True)
class ModelServicer(ModelServiceServicer):
    """The models a server knows, and the server itself."""

    config: ServerConfig
    intake: Intake
    worker: Worker

    async def ListModels(
        self, request: messages.ListModelsRequest, context: Context
    ) -> messages.ListModelsResponse:
        """Lists the models."""
        models = [self._message(card) for card in self.intake.catalog.cards]
        return messages.ListModelsResponse(models=models)

    async def GetModel(
        self, request: messages.GetModelRequest, context: Context
    ) -> messages.GetModelResponse:
        """Reads one model."""
        card = self.intake.catalog.card(request.name)
        return messages.GetModelResponse(model=self._message(card))

    async def LoadModel(
        self, request: messages.LoadModelRequest, context: Context
    ) -> messages.LoadModelResponse:
        """Makes a model resident."""
        card = self.intake.catalog.card(request.name)
        await self.intake.run_errand(Load(model=card.name))
        return messages.LoadModelResponse(model=self._message(card))

    async def UnloadModel(
        self, request: messages.UnloadModelRequest, context: Context
    ) -> messages.UnloadModelResponse:
        """Frees a model."""
        card = self.intake.catalog.card(request.name)
        await self.intake.run_errand(Unload(model=card.name))
        return messages.UnloadModelResponse(model=self._message(card))

    async def GetServerInfo(
        self, request: messages.GetServerInfoRequest, context: Context
    ) -> messages.GetServerInfoResponse:
        """Says what this server is."""
        roots = self.intake.access.media_roots.items()
        return messages.GetServerInfoResponse(
            version=version(DISTRIBUTION),
            api_version=API_VERSION,
            device=self.worker.device,
            default_model=self.intake.card(None).name,
            media_roots=[messages.MediaRoot(root_id=name, path=str(path)) for name, path in roots],
            max_queued_jobs=self.config.max_queued_jobs,
            queued_jobs=await asyncio.to_thread(self.intake.ledger.waiting_count),
            max_instruction_characters=MAX_INSTRUCTION_CHARACTERS,
            process_id=os.getpid(),
        )

    def _message(self, card: ModelCard) -> messages.Model:
        return model_message(card, is_loaded=card.name in self.worker.loaded_models)
