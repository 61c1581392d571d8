"""The options of an edit, shared by commands, and what they say as `EditSettings`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from resolve_scripts.edit_settings import (
    AdaptSettings,
    Attention,
    Blend,
    EditSettings,
    Layers,
    LocalSettings,
    SourceLatents,
)
from resolve_scripts.errors import UsageError
from resolve_scripts.places import own_mask, root_choice, root_image

INT32_MAX = 2**31 - 1
UINT32_MAX = 2**32 - 1
COUNT = {"min": 1, "max": INT32_MAX}
PIXELS = {"min": 0, "max": INT32_MAX, "metavar": "PX"}
DEFAULT_PROPOSED_ROOTS = 6
WHERE = "Where the edit goes"
ADAPT = "Adaptation to one frame of the clip"
LOOK = "Consistency"

Options = TypeVar("Options", bound="EditOptions")


def option(help_text: str, *names: str, panel: str | None = None, **more: Any) -> Any:
    """An option of the command line; without `names` it is called as its field."""
    return typer.Option(*names, help=help_text, rich_help_panel=panel, **more)


@dataclass(frozen=True, kw_only=True)
class EditOptions:
    """What every command that edits lets a person set; as typed, not yet understood."""

    seed: Annotated[int | None, option("Same seed, same result.", min=0, max=UINT32_MAX)] = None
    steps: Annotated[int | None, option("Denoising steps.", **COUNT)] = None
    guidance_scale: Annotated[float | None, option("Weight of the instruction, from 1.")] = None
    image_guidance_scale: Annotated[
        float | None, option("Weight of the source picture, from 1.")
    ] = None
    model: Annotated[str | None, option("Model name; `via doctor` lists them.")] = None
    identity: Annotated[
        bool,
        option("No model: every frame passes through, to prove the conform.", "--identity"),
    ] = False
    h264: Annotated[bool, option("H.264 in .mp4 instead of ProRes.", "--h264")] = False
    lossless: Annotated[bool, option("FFV1 in .mkv instead: sample for sample.", "--lossless")] = (
        False
    )
    is_global: Annotated[bool, option("Edit the whole picture.", "--global", panel=WHERE)] = False
    find: Annotated[
        str | None,
        option("Edit this instead of what the instruction names.", metavar="PHRASE", panel=WHERE),
    ] = None
    dilate: Annotated[
        int | None, option("Pixels by which the mask grows.", panel=WHERE, **PIXELS)
    ] = None
    feather: Annotated[
        int | None, option("Pixels over which its edge fades.", panel=WHERE, **PIXELS)
    ] = None
    blend: Annotated[Blend | None, option("How the edit takes over in the mask.", panel=WHERE)] = (
        None
    )
    source_latents: Annotated[
        SourceLatents | None, option("Where the source's latents come from.", panel=WHERE)
    ] = None
    adapt: Annotated[
        bool | None,
        option("Tune the editor on one edited frame first.", "--adapt/--no-adapt", panel=ADAPT),
    ] = None
    adapt_steps: Annotated[int | None, option("Most tuning steps.", panel=ADAPT, **COUNT)] = None
    adapt_full: Annotated[
        bool, option("Tune all weights, not a LoRA.", "--adapt-full", panel=ADAPT)
    ] = False
    adapter: Annotated[
        Path | None, option("Adapter of an earlier edit.", metavar="FILE", panel=ADAPT)
    ] = None
    roots: Annotated[
        int | None,
        option("Edits of the root frame to choose from.", metavar="N", panel=ADAPT, **COUNT),
    ] = None
    group_size: Annotated[
        int | None, option("Frames the look is gathered from.", panel=LOOK, **COUNT)
    ] = None
    group_from: Annotated[
        str | None, option("Share the look and tuning of that job.", metavar="JOB", panel=LOOK)
    ] = None
    attention: Annotated[
        Attention | None, option("What a frame looks at; for comparison.", panel=LOOK)
    ] = None
    swap_layers: Annotated[
        Layers | None, option("Layers that take the group's look.", panel=LOOK)
    ] = None
    swap_steps: Annotated[
        int | None, option("First steps in which they do.", panel=LOOK, **COUNT)
    ] = None
    steady_frames: Annotated[
        int | None,
        option("Neighbours a frame is steadied with; 0: none.", panel=LOOK, metavar="N", min=0),
    ] = None

    def settings(self) -> EditSettings:
        """What the options say.

        Raises:
            UsageError: two of them contradict each other, or one cannot be read.
        """
        job = self.group_from
        return EditSettings(
            model=self.model,
            seed=self.seed,
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            image_guidance_scale=self.image_guidance_scale,
            group_size=self.group_size,
            group_from=None if job is None else f"jobs/{job.removeprefix('jobs/')}",
            attention=self.attention,
            swap_layers=self.swap_layers,
            swap_steps=self.swap_steps,
            steady_frames=self.steady_frames,
            local=self._local(),
            adapt=self._adapt(),
            identity=self.identity,
            h264=self.h264,
            lossless=self.lossless,
        )

    def _local(self) -> LocalSettings:
        return LocalSettings(
            is_global=self.is_global,
            phrase=self.find,
            dilation_px=self.dilate,
            feather_px=self.feather,
            blend=self.blend,
            source_latents=self.source_latents,
        )

    def _adapt(self) -> AdaptSettings | None:
        """None without adaptation; naming anything of it asks for it."""
        if self.adapter and (self.adapt_steps or self.adapt_full or self.roots):
            raise UsageError(
                "with --adapter nothing is tuned; leave out --adapt-steps, --adapt-full and --roots"
            )
        chosen = AdaptSettings(
            steps=self.adapt_steps,
            full=self.adapt_full,
            candidates=self.roots,
            adapter=self.adapter.absolute() if self.adapter else None,
        )
        return chosen if self._is_adapting(chosen != AdaptSettings()) else None

    def _is_adapting(self, is_named: bool) -> bool:
        if self.adapt is False and is_named:
            raise UsageError("--no-adapt contradicts an option of the adaptation; leave one out")
        return bool(self.adapt or is_named)


@dataclass(frozen=True, kw_only=True)
class ClipOptions(EditOptions):
    """What can be set besides where there is one clip."""

    mask: Annotated[
        Path | None,
        option("Own mask, light where the edit goes: a picture or a clip.", panel=WHERE),
    ] = None
    box: Annotated[
        str | None,
        option("Box around the subject, pixels.", metavar="X0,Y0,X1,Y1[@FRAME]", panel=WHERE),
    ] = None
    point: Annotated[
        list[str] | None,
        option("Point on the subject; repeatable.", metavar="X,Y[@FRAME]", panel=WHERE),
    ] = None
    not_point: Annotated[
        list[str] | None,
        option("Point beside it; repeatable.", metavar="X,Y[@FRAME]", panel=WHERE),
    ] = None
    root: Annotated[
        str | None,
        option("Own picture of a frame as it shall become.", metavar="IMAGE[@FRAME]", panel=ADAPT),
    ] = None
    root_choice: Annotated[
        str | None,
        option("A root that --pick showed.", metavar="FRAME:SEED:G:IG", panel=ADAPT),
    ] = None
    pick: Annotated[bool, option("Look at the --roots and choose one.", "--pick", panel=ADAPT)] = (
        False
    )
    save_adapter: Annotated[
        Path | None, option("Keep the adapter in this file.", metavar="FILE", panel=ADAPT)
    ] = None

    @property
    def proposed_roots(self) -> int | None:
        """Roots to choose from by eye; None when nobody wants to."""
        return (self.roots or DEFAULT_PROPOSED_ROOTS) if self.pick else None

    def _local(self) -> LocalSettings:
        plain = super()._local()
        mask = own_mask(self.mask, self.box, self.point or (), self.not_point or ())
        if mask is not None and (self.is_global or self.find):
            raise UsageError("with a mask of your own leave out --global and --find")
        return replace(plain, mask=mask)

    def _adapt(self) -> AdaptSettings | None:
        named = [name for name in ("root", "root_choice", "pick", "adapter") if getattr(self, name)]
        if len(named) > 1:
            flags = " and ".join(f"--{name.replace('_', '-')}" for name in named)
            raise UsageError(f"{flags} each decide the root; give one of them")
        if self.roots and (self.root or self.root_choice):
            raise UsageError("the root is given; leave out --roots")
        root = root_choice(self.root_choice) if self.root_choice else None
        chosen = replace(
            super()._adapt() or AdaptSettings(), root=root_image(self.root) if self.root else root
        )
        is_named = chosen != AdaptSettings() or self.pick or self.save_adapter is not None
        return chosen if self._is_adapting(is_named) else None


def with_options(
    kind: type[Options], name: str = "options"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of `kind`, one parameter each, and hands them over as one.

    The command line is made from a function's signature; a command that takes `options: kind`
    gets one in which the fields of `kind` stand in its place.
    """
    hints = get_type_hints(kind, include_extras=True)
    own = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        others = [each for each in signature.parameters.values() if each.name != name]

        @wraps(command)
        def run(**given: Any) -> None:
            chosen = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            command(**given, **{name: chosen})

        parameters = sorted([*others, *own], key=lambda each: each.kind)
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate
