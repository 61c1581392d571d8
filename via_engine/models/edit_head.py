"""MGIE's edit head: from the language model's eight visual states to the editor's conditioning.

Fu et al., "Guiding Instruction-based Image Editing via Multimodal Large Language Models", 2024;
names and order of the operations are those of apple/ml-mgie, `mgie_llava.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import torch
from torch import Tensor, nn

from via_engine.errors import ModelError

# The one size that no tensor of the state dict tells.
_HEADS = 4


class EditMapper(nn.Module):
    """A small encoder-decoder whose learned queries become the rows of `prompt_embeds`.

    Args:
        states_width: of the language model's states.
        width: inside the transformer.
        encoder_layers, decoder_layers: their numbers.
        feed_forward: width between the two linear layers of a block.
        query_tokens: rows of the result; 77 for Stable Diffusion.
        output_width: of the result; 768 for Stable Diffusion.
    """

    def __init__(
        self,
        *,
        states_width: int,
        width: int,
        encoder_layers: int,
        decoder_layers: int,
        feed_forward: int,
        query_tokens: int,
        output_width: int,
    ) -> None:
        super().__init__()
        self.llm2hid = nn.Linear(states_width, width)
        self.query = nn.Parameter(torch.zeros(1, query_tokens, width))
        self.mapper = nn.Transformer(
            d_model=width,
            nhead=_HEADS,
            num_decoder_layers=decoder_layers,
            dim_feedforward=feed_forward,
            dropout=0.0,
            batch_first=True,
            norm_first=True,
            custom_encoder=_encoder(width, feed_forward, encoder_layers),
        )
        self.hid2feat = nn.Linear(width, output_width)

    @classmethod
    def of_weights(cls, weights: Mapping[str, Tensor]) -> EditMapper:
        """The head whose sizes these tensors have, with them loaded: their dtype and device.

        Args:
            weights: a state dict under the published names, without the prefix `edit_head.`.

        Raises:
            ModelError: a tensor is missing, unknown or of another size than the others say.
        """
        try:
            width, states_width = weights["llm2hid.weight"].shape
            with torch.device("meta"):
                head = cls(
                    states_width=states_width,
                    width=width,
                    encoder_layers=_layers(weights, "encoder"),
                    decoder_layers=_layers(weights, "decoder"),
                    feed_forward=len(weights["mapper.encoder.layers.0.linear1.bias"]),
                    query_tokens=weights["query"].shape[1],
                    output_width=len(weights["hid2feat.bias"]),
                )
        except (KeyError, ValueError, IndexError) as error:
            raise ModelError(f"the edit head's weights lack or misshape {error}") from error
        try:
            head.load_state_dict(weights, assign=True)
        except RuntimeError as error:
            raise ModelError(f"the edit head's weights do not fit together: {error}") from error
        return head.requires_grad_(False).eval()

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Conditioning (B, query_tokens, output_width).

        Args:
            states: (B, 8, states_width), the states that predict [IMG0] to [IMG7].
            embeddings: (1, 8, states_width), the embeddings of [IMG0] to [IMG7].
        """
        visual = self.llm2hid(states + embeddings)
        queries = self.query.expand(len(states), -1, -1)
        conditioning: Tensor = self.hid2feat(self.mapper(visual, queries))
        return conditioning


def _encoder(width: int, feed_forward: int, layers: int) -> nn.TransformerEncoder:
    """What nn.Transformer builds itself, without its warning that pre-norm knows no nesting."""
    layer = nn.TransformerEncoderLayer(
        width, _HEADS, feed_forward, dropout=0.0, batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)


def _layers(weights: Mapping[str, Tensor], side: str) -> int:
    """How many layers of that side the tensors tell of."""
    names = (f"mapper.{side}.layers.{number}.linear1.weight" for number in count())
    return next(number for number, name in enumerate(names) if name not in weights)
