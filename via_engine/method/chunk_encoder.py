"""Encoding beside the model: a chunk is written while the next frames are still being edited."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

from via_engine.edit_types import FinishedChunk, FrameRange
from via_engine.method.pass_through import PassThrough, UnchangedPicture
from via_engine.method.shot import EditedPicture, Shot
from via_engine.picture.encode import write_chunk


class ChunkEncoder:
    """Encodes one chunk in a thread of its own while the model edits the next frames.

    At most `ahead` pictures wait. Leaving the context before `finish` gives the chunk up.
    """

    def __init__(self, shot: Shot | PassThrough, index: int, part: FrameRange, ahead: int) -> None:
        self._shot = shot
        self._index = index
        self._part = part
        self._waiting: Queue[EditedPicture | UnchangedPicture | None] = Queue(maxsize=ahead)
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._chunk = self._thread.submit(self._write)

    def __enter__(self) -> ChunkEncoder:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._chunk.done():
            self._waiting.put(None)
        self._thread.shutdown()

    def add(self, picture: EditedPicture | UnchangedPicture) -> None:
        """Hands over the next picture; waits while `ahead` others are before it."""
        self._waiting.put(picture)

    def finish(self) -> FinishedChunk:
        """The durable chunk, once all its pictures were added."""
        self._waiting.put(None)
        return self._chunk.result()

    def _write(self) -> FinishedChunk:
        pictures: Iterator[EditedPicture | UnchangedPicture] = iter(self._waiting.get, None)
        try:
            return write_chunk(
                self._shot.request.work_folder,
                self._index,
                self._part,
                (picture.at_native_size() for picture in pictures),
                self._shot.geometry,
                self._shot.request.output_format,
            )
        finally:
            # After a failure the other side must not wait for room in the queue.
            deque(pictures, maxlen=0)
