"""Which jobs a batch needs: clips that ask for the very same frames share one.

Clips that freeze the same frame share one too, held as long as the longest of them needs it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from via.v1 import edit_pb2

from resolve_scripts.batch.clip_plan import ClipPlan, Planned
from resolve_scripts.outputs import file_stem

# Names the requests of batches among all UUIDs: the same render is the same job, today and later.
REQUESTS = uuid.UUID("5b8d1f5e-6d0e-4c55-9a4c-9d7f9a0a7a11")


@dataclass(frozen=True, kw_only=True)
class Render:
    """One job of a batch.

    Attributes:
        key: hex digest of all that decides its pictures; the same key is the same result.
        number: position of its first clip in the batch, from 1.
        clips: the clips that share it, in timeline order.
        look_of: key of the render whose look it shares; None has a look of its own.
    """

    key: str
    number: int
    clips: tuple[ClipPlan, ...]
    look_of: str | None = None

    @property
    def spec(self) -> edit_pb2.EditSpec:
        """The edit, the look it shares left out."""
        return self.clips[0].spec

    @property
    def frame_count(self) -> int:
        """Frames it edits."""
        return self.clips[0].need.frames.frame_count

    @property
    def stem(self) -> str:
        """How its file begins."""
        return f"{self.number:02d}_{file_stem(self.clips[0].edit.clip.name)}_via"

    @property
    def request_id(self) -> str:
        """UUID by which a server knows the job again."""
        return str(uuid.uuid5(REQUESTS, self.key))


def held_alike(clips: Sequence[tuple[str, Planned]]) -> tuple[tuple[str, Planned], ...]:
    """The clips; those that freeze the same frame hold it as long as the longest of them."""
    longest: dict[str, int] = {}
    keys: dict[ClipPlan, str] = {}
    for _, plan in clips:
        if isinstance(plan, ClipPlan) and plan.need.hold is not None:
            keys[plan] = key = _key(plan.held(0), "")
            longest[key] = max(longest.get(key, 0), plan.need.hold.frame_count)
    held = {plan: plan.held(longest[key]) for plan, key in keys.items()}
    return tuple(
        (name, held.get(plan, plan) if isinstance(plan, ClipPlan) else plan) for name, plan in clips
    )


def renders_of(plans: Iterable[ClipPlan], *, same_look: bool) -> tuple[Render, ...]:
    """The jobs for the plans, in the order of their first clips.

    Args:
        plans: one a clip, in timeline order.
        same_look: lets renders that differ in media and frames only share the look of the first.
    """
    found: dict[str, Render] = {}
    leaders: dict[bytes, str] = {}
    for number, plan in enumerate(plans, 1):
        look_of = leaders.get(_look(plan)) if same_look and _can_share(plan) else None
        own = _key(plan, "")
        if look_of is None or look_of == own:
            look_of, key = None, own
            leaders.setdefault(_look(plan), key)
        else:
            key = _key(plan, look_of)
        if key in found:
            found[key] = replace(found[key], clips=(*found[key].clips, plan))
        else:
            found[key] = Render(key=key, number=number, clips=(plan,), look_of=look_of)
    return tuple(found.values())


def _key(plan: ClipPlan, look_of: str) -> str:
    digest = hashlib.sha256(plan.spec.SerializeToString(deterministic=True))
    digest.update(f" {plan.source_hash} {look_of}".encode())
    return digest.hexdigest()


def _look(plan: ClipPlan) -> bytes:
    """What renders of one look have in common: all but media and frames."""
    spec = edit_pb2.EditSpec()
    spec.CopyFrom(plan.spec)
    for field in ("source", "frame_range", "hold_frames", "group_size"):
        spec.ClearField(field)
    return spec.SerializeToString(deterministic=True) + repr(plan.working_px).encode()


def _can_share(plan: ClipPlan) -> bool:
    spec = plan.spec
    return not (spec.identity or spec.group_from or spec.HasField("group_range"))
