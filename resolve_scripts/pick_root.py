"""A root chosen by eye: candidates on a contact sheet, and the number a person types."""

from __future__ import annotations

from pathlib import Path

from via.v1 import adapt_pb2, edit_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.errors import OutputError, RootNotChosenError, UsageError
from resolve_scripts.progress import Reporter


def pick_root(
    client: ViaClient, spec: edit_pb2.EditSpec, count: int, sheet: Path, reporter: Reporter
) -> adapt_pb2.RootChoice:
    """Has roots proposed, shows them, and asks which to take.

    Args:
        client: the server.
        spec: the edit.
        count: candidates wanted.
        sheet: where the contact sheet goes; the folder exists.
        reporter: tells the candidates and asks.

    Raises:
        RootNotChosenError: nobody sits at a terminal; the message says how to choose afterwards.
        OutputError: the sheet cannot be written.
    """
    reporter.note(f"editing {count} roots to choose from")
    proposal = client.propose_roots(spec, count)
    _write(sheet, proposal.sheet_png)
    reporter.note(f"contact sheet: {sheet}")
    for number, candidate in enumerate(proposal.candidates, 1):
        reporter.note(f"  {number:>2}  {candidate_text(candidate)}")
    total = len(proposal.candidates)
    while (answer := reporter.ask(f"root to take, 1 to {total} (Enter takes 1): ")) is not None:
        chosen = answer or "1"
        if chosen.isdecimal() and 1 <= int(chosen) <= total:
            return proposal.candidates[int(chosen) - 1].choice
        reporter.note(f"{chosen!r} is no number from 1 to {total}")
    raise RootNotChosenError(
        f"nobody chose a root at a terminal; look at {sheet} and run the command again with "
        f"--root-choice in place of --pick, such as: {choice_option(proposal.candidates[0].choice)}"
    )


def candidate_text(candidate: adapt_pb2.RootCandidate) -> str:
    """Such as "score 1.25  --root-choice 12:3:7.5:1.5"; what it failed stands behind."""
    text = f"score {candidate.score:6.2f}  {choice_option(candidate.choice)}"
    return text if candidate.is_sound else f"{text}  ({candidate.fault})"


def choice_option(choice: adapt_pb2.RootChoice) -> str:
    """The option that takes a candidate without asking."""
    # In full: a rounded weight would give another root.
    scales = f"{choice.guidance_scale!r}:{choice.image_guidance_scale!r}"
    return f"--root-choice {choice.frame}:{choice.seed}:{scales}"


def check_proposal_count(count: int) -> None:
    """Refuses a number of candidates nobody can look at.

    Raises:
        UsageError: it is not between 1 and 24.
    """
    if not 1 <= count <= 24:
        raise UsageError(f"--pick shows 1 to 24 roots, not {count}; give --roots N within that")


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot write {path} ({error.strerror}); choose another -o") from error
