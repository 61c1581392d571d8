from __future__ import annotations

import json
from pathlib import Path

import pytest

from via_engine.config import EngineConfig
from via_engine.errors import ModelError, UnknownModelError
from via_engine.models import catalog
from via_engine.models.catalog import load_catalog, read_card

CARD = {
    "name": "mine",
    "kind": "instruct-pix2pix",
    "steps": 12,
    "guidance_scale": 5,
    "image_guidance_scale": 1.25,
    "long_side_px": 256,
    "multiple_px": 8,
    "licence": "Apache-2.0",
    "understands": ["make it night"],
    "adapt_steps": 60,
    "adapt_learning_rate": 0.0005,
}


def model_folder(path: Path, card: object = None) -> Path:
    path.mkdir(parents=True)
    (path / "model_index.json").write_text("{}")
    if card is not None:
        (path / "via_model.json").write_text(json.dumps(card))
    return path


@pytest.fixture(autouse=True)
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model_folder(tmp_path / "starter", CARD)
    monkeypatch.setattr(catalog, "starter_folder", lambda _model: folder)


def test_starter_comes_first_and_folders_keep_the_name_they_were_given(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "magicbrush")

    found = load_catalog(EngineConfig(model_folders=(("brush", folder),)))

    assert [card.name for card in found.cards] == ["starter", "brush"]
    assert found.card("brush").folder == folder


def test_card_file_is_read_in_full(tmp_path: Path) -> None:
    card = load_catalog(EngineConfig()).card("starter")

    assert (card.kind, card.steps, card.licence) == ("instruct-pix2pix", 12, "Apache-2.0")
    assert (card.guidance_scale, card.image_guidance_scale) == (5.0, 1.25)
    assert (card.long_side_px, card.multiple_px) == (256, 8)
    assert card.understands == ("make it night",)
    assert (card.adapt_steps, card.adapt_learning_rate) == (60, 0.0005)


def test_folder_without_a_card_has_the_defaults_of_its_class(tmp_path: Path) -> None:
    card = read_card("brush", model_folder(tmp_path / "brush"))

    assert (card.kind, card.steps, card.licence) == ("instruct-pix2pix", 10, "unknown")
    assert (card.guidance_scale, card.image_guidance_scale) == (7.5, 1.5)
    assert (card.long_side_px, card.multiple_px) == (512, 64)
    assert card.understands == ()
    assert (card.adapt_steps, card.adapt_learning_rate) == (200, 1e-4)


def test_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    found = load_catalog(EngineConfig(model_folders=(("brush", model_folder(tmp_path / "b")),)))

    with pytest.raises(UnknownModelError, match=r"'nope'.*starter, brush"):
        found.card("nope")


def test_folder_that_is_no_pipeline_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone holds no model_index\.json"):
        load_catalog(EngineConfig(model_folders=(("brush", tmp_path / "gone"),)))


def test_a_name_may_come_only_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="two models are called 'starter'"):
        load_catalog(EngineConfig(model_folders=(("starter", model_folder(tmp_path / "b")),)))


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"stepz": 10}, "unknown key 'stepz'"),
        ({"steps": "ten"}, "steps is 'ten'"),
        ({"steps": 2.5}, r"steps is 2\.5"),
        ({"steps": True}, "steps is True"),
        ({"multiple_px": 0}, "multiple_px is 0"),
        ({"adapt_steps": 0}, "adapt_steps is 0"),
        ({"adapt_learning_rate": 0}, "adapt_learning_rate is 0; give a number above 0"),
        ({"adapt_learning_rate": 1.5}, r"adapt_learning_rate is 1\.5"),
        ({"licence": 3}, "licence is 3"),
        ({"understands": "all"}, "understands is 'all'"),
        ({"sampler": "plms"}, "sampler is 'plms'; give ddim or euler_ancestral"),
        ({"conditioner_bits": 7}, "conditioner_bits is 7; give 16 or 8 or 4"),
        ({"conditioner_bits": True}, "conditioner_bits is True"),
        ({"accept_noncommercial": "yes"}, "accept_noncommercial is 'yes'; give true or false"),
        (["steps"], "no JSON object"),
    ],
)
def test_faulty_card_says_where_and_what(tmp_path: Path, card: object, message: str) -> None:
    folder = model_folder(tmp_path / "faulty", card)

    with pytest.raises(ModelError, match=message) as caught:
        read_card("faulty", folder)
    assert "via_model.json" in str(caught.value)


def test_card_that_is_no_json_is_named(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "faulty")
    (folder / "via_model.json").write_text("steps: 10")

    with pytest.raises(ModelError, match="is not JSON"):
        read_card("faulty", folder)


def test_a_pipeline_of_another_class_is_named_with_what_is_run(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "flux")
    (folder / "model_index.json").write_text('{"_class_name": "FluxKontextPipeline"}')
    told = r"holds a FluxKontextPipeline; Via runs StableDiffusionInstructPix2PixPipeline"
    with pytest.raises(ModelError, match=told):
        read_card("flux", folder)


def test_the_larger_class_has_defaults_of_its_own(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "xl")
    index = {"_class_name": "StableDiffusionXLInstructPix2PixPipeline"}
    (folder / "model_index.json").write_text(json.dumps(index))
    card = read_card("xl", folder)
    assert (card.kind, card.guidance_scale) == ("instruct-pix2pix-xl", 5.0)
    assert (card.long_side_px, card.sampler) == (768, "ddim")
