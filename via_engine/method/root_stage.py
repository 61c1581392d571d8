"""From a clip to an adapted editor: choose or read the root pair, tune on it, keep the adapter.

A root that a person chose or painted is what they want: the editor is tuned to it, and it joins the
attention group as the anchor that the other frames look at. Of a root that was chosen by figures
nobody knows that, so a rehearsal decides what the clip is sampled with, and whether the tuning
stays on at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from via_engine.edit_events import EditEvent, EditorAdapted, Note, RootCandidate
from via_engine.edit_settings import ADAPTER_FILE_NAME, AdaptSettings, RootChoice, RootImage
from via_engine.errors import RootError, VisionLanguageError
from via_engine.method.adaptation import RootPair, tune
from via_engine.method.adapter import Adapter, load_adapter, save_adapter
from via_engine.method.adapter_cache import AdapterCache, AdapterSettings
from via_engine.method.clip import Clip
from via_engine.method.edit_area import EditArea, upright_size
from via_engine.method.rehearsal import WATCHED, Rehearsal, samplings
from via_engine.method.root_frame import RootFrame, best_root_frames
from via_engine.method.root_pair import (
    RootCandidateEdit,
    RootQuestion,
    judged,
    propose_roots,
    root_choices,
    root_pair_from_image,
)
from via_engine.method.shot import frame_edit
from via_engine.models.critic import Critic
from via_engine.models.vision_answers import Preference
from via_engine.models.vision_language import VisionLanguage
from via_engine.picture.decode import read_frames_at
from via_engine.picture.durable_file import sha256_of
from via_engine.picture.native_size import to_working_size
from via_engine.picture.still import encode_png, read_still

_ROOT_FRAMES = 1
# Below this a person should look.
_LEAST_OPINION = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class RootStage:
    """Everything the choice of a root and the tuning on it need.

    `area` is where the frames of the look's clip may change; None is the whole picture. `check`
    is called before every step and raises to stop.
    """

    clip: Clip
    area: EditArea | None
    critic: Critic
    check: Callable[[], None]

    def adapter(
        self, adapters: AdapterCache, folder: Path | None
    ) -> Generator[EditEvent, None, Adapter]:
        """The adapter of the request: from its file, the cache, or tuned now.

        With a folder it is left there, for `AdaptSettings.adapter` of another edit, and told. One
        that an earlier attempt left there goes on with the frames that attempt has finished.

        Raises:
            AdapterError: the file is damaged or was made for another model.
            RootError: root image or root choice does not fit the clip.
            ModelError: memory runs out, or the tuning leaves the numbers.
        """
        started = time.perf_counter()
        settings = self.clip.request.adapt or AdaptSettings()
        reused = False
        left = None if folder is None else folder / ADAPTER_FILE_NAME
        if settings.adapter is not None:
            adapter = load_adapter(settings.adapter, self.clip.editor)
        elif left is not None and self.clip.request.finished_chunks and left.exists():
            adapter = load_adapter(left, self.clip.editor)
        else:
            key = self._key(settings)
            found = adapters.find(key)
            reused = found is not None
            if found is None:
                pair, notes = self._pair(settings)
                yield from _told(notes)
                tuned = self._tuned(pair, settings)
                found = replace(tuned, root_frame=pair.frame, notes=notes)
                adapters.keep(key, found)
            else:
                yield from _told(found.notes)
            adapter = found
        if left is not None:
            save_adapter(adapter, left)
            yield EditorAdapted(
                root_frame=None if settings.adapter is not None else adapter.root_frame,
                steps=adapter.steps,
                reused=reused,
                seconds=time.perf_counter() - started,
                path=left,
            )
        return adapter

    def proposals(self, count: int) -> tuple[RootCandidate, ...]:
        """`count` edits of root frames, the best scored first, as pictures to choose from."""
        candidates, _ = self._candidates(count)
        return tuple(
            RootCandidate(
                choice=one.choice,
                png=_png(one.pair.edited),
                source_png=_png(one.pair.source),
                score=one.score,
                is_sound=one.is_sound,
                fault=one.fault,
            )
            for one in candidates
        )

    def _tuned(self, pair: RootPair, settings: AdaptSettings) -> Adapter:
        tuned = tune(self.clip.editor, pair, self.clip.instruction, settings, self.check)
        anchored = replace(tuned, anchor=pair.anchor)
        if isinstance(settings.root, RootImage):
            return anchored
        if isinstance(settings.root, RootChoice):
            return replace(anchored, sampling=settings.root.sampling)
        rehearsal = self._rehearsal(pair.frame)
        sampling, helps = rehearsal.best(samplings(self.clip.sampling), tuned)
        found = replace(tuned, sampling=sampling)
        return found if helps or settings.full else found.silenced()

    def _rehearsal(self, root_frame: int) -> Rehearsal:
        """Of the shot that holds the root, on those of its frames that show most."""
        parts = self.clip.parts
        holding = (one for one in parts if root_frame in one.group_range.frames)
        part = next(holding, parts[0])
        looked_at = self._looked_at()
        frames = [frame for frame in looked_at if frame in part.group_frames] or looked_at
        return Rehearsal(
            clip=self.clip.on_its_look(),
            part=part,
            area=self.area,
            watched=best_root_frames(self._frames(frames), WATCHED),
            check=self.check,
        )

    def _pair(self, settings: AdaptSettings) -> tuple[RootPair, tuple[str, ...]]:
        """The root pair, and what a person should know of it."""
        root = settings.root
        if isinstance(root, RootImage):
            width, height = upright_size(self.clip.look)
            [frame] = self._frames([root.frame])
            painted = read_still(root.path)
            return root_pair_from_image(frame, painted, width=width, height=height), ()
        if isinstance(root, RootChoice):
            return self._edited(self._frames([root.frame]), [root])[0].pair, ()
        candidates, unjudged = self._candidates(settings.candidates)
        return candidates[0].pair, tuple(_doubts(candidates[0], unjudged))

    def _candidates(self, count: int) -> tuple[list[RootCandidateEdit], str]:
        """The best first, and why nobody judged them where somebody was to."""
        frames = best_root_frames(self._frames(self._looked_at()), _ROOT_FRAMES)
        choices = root_choices([one.frame for one in frames], count, self.clip.sampling)
        candidates = self._edited(frames, choices)
        model = self.clip.vision_language
        if model is None:
            return candidates, ""
        try:
            return judged(candidates, _Judge(model), self.clip.instruction), ""
        except VisionLanguageError as error:
            return candidates, str(error)

    def _edited(
        self, frames: Sequence[RootFrame], choices: Sequence[RootChoice]
    ) -> list[RootCandidateEdit]:
        clip = self.clip
        question = RootQuestion(
            edit=frame_edit(clip.request, clip.editor, width=clip.width, height=clip.height),
            instruction=clip.instruction,
            plan=clip.plan,
            critic=self.critic,
        )
        return propose_roots(question, frames, choices, self.check)

    def _looked_at(self) -> list[int]:
        """Frames that may become the root."""
        found = self.clip.root_frames
        showing = list(found) if self.area is None else self.area.showing(found)
        if not showing:
            raise RootError(
                "the subject is in none of the frames the root could be; choose a range that "
                "shows it, or give a root image of your own"
            )
        return showing

    def _frames(self, numbers: Sequence[int]) -> list[RootFrame]:
        for number in numbers:
            if not 0 <= number < self.clip.look.frame_count:
                raise RootError(
                    f"root frame {number} is outside {self.clip.look.path.name}, which holds "
                    f"frames 0 to {self.clip.look.frame_count - 1}; choose one of them"
                )
        pictures = read_frames_at(self.clip.look, numbers)
        return [
            RootFrame(
                frame=number,
                source=self._tensor(picture),
                alpha=None
                if self.area is None
                else self._tensor(self.area.alphas([number])[0][..., np.newaxis]),
            )
            for number, picture in zip(numbers, pictures, strict=True)
        ]

    def _tensor(self, picture: NDArray[np.float32]) -> torch.Tensor:
        """(H, W, C) at any size to (1, C, h, w) at working size."""
        small = to_working_size(picture, width=self.clip.width, height=self.clip.height)
        return torch.from_numpy(np.atleast_3d(small)).permute(2, 0, 1)[None].contiguous()

    def _key(self, settings: AdaptSettings) -> AdapterSettings:
        clip = self.clip
        return AdapterSettings(
            media_identity=clip.look.identity,
            root=self._root_identity(settings),
            instruction=clip.instruction,
            steps=settings.steps,
            rank=settings.rank,
            learning_rate=settings.learning_rate,
            full=settings.full,
            model=clip.editor.card.name,
            weights_identity=clip.editor.weights_identity,
            width=clip.width,
            height=clip.height,
            dtype=str(clip.editor.dtype),
            device=str(clip.editor.device),
        )

    def _root_identity(self, settings: AdaptSettings) -> str:
        """What decides the root pair, without making it."""
        request = self.clip.request
        how = f"{request.steps} {request.local.schedule} {request.local.source_latents}"
        if isinstance(settings.root, RootImage):
            return f"image {settings.root.frame} {sha256_of(settings.root.path)}"
        if isinstance(settings.root, RootChoice):
            return f"{settings.root} {how} {self._area_identity([settings.root.frame])}"
        looked_at = self._looked_at()
        asked = (
            f"{request.seed} {request.guidance_scale} {request.image_guidance_scale} "
            f"{settings.candidates} {looked_at} {request.attention} {request.swap_layers} "
            f"{request.swap_steps} {[part.group_frames for part in self.clip.parts]}"
        )
        return f"automatic {asked} {how} {self._area_identity(looked_at)}"

    def _area_identity(self, frames: Sequence[int]) -> str:
        return "" if self.area is None else self.area.identity(frames)


def _told(notes: Sequence[str]) -> Iterator[Note]:
    return (Note(text=text) for text in notes)


def _doubts(best: RootCandidateEdit, unjudged: str) -> Iterator[str]:
    """Why a person might rather choose the root."""
    if unjudged:
        yield f"The root was chosen without the vision-language model: {unjudged}"
    if best.opinion is not None and best.opinion < _LEAST_OPINION:
        yield (
            f"The vision-language model finds the best edit of the root frame weak "
            f"({best.opinion:.0f} of 10). Choose one yourself (--roots N --pick)."
        )
    if not best.is_sound:
        yield (
            f"No edit of the root frame is convincing ({best.fault}); the best of them is "
            "taken. Choose one yourself (--roots N --pick), or word the instruction otherwise."
        )


@dataclass(frozen=True)
class _Judge:
    """The vision-language model as the judge of roots."""

    model: VisionLanguage

    def judge(
        self, source: NDArray[np.uint8], edited: NDArray[np.uint8], instruction: str
    ) -> float:
        return self.model.judge(source, edited, instruction).overall

    def prefers_second(
        self,
        source: NDArray[np.uint8],
        first: NDArray[np.uint8],
        second: NDArray[np.uint8],
        instruction: str,
    ) -> bool:
        return self.model.prefer(source, first, second, instruction) is Preference.SECOND


def _png(picture: torch.Tensor) -> bytes:
    """(1, 3, H, W), 0 to 1."""
    return encode_png(picture[0].permute(1, 2, 0).cpu().numpy())
