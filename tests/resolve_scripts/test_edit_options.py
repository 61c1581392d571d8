"""`via edit` and `via batch`: where the edit goes, adaptation, roots and looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from via.v1 import adapt_pb2, edit_pb2, local_pb2

from resolve_scripts import cli
from resolve_scripts.client import ViaClient
from resolve_scripts.errors import RootNotChosenError
from resolve_scripts.pick_root import pick_root
from resolve_scripts.progress import LineReporter
from tests.resolve_scripts.conftest import Via
from tests.resolve_scripts.fake_server import ADAPTER_BYTES, FakeServer

PNG = b"\x89PNG\r\n\x1a\n and more"


class Person(LineReporter):
    """A reporter with somebody at the terminal, who gives these answers in turn."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)
        self.questions: list[str] = []

    def ask(self, question: str) -> str | None:
        self.questions.append(question)
        return self.answers.pop(0) if self.answers else None


def only_spec(fake: FakeServer) -> edit_pb2.EditSpec:
    (job,) = fake.jobs.values()
    return job.spec


def test_nothing_is_said_of_what_is_not_set(via: Via, fake: FakeServer, clip: Path) -> None:
    via("edit", clip, "x")
    spec = only_spec(fake)
    assert (spec.local, spec.HasField("adapt")) == (local_pb2.LocalSettings(), False)
    assert (spec.attention, spec.swap_layers, spec.group_from) == (0, 0, "")


def test_where_the_edit_goes_reaches_the_server(via: Via, fake: FakeServer, clip: Path) -> None:
    options = "--dilate 3 --feather 0 --blend last-step --source-latents inverted"
    done = via("edit", clip, "x", "--find", "the red ball", *options.split())
    assert '"the red ball" is in 50 of 100 frames' in done.stderr
    assert only_spec(fake).local == local_pb2.LocalSettings(
        phrase="the red ball",
        dilation_px=3,
        feather_px=0,
        schedule=local_pb2.BLEND_SCHEDULE_LAST_STEP,
        source_latents=local_pb2.SOURCE_LATENTS_INVERTED,
    )
    behind = via("edit", clip, "another background", "--find", "the red ball")
    assert 'the background (all but "the red ball") is in 50 of 100 frames' in behind.stderr


@pytest.mark.parametrize(
    ("options", "mask"),
    [
        (
            ["--box", "1,2,3.5,4"],
            {"box": {"frame": 10, "left_px": 1, "top_px": 2, "right_px": 3.5, "bottom_px": 4}},
        ),
        (
            ["--point", "1,2@12", "--point", "3,4", "--not-point", "5,6"],
            {
                "points": {
                    "frame": 12,
                    "clicks": [
                        {"x_px": 1, "y_px": 2, "is_on_subject": True},
                        {"x_px": 3, "y_px": 4, "is_on_subject": True},
                        {"x_px": 5, "y_px": 6},
                    ],
                }
            },
        ),
        (["--mask", "{folder}/mask.any"], {"still": {"absolute_path": "{folder}/mask.any"}}),
        (["--mask", "{clip}"], {"matte_clip": {"absolute_path": "{clip}"}}),
    ],
)
def test_own_masks_are_what_they_are_by_their_bytes_and_lie_in_the_range(
    via: Via, fake: FakeServer, clip: Path, options: list[str], mask: dict[str, object]
) -> None:
    (clip.parent / "mask.any").write_bytes(PNG)
    places = {"folder": str(clip.parent), "clip": str(clip)}
    via("edit", clip, "x", "--range", "10:20", *(each.format(**places) for each in options))
    expected = local_pb2.OwnMask(**json.loads(_filled(json.dumps(mask), places)))
    assert only_spec(fake).local.own_mask == expected


