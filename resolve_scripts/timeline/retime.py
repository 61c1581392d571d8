"""Which time effects an item carries, and what they do to its speed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError


def time_scalar(item: otio.core.Item) -> Fraction:
    """Media seconds per second of the item: 1 at normal speed, negative backwards, 0 frozen.

    Raises:
        ClipNotSupportedError: a time effect whose frames cannot be told; the message names it.
    """
    scalar = Fraction(1)
    for effect in item.effects:
        if not getattr(effect, "enabled", True):
            continue
        if isinstance(effect, otio.schema.LinearTimeWarp):
            scalar *= _ratio(effect.time_scalar)
        elif (words := _time_remap(effect)) is not None:
            raise ClipNotSupportedError(
                f"it is retimed by {words}, whose frames a timeline file does not tell; render "
                "the retime first, or edit the clip at a constant speed",
                reason="RETIME_NOT_SUPPORTED",
            )
    return scalar


def is_time_effect(effect: otio.schema.Effect) -> bool:
    """Whether an effect changes which frames are seen."""
    return isinstance(effect, otio.schema.TimeEffect)


def _ratio(scalar: float) -> Fraction:
    """The plain ratio a float speed means: 0.8333333333333334 is 5/6."""
    near = Fraction(scalar).limit_denominator(10_000)
    return near if abs(near - Fraction(scalar)) < Fraction(1, 10**12) else Fraction(scalar)


def _time_remap(effect: otio.schema.Effect) -> str | None:
    """What to call an effect that remaps time unevenly; None for any other effect."""
    if isinstance(effect, otio.schema.TimeEffect):
        return effect.effect_name or effect.name or type(effect).__name__
    fcp = effect.metadata.get("fcp_xml", {})
    if fcp.get("effectid") == "timeremap" and not _is_plain(fcp.get("parameter")):
        return "a time remap"
    return None


def _is_plain(parameters: Any) -> bool:
    """Whether the parameters of a Final Cut time remap leave the speed as it is."""
    listed = [parameters] if hasattr(parameters, "get") else list(parameters or ())
    values = {one.get("parameterid"): str(one.get("value")).upper() for one in listed}
    return (
        values.get("speed") in {"100", "100.0"}
        and values.get("variablespeed", "0") == "0"
        and values.get("reverse", "FALSE") == "FALSE"
    )
