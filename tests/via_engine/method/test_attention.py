from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import AttentionMixin
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_zero import (
    CrossFrameAttnProcessor2_0,
)
from peft import LoraConfig
from torch import Tensor, nn

from tests.via_engine.models.tiny_pipeline import tiny_unet
from via_engine.edit_settings import AttentionMode, SwapLayers
from via_engine.errors import ModelError
from via_engine.method.attention import GATHER_AND_SWAP, Sharing, gathering, swapping
from via_engine.method.attention_group import AttentionGroup, GroupRecording

BRANCHES = 3
ROUNDING = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture
def unet() -> UNet2DConditionModel:
    return tiny_unet()


def random_frames(count: int, seed: int = 0) -> Tensor:
    """(3 × count, 8, 8, 12): `count` frames in three branches that differ."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((BRANCHES * count, 8, 8, 12), generator=generator)


def copies_of_one_frame(count: int) -> Tensor:
    return random_frames(1).repeat_interleave(count, dim=0)


def shared_texts(count: int) -> Tensor:
    """(3 × count, 5, 16): one text a branch, the same for all frames."""
    texts = torch.randn((BRANCHES, 5, 16), generator=torch.Generator().manual_seed(9))
    return texts.repeat_interleave(count, dim=0)


def texts_per_frame(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(9)
    return torch.randn((BRANCHES * count, 5, 16), generator=generator)


@torch.no_grad()
def predict(unet: UNet2DConditionModel, frames: Tensor, texts: Tensor) -> Tensor:
    prediction: Tensor = unet(frames, 500, encoder_hidden_states=texts, return_dict=False)[0]
    return prediction


def gather(
    unet: UNet2DConditionModel, frames: Tensor, texts: Tensor, sharing: Sharing = GATHER_AND_SWAP
) -> tuple[AttentionGroup, Tensor]:
    """The group of one step and the predictions of the gathering pass."""
    recording = GroupRecording(tuple(range(frames.shape[0] // BRANCHES)))
    with gathering(unet, recording, sharing) as cursor:
        cursor.begin_step(0)
        prediction = predict(unet, frames, texts)
    return recording.finish(), prediction


def swap(
    unet: UNet2DConditionModel, group: AttentionGroup, frames: Tensor, texts: Tensor
) -> Tensor:
    with swapping(unet, group) as cursor:
        cursor.begin_step(0)
        return predict(unet, frames, texts)


def of_frame(batch: Tensor, frame: int) -> Tensor:
    """The three branches of one frame, (3, …)."""
    return batch.unflatten(0, (BRANCHES, -1))[:, frame]


def naive_attention(attn: Attention, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax attention written out, one head after the other; the oracle of this file."""
    heads = []
    for query, key, value in zip(
        attn.to_q(tokens).chunk(attn.heads, dim=-1),
        keys.chunk(attn.heads, dim=-1),
        values.chunk(attn.heads, dim=-1),
        strict=True,
    ):
        weights = torch.softmax(query @ key.transpose(1, 2) / query.shape[-1] ** 0.5, dim=-1)
        heads.append(weights @ value)
    return attn.to_out[0](torch.cat(heads, dim=-1))


class LiteralGather:
    """One frame at a time, as the paper puts it: see earlier frames' keys, then add one's own."""

    def __init__(self) -> None:
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        own = attn.to_k(source), attn.to_v(source)
        seen = (self.keys, self.values) if self.keys else ([own[0]], [own[1]])
        keys, values = torch.cat(seen[0], dim=1), torch.cat(seen[1], dim=1)
        attended = naive_attention(attn, hidden_states, keys, values)
        self.keys.append(own[0])
        self.values.append(own[1])
        return attended


class LiteralCrossFrame(LiteralGather):
    """See one's own keys only, then keep them (eq. 4 of the paper takes them all)."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        own = attn.to_k(source), attn.to_v(source)
        self.keys.append(own[0])
        self.values.append(own[1])
        return naive_attention(attn, hidden_states, *own)


class LiteralSwap(LiteralGather):
    """All gathered keys and values, none of the frame's own."""

    def __init__(self, gathered: LiteralGather) -> None:
        super().__init__()
        self.keys, self.values = gathered.keys, gathered.values

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        keys, values = torch.cat(self.keys, dim=1), torch.cat(self.values, dim=1)
        return naive_attention(attn, hidden_states, keys, values)


