"""Pictures that come inside a message: kept as uploads, and named as such from then on."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from via.v1 import edit_pb2

from server.errors import ArgumentError
from server.uploads import MAX_PIECE_BYTES, Uploads

MAX_PICTURE_BYTES = 3 << 20


async def with_pictures_kept(message: edit_pb2.EditSpec, uploads: Uploads) -> edit_pb2.EditSpec:
    """The edit with a still mask and a root image as uploads; the same picture is the same upload.

    Raises:
        ArgumentError: a picture is empty or larger than `MAX_PICTURE_BYTES`.
        DiskFullError: no space is left.
    """
    kept = edit_pb2.EditSpec()
    kept.CopyFrom(message)
    mask, image = kept.local.own_mask, kept.adapt.root_image
    if message.local.own_mask.WhichOneof("mask") == "still_picture":
        field = "spec.local.own_mask.still_picture"
        mask.still.upload_id = await _kept(mask.still_picture, uploads, field=field)
    if message.adapt.root_image.WhichOneof("image") == "picture":
        field = "spec.adapt.root_image.picture"
        image.file.upload_id = await _kept(image.picture, uploads, field=field)
    return kept


async def _kept(picture: bytes, uploads: Uploads, *, field: str) -> str:
    if not 0 < len(picture) <= MAX_PICTURE_BYTES:
        raise ArgumentError(
            f"{len(picture)} bytes; send 1 to {MAX_PICTURE_BYTES}, a larger picture with "
            "UploadMedia",
            field=field,
        )
    name = f"{hashlib.sha256(picture).hexdigest()[:16]}.picture"
    receipt = await uploads.receive(_parts(name, picture))
    return receipt.upload_id


async def _parts(name: str, picture: bytes) -> AsyncIterator[str | bytes]:
    yield name
    for start in range(0, len(picture), MAX_PIECE_BYTES):
        yield picture[start : start + MAX_PIECE_BYTES]
