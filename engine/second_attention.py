"""The second attention that IP-Adapters add to a U-Net's cross-attention: it looks at pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_processor import Attention, IPAdapterAttnProcessor2_0
from diffusers.models.embeddings import MultiIPAdapterImageProjection
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.reference_folder import AdapterFile, Shapes

STYLE, LAYOUT, REST = range(3)
"""The sorts of cross-attention layers."""
SORTS: dict[str, dict[int, tuple[str, ...]]] = {
    "sdxl": {STYLE: ("up_blocks.0.attentions.1.",), LAYOUT: ("down_blocks.2.attentions.1.",)},
    "embedded": {
        STYLE: ("down_blocks.1.", "up_blocks.1."),
        LAYOUT: ("down_blocks.2.",),
    },
    "": {
        STYLE: ("down_blocks.0.", "down_blocks.1.", "mid_block.", "up_blocks.2.", "up_blocks.3."),
        LAYOUT: ("down_blocks.2.",),
    },
}
"""Where the layers of a sort are, by the model's family: InstantStyle's (arXiv 2404.02733) for
SDXL; in others all but the deepest carry the style, in Easel's own those of the larger half."""
COUNTS = {"image": (1, 1, 1), "style": (1, 0, 0), "figure": (1, 0, 1), "face": (1, 1, 1)}
"""How much a kind of reference counts in the layers of each sort."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A file read: what makes tokens of a picture's vectors, and each layer's keys and values."""

    file: AdapterFile
    projection: nn.Module
    layers: dict[str, tuple[nn.Module, nn.Module]]

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Return all its parts."""
        return self.projection, *(layer for pair in self.layers.values() for layer in pair)


@dataclass(frozen=True, slots=True)
class Setup:
    """What stands in a U-Net: with a projection it looks at pictures, else at the prompt alone."""

    processors: dict[str, Any]
    projection: nn.Module | None = None

    @classmethod
    def found_in(cls, unet: Any) -> "Setup":
        """Note what stands there now."""
        return cls({name: layer.processor for name, layer in _layers(unet)})

    def put_into(self, unet: Any) -> None:
        """Let a U-Net look so."""
        for name, layer in _layers(unet):
            layer.set_processor(self.processors[name])
        unet.encoder_hid_proj = self.projection
        # why: an attribute, which the U-Net reads; the configuration itself stays as it is
        unet.config.encoder_hid_dim_type = "ip_image_proj" if self.projection else None


def set_up(adapters: Sequence[Adapter], family: str) -> Setup:
    """Join adapters, one for each picture, to a setup; how much a picture counts comes in calls.

    `image_embeds` are then the vectors of each picture and one tensor more: the scale of each
    picture in each sort of layers, (rows, 1, pictures * 3).
    """
    scales, processors = _Scales(), {}
    sorts = SORTS.get(family, SORTS[""])
    for name in adapters[0].layers:
        with torch.device("meta"):
            processor: Any = IPAdapterAttnProcessor2_0(1, 1, [1] * len(adapters))
        sort = next((sort for sort, where in sorts.items() if name.startswith(where)), REST)
        pairs = [adapter.layers[name] for adapter in adapters]
        processor.to_k_ip = nn.ModuleList(keys for keys, _ in pairs)
        processor.to_v_ip = nn.ModuleList(
            _Values(values, scales, 3 * place + sort) for place, (_, values) in enumerate(pairs)
        )
        processors[name] = processor
    return Setup(processors, _Projection([one.projection for one in adapters], scales))


def read_adapter(unet: Any, file: AdapterFile) -> Adapter:
    """Read an adapter's file for a U-Net.

    Raises:
        KeyError, ValueError, RuntimeError: it does not fit.

    """
    tensors = load_file(file.path)
    named = {
        name.removeprefix("image_proj."): tensor
        for name, tensor in tensors.items()
        if name.startswith("image_proj.")
    }
    layers = {}
    for number, (name, layer) in enumerate(_layers(unet)):
        # Those that look at the picture itself are counted, too, and have nothing here.
        stem = f"ip_adapter.{2 * number + 1}"
        keys, values = (_linear(tensors[f"{stem}.to_{side}_ip.weight"], layer) for side in "kv")
        layers[name] = keys, values
    adapter = Adapter(file, unet._convert_ip_adapter_image_proj_to_diffusers(named), layers)
    for module in adapter.modules:
        module.to(unet.device, unet.dtype).eval().requires_grad_(requires_grad=False)
    return adapter


def attention_shapes_of(unet: Any) -> Shapes:
    """Return the shapes of a U-Net's cross-attention, as `reference_folder.attention_shapes`."""
    found = ((layer.inner_kv_dim, layer.cross_attention_dim) for _, layer in _layers(unet))
    return tuple(sorted(found))


class _Scales:
    """How much each picture counts in the rows of the present forward."""

    value: Tensor | None = None


class _Projection(MultiIPAdapterImageProjection):  # type: ignore[misc]  # why: Any to us
    """Vectors of pictures → tokens; the last of the tensors is the scales."""

    def __init__(self, layers: Sequence[nn.Module], scales: _Scales) -> None:
        super().__init__(layers)
        self._scales = scales

    def forward(self, image_embeds: list[Tensor]) -> Any:
        *vectors, self._scales.value = image_embeds
        return super().forward(vectors)


class _Values(nn.Module):
    """A layer of values that count as much as each row wants: attention is linear in them."""

    def __init__(self, layer: nn.Module, scales: _Scales, column: int) -> None:
        super().__init__()
        self.layer = layer
        self._scales = scales
        self._column = column

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the values (rows, pictures, tokens, width)."""
        values: Tensor = self.layer(tokens)
        if self._scales.value is None:
            raise RuntimeError("The pictures' scales come with the call of the U-Net.")
        return values * self._scales.value[:, 0, self._column].to(values)[:, None, None, None]


def _layers(unet: Any) -> Iterator[tuple[str, Attention]]:
    """The U-Net's cross-attention layers in the order in which adapters count them."""
    for name, layer in unet.named_modules():
        if isinstance(layer, Attention) and name.endswith(".attn2"):
            yield name, layer


def _linear(weight: Tensor, layer: Attention) -> nn.Module:
    """Make the layer of a weight.

    Raises:
        ValueError: it is not of the shape that the attention layer needs.

    """
    shape = layer.inner_kv_dim, layer.cross_attention_dim
    if weight.shape != shape:
        raise ValueError(f"a weight of {tuple(weight.shape)} should have {shape}")
    with torch.device("meta"):
        linear = nn.Linear(shape[1], shape[0], bias=False)
    linear.load_state_dict({"weight": weight}, assign=True)
    return linear
