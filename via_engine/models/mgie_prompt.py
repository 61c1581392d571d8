"""What MGIE's language model reads and writes: tokens, prompt, and which states count.

Fu et al., "Guiding Instruction-based Image Editing via Multimodal Large Language Models", 2024;
apple/ml-mgie, `demo.ipynb`, with the conversation `vicuna_v1_1` of haotian-liu/LLaVA.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from transformers import LlamaTokenizer

from via_engine.errors import ModelError

IMAGE_PATCH, IMAGE_START, IMAGE_END = "<im_patch>", "<im_start>", "<im_end>"
VISUAL_TOKENS = tuple(f"[IMG{index}]" for index in range(8))
# In this order behind the language model's own; 32000 to 32010 in the public checkpoint.
ADDED_TOKENS = (IMAGE_PATCH, IMAGE_START, IMAGE_END, *VISUAL_TOKENS)
_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


def load_tokenizer(folder: Path) -> LlamaTokenizer:
    """The tokenizer of a LLaVA folder with MGIE's eight tokens behind its own.

    Raises:
        ModelError: the folder has none, or a token of `ADDED_TOKENS` has another number than
            its place from the end says; the message lists what was found.
    """
    try:
        tokenizer = LlamaTokenizer.from_pretrained(
            folder, local_files_only=True, padding_side="left"
        )
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            f"{folder} holds no LLaMA tokenizer that can be read: {error}; a folder with "
            "tokenizer.model alone needs another package: pip install 'via-editor[mgie]'"
        ) from error
    tokenizer.add_tokens(list(ADDED_TOKENS), special_tokens=True)
    first = len(tokenizer) - len(ADDED_TOKENS)
    found = tokenizer.convert_tokens_to_ids(list(ADDED_TOKENS))
    if found != list(range(first, len(tokenizer))):
        numbered = ", ".join(
            f"{token} {id_}" for token, id_ in zip(ADDED_TOKENS, found, strict=True)
        )
        raise ModelError(
            f"{folder}: the tokenizer numbers MGIE's tokens {numbered}; expected {first} to "
            f"{len(tokenizer) - 1} in this order; use LLaVA-Lightning-7B-v1-1 as it is published"
        )
    return tokenizer


def prompt_text(instruction: str, *, patches: int) -> str:
    """The question to the language model; its answer follows. `patches` is that of the picture."""
    picture = f"{IMAGE_START}{IMAGE_PATCH * patches}{IMAGE_END}"
    question = f"what will this image be like if '{instruction}'\n{picture}"
    return f"{_SYSTEM} USER: {question} ASSISTANT:"


def visual_states(hidden: Tensor, sequence: Sequence[int], first_visual: int) -> Tensor:
    """The eight states that predict [IMG0] to [IMG7].

    Args:
        hidden: (..., length, width), last states of prompt and answer, without the answer's
            last token, which predicts nothing.
        sequence: prompt and answer, `length` + 1 token ids.
        first_visual: the id of [IMG0].

    Returns:
        (..., 8, width). Without a [IMG0], or with one too late, the last eight that have a
        successor, as MGIE does.
    """
    last = hidden.shape[-2] - len(VISUAL_TOKENS) - 1
    found = sequence.index(first_visual) - 1 if first_visual in sequence else last
    first = min(found, last)
    return hidden[..., first : first + len(VISUAL_TOKENS), :]


def visible_text(answer: str) -> str:
    """The expressive instruction for people: at most two sentences, before the visual tokens."""
    text = answer.partition("</s>")[0].partition(VISUAL_TOKENS[0])[0]
    alternative = text.lower().find("alternative")
    if alternative >= 0:
        text = text[:alternative]
    text = ".".join(sentence.strip() for sentence in text.split(".")[:2]).strip()
    return text if text.endswith(".") or not text else f"{text}."