@pytest.mark.parametrize("texts", [shared_texts, texts_per_frame])
@pytest.mark.parametrize(
    ("mode", "literally"),
    [
        (AttentionMode.GATHER_SWAP, LiteralGather),
        (AttentionMode.GATHER_ONLY, LiteralGather),
        (AttentionMode.CROSS_FRAME, LiteralCrossFrame),
    ],
)
def test_one_pass_gathers_what_frame_after_frame_gathers(
    unet: UNet2DConditionModel,
    texts: Callable[[int], Tensor],
    mode: AttentionMode,
    literally: type[LiteralGather],
) -> None:
    frames, prompt = random_frames(4), texts(4)
    literal = {name: literally() for name in unet.attn_processors}
    one_pass, batched = gather(unet, frames, prompt, Sharing(mode=mode))

    unet.set_attn_processor(dict(literal))
    one_by_one = [predict(unet, of_frame(frames, j), of_frame(prompt, j)) for j in range(4)]
    for frame, expected in enumerate(one_by_one):
        torch.testing.assert_close(of_frame(batched, frame), expected, **ROUNDING)

    unet.set_attn_processor({name: LiteralSwap(literal[name]) for name in literal})
    new_frame = random_frames(1, seed=7)
    expected = predict(unet, new_frame, texts(1))
    unet.set_attn_processor(AttnProcessor2_0())
    swapped = swap(unet, one_pass, new_frame, texts(1))
    torch.testing.assert_close(swapped, expected, **ROUNDING)


@pytest.mark.parametrize("texts", [shared_texts, texts_per_frame])
def test_a_group_frame_can_be_edited_again_as_it_was_gathered(
    unet: UNet2DConditionModel, texts: Callable[[int], Tensor]
) -> None:
    frames, prompt = random_frames(4), texts(4)
    group, gathered = gather(unet, frames, prompt)

    for index in range(4):
        again = swap(unet, group.seen_by(index), of_frame(frames, index), of_frame(prompt, index))
        torch.testing.assert_close(again, of_frame(gathered, index), **ROUNDING)


def test_first_group_frame_is_edited_as_if_alone(unet: UNet2DConditionModel) -> None:
    frames = random_frames(3)
    _, gathered = gather(unet, frames, shared_texts(3))

    alone = predict(unet, of_frame(frames, 0), shared_texts(1))

    torch.testing.assert_close(of_frame(gathered, 0), alone, **ROUNDING)


def test_swap_of_identical_frames_is_plain_attention(unet: UNet2DConditionModel) -> None:
    plain = predict(unet, copies_of_one_frame(2), shared_texts(2))
    group, gathered = gather(unet, copies_of_one_frame(4), shared_texts(4))

    swapped = swap(unet, group, copies_of_one_frame(2), shared_texts(2))

    torch.testing.assert_close(swapped, plain, **ROUNDING)
    torch.testing.assert_close(of_frame(gathered, 3), of_frame(plain, 0), **ROUNDING)


def test_a_different_group_changes_the_frame(unet: UNet2DConditionModel) -> None:
    frame = random_frames(1, seed=5)
    group, _ = gather(unet, random_frames(4), shared_texts(4))

    swapped = swap(unet, group, frame, shared_texts(1))

    assert (swapped - predict(unet, frame, shared_texts(1))).abs().max() > 1e-3


def test_group_of_one_is_attention_to_the_first_frame(unet: UNet2DConditionModel) -> None:
    first, frames = random_frames(1), random_frames(2, seed=3)
    group, _ = gather(unet, first, shared_texts(1))
    swapped = swap(unet, group, frames, shared_texts(2))

    with_first = torch.cat(
        [first.unflatten(0, (BRANCHES, 1)), frames.unflatten(0, (BRANCHES, 2))], dim=1
    ).flatten(0, 1)
    unet.set_attn_processor(CrossFrameAttnProcessor2_0(batch_size=BRANCHES))
    expected = predict(unet, with_first, shared_texts(3)).unflatten(0, (BRANCHES, 3))[:, 1:]

    torch.testing.assert_close(swapped, expected.flatten(0, 1), **ROUNDING)


def test_frames_do_not_see_each_other(unet: UNet2DConditionModel) -> None:
    group, _ = gather(unet, random_frames(4), shared_texts(4))
    frames = random_frames(3, seed=4)

    together = swap(unet, group, frames, shared_texts(3))

    for frame in range(3):
        alone = swap(unet, group, of_frame(frames, frame), shared_texts(1))
        torch.testing.assert_close(of_frame(together, frame), alone, **ROUNDING)


