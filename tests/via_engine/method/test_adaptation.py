from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.via_engine.models.tiny_pipeline import (
    EPSILON,
    ZERO_SNR,
    tiny_card,
    write_tiny_pipeline,
)
from via_engine.edit_settings import AdaptSettings
from via_engine.errors import EditCancelledError, ModelError, RequestError
from via_engine.method.adaptation import CHECK_EVERY, PATIENCE, RootPair, tune
from via_engine.method.adapter import AdapterKind, adapted
from via_engine.method.affine import AS_IT_IS
from via_engine.method.tuning_set import TuningSet
from via_engine.models.editors import InstructPix2PixEditor, load_editor

WIDTH, HEIGHT = 16, 12
INSTRUCTION = "make it night"
QUICK = AdaptSettings(steps=20, learning_rate=1e-2, rank=4)


def make_editor(
    folder: Path, scheduler: dict[str, Any], dtype: torch.dtype = torch.float32
) -> InstructPix2PixEditor:
    torch.manual_seed(0)
    card = tiny_card(write_tiny_pipeline(folder, scheduler))
    return load_editor(card, device=torch.device("cpu"), dtype=dtype)


@pytest.fixture(scope="module", params=[EPSILON, ZERO_SNR], ids=["epsilon", "v"])
def editor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> InstructPix2PixEditor:
    return make_editor(tmp_path_factory.mktemp("tiny"), request.param)


@pytest.fixture(scope="module")
def v_editor(tmp_path_factory: pytest.TempPathFactory) -> InstructPix2PixEditor:
    return make_editor(tmp_path_factory.mktemp("tiny"), ZERO_SNR)


def root_pair() -> RootPair:
    source, edited = torch.rand(
        (2, 1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(5)
    )
    return RootPair(frame=3, source=source, edited=edited)


def never() -> None:
    """Lets every step go on."""


def stop_at(call: int) -> Callable[[], None]:
    calls = iter(range(1000))

    def check() -> None:
        if next(calls) == call:
            raise EditCancelledError("stopped")

    return check


def all_of(unet: nn.Module) -> dict[str, tuple[int, Tensor, bool]]:
    """Every parameter: which tensor it is, its numbers, whether it learns."""
    return {
        name: (weight.data_ptr(), weight.detach().clone(), weight.requires_grad)
        for name, weight in unet.named_parameters()
    }


def assert_untouched(unet: Any, before: dict[str, tuple[int, Tensor, bool]]) -> None:
    after = all_of(unet)
    assert list(after) == list(before)
    for name, (place, numbers, learns) in before.items():
        assert after[name][0] == place, name
        assert torch.equal(after[name][1], numbers), name
        assert after[name][2] == learns, name
    assert not getattr(unet, "peft_config", None)


def loss_on(editor: InstructPix2PixEditor, pair: RootPair) -> float:
    lessons = TuningSet.of(editor, pair.source, pair.edited, INSTRUCTION, (AS_IT_IS,))
    batch = lessons.judging_batch(16, torch.Generator().manual_seed(99))
    with torch.no_grad():
        return float(batch.loss(editor.unet))


@pytest.mark.parametrize("full", [False, True])
def test_the_tuned_editor_makes_the_roots_edit_better(
    editor: InstructPix2PixEditor, full: bool
) -> None:
    pair = root_pair()
    before = loss_on(editor, pair)

    adapter = tune(editor, pair, INSTRUCTION, replace(QUICK, full=full), never)
    with adapted(editor, adapter):
        after = loss_on(editor, pair)

    assert adapter.steps > 0
    assert after < before * 0.97
    assert loss_on(editor, pair) == before


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("stops", [False, True])
def test_the_shared_editor_is_left_as_found(
    v_editor: InstructPix2PixEditor, full: bool, stops: bool
) -> None:
    unet = v_editor.unet
    before, modules = all_of(unet), list(unet.modules())
    processors = {name: type(one) for name, one in unet.attn_processors.items()}
    settings = replace(QUICK, steps=4, full=full)

    if stops:
        with pytest.raises(EditCancelledError):
            tune(v_editor, root_pair(), INSTRUCTION, settings, stop_at(2))
    else:
        tune(v_editor, root_pair(), INSTRUCTION, settings, never)

    assert_untouched(unet, before)
    assert all(was is now for was, now in zip(modules, unet.modules(), strict=True))
    assert {name: type(one) for name, one in unet.attn_processors.items()} == processors


def test_the_same_root_and_settings_give_the_same_adapter(
    v_editor: InstructPix2PixEditor,
) -> None:
    torch.manual_seed(1)
    first = tune(v_editor, root_pair(), INSTRUCTION, QUICK, never)
    torch.manual_seed(2)
    again = tune(v_editor, root_pair(), INSTRUCTION, QUICK, never)
    other = tune(v_editor, root_pair(), "make it sunset", QUICK, never)

    assert first.identity == again.identity
    assert first.identity != other.identity


def test_tuning_stops_when_an_unseen_view_gets_no_better(v_editor: InstructPix2PixEditor) -> None:
    checks: list[None] = []
    wild = AdaptSettings(steps=400, learning_rate=1.0, rank=4)

    adapter = tune(v_editor, root_pair(), INSTRUCTION, wild, lambda: checks.append(None))

    assert len(checks) <= adapter.steps + PATIENCE * CHECK_EVERY + 1
    assert len(checks) < 400
    with adapted(v_editor, adapter):
        assert loss_on(v_editor, root_pair()) < 2


def test_steps_and_rate_come_from_the_card_when_not_given(
    v_editor: InstructPix2PixEditor,
) -> None:
    checks: list[None] = []
    card = replace(v_editor.card, adapt_steps=2, adapt_learning_rate=1e-3)

    tune(
        replace(v_editor, card=card),
        root_pair(),
        INSTRUCTION,
        AdaptSettings(),
        lambda: checks.append(None),
    )

    assert len(checks) == 3


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"rank": 0}, {"learning_rate": -1e-4}])
def test_impossible_settings_are_refused(
    v_editor: InstructPix2PixEditor, wrong: dict[str, Any]
) -> None:
    with pytest.raises(RequestError, match="at least 1 step"):
        tune(v_editor, root_pair(), INSTRUCTION, replace(QUICK, **wrong), never)


def test_numbers_that_run_away_are_an_error_and_leave_the_editor_alone(
    v_editor: InstructPix2PixEditor,
) -> None:
    before = all_of(v_editor.unet)
    broken = replace(root_pair(), edited=torch.full((1, 3, HEIGHT, WIDTH), torch.nan))

    with pytest.raises(ModelError, match="learning_rate"):
        tune(v_editor, broken, INSTRUCTION, QUICK, never)

    assert_untouched(v_editor.unet, before)


def test_an_editor_in_half_precision_is_tuned_in_full(tmp_path: Path) -> None:
    half = make_editor(tmp_path, ZERO_SNR, torch.bfloat16)
    before = all_of(half.unet)

    adapter = tune(half, root_pair(), INSTRUCTION, replace(QUICK, steps=10), never)

    assert adapter.kind is AdapterKind.LORA
    assert {tensor.dtype for tensor in adapter.tensors.values()} == {torch.float32}
    assert_untouched(half.unet, before)


def test_a_pairs_identity_is_that_of_its_pixels() -> None:
    pair = root_pair()

    assert pair.identity == root_pair().identity
    assert pair.identity != replace(pair, edited=pair.source).identity
