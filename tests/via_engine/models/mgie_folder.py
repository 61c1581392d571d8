"""Writes an MGIE folder as it is published, with random weights and small enough for a test.

Shards and `mllm.pt` are torch files, the config is LLaVA's of 2023, the vision tower is a whole
CLIP model with a preprocessor config of its time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaTokenizer,
)

WIDTH, VISION_WIDTH = 32, 24
QUERY_TOKENS, OUTPUT_WIDTH = 7, 20
PATCHES = (28 // 14) ** 2
PATCH_TOKENS = ("<im_patch>", "<im_start>", "<im_end>")
CONFIG: dict[str, Any] = {
    "architectures": ["LlavaLlamaForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": WIDTH,
    "initializer_range": 0.02,
    "intermediate_size": 48,
    "max_position_embeddings": 700,
    "mm_hidden_size": VISION_WIDTH,
    "mm_use_im_start_end": True,
    "mm_vision_select_layer": -2,
    "mm_vision_tower": "openai/clip-vit-large-patch14",
    "model_type": "llava",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "rms_norm_eps": 1e-06,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "transformers_version": "4.28.0.dev0",
    "tune_mm_mlp_adapter": False,
    "use_cache": True,
    "use_mm_proj": True,
}


class PublishedHead(nn.Module):
    """The edit head written down from the published names, with torch's own transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.llm2hid = nn.Linear(WIDTH, 16)
        self.query = nn.Parameter(torch.randn(1, QUERY_TOKENS, 16))
        self.mapper = nn.Transformer(16, 4, 3, 2, 40, 0.0, batch_first=True, norm_first=True)
        self.hid2feat = nn.Linear(16, OUTPUT_WIDTH)

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        hidden = self.llm2hid(states + embeddings)
        answer: Tensor = self.hid2feat(self.mapper(hidden, self.query.repeat(len(states), 1, 1)))
        return answer


def tiny_tokenizer(*added: str) -> LlamaTokenizer:
    letters = "▁abcdefghijklmnopqrstuvwxyzASUERIT'.,:\n"
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    tokenizer = LlamaTokenizer(vocab={token: number for number, token in enumerate(tokens)})
    tokenizer.add_tokens(list(added or PATCH_TOKENS), special_tokens=True)
    return tokenizer


def reference_parts(seed: int = 0) -> tuple[LlamaForCausalLM, nn.Linear, CLIPModel, PublishedHead]:
    """Language model with all token rows, projector, vision tower and head; float32."""
    torch.manual_seed(seed)
    rows = len(tiny_tokenizer()) + 8
    language = LlamaForCausalLM(
        LlamaConfig(**{**CONFIG, "model_type": "llama", "vocab_size": rows})
    )
    for weight in language.parameters():
        if weight.ndim == 2:
            nn.init.normal_(weight, std=0.2)
    vision = CLIPVisionConfig(
        hidden_size=VISION_WIDTH,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=3,
        image_size=28,
        patch_size=14,
    )
    text = CLIPTextConfig(
        vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    clip = CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8)
    )
    with torch.no_grad():
        clip.vision_model.embeddings.patch_embedding.weight.mul_(20)
    parts = (language, nn.Linear(VISION_WIDTH, WIDTH), clip, PublishedHead())
    for part in parts:
        part.requires_grad_(False).eval()
    return parts


def write_mgie_folder(
    folder: Path,
    parts: tuple[LlamaForCausalLM, nn.Linear, CLIPModel, PublishedHead],
    *,
    emb: Tensor | None = None,
) -> Path:
    """Lays the parts out as LLaVA's and MGIE's releases do; returns the folder."""
    language, projector, clip, head = parts
    _write_llava(folder / "llava", language, projector)
    _write_vision(folder / "vision_tower", clip)
    mllm = {name: language.state_dict()[name] for name in _TOKEN_ROWS}
    mllm |= {f"edit_head.{name}": tensor for name, tensor in head.state_dict().items()}
    torch.save(mllm if emb is None else {**mllm, "emb": emb}, folder / "mllm.pt")
    return folder


def change_file(path: Path, **changes: Any) -> None:
    """Rewrites a torch file: a tensor replaces or joins the others, None takes one out."""
    tensors = torch.load(path, weights_only=True)
    for name, tensor in changes.items():
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    torch.save(tensors, path)


_TOKEN_ROWS = ("model.embed_tokens.weight", "lm_head.weight")


def _write_llava(folder: Path, language: LlamaForCausalLM, projector: nn.Linear) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    config = {**CONFIG, "vocab_size": len(tokenizer)}
    (folder / "config.json").write_text(json.dumps(config))
    tensors = dict(language.state_dict())
    for name in _TOKEN_ROWS:
        # What MGIE's file replaces: other values, eight rows fewer.
        tensors[name] = torch.randn(len(tokenizer), WIDTH)
    tensors |= {f"model.mm_projector.{name}": t for name, t in projector.state_dict().items()}
    for layer in range(CONFIG["num_hidden_layers"]):
        tensors[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    names = sorted(tensors)
    halves = {"00001": names[: len(names) // 2], "00002": names[len(names) // 2 :]}
    weight_map: dict[str, str] = {}
    for number, half in halves.items():
        file = f"pytorch_model-{number}-of-00002.bin"
        torch.save({name: tensors[name] for name in half}, folder / file)
        weight_map |= dict.fromkeys(half, file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def _write_vision(folder: Path, clip: CLIPModel) -> None:
    clip.config.save_pretrained(folder)
    torch.save(clip.state_dict(), folder / "pytorch_model.bin")
    preprocessor = {
        "crop_size": 28,
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3,
        "size": 28,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