def test_shared_text_is_kept_once_and_leaves_cross_attention_alone(
    unet: UNet2DConditionModel,
) -> None:
    frames = random_frames(2, seed=2)
    group, _ = gather(unet, random_frames(4), shared_texts(4))
    swapped = swap(unet, group, frames, shared_texts(2))
    cross_layers = [name for name in unet.attn_processors if "attn2" in name]

    with swapping(unet, group):
        mixed = dict(unet.attn_processors)
        unet.set_attn_processor(mixed | {name: AttnProcessor2_0() for name in cross_layers})
        stock_cross = predict(unet, frames, shared_texts(2))

    torch.testing.assert_close(swapped, stock_cross, **ROUNDING)
    assert {group.keys_values(name, 0).keys.shape[2] for name in cross_layers} == {5}


def test_texts_that_differ_between_frames_are_all_kept(unet: UNet2DConditionModel) -> None:
    group, _ = gather(unet, random_frames(4), texts_per_frame(4))

    cross = next(name for name in unet.attn_processors if "attn2" in name)

    assert group.keys_values(cross, 0).keys.shape[2] == 4 * 5


def test_self_attention_alone_leaves_the_texts_of_each_frame(unet: UNet2DConditionModel) -> None:
    sharing = Sharing(layers=SwapLayers.SELF)
    group, _ = gather(unet, random_frames(4), texts_per_frame(4), sharing)
    frames, own_texts = random_frames(2, seed=2), texts_per_frame(2)

    with swapping(unet, group, sharing) as cursor:
        cursor.begin_step(0)
        replaced = {name for name, now in unet.attn_processors.items() if _is_ours(now)}
        swapped = predict(unet, frames, own_texts)

    self_layers = {name for name in unet.attn_processors if "attn1" in name}
    assert replaced == self_layers == {layer for layer, _ in group.entries}
    all_layers, _ = gather(unet, random_frames(4), texts_per_frame(4))
    assert (swapped - swap(unet, all_layers, frames, own_texts)).abs().max() > 1e-3
    assert (swapped - predict(unet, frames, own_texts)).abs().max() > 1e-3


def _is_ours(processor: object) -> bool:
    return type(processor).__module__ == "via_engine.method.attention"


def test_later_steps_are_each_frames_own(unet: UNet2DConditionModel) -> None:
    sharing, frames = Sharing(steps=1), random_frames(2, seed=2)
    recording = GroupRecording((0, 1, 2))
    with gathering(unet, recording, sharing) as cursor:
        cursor.begin_step(0)
        predict(unet, random_frames(3), texts_per_frame(3))
        cursor.begin_step(1)
        unshared = predict(unet, random_frames(3), texts_per_frame(3))
    group = recording.finish()

    with swapping(unet, group, sharing) as cursor:
        cursor.begin_step(0)
        shared = predict(unet, frames, texts_per_frame(2))
        cursor.begin_step(1)
        own = predict(unet, frames, texts_per_frame(2))

    assert group.steps == 1
    plain = predict(unet, random_frames(3), texts_per_frame(3))
    torch.testing.assert_close(unshared, plain, **ROUNDING)
    torch.testing.assert_close(own, predict(unet, frames, texts_per_frame(2)), **ROUNDING)
    assert (shared - own).abs().max() > 1e-3


def test_keys_of_the_text_are_held_once_for_all_steps(unet: UNet2DConditionModel) -> None:
    recording = GroupRecording((0, 1))
    with gathering(unet, recording) as cursor:
        for step_index in range(2):
            cursor.begin_step(step_index)
            predict(unet, random_frames(2, seed=step_index), shared_texts(2))
    group = recording.finish()

    shared = [
        group.keys_values(name, 0) is group.keys_values(name, 1) for name in unet.attn_processors
    ]
    assert shared == ["attn2" in name for name in unet.attn_processors]
    distinct = {
        id(tensor): tensor.numel() * 4
        for entry in group.entries.values()
        for tensor in (entry.keys, entry.values)
    }
    assert group.size_bytes == sum(distinct.values())
    assert group.steps == 2


def test_swapped_frames_compute_no_keys_or_values(unet: UNet2DConditionModel) -> None:
    group, _ = gather(unet, random_frames(2), shared_texts(2))
    calls: list[str] = []
    for name, module in unet.named_modules():
        if name.endswith((".to_k", ".to_v")):
            module.register_forward_hook(lambda *_: calls.append("projected"))

    swap(unet, group, random_frames(1), shared_texts(1))

    assert calls == []


def test_model_is_as_found_afterwards(unet: UNet2DConditionModel) -> None:
    former = dict(unet.attn_processors)
    before = predict(unet, random_frames(2), shared_texts(2))

    group, _ = gather(unet, random_frames(2), shared_texts(2))
    swap(unet, group, random_frames(1), shared_texts(1))

    after = dict(unet.attn_processors)
    assert all(after[name] is former[name] for name in former)
    assert torch.equal(predict(unet, random_frames(2), shared_texts(2)), before)


