"""Encoding beside the model: a chunk is written while the next frames are still being edited."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

from via_engine.edit_request import FinishedChunk
from via_engine.media_types import FrameRange
from via_engine.method.pass_through import PassThrough, UnchangedPicture
from via_engine.method.shot import Picture, Shot
from via_engine.method.steadying import SteadiedPicture
from via_engine.picture.composite import LocalPicture
from via_engine.picture.encode import write_chunk


class ChunkEncoder:
    """Encodes one chunk in a thread of its own while the model edits the next frames.

    At most `ahead` pictures wait. Leaving the context before `finish` gives the chunk up. The chunk
    that ends the request's range holds its last picture as often as the request says.
    """

    def __init__(self, shot: Shot | PassThrough, index: int, part: FrameRange, ahead: int) -> None:
        request = shot.request
        is_last = part.end_frame_exclusive == request.frame_range.end_frame_exclusive
        self._shot = shot
        self._index = index
        self._part = part
        self._repeats = request.repeats if is_last else 0
        self._last: SteadiedPicture | UnchangedPicture | None = None
        self._waiting: Queue[SteadiedPicture | UnchangedPicture | None] = Queue(maxsize=ahead)
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._chunk = self._thread.submit(self._write)

    def __enter__(self) -> ChunkEncoder:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._chunk.done():
            self._waiting.put(None)
        self._thread.shutdown()

    def add(self, picture: SteadiedPicture | UnchangedPicture) -> None:
        """Hands over the next picture; waits while `ahead` others are before it."""
        self._last = picture
        self._waiting.put(picture)

    def finish(self, check: Callable[[], None]) -> FinishedChunk:
        """The durable chunk, once all its pictures were added.

        `check` is called before each further showing of a picture that is held.
        """
        if self._last is not None:
            for _ in range(self._repeats):
                check()
                self._waiting.put(self._last)
        self._waiting.put(None)
        return self._chunk.result()

    def _write(self) -> FinishedChunk:
        pictures: Iterator[SteadiedPicture | UnchangedPicture] = iter(self._waiting.get, None)
        try:
            return write_chunk(
                self._shot.request.work_folder,
                self._index,
                self._part,
                _at_native_size(pictures),
                self._shot.geometry,
                self._shot.request.output_format,
                self._repeats,
            )
        finally:
            # After a failure the other side must not wait for room in the queue.
            deque(pictures, maxlen=0)


def _at_native_size(
    pictures: Iterator[SteadiedPicture | UnchangedPicture],
) -> Iterator[Picture | LocalPicture]:
    """Each picture at the size of its source; one that is held is made once."""
    last: SteadiedPicture | UnchangedPicture | None = None
    for picture in pictures:
        if picture is not last:
            last, native = picture, picture.at_native_size()
        yield native
