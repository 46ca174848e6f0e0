"""Whether a picture finds its caption among near misses, by text encoder and image tower."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

from engine.training.evaluator import as_floats
from engine.training.machine import CPU, Machine
from engine.training.shares import Share
from engine.training.text import see, tokenize
from engine.training.world import Scene


@dataclass(frozen=True)
class Reader:
    """Text encoder and tower in one space."""

    tokenizer: CLIPTokenizer
    encoder: CLIPTextModel
    tower: CLIPVisionModelWithProjection
    context: int
    machine: Machine = CPU

    @torch.no_grad()
    def find(self, scenes: Sequence[Scene], captions: Sequence[str], pictures: Tensor) -> Share:
        """How many pictures [N,3,S,S] are nearest to their own caption, or to one of the same."""
        device = self.machine.device
        ids = tokenize(self.tokenizer, list(captions), self.context).to(device)
        words = functional.normalize(self.encoder(ids).pooler_output, dim=-1)
        views = functional.normalize(see(self.tower, as_floats(pictures.to(device))), dim=-1)
        found = (views @ words.T).argmax(1).tolist()
        plain = [replace(scene, art="") for scene in scenes]
        return Share(sum(plain[row] == plain[hit] for row, hit in enumerate(found)), len(found))