def _filled(text: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def test_the_whole_picture_and_comparisons_are_asked_for(
    via: Via, fake: FakeServer, clip: Path
) -> None:
    options = "--global --attention cross-frame --swap-layers self --swap-steps 3 --steady-frames 0"
    via("edit", clip, "x", *options.split(), "--group-size", "2", "--group-from", "7")
    spec = only_spec(fake)
    assert spec.local == local_pb2.LocalSettings(scope=local_pb2.SCOPE_GLOBAL)
    assert spec.attention == edit_pb2.ATTENTION_MODE_CROSS_FRAME
    assert (spec.swap_layers, spec.swap_steps) == (edit_pb2.SWAP_LAYERS_SELF, 3)
    assert (spec.group_size, spec.group_from) == (2, "jobs/7")
    assert spec.HasField("steady_frames")
    assert spec.steady_frames == 0


def test_naming_anything_of_the_adaptation_asks_for_it(
    via: Via, fake: FakeServer, clip: Path
) -> None:
    root, adapter = clip.with_name("root.png"), clip.with_name("a.safetensors")
    root.write_bytes(PNG)
    adapter.write_bytes(ADAPTER_BYTES)
    for options in (
        ["--adapt"],
        ["--adapt-steps", "5", "--adapt-full", "--roots", "3"],
        ["--root-choice", "4:5:7.5:1.25"],
        ["--root", f"{root}@6"],
        ["--root", root, "--range", "8:20"],
        ["--adapter", adapter],
        ["--no-adapt"],
    ):
        assert via("edit", clip, "x", *options).exit_code == 0
    choice = adapt_pb2.RootChoice(frame=4, seed=5, guidance_scale=7.5, image_guidance_scale=1.25)
    found = [job.spec.adapt for job in fake.jobs.values()]
    assert found[:3] == [
        adapt_pb2.AdaptSettings(enabled=True),
        adapt_pb2.AdaptSettings(enabled=True, steps=5, full=True, candidates=3),
        adapt_pb2.AdaptSettings(enabled=True, root_choice=choice),
    ]
    assert [adapt.root_image.frame for adapt in found[3:5]] == [6, 8]
    assert found[3].root_image.file.absolute_path == str(root)
    assert found[5].adapter.absolute_path == str(adapter)
    assert not found[6].enabled


def test_the_adapter_is_saved_and_told_in_json(via: Via, clip: Path) -> None:
    kept = clip.with_name("look.safetensors")
    done = via("edit", clip, "x", "--save-adapter", kept, "--json")
    assert kept.read_bytes() == ADAPTER_BYTES
    told = json.loads(done.stdout)
    assert (told["adapter"]["root_frame"], told["adapter"]["steps"]) == (12, 200)
    assert told["mask"] is None
    refused = via("edit", clip, "x", "--save-adapter", kept)
    assert (refused.exit_code, "--force" in refused.stderr) == (2, True)
    refused = via("edit", clip, "x", "--save-adapter", clip.with_name("look.bin"))
    assert (refused.exit_code, ".safetensors" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    "options",
    [
        ["--box", "1,2,3"],
        ["--box", "1,2,3,4", "--point", "1,2"],
        ["--mask", "{folder}/gone.png"],
        ["--mask", "{clip}", "--global"],
        ["--mask", "{clip}", "--find", "a ball"],
        ["--not-point", "1,2"],
        ["--root", "{folder}/gone.png"],
        ["--root", "{clip}", "--root-choice", "1:2:3:4"],
        ["--root-choice", "1:2"],
        ["--adapter", "{folder}/gone.safetensors"],
        ["--adapter", "{clip}", "--pick"],
        ["--adapter", "{clip}", "--adapt-steps", "4"],
        ["--adapter", "{clip}", "--adapt-full"],
        ["--adapter", "{clip}", "--roots", "4"],
        ["--root", "{clip}", "--roots", "4"],
        ["--no-adapt", "--roots", "4"],
        ["--no-adapt", "--pick"],
        ["--pick", "--roots", "25"],
        ["--find", "\udcff"],
        ["--blend", "cubic"],
        ["--dilate", "-1"],
        ["--dilate", "2147483648"],
    ],
)
def test_wrong_options_are_refused_before_a_server_is_asked(
    via: Via, fake: FakeServer, clip: Path, options: list[str]
) -> None:
    filled = [each.format(folder=clip.parent, clip=clip) for each in options]
    done = via("edit", clip, "x", *filled)
    assert (done.exit_code, done.stdout, fake.calls) == (2, "", 0), done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_a_subject_that_is_not_there_is_told_with_ways_on(
    via: Via, fake: FakeServer, clip: Path
) -> None:
    fake.lost_instructions = {"make the dragon red"}
    done = via("edit", clip, "make the dragon red", "--json")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (done.exit_code, error["reason"]) == (1, "SUBJECT_NOT_FOUND")
    for words in ('"a dragon"', "--global", "--mask FILE", "--find PHRASE"):
        assert words in error["message"]
    assert [path.name for path in clip.parent.iterdir()] == [clip.name]


@pytest.fixture
def picking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody types "nine", "9", then "2"."""
    person = Person("nine", "9", "2")
    monkeypatch.setattr(cli, "reporter", lambda: person)
    yield person


def test_a_root_is_picked_by_its_number(
    via: Via, fake: FakeServer, clip: Path, picking: Person
) -> None:
    done = via("edit", clip, "x", "--roots", "3", "--pick", "-o", clip.with_name("out.mov"))
    ((asked, count),) = fake.proposals
    assert (asked.instruction, count) == ("x", 3)
    sheet = clip.with_name("out_roots_v001.png")
    assert sheet.read_bytes() == b"sheet"
    assert str(sheet) in done.stderr and str(sheet) not in done.stdout
    assert "--root-choice 12:2:7.1:1.5  (nothing changed)" in done.stderr
    assert "'9' is no number from 1 to 3" in done.stderr
    assert len(picking.questions) == 3
    adapt = only_spec(fake).adapt
    assert (adapt.enabled, adapt.candidates, adapt.root_choice.seed) == (True, 3, 1)


def test_enter_takes_the_best(client: ViaClient, tmp_path: Path) -> None:
    spec = edit_pb2.EditSpec(instruction="x")
    spec.source.absolute_path = "/clip.mov"
    choice = pick_root(client, spec, 2, tmp_path / "sheet.png", Person(""))
    assert choice.seed == 0
    with pytest.raises(RootNotChosenError):
        pick_root(client, spec, 2, tmp_path / "sheet.png", LineReporter())


def test_without_a_terminal_the_way_to_choose_is_told(
    via: Via, fake: FakeServer, clip: Path
) -> None:
    done = via("edit", clip, "x", "--pick", "--json")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (done.exit_code, error["reason"]) == (2, "ROOT_NOT_CHOSEN")
    assert "--root-choice 12:0:7.1:1.5" in error["message"]
    assert str(clip.with_name("clip_via_roots_v001.png")) in error["message"]
    assert fake.jobs == {}
    # The root that is named then is the one that was shown.
    assert via("edit", clip, "x", "--root-choice", "12:0:7.1:1.5").exit_code == 0
    assert only_spec(fake).adapt.root_choice.guidance_scale == 7.1
