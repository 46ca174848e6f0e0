"""Pictures as prompts: the painter's cross-attention learns to look at a picture beside the words.

An IP-Adapter (Ye et al. 2023, arXiv 2308.06721): the image tower's vector of a picture becomes a
few tokens, and every cross-attention gets keys and values of its own for them. Half of the time
there are no words, so that the picture alone can lead.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import (
    Attention,
    IPAdapterAttnProcessor,
    IPAdapterAttnProcessor2_0,
)
from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection
from torch import Tensor, nn
from transformers import CLIPTextModel

from engine.training.bank import Bank
from engine.training.checkpoint import replace_file
from engine.training.denoiser import load_denoiser
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.painter import Painter
from engine.training.presets import Preset
from engine.training.trainer import Plan, Trainer

FILE = "pictures.safetensors"
TOKENS = 4  # of a picture; stock pipelines know this kind of adapter by four
WORDS_DROP, VIEW_DROP = 0.5, 0.1  # shares of the samples, each by itself; so 0.05 have neither


class Adapter(nn.Module):
    """What makes tokens of a picture's vector, and each cross-attention's keys and values of them.

    The vector lies in the space of the words, so the beginning is to read it as a word is read.
    """

    def __init__(self, denoiser: UNet2DConditionModel, width: int) -> None:
        super().__init__()
        words = denoiser.config.cross_attention_dim
        self.projection = ImageProjection(width, words, TOKENS)
        with torch.no_grad():
            tokens = self.projection.image_embeds
            tokens.bias.zero_()  # no picture is no tokens
            tokens.weight.add_(torch.eye(words, width).repeat(TOKENS, 1).to(tokens.weight))
        is_cpu = denoiser.device.type == "cpu"
        kind = IPAdapterAttnProcessor if is_cpu else IPAdapterAttnProcessor2_0
        self.layers = nn.ModuleList()
        for attention in _cross_attention(denoiser):
            layer = kind(attention.inner_dim, words, [TOKENS])
            layer.to_k_ip[0].load_state_dict(attention.to_k.state_dict())
            layer.to_v_ip[0].load_state_dict(attention.to_v.state_dict())
            self.layers.append(layer)
        self.to(denoiser.device)

    def put_into(self, denoiser: UNet2DConditionModel) -> None:
        """Let the denoiser look at pictures too; it then wants them in every call."""
        for attention, layer in zip(_cross_attention(denoiser), self.layers, strict=True):
            attention.set_processor(layer)
        denoiser.encoder_hid_proj = MultiIPAdapterImageProjection([self.projection])
        denoiser.config.encoder_hid_dim_type = "ip_image_proj"  # as the stock pipelines set it


def _cross_attention(denoiser: UNet2DConditionModel) -> Iterator[Attention]:
    """The layers that read the words, in the order in which stock pipelines count them."""
    for name in denoiser.attn_processors:
        if name.endswith("attn2.processor"):
            yield denoiser.get_submodule(name.removesuffix(".processor"))


def look(denoiser: UNet2DConditionModel, views: Tensor) -> Callable[..., Any]:
    """The denoiser with a picture before each row's eyes, by the vectors [B,W] of the pictures."""
    return partial(denoiser, added_cond_kwargs={"image_embeds": [views[:, None]]})


def train_adapter(
    preset: Preset,
    work: Path,
    plan: Plan,
    text_encoder: CLIPTextModel,
    *,
    batch: int = 32,
    lr: float = 1e-3,
    muon_lr: float | None = 0.01,
    machine: Machine = CPU,
    seed: int = 11,
) -> Progress:
    """Train on the bank until the plan is over; the folder then holds it as pipelines read it."""
    torch.manual_seed(seed)
    bank = Bank(work / "bank", machine)
    denoiser = load_denoiser(preset, work / "denoiser", plan.start)
    painter = Painter(denoiser, text_encoder, machine)
    adapter = Adapter(painter.denoiser, bank.draw(1).views.shape[1])
    adapter.put_into(painter.denoiser)
    trainer = Trainer(plan, {"adapter": adapter}, make_optimizers([adapter], lr, muon_lr, 0.0))
    torch.manual_seed(seed + trainer.progress.samples)

    def compute_loss() -> tuple[Tensor, int]:
        drawn = bank.draw(batch, WORDS_DROP)
        is_seen = torch.rand(batch, 1, device=machine.device) >= VIEW_DROP
        return painter.loss(look(painter.denoiser, drawn.views * is_seen), drawn), batch

    return trainer.run(compute_loss, on_save=lambda: save_adapter(adapter, plan.folder / FILE))


def save_adapter(adapter: Adapter, path: Path) -> None:
    """Write the adapter in fp16, under the names that IP-Adapters have."""
    tensors = {
        f"image_proj.{name.replace('image_embeds', 'proj')}": tensor
        for name, tensor in adapter.projection.state_dict().items()
    }
    for number, layer in enumerate(adapter.layers):
        for name, tensor in layer.state_dict().items():
            # Those that look at the picture itself are counted, too, and have nothing here.
            tensors[f"ip_adapter.{2 * number + 1}.{name.replace('.0.', '.')}"] = tensor
    replace_file(path, {name: tensor.half() for name, tensor in tensors.items()})
