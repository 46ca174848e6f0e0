"""Teaches a trained text encoder Chinese without a picture and without forgetting its English.

A Chinese caption is to leave behind, after its last word, the very vectors that its English twin
leaves there, and to come near them before; English captions are to keep the vectors they had
(Reimers & Gurevych 2020, arXiv 2004.09813, do so with sentences). The denoiser reads those
vectors, so one that was trained on English alone can follow Chinese as well.
"""

import copy
import random

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from engine.training.captions import Captioner
from engine.training.checkpoint import start_from
from engine.training.chinese import write_chinese
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import Preset
from engine.training.text import make_text_encoder, open_tokenizer, tokenize
from engine.training.trainer import Plan, Trainer
from engine.training.world import Scene

SHORT = 32  # places of most batches; the rest are padding, which every fourth batch is taught
LONG_EVERY = 4
EARLY_WEIGHT = 0.4  # of the places before both captions have ended
KEPT_OF = 4  # one English caption in so many is looked at again


class Teacher:
    """The encoder as it was, and how far the one that learns is from it."""

    def __init__(self, encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
        self.old = copy.deepcopy(encoder).eval().requires_grad_(requires_grad=False)
        self.encoder = encoder
        self.tokenizer = tokenizer

    def loss(self, scenes: list[Scene], captioner: Captioner, length: int) -> Tensor:
        """Mean squared distance: Chinese to English after the last word, English to itself."""
        english = [captioner.write_english(scene) for scene in scenes]
        chinese = [write_chinese(scene, captioner.rng) for scene in scenes]
        device = self.encoder.device
        ids, ids_zh = (
            tokenize(self.tokenizer, some, length).to(device) for some in (english, chinese)
        )
        with torch.no_grad():
            meant: Tensor = self.old(ids).last_hidden_state
        kept = max(1, len(scenes) // KEPT_OF)
        said: Tensor = self.encoder(torch.cat([ids_zh, ids[:kept]])).last_hidden_state
        goals = self._goals(meant, ids)
        distance = (said[: len(scenes)] - goals).square().mean(2)
        ended = (ids_zh == self.tokenizer.eos_token_id) & (ids == self.tokenizer.eos_token_id)
        weight = torch.where(ended, 1.0, EARLY_WEIGHT)
        apart = (distance * weight).sum() / weight.sum()
        drift: Tensor = (said[len(scenes) :] - meant[:kept]).square().mean()
        loss: Tensor = apart + drift
        return loss

    def _goals(self, meant: Tensor, ids: Tensor) -> Tensor:
        """What each place is to say: in the English words' places what the first one after says.

        A Chinese word cannot know there what follows; it comes to say what is likely. Left alone
        it says anything, and the denoiser, which looks at every place, is led astray.
        """
        first_end = (ids == self.tokenizer.eos_token_id).int().argmax(1)
        places = torch.arange(ids.shape[1], device=ids.device)[None].expand_as(ids)
        places = torch.maximum(places, first_end[:, None])
        return meant.gather(1, places[:, :, None].expand_as(meant))


def train_bilingual(
    preset: Preset,
    plan: Plan,
    *,
    batch: int = 48,
    lr: float = 2e-3,
    muon_lr: float | None = 0.006,
    machine: Machine = CPU,
    seed: int = 8,
) -> Progress:
    """Teach until the plan is over; the folder then holds a text encoder of both languages."""
    if plan.start is None:
        raise ValueError("Chinese is taught to a trained text encoder: name its folder with --from")
    torch.manual_seed(seed)
    tokenizer = open_tokenizer(preset, plan)
    encoder = make_text_encoder(preset.text, tokenizer)
    start_from(plan.start, "text_encoder", encoder)
    encoder.to(machine.device)
    teacher = Teacher(encoder, tokenizer)
    trainer = Trainer(plan, {"text_encoder": encoder}, make_optimizers([encoder], lr, muon_lr))
    rng = random.Random(seed + trainer.progress.samples)
    captioner = Captioner(rng)

    def compute_loss() -> tuple[Tensor, int]:
        is_long = trainer.progress.steps % LONG_EVERY == 0
        count = batch // 2 if is_long else batch
        length = preset.text.context if is_long else SHORT
        scenes = [preset.world.draw_scene(rng) for _ in range(count)]
        return teacher.loss(scenes, captioner, length), count

    return trainer.run(compute_loss)
