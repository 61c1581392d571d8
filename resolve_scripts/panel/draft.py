"""An edit as a person puts it together on the page, and as it is remembered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from resolve_scripts.edit_settings import (
    AdaptSettings,
    Box,
    Clicks,
    EditSettings,
    LocalSettings,
    RootChoice,
)
from resolve_scripts.errors import UsageError


class Scope(Enum):
    """How much of the picture an edit may change."""

    AUTO = "auto"
    """What the instruction names, or all of it."""
    PART = "part"
    """What a phrase, a box, clicks or a matte say."""
    WHOLE = "whole"


@dataclass(frozen=True, kw_only=True)
class EditDraft:
    """What to do with a clip.

    Attributes:
        instruction: what to change.
        scope: how much of the picture it may change.
        find: what to look for; counts with `Scope.PART` and without a mask.
        mask: a file, a box or clicks in media frames and pixels of the upright picture.
        adapt: tunes the editor on one edited frame first.
        root: the edited frame to tune on, as it was picked; None leaves the choice to Via.
        seed: same seed, same result.
        steps: denoising steps; None takes the model's own.
        model: name as the server lists it; None takes its default.
        ungraded: reads the clip's media file where Resolve would render grade and effects.
    """

    instruction: str
    scope: Scope = Scope.AUTO
    find: str = ""
    mask: Path | Box | Clicks | None = None
    adapt: bool = False
    root: RootChoice | None = None
    seed: int = 0
    steps: int | None = None
    model: str | None = None
    ungraded: bool = False

    def settings(self) -> EditSettings:
        """The same for the command line's machinery.

        Raises:
            UsageError: part of the picture is to change and nothing says which.
        """
        return EditSettings(
            model=self.model,
            seed=self.seed,
            steps=self.steps,
            local=self._local(),
            adapt=AdaptSettings(root=self.root) if self.adapt else None,
        )

    def without_places(self) -> EditDraft:
        """What of it holds for any clip: no mask that was drawn on one, no root of one."""
        scope = self.scope
        if self.mask is not None:
            scope = Scope.AUTO
        return replace(self, scope=scope, mask=None, root=None)

    def _local(self) -> LocalSettings:
        if self.scope is Scope.WHOLE:
            return LocalSettings(is_global=True)
        if self.scope is Scope.AUTO:
            return LocalSettings()
        if self.mask is not None:
            return LocalSettings(mask=self.mask)
        if not self.find.strip():
            raise UsageError(
                "only a part of the picture is to change, and nothing says which: write what to "
                "look for, draw a box, click on it, or choose a matte",
                reason="MASK_MISSING",
            )
        return LocalSettings(phrase=self.find.strip())


_DRAFTS = TypeAdapter(EditDraft)


def read_draft(values: object) -> EditDraft:
    """A draft from plain JSON values.

    Raises:
        UsageError: they are none.
    """
    try:
        return _DRAFTS.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"this edit cannot be read ({place}: {first['msg']})", reason="DRAFT_INVALID"
        ) from error


def draft_values(draft: EditDraft) -> dict[str, Any]:
    """Plain JSON values of a draft."""
    values: dict[str, Any] = _DRAFTS.dump_python(draft, mode="json")
    return values
