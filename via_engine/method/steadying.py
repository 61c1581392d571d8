"""Edited frames in, steadied ones out, each once its neighbours are there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from via_engine.method.pass_through import UnchangedPicture
from via_engine.method.shot import EditedPicture
from via_engine.picture.native_size import to_working_size
from via_engine.picture.steady import Change, Ways, steadied, ways_between


def steady(
    pictures: Iterable[EditedPicture | UnchangedPicture], radius: int
) -> Iterator[EditedPicture | UnchangedPicture]:
    """The pictures of consecutive frames of one shot, each `radius` pictures late.

    `radius` neighbours on each side are averaged with each frame; 0 leaves it as it is.
    """
    waiting: deque[_Waiting] = deque()
    for one in pictures:
        if not isinstance(one, EditedPicture):
            yield one
            continue
        latest = _Waiting(one)
        for earlier in waiting:
            latest.meet(earlier)
        waiting.append(latest)
        if len(waiting) > radius:
            yield waiting.popleft().steadied()
    for last in waiting:
        yield last.steadied()


class _Waiting:
    """A frame whose neighbours are still to come."""

    def __init__(self, picture: EditedPicture) -> None:
        self._picture = picture
        self._change = _change(picture)
        self._others: list[tuple[Change, Ways]] = []

    def meet(self, other: _Waiting) -> None:
        """Makes two frames neighbours, if both were changed."""
        if self._change is None or other._change is None:
            return
        ways = ways_between(self._change, other._change)
        self._others.append((other._change, ways))
        other._others.append((self._change, ways.turned()))

    def steadied(self) -> EditedPicture:
        """The frame, averaged with the neighbours met."""
        if self._change is None or not self._others:
            return self._picture
        edited = self._picture.round_trip + steadied(self._change, self._others)
        return self._picture._replace(edited=edited.clip(0, 1))


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
