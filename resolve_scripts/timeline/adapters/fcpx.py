"""What the FCPXML adapter of OpenTimelineIO reads wrongly, or leaves out without a word.

It cuts rates and times down to whole numbers, so that 23.976 becomes 23 and frame 29 of 25 a second
becomes 28, and it drops dissolves and retimes. So it is given the file with every time a little
late, counted at whole rates, and with clips named by number, by which each is found again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import opentimelineio as otio

from resolve_scripts.errors import OutputError, TimelineError
from resolve_scripts.timeline.rates import exact_rate, spelled

TIME = re.compile(r"(-?\d+)(?:/(\d+))?s")
# Far below a frame, far above what doubles round.
LATE_S = Fraction(1, 1_000_000)
NTSC = Fraction(1001, 1000)
TIMED = ("offset", "start", "duration")
NAMED = ("clip", "asset-clip", "ref-clip")
TAG = "via-fcpx-"


@dataclass(frozen=True, kw_only=True)
class FinalCutFile:
    """A file as it was written, and as the adapter can read it.

    Attributes:
        root: as it was written.
        text: for the adapter.
        slowed: how much slower its rates are than those the adapter is told.
        clips: elements of `root` by the names the adapter is told.
    """

    root: ElementTree.Element
    text: str
    slowed: Fraction
    clips: dict[str, ElementTree.Element]


def read_final_cut(path: Path) -> FinalCutFile:
    """Reads a file for the adapter.

    Raises:
        TimelineError: it is no FCPXML, or counts at several rates, which the adapter cannot.
    """
    try:
        text = path.read_bytes()
        root, told = ElementTree.fromstring(text), ElementTree.fromstring(text)
    except (OSError, ElementTree.ParseError) as error:
        raise TimelineError(f"{path} cannot be read as FCPXML ({error})") from error
    slowed = _slowed(root, path)
    _scale(told, 1 / slowed, late_s=LATE_S)
    clips = dict(_tagged(root, told))
    text_told = ElementTree.tostring(told, encoding="unicode")
    return FinalCutFile(root=root, text=text_told, slowed=slowed, clips=clips)


def complete(timeline: otio.schema.Timeline, file: FinalCutFile) -> None:
    """Gives a timeline of the file its own names, rates, dissolves and retimes, in place.

    Retimes become time effects that are refused by name.
    """
    items: dict[str, list[otio.core.Item]] = {}
    for item in timeline.tracks.find_children(descended_from_type=otio.core.Item):
        if (tag := _untagged(item)) in file.clips:
            items.setdefault(tag, []).append(item)
    for tag, found in items.items():
        words = _retime(file.clips[tag])
        for item in found:
            if isinstance(item, otio.schema.Clip):
                item.name = file.clips[tag].get("name", "")
            if words is not None:
                item.effects.append(otio.schema.TimeEffect(effect_name=words))
    if file.slowed != 1:
        _with_rates(timeline, 1 / file.slowed)
    by_element = {id(file.clips[tag]): found for tag, found in items.items()}
    for before, transition, after in _transitions(file.root):
        _dissolve(transition, by_element.get(id(before), []), by_element.get(id(after), []), after)


def write_final_cut(timeline: otio.schema.Timeline) -> str:
    """A timeline, owned by the caller, as FCPXML.

    Raises:
        OutputError: it counts at rates that the adapter cannot write.
    """
    rates = {exact_rate(time.rate) for range_ in _ranges(timeline) for time in _times(range_)}
    slowed = NTSC if rates and all(rate.denominator == NTSC.numerator for rate in rates) else 1
    if slowed != 1:
        _with_rates(timeline, NTSC)
    text = otio.adapters.write_to_string(timeline, "fcpx_xml")
    root = ElementTree.fromstring(text)
    if any(not each.get("frameDuration") for each in root.iter("format")):
        listed = ", ".join(f"{float(rate):.6g}" for rate in sorted(rates))
        raise OutputError(f"no FCPXML can be written at the rates {listed}; write .otio or .xml")
    if slowed == 1:
        return str(text)
    _scale(root, Fraction(slowed), late_s=Fraction(0))
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n'
    return head + ElementTree.tostring(root, encoding="unicode")


def _slowed(root: ElementTree.Element, path: Path) -> Fraction:
    lengths = {each.get("id"): each.get("frameDuration") for each in root.iter("format")}
    pictures = [each for each in root.iter("asset") if each.get("hasVideo") != "0"]
    used = {each.get("format") for each in (*pictures, *root.iter("sequence"))}
    rates = {1 / length for each in used if (length := _seconds(lengths.get(each)))}
    if len(rates) > 1:
        listed = ", ".join(f"{float(rate):.6g}" for rate in sorted(rates))
        raise TimelineError(
            f"{path} mixes frame rates ({listed} fps), which its reader cannot place; export the "
            "timeline as .otio or FCP7 .xml, or conform its media to one rate"
        )
    rate = next(iter(rates), Fraction(24))
    return NTSC if rate.denominator == NTSC.numerator else Fraction(1)


def _seconds(text: str | None) -> Fraction:
    found = TIME.fullmatch(text or "0s")
    return Fraction(int(found[1]), int(found[2] or 1)) if found else Fraction(0)


def _scale(root: ElementTree.Element, factor: Fraction, *, late_s: Fraction) -> None:
    """Stretches every time in the tree, in place."""
    for element in root.iter():
        for name in TIMED:
            if time_s := _seconds(element.get(name)):
                _set_time(element, name, time_s * factor + (late_s if time_s > 0 else -late_s))
        if length_s := _seconds(element.get("frameDuration")):
            _set_time(element, "frameDuration", length_s * factor)


def _set_time(element: ElementTree.Element, name: str, time_s: Fraction) -> None:
    element.set(name, f"{time_s.numerator}/{time_s.denominator}s")


def _tagged(
    root: ElementTree.Element, told: ElementTree.Element
) -> Iterator[tuple[str, ElementTree.Element]]:
    """Names the clips of `told` by number; the name of each with the same element of `root`."""
    for number, (element, own) in enumerate(zip(root.iter(), list(told.iter()), strict=True)):
        if element.tag not in NAMED:
            continue
        tag = f"{TAG}{number}"
        own.set("name", tag)
        if element.tag == "ref-clip":  # the adapter names it as what it refers to
            mark = ElementTree.Element("marker", {"value": tag, "start": "0s", "duration": "0s"})
            own.insert(0, mark)
        yield tag, element


def _untagged(item: otio.core.Item) -> str:
    """The tag of an item, whose own markers alone are left on it."""
    marks = [str(each.name) for each in item.markers if each.name.startswith(TAG)]
    if marks:
        kept = [each.deepcopy() for each in item.markers if not each.name.startswith(TAG)]
        item.markers.clear()
        item.markers.extend(kept)
    if isinstance(item, otio.schema.Clip):
        return str(item.name)
    return marks[0] if marks else ""  # those after it belong to what lies above it


def _retime(element: ElementTree.Element) -> str | None:
    """What retimes a clip of the file; None for normal speed."""
    for each in (element, *element.findall("video")):
        if each.find("timeMap") is not None:
            return "a Final Cut retime"
        conform = each.find("conform-rate")
        if conform is not None and conform.get("scaleEnabled", "1") == "1":
            return "a Final Cut rate conform"
    return None


def _transitions(
    root: ElementTree.Element,
) -> Iterator[tuple[ElementTree.Element | None, ElementTree.Element, ElementTree.Element | None]]:
    """The transitions of the file between what lies before and after them."""
    for spine in root.iter("spine"):
        children = list(spine)
        for index, child in enumerate(children):
            if child.tag == "transition":
                before = children[index - 1] if index else None
                yield before, child, children[index + 1] if index + 1 < len(children) else None


def _dissolve(
    transition: ElementTree.Element,
    before: list[otio.core.Item],
    after: list[otio.core.Item],
    next_element: ElementTree.Element | None,
) -> None:
    """Puts a transition of the file between the items beside it, in place."""
    start_s, length_s = (_seconds(transition.get(name)) for name in ("offset", "duration"))
    for item in after or before:
        track = item.parent()
        if not isinstance(track, otio.schema.Track) or track.kind != otio.schema.TrackKind.Video:
            continue
        head_s = length_s
        if next_element is not None:
            head_s = max(_seconds(next_element.get("offset")) - start_s, Fraction(0))
        rate = item.trimmed_range().duration.rate
        name = transition.get("name", "")
        kind = "SMPTE_Dissolve" if "dissolve" in name.lower() else "Custom_Transition"
        made = otio.schema.Transition(
            name, kind, spelled(head_s, rate), spelled(max(length_s - head_s, Fraction(0)), rate)
        )
        track.insert(track.index(item) + (0 if after else 1), made)


def _ranges(timeline: otio.schema.Timeline) -> Iterator[otio.opentime.TimeRange]:
    inside = timeline.tracks.find_children(descended_from_type=otio.core.Item)
    for item in (timeline.tracks, *inside):
        if item.source_range is not None:
            yield item.source_range
        if isinstance(item, otio.schema.Clip) and item.media_reference.available_range is not None:
            yield item.media_reference.available_range


def _times(range_: otio.opentime.TimeRange) -> tuple[otio.opentime.RationalTime, ...]:
    return range_.start_time, range_.duration


def _with_rates(timeline: otio.schema.Timeline, factor: Fraction) -> None:
    """Counts the same frames at rates `factor` times as high, in place."""

    def counted(time: otio.opentime.RationalTime) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(time.value, float(exact_rate(time.rate) * factor))

    def shown(range_: otio.opentime.TimeRange) -> otio.opentime.TimeRange:
        return otio.opentime.TimeRange(*map(counted, _times(range_)))

    for item in (timeline.tracks, *timeline.tracks.find_children()):
        if isinstance(item, otio.schema.Transition):
            item.in_offset, item.out_offset = counted(item.in_offset), counted(item.out_offset)
            continue
        if item.source_range is not None:
            item.source_range = shown(item.source_range)
        for marker in item.markers:
            marker.marked_range = shown(marker.marked_range)
        if isinstance(item, otio.schema.Clip):
            for reference in item.media_references().values():
                if reference.available_range is not None:
                    reference.available_range = shown(reference.available_range)
