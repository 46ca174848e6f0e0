"""The Muon optimizer for matrices and convolutions, with AdamW for everything else.

Muon (Keller Jordan, 2024, https://kellerjordan.github.io/posts/muon/): the momentum of a matrix
is replaced by the nearest orthogonal matrix, found by a few Newton-Schulz steps, so that every
direction of a layer learns at the same pace. It needs markedly fewer samples than AdamW here.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# A quintic whose iteration drives singular values towards 1 (see the page above).
QUINTIC = (3.4445, -4.7750, 2.0315)
STEPS = 5


def has_fast_bf16(tensor: Tensor) -> bool:
    """Whether bfloat16 is multiplied in hardware; elsewhere it takes fifteen times as long."""
    return tensor.is_cuda or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def orthogonalize(matrix: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrix to [rows, columns], roughly: singular values near 1."""
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.to(torch.bfloat16 if has_fast_bf16(matrix) else torch.float32)
    if tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    nearest: Tensor = x.T if tall else x
    return nearest.to(matrix.dtype)


class Muon(Optimizer):
    """Muon over parameters of two or more dimensions; kernels are flattened to matrices."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # why: no closure here
        """One step; a matrix moves by lr * sqrt(max(1, rows / columns)) in every direction."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter.grad)
                momentum = state["momentum"]
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(momentum, group["momentum"])  # Nesterov's look ahead
                matrix = update.flatten(1)
                scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                step = orthogonalize(matrix).view_as(parameter)
                parameter.add_(step, alpha=-group["lr"] * scale)


def make_optimizers(
    modules: Iterable[nn.Module], lr: float, muon_lr: float | None, weight_decay: float = 0.01
) -> list[Optimizer]:
    """AdamW for all, or (with ``muon_lr``) Muon for inner matrices and AdamW for the rest.

    Embeddings, biases and norms stay with AdamW.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for module in modules:
        for child in module.modules():
            for parameter in child.parameters(recurse=False):
                inner = parameter.ndim >= 2 and not isinstance(child, nn.Embedding)
                (matrices if inner and muon_lr else others).append(parameter)
    optimizers: list[Optimizer] = []
    if others:
        optimizers.append(
            torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.98), weight_decay=weight_decay)
        )
    if matrices and muon_lr:
        optimizers.append(Muon(matrices, lr=muon_lr, weight_decay=weight_decay))
    return optimizers
