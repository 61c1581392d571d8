"""The same folder under two names: a timeline's paths and this machine's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from resolve_scripts.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class PathMap:
    """Folders as the timeline names them, each with its name on this machine.

    Slashes may lean either way, and drive letters compare without case. The first pair that fits
    counts.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    def here(self, path: str) -> str:
        """A path of the timeline as this machine names it; as it is when no pair fits."""
        for there, here in self.pairs:
            if (rest := _below(path, there)) is not None:
                return f"{here.rstrip('/')}/{rest}" if rest else here
        return path

    def there(self, path: Path) -> str:
        """A path of this machine as the timeline names it; as it is when no pair fits."""
        for there, here in self.pairs:
            if (rest := _below(path.as_posix(), here)) is not None:
                slash = "\\" if "\\" in there else "/"
                return slash.join([there.rstrip("/\\"), *PurePosixPath(rest).parts])
        return path.as_posix()


def path_map(pairs: Iterable[str]) -> PathMap:
    """The map that `FROM=TO` texts mean, such as `D:\\media=/mnt/media`.

    Raises:
        UsageError: a text has no "=", or a side of it is empty.
    """
    split = [text.rpartition("=") for text in pairs]
    for there, _, here in split:
        if not (there and here):
            raise UsageError(
                f"--map {there or here!r} is no pair of folders; give FROM=TO, the folder as the "
                r"timeline names it and as this machine does, such as D:\media=/mnt/media"
            )
    return PathMap(pairs=tuple((there, str(Path(here).absolute())) for there, _, here in split))


def is_foreign(path: str) -> bool:
    """Whether a path is one of Windows, with a drive letter or a share."""
    return path[1:3] in {":\\", ":/"} or path.startswith("\\\\")


def _below(path: str, folder: str) -> str | None:
    """What is left of `path` below `folder`; None when it lies elsewhere."""
    path, folder = path.replace("\\", "/"), folder.replace("\\", "/").rstrip("/")
    same = path.startswith(folder)
    if not same and is_foreign(folder + "/"):
        same = path.lower().startswith(folder.lower())
    rest = path[len(folder) :]
    return rest.lstrip("/") if same and rest[:1] in {"", "/"} else None
