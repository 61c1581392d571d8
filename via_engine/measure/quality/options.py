"""The options of `via bench quality`."""

from __future__ import annotations

import argparse
from pathlib import Path

from via_engine.measure.arguments import folder_path, part_of, picture_path, positive
from via_engine.measure.quality.bench import (
    FULL_CLIPS,
    FULL_FRAMES,
    QUICK_CLIPS,
    QUICK_FRAMES,
    VARIANT_NAMES,
)
from via_engine.measure.quality.drift import LONG_FRAMES
from via_engine.measure.quality.pair import PAIR_FRAMES


def add_quality_options(command: argparse.ArgumentParser) -> None:
    """Adds an option for every attribute of `QualityOptions`."""
    _add_subject_options(command)
    command.add_argument(
        "--full",
        action="store_true",
        help=f"{FULL_CLIPS} clips of {FULL_FRAMES} frames instead of {QUICK_CLIPS} of "
        f"{QUICK_FRAMES}; hours on a processor",
    )
    command.add_argument("--scenes", type=positive, metavar="N", help="another number of clips")
    command.add_argument(
        "--frames", type=positive, metavar="N", help="another number of frames of each clip"
    )
    command.add_argument(
        "--variants",
        nargs="+",
        choices=VARIANT_NAMES,
        default=VARIANT_NAMES,
        metavar="VARIANT",
        help=f"only these, of {', '.join(VARIANT_NAMES)}",
    )
    command.add_argument(
        "--adapt-steps",
        type=positive,
        metavar="N",
        help="most steps of adaptation (default: the model's own)",
    )
    command.add_argument(
        "--dtype",
        choices=("auto", "float32", "bfloat16", "float16"),
        default="auto",
        help="of the editor (default: auto, which is bfloat16 where the device is fast at it; a "
        "server on a processor takes float32)",
    )
    command.add_argument(
        "--instruction", default="", metavar="TEXT", help="what is asked of the clips of --clips"
    )
    _add_running_options(command)
    command.add_argument(
        "--plot", type=picture_path, metavar="FILE.png", help="write the figures there as a plot"
    )
    command.add_argument(
        "--sheet",
        type=picture_path,
        metavar="FILE.png",
        help="write frames of the first clip measured now, a row for each variant; none where "
        "--keep holds them all",
    )


def _add_running_options(command: argparse.ArgumentParser) -> None:
    """How hours of measuring are shared out and kept."""
    command.add_argument(
        "--keep",
        type=folder_path,
        metavar="FOLDER",
        help="keep each clip's figures there and go on after those it holds; a folder of its own "
        "for each version of Via",
    )
    command.add_argument(
        "--part",
        type=part_of,
        default=(1, 1),
        metavar="K/N",
        help="only every Nth clip, from the Kth; N runs that share a --keep measure side by side",
    )
    command.add_argument(
        "--processes",
        type=positive,
        metavar="N",
        help="measure so many clips at once, which share the cores (default: up to four on a "
        "processor, one on a GPU or with --part)",
    )


def _add_subject_options(command: argparse.ArgumentParser) -> None:
    """What is measured instead of held-out scenes; one of them at most."""
    subject = command.add_mutually_exclusive_group()
    subject.add_argument(
        "--pair",
        nargs=2,
        type=Path,
        default=(),
        metavar=("SOURCE", "EDIT"),
        help=f"measure somebody's edit of a clip; nothing is edited ({PAIR_FRAMES} frames)",
    )
    subject.add_argument(
        "--clips", type=folder_path, metavar="FOLDER", help="edit footage, without truth"
    )
    subject.add_argument(
        "--long",
        action="store_true",
        help=f"edit one clip of {LONG_FRAMES} frames and look for drift",
    )
