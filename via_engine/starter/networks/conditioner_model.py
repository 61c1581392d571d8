"""The untrained MGIE-shaped conditioner: tokenizer, prompt and networks at reduced size.

Layout and rules are those of MGIE (Fu et al., "Guiding Instruction-based Image Editing via
Multimodal Large Language Models", 2024). The prompt and the edit head are written out here a
second time: starter stands below models in the import order, and so the loader there, which
takes the real checkpoints, is tested against an independent twin.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaTokenizer,
)

from via_engine.starter.networks.text import MAX_TOKENS, TEXT_WIDTH
from via_engine.starter.world.expressive import expressive_sentence
from via_engine.starter.world.scene import demo_scene
from via_engine.starter.world.vocabulary import BACKGROUNDS, every_instruction, wordings

PATCH_TOKENS = ("<im_patch>", "<im_start>", "<im_end>")
IMAGE_TOKENS = tuple(f"[IMG{index}]" for index in range(8))
LANGUAGE_WIDTH = 128
_VISION_WIDTH = 96
_HEAD_WIDTH = 128
_HEAD_LAYERS = 2
_IMAGE_SIDE = 64
_PATCH_SIDE = 16
PATCHES = (_IMAGE_SIDE // _PATCH_SIDE) ** 2
_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


class EditHead(nn.Module):
    """MGIE's edit head under its published names."""

    def __init__(self) -> None:
        super().__init__()
        self.llm2hid = nn.Linear(LANGUAGE_WIDTH, _HEAD_WIDTH)
        self.query = nn.Parameter(torch.randn(1, MAX_TOKENS, _HEAD_WIDTH))
        self.mapper = nn.Transformer(
            d_model=_HEAD_WIDTH,
            nhead=4,
            num_encoder_layers=_HEAD_LAYERS,
            num_decoder_layers=_HEAD_LAYERS,
            dim_feedforward=4 * _HEAD_WIDTH,
            dropout=0.0,
            batch_first=True,
            norm_first=True,
        )
        self.hid2feat = nn.Linear(_HEAD_WIDTH, TEXT_WIDTH)

    def forward(self, hidden: Tensor, embeddings: Tensor) -> Tensor:
        """(batch, 8, LANGUAGE_WIDTH) states to (batch, MAX_TOKENS, TEXT_WIDTH) conditioning."""
        visual = self.llm2hid(hidden + embeddings)
        queries = self.query.expand(len(hidden), -1, -1)
        return torch.as_tensor(self.hid2feat(self.mapper(visual, queries)))


class Conditioner(nn.Module):
    """Everything that learns: language model, vision tower, projector and edit head."""

    def __init__(self, tokenizer: LlamaTokenizer) -> None:
        super().__init__()
        self.language = LlamaForCausalLM(_language_config(len(tokenizer)))
        self.vision_tower = CLIPVisionModel(_vision_config())
        self.mm_projector = nn.Linear(_VISION_WIDTH, LANGUAGE_WIDTH)
        self.edit_head = EditHead()
        self.patch_id = int(tokenizer.convert_tokens_to_ids(PATCH_TOKENS[0]))

    @property
    def image_embeddings(self) -> Tensor:
        """(8, LANGUAGE_WIDTH), the embedding rows of [IMG0] to [IMG7], the last of all."""
        rows: Tensor = self.language.model.embed_tokens.weight
        return rows[-len(IMAGE_TOKENS) :]

    def hidden_states(self, tokens: Tensor, attention_mask: Tensor, pixels: Tensor) -> Tensor:
        """(batch, length, LANGUAGE_WIDTH), the states after the language model's final norm.

        Args:
            tokens: (batch, length) int64, with PATCHES <im_patch> tokens in every row.
            attention_mask: (batch, length) int64, 0 where a row is padded.
            pixels: (batch, 3, side, side), as the image processor leaves them.
        """
        seen = self.vision_tower(pixels, output_hidden_states=True).hidden_states[-2][:, 1:]
        embedded = self.language.model.embed_tokens(tokens)
        patches = (tokens == self.patch_id)[..., None].expand_as(embedded)
        projected = self.mm_projector(seen).to(embedded.dtype)
        embedded = embedded.masked_scatter(patches, projected)
        return torch.as_tensor(
            self.language.model(
                inputs_embeds=embedded, attention_mask=attention_mask, use_cache=False
            ).last_hidden_state
        )

    def null_states(self) -> Tensor:
        """(1, MAX_TOKENS, TEXT_WIDTH), what stands for no instruction."""
        embeddings = self.image_embeddings[None]
        return torch.as_tensor(self.edit_head(torch.zeros_like(embeddings), embeddings))


