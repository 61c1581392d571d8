"""Edited frames in, steadied ones out, each once its neighbours are there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property

from via_engine.method.pass_through import UnchangedPicture
from via_engine.method.shot import EditedPicture, Picture
from via_engine.picture.composite import LocalPicture
from via_engine.picture.native_size import to_working_size
from via_engine.picture.steady import Change, Ways, steadied, ways_between


class SteadiedPicture:
    """An edited frame with the neighbours it is averaged with.

    That happens when the picture is asked for, in the thread that encodes it, while the model edits
    the next frames.
    """

    def __init__(self, picture: EditedPicture) -> None:
        self.number = picture.number
        self._picture = picture
        self._change = _change(picture)
        self._others: list[tuple[Change, _Motion]] = []

    def meet(self, other: SteadiedPicture) -> None:
        """Makes two frames neighbours, if both were changed."""
        if self._change is None or other._change is None:
            return
        motion = _Motion(self._change, other._change)
        self._others.append((other._change, motion))
        other._others.append((self._change, motion))

    def edited_picture(self) -> EditedPicture:
        """The frame, averaged with the neighbours met."""
        if self._change is None or not self._others:
            return self._picture
        own = self._change
        others = ((other, motion.seen_from(own)) for other, motion in self._others)
        edited = self._picture.round_trip + steadied(own, others)
        return self._picture._replace(edited=edited.clip(0, 1))

    def at_native_size(self) -> Picture | LocalPicture:
        """The same, as `EditedPicture.at_native_size`."""
        return self.edited_picture().at_native_size()


def steady(
    pictures: Iterable[EditedPicture | UnchangedPicture], radius: int
) -> Iterator[SteadiedPicture | UnchangedPicture]:
    """The pictures of consecutive frames of one shot, each `radius` pictures late.

    `radius` neighbours on each side are averaged with each frame; 0 leaves it as it is.
    """
    waiting: deque[SteadiedPicture] = deque()
    for one in pictures:
        if not isinstance(one, EditedPicture):
            yield one
            continue
        latest = SteadiedPicture(one)
        for earlier in waiting:
            latest.meet(earlier)
        waiting.append(latest)
        if len(waiting) > radius:
            yield waiting.popleft()
    yield from waiting


class _Motion:
    """The motion between two frames, looked for once."""

    def __init__(self, one: Change, other: Change) -> None:
        self._one, self._other = one, other

    def seen_from(self, change: Change) -> Ways:
        """From one of the two to the other and back."""
        return self._ways if change is self._one else self._ways.turned()

    @cached_property
    def _ways(self) -> Ways:
        return ways_between(self._one, self._other)


def _change(picture: EditedPicture) -> Change | None:
    """None where nothing of the frame may change: it tells its neighbours nothing."""
    change = picture.edited - picture.round_trip
    if picture.alpha is None:
        return Change(source=picture.small, change=change)
    if not picture.alpha.any():
        return None
    height, width = change.shape[:2]
    reach = to_working_size(picture.alpha, width=width, height=height)
    return Change(source=picture.small, change=change, reach=reach)
