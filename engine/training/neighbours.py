"""Whether painted pictures were learnt by heart: their nearest neighbours in the bank."""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from engine.training.autoencoder import decode, encode
from engine.training.bank import Bank
from engine.training.evaluator import as_floats
from engine.training.machine import CPU, Machine
from engine.training.studio import as_bytes

AT_ONCE = 8192  # scenes of the bank that are compared


@dataclass(frozen=True)
class Neighbours:
    """The nearest scene of the bank for each picture."""

    distances: Tensor  # root mean square between latents of unit variance, [N]
    latents: Tensor  # of the neighbours, [N,C,h,w]
    seen: int  # scenes of the bank that were looked at

    def summary(self) -> dict[str, float]:
        """Median and least distance."""
        return {"median": float(self.distances.median()), "least": float(self.distances.min())}


@torch.no_grad()
def find_neighbours(latents: Tensor, bank: Bank, machine: Machine = CPU) -> Neighbours:
    """Look through all scenes of the bank that have the shape of these latents [N,C,h,w]."""
    rows = latents.to(machine.device).float().flatten(1)
    others = bank.shapes[latents.shape[2:]]["latents"].flatten(1)
    best = torch.full((len(rows),), torch.inf, device=machine.device)
    found = torch.zeros_like(rows)
    for some in torch.split(others, AT_ONCE):
        distances, nearest = torch.cdist(rows, some.float()).min(1)
        is_nearer = distances < best
        best = torch.where(is_nearer, distances, best)
        found = torch.where(is_nearer[:, None], some[nearest].float(), found)
    exact = (rows - found).square().mean(1).sqrt()  # the search itself may round
    return Neighbours(exact.cpu(), found.view(latents.shape), len(others))


@torch.no_grad()
def to_latents(autoencoder: AutoencoderTiny, pictures: Tensor, machine: Machine = CPU) -> Tensor:
    """Latents of unit variance of pictures uint8 [N,3,S,S]."""
    batches = torch.split(pictures, 64)
    parts = [encode(autoencoder, as_floats(batch.to(machine.device))) for batch in batches]
    latents: Tensor = torch.cat(parts) * autoencoder.config.scaling_factor
    return latents


@torch.no_grad()
def to_pictures(autoencoder: AutoencoderTiny, latents: Tensor) -> Tensor:
    """Pictures uint8 of latents of unit variance."""
    return as_bytes(decode(autoencoder, latents / autoencoder.config.scaling_factor))
