"""`VIA - repeat last edit on selection`: the last edit on every clip found, without a page."""

from __future__ import annotations

import threading

from resolve_scripts.connect import Say
from resolve_scripts.errors import NoClipsError, ViaClientError
from resolve_scripts.panel.bridge_link import closed
from resolve_scripts.panel.clips import Clip
from resolve_scripts.panel.draft import EditDraft
from resolve_scripts.panel.edit_book import PanelEdit
from resolve_scripts.panel.keeper import LOOK_EVERY_S
from resolve_scripts.panel.last_edit import last_edit
from resolve_scripts.panel.panel import Panel
from resolve_scripts.panel.problems import problem_of
from resolve_scripts.panel.telling import edit_values

ENDED = {"failed", "cancelled", "gone"}


def repeat_last_edit(panel: Panel, tell: Say) -> int:
    """Edits what Resolve finds as the last edit did, and places the results.

    Args:
        panel: its parts; the keeper need not run.
        tell: takes a sentence for the person in front of Resolve.

    Returns:
        How many clips were not done; each was told of.

    Raises:
        NoClipsError: there is no edit to repeat, or no clip to edit.
        ViaClientError: there is no server, or Resolve was closed; edits that were begun go on.
    """
    draft = last_edit(panel.state_folder)
    if draft is None:
        raise NoClipsError(
            "there is no edit to repeat yet; choose Workspace > Scripts > VIA and make one",
            reason="NO_LAST_EDIT",
        )
    clips = panel.clips.find("auto")
    if not clips:
        raise NoClipsError("there is no clip at the playhead and none selected; select one")
    tell(f"VIA: “{draft.instruction}” on {len(clips)} clip{'s' if len(clips) > 1 else ''}")
    panel.start_server()
    begun = [edit for clip in clips if (edit := _begun(panel, clip, draft, tell))]
    waiting = list(begun)
    while waiting:
        if panel.bridge is None or not panel.bridge.is_open:
            raise closed()
        panel.keeper.look()
        waiting = [edit for edit in waiting if not _has_ended(panel, edit, tell)]
        threading.Event().wait(LOOK_EVERY_S)
    placed = [edit for edit in begun if _now(panel, edit).placed]
    return len(clips) - len(placed)


def _begun(panel: Panel, clip: Clip, draft: EditDraft, tell: Say) -> PanelEdit | None:
    try:
        return panel.editing.begin(clip, draft, "track")
    except ViaClientError as error:
        problem = problem_of(error)
        tell(f"VIA: {clip.name}: {problem.message}; {problem.next_step}")
        return None


def _has_ended(panel: Panel, begun: PanelEdit, tell: Say) -> bool:
    edit = _now(panel, begun)
    values = edit_values(edit, panel.keeper, is_served=True)
    problem = values["problem"]
    if edit.placed is not None:
        tell(f"VIA: {edit.clip.name}: {values['placed']}, {values['where']}")
    elif problem is not None and (values["state"] in ENDED or edit.problem is not None):
        tell(f"VIA: {edit.clip.name}: {problem['message']}; {problem['next_step']}")
    elif values["state"] not in ENDED:
        return False
    return True


def _now(panel: Panel, edit: PanelEdit) -> PanelEdit:
    return panel.book.get(edit.id) or edit
