"""The report of a batch as one page that needs nothing else: text, style and pictures within."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape

from resolve_scripts.batch.outcomes import BatchReport, ClipOutcome
from resolve_scripts.batch.report_pictures import FramePair

STATE_WORDS = {"done": "done", "kept": "unchanged", "queued": "queued", "not": "not done"}
STYLE = """
:root { color-scheme: dark; }
body { margin: 0 auto; padding: 2rem 1rem; max-width: 72rem; background: #17181a; color: #e4e4e2;
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.4rem; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.quiet { color: #a9aaad; }
ul.notes { color: #a9aaad; margin: .25rem 0; padding-left: 1.2rem; }
article { border-top: 1px solid #36383c; margin-top: 1.5rem; padding-top: 1.25rem; }
.instruction { font-size: 1.05rem; }
.state { display: inline-block; border-radius: 1rem; padding: 0 .7rem; font-size: .85rem;
  margin-right: .5rem; background: #26452f; color: #b9e6c4; }
.state.not { background: #5a2526; color: #ffc9c5; }
.state.kept, .state.queued { background: #2c3b52; color: #c3daf7; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .75rem 0; }
dt { color: #a9aaad; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.sheet { display: grid; grid-template-columns: 4rem repeat(3, minmax(0, 1fr)); gap: .5rem;
  align-items: center; }
.sheet img { width: 100%; height: auto; display: block; background: #000; }
.sheet span { color: #a9aaad; font-size: .85rem; font-variant-numeric: tabular-nums; }
"""


def report_page(title: str, report: BatchReport, pairs: Mapping[int, Iterable[FramePair]]) -> str:
    """The page as HTML.

    Args:
        title: what was edited.
        report: what became of it.
        pairs: pictures by the position of their clip in the report.
    """
    clips = "\n".join(
        _clip(clip, tuple(pairs.get(index, ()))) for index, clip in enumerate(report.clips)
    )
    done = sum(clip.is_done for clip in report.clips)
    where = f" in {escape(report.timeline.name)}" if report.timeline else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Via: {escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="quiet">{done} of {len(report.clips)} clips are done{where}.</p>
{clips}
</body>
</html>
"""


def _clip(clip: ClipOutcome, pairs: tuple[FramePair, ...]) -> str:
    state, word = clip.state, STATE_WORDS[clip.state]
    instruction = clip.plan.edit.instruction if clip.plan else ""
    parts = [
        "<article>",
        f'<h2><span class="state {state}">{word}</span>{escape(clip.name)}</h2>',
        f'<p class="instruction">“{escape(instruction)}”</p>' if instruction else "",
        f"<p>{escape(str(clip.error))}</p>" if clip.error else "",
        _sheet(pairs),
        _facts(clip),
        _notes(clip),
        "</article>",
    ]
    return "\n".join(part for part in parts if part)


def _sheet(pairs: tuple[FramePair, ...]) -> str:
    if not any(pair.before or pair.after for pair in pairs):
        return ""
    frames = "".join(f"<span>frame {pair.media_frame}</span>" for pair in pairs)
    filler = "<span></span>" * (3 - len(pairs))
    rows = [f"<span></span>{frames}{filler}"]
    for word in ("before", "after"):
        images = "".join(_image(getattr(pair, word), word, pair.media_frame) for pair in pairs)
        rows.append(f"<span>{word}</span>{images}{filler}")
    return f'<div class="sheet">{"".join(rows)}</div>'


def _image(jpeg: bytes, word: str, frame: int) -> str:
    if not jpeg:
        return "<span>not at hand any more</span>"
    data = base64.b64encode(jpeg).decode()
    return f'<img src="data:image/jpeg;base64,{data}" alt="frame {frame} {word} the edit">'


def _facts(clip: ClipOutcome) -> str:
    facts = dict(_plan_facts(clip))
    if clip.is_done:
        record = clip.record
        facts["file"] = str(clip.path)
        facts["seed"] = str(record["seed"])
        seconds = sum(record["stage_seconds"].values())
        facts["made in"] = f"{seconds:.1f} s by {record['job']}"
    if clip.job:
        facts["job"] = clip.job
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items()
    )
    return f"<dl>{rows}</dl>" if rows else ""


def _plan_facts(clip: ClipOutcome) -> Iterable[tuple[str, str]]:
    plan = clip.plan
    if plan is None:
        return
    frames, record = plan.need.frames, plan.need.record_frames
    yield "media", str(plan.media_name)
    yield "media frames", f"{frames.start_frame} to {frames.end_frame_exclusive - 1}"
    yield "on the timeline", f"{plan.edit.place.timecode}, {len(record)} frames"
    yield "model", plan.model


def _notes(clip: ClipOutcome) -> str:
    notes = [*(clip.plan.notes if clip.plan else ()), *clip.record.get("notes", ())]
    items = "".join(f"<li>{escape(note)}</li>" for note in dict.fromkeys(notes))
    return f'<ul class="notes">{items}</ul>' if items else ""