def prompt_text(instruction: str) -> str:
    """What the language model is asked; the answer follows."""
    patches = f"{PATCH_TOKENS[1]}{PATCH_TOKENS[0] * PATCHES}{PATCH_TOKENS[2]}"
    asked = f"what will this image be like if '{instruction}'\n{patches}"
    return f"{_SYSTEM} USER: {asked} ASSISTANT:"


def image_processor() -> CLIPImageProcessor:
    """Squashes the whole picture to the vision tower's square: nothing at the sides is lost."""
    return CLIPImageProcessor(
        size={"height": _IMAGE_SIDE, "width": _IMAGE_SIDE}, do_center_crop=False
    )


def conditioner_tokenizer(folder: Path) -> LlamaTokenizer:
    """The tokenizer kept in `folder`, learned from the world's prompts if there is none yet.

    Like LLaVA's it holds the language model's own tokens, then <im_patch>, <im_start> and
    <im_end>; [IMG0] to [IMG7] are added by `with_image_tokens`.
    """
    if not (folder / "tokenizer.json").exists():
        _learn(folder)
    return LlamaTokenizer.from_pretrained(folder, local_files_only=True)


def with_image_tokens(tokenizer: LlamaTokenizer) -> LlamaTokenizer:
    """The tokenizer, in place, with [IMG0] to [IMG7] as its last tokens."""
    tokenizer.add_tokens(list(IMAGE_TOKENS), special_tokens=True)
    return tokenizer


def llava_config(config: LlamaConfig, patch_rows: int) -> dict[str, object]:
    """The `config.json` of a LLaVA folder of 2023, whose vocabulary ends with `PATCH_TOKENS`."""
    return {
        "architectures": ["LlavaLlamaForCausalLM"],
        "bos_token_id": config.bos_token_id,
        "eos_token_id": config.eos_token_id,
        "model_type": "llava",
        "hidden_act": config.hidden_act,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings,
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "rms_norm_eps": config.rms_norm_eps,
        "tie_word_embeddings": False,
        "vocab_size": patch_rows,
        "mm_hidden_size": _VISION_WIDTH,
        "mm_use_im_start_end": True,
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "vision_tower",
        "use_mm_proj": True,
    }


def _language_config(tokens: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=tokens,
        hidden_size=LANGUAGE_WIDTH,
        intermediate_size=344,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=512,
        # Attention by matrix products: the fused kernel's backward pass is slow on a CPU.
        attn_implementation="eager",
    )


def _vision_config() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=_VISION_WIDTH,
        intermediate_size=3 * _VISION_WIDTH,
        projection_dim=_VISION_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=3,
        image_size=_IMAGE_SIDE,
        patch_size=_PATCH_SIDE,
        attn_implementation="eager",
    )


def _learn(folder: Path) -> None:
    learner = Tokenizer(models.BPE(byte_fallback=True))
    # Tokens end at spaces and punctuation, so that a word is the same token in quotes.
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Punctuation()]
    )
    reserved = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=1200, special_tokens=reserved, show_progress=False, min_frequency=2
    )
    learner.train_from_iterator(_every_text(), trainer)
    learned = json.loads(learner.to_str())["model"]
    merges = [tuple(merge) for merge in learned["merges"]]
    tokenizer = LlamaTokenizer(vocab=learned["vocab"], merges=merges)
    tokenizer.add_tokens(list(PATCH_TOKENS), special_tokens=True)
    tokenizer.save_pretrained(folder)


def _every_text() -> list[str]:
    asked = sorted({text for one in every_instruction() for text in wordings(one)})
    scenes = [replace(demo_scene(), background=name) for name in (*BACKGROUNDS, "photo")]
    written = {
        expressive_sentence(scene, one) for scene, one in product(scenes, every_instruction())
    }
    capitals = [text.capitalize() for text in asked]
    return [prompt_text(text) for text in (*asked, *capitals)] + sorted(written)
