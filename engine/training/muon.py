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


def orthogonalize(matrices: Tensor) -> Tensor:
    """The nearest semi-orthogonal ones to [..., rows, columns], roughly: singular values near 1."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    is_wide = x.shape[-1] > 2 * x.shape[-2]
    in_bf16 = has_fast_bf16(matrices) and not is_wide
    x = x.to(torch.bfloat16 if in_bf16 else torch.float32)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = even_out_wide(x) if is_wide else even_out(x)
    nearest: Tensor = x.mT if tall else x
    return nearest.to(matrices.dtype)


def even_out(x: Tensor) -> Tensor:
    """Newton-Schulz steps on wide matrices of length one."""
    a, b, c = QUINTIC
    for _ in range(STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def even_out_wide(x: Tensor) -> Tensor:
    """The same for matrices much wider than high, at a third of the cost for a kernel's.

    Each step multiplies x from the left by a polynomial of x @ x.mT, and polynomials of one
    matrix commute: so the steps are taken among the small square ones. That squares what is
    small, hence in float32.
    """
    a, b, c = QUINTIC
    gram = x @ x.mT
    one = torch.eye(gram.shape[-1], device=x.device).expand_as(gram)
    product = one
    for _ in range(STEPS):
        step = a * one + b * gram + c * gram @ gram
        product = step @ product
        gram = step @ gram @ step
    return product @ x


def _alike(parameters: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    """Parameters with gradients by the shape of their matrix: each shape goes in one batch."""
    shapes: dict[tuple[int, int], list[nn.Parameter]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            rows = parameter.shape[0]
            shapes.setdefault((rows, parameter.numel() // rows), []).append(parameter)
    return list(shapes.values())


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
            for parameters in _alike(group["params"]):
                self._step_alike(parameters, group)

    def _step_alike(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        # Nesterov's look ahead
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        updates = orthogonalize(torch.stack([each.flatten(1) for each in ahead]))
        scale = max(1.0, updates.shape[1] / updates.shape[2]) ** 0.5
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update.view_as(parameter), alpha=-group["lr"] * scale)


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
