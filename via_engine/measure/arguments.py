"""Types of command-line arguments that several benchmarks take."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def seed(text: str) -> int:
    """0 or more; far enough below what a generator of torch takes to count on from there."""
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is no seed; give one from 0 to {2**32 - 1}")
    return number


def positive(text: str) -> int:
    """1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few; give 1 or more")
    return number


def picture_path(text: str) -> Path:
    """Where a PNG can be written."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text} does not end in .png, the format that is written")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder of {text} does not exist; make it first")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder; give the name of a file")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written; check its permissions")
    return path


def folder_path(text: str) -> Path:
    """A folder that exists."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder; make it or check the path")
    return path


def part_of(text: str) -> tuple[int, int]:
    """K/N: the Kth of N parts, from 1."""
    part, _, parts = text.partition("/")
    found = int(part), int(parts)
    if not 1 <= found[0] <= found[1]:
        raise argparse.ArgumentTypeError(f"{text} is no part; 1/2 is the first of two")
    return found