def test_model_is_as_found_after_an_error(unet: UNet2DConditionModel) -> None:
    former = dict(unet.attn_processors)
    group, _ = gather(unet, random_frames(2), shared_texts(2))

    with pytest.raises(RuntimeError, match="stopped"), swapping(unet, group):
        raise RuntimeError("stopped")
    with pytest.raises(RuntimeError, match="stopped"), gathering(unet, GroupRecording((0,))):
        raise RuntimeError("stopped")

    after = dict(unet.attn_processors)
    assert all(after[name] is former[name] for name in former)


def test_lora_layers_take_part(unet: UNet2DConditionModel) -> None:
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=2, target_modules=targets, init_lora_weights=False))
    unet.eval()
    plain = predict(unet, copies_of_one_frame(1), shared_texts(1))
    with_lora, _ = gather(unet, copies_of_one_frame(2), shared_texts(2))

    torch.testing.assert_close(
        swap(unet, with_lora, copies_of_one_frame(1), shared_texts(1)), plain, **ROUNDING
    )
    unet.disable_adapters()
    assert (predict(unet, copies_of_one_frame(1), shared_texts(1)) - plain).abs().max() > 1e-3


class OneAttention(nn.Module, AttentionMixin):
    """A network of one attention layer, with the options a diffusers layer may have."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.layer = Attention(32, heads=2, dim_head=16, processor=AttnProcessor2_0(), **options)
        for parameter in self.layer.parameters():
            nn.init.normal_(parameter)

    def forward(self, *args: Any, **options: Any) -> Tensor:
        return self.layer(*args, **options)


@pytest.mark.parametrize(
    ("options", "shape", "call"),
    [
        ({"norm_num_groups": 4, "residual_connection": True}, (3, 32, 4, 6), {}),
        ({"rescale_output_factor": 1.7, "qk_norm": "layer_norm", "bias": True}, (3, 24, 32), {}),
        ({"spatial_norm_dim": 8}, (3, 32, 4, 6), {"temb": torch.ones(3, 8, 2, 3)}),
        (
            {"cross_attention_dim": 16, "cross_attention_norm": "layer_norm"},
            (3, 24, 32),
            {"encoder_hidden_states": torch.linspace(-1, 1, 3 * 5 * 16).view(3, 5, 16)},
        ),
    ],
    ids=["group norm, residual, picture", "rescale, qk norm", "spatial norm", "cross norm"],
)
@torch.no_grad()
def test_every_option_of_the_stock_layer_is_honoured(
    options: dict[str, Any], shape: tuple[int, ...], call: dict[str, Tensor]
) -> None:
    network = OneAttention(**options)
    hidden = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    stock = network(hidden, **call)
    recording = GroupRecording((0,))

    with gathering(network, recording):
        gathered = network(hidden, **call)
    with swapping(network, recording.finish()):
        swapped = network(hidden, **call)

    torch.testing.assert_close(gathered, stock, **ROUNDING)
    torch.testing.assert_close(swapped, stock, **ROUNDING)


def test_other_processors_are_refused(unet: UNet2DConditionModel) -> None:
    unet.set_attn_processor(CrossFrameAttnProcessor2_0())

    with pytest.raises(ModelError, match="already runs CrossFrameAttnProcessor2_0"):
        gather(unet, random_frames(1), shared_texts(1))


def test_group_of_another_size_is_refused(unet: UNet2DConditionModel) -> None:
    group, _ = gather(unet, random_frames(2), shared_texts(2))

    with pytest.raises(ModelError, match="working size"):
        swap(unet, group, random_frames(1)[..., :8], shared_texts(1))


def test_step_beyond_the_group_is_refused(unet: UNet2DConditionModel) -> None:
    group, _ = gather(unet, random_frames(2), shared_texts(2))

    with pytest.raises(ModelError, match="at step 1"), swapping(unet, group) as cursor:
        cursor.begin_step(1)
        predict(unet, random_frames(1), shared_texts(1))


def test_masks_and_uneven_batches_are_refused(unet: UNet2DConditionModel) -> None:
    group, _ = gather(unet, random_frames(2), shared_texts(2))

    with pytest.raises(ModelError, match="no attention mask"), swapping(unet, group):
        unet(
            random_frames(1),
            500,
            encoder_hidden_states=shared_texts(1),
            encoder_attention_mask=torch.ones(3, 5),
        )
    with pytest.raises(ModelError, match="batch of 4"), swapping(unet, group):
        predict(unet, random_frames(2)[:4], shared_texts(2)[:4])
