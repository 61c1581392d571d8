"""What goes wrong, in words for the page: what happened, and the next step."""

from __future__ import annotations

from resolve_scripts.errors import (
    NEXT_STEPS,
    ResolveRefusedError,
    ServerStartError,
    ServerUnreachableError,
    ViaClientError,
)
from resolve_scripts.panel.edit_book import Problem

# Steps on this page against what the server refuses; its own words cannot know them.
STEPS = {
    "QUEUE_FULL": "wait until an edit in the list has ended, then try again",
    "TOKEN_INVALID": "ask who runs the server for its token, put it into the environment variable "
    "VIA_TOKEN, and open VIA again",
    "MODEL_UNKNOWN": "choose another model under Settings",
    "MODEL_INTEGRITY": "copy the model's files anew, or choose another model under Settings",
    "SUBJECT_NOT_FOUND": "choose “Part of it” and name it in other words or draw a box around it, "
    "or choose “All of it”",
}
# The same where the server's words name no step at all.
MISSING_STEPS = {
    "MEDIA_NOT_FOUND": "connect the disk, or relink the clip, and look for clips again",
}


def problem_of(error: ViaClientError) -> Problem:
    """An error in the page's words."""
    if isinstance(error, ResolveRefusedError):
        return Problem(reason=error.reason, message=error.what, next_step=error.next_step)
    if isinstance(error, ServerUnreachableError) and not isinstance(error, ServerStartError):
        return Problem(
            reason=error.reason,
            message="no Via server answers",
            next_step="start it; edits that were running or waiting go on then",
        )
    return told_problem(error.reason, str(error))


def told_problem(reason: str, text: str) -> Problem:
    """A failure told as one text, "what; what to do", with the page's own step where it has one."""
    # The command line's options help nobody here.
    what, _, step = text.removesuffix(f"; {NEXT_STEPS.get(reason, '')}").partition("; ")
    step = STEPS.get(reason) or step or MISSING_STEPS.get(reason, "")
    return Problem(reason=reason, message=what, next_step=step)
