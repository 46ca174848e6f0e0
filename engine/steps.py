"""One job's scheduler, watched: counts its steps and hands out the clean-latent estimate."""

import functools
from collections.abc import Callable
from typing import Any

import torch

Estimate = Callable[[], torch.Tensor | None]
OnStep = Callable[[int, Estimate], None]
NOISY_SECOND = {"TCDScheduler", "ScoreSdeVeScheduler", "HeliosScheduler"}
"""Schedulers whose step returns something else than the clean estimate beside the latents."""


def watch_steps(scheduler: Any, on_step: OnStep) -> None:
    """Call `on_step(steps done, estimate)` after each of the scheduler's steps.

    Every pipeline calls its scheduler once a step, whatever callbacks it knows; an exception
    that `on_step` raises leaves the pipeline at once.
    """
    real = scheduler.step
    calls = 0

    @functools.wraps(real)
    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        output = real(*args, **kwargs)
        calls += 1
        named = dict(zip(("model_output", "timestep", "sample"), args, strict=False)) | kwargs
        # A second-order scheduler is called twice a step, but once for the last.
        on_step(-(-calls // scheduler.order), lambda: estimate_clean(scheduler, output, named))
        return output

    scheduler.step = step


def stop_after(pipeline: Any, steps: int) -> None:
    """Let a pipeline end after so many steps, with the clean estimate in the place of its latents.

    Call it before `watch_steps`. What is left of its loop is passed over, as by its own interrupt.
    """
    scheduler = pipeline.scheduler
    real = scheduler.step
    calls = 0

    @functools.wraps(real)
    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        output = real(*args, **kwargs)
        calls += 1
        if calls != steps * scheduler.order:
            return output
        named = dict(zip(("model_output", "timestep", "sample"), args, strict=False)) | kwargs
        clean = estimate_clean(scheduler, output, named)
        pipeline._interrupt = True
        # Inpainting puts the old picture back with noise for the next step, which will not come.
        scheduler.add_noise = lambda latents, *_: latents
        if clean is None:
            return output
        if isinstance(output, tuple):
            return (clean, *output[1:])
        output.prev_sample = clean
        return output

    scheduler.step = step


def estimate_clean(scheduler: Any, output: Any, named: dict[str, Any]) -> torch.Tensor | None:
    """Where the latents would end if this step's prediction were right; else the latents."""
    name, config = type(scheduler).__name__, scheduler.config
    parts = output if isinstance(output, tuple) else tuple(output.values())
    latents: torch.Tensor = parts[0]
    if len(parts) > 1 and name not in NOISY_SECOND and torch.is_tensor(parts[1]):
        return parts[1]
    history = getattr(scheduler, "model_outputs", None)
    kind = str(config.get("algorithm_type", ""))
    if history and (kind.endswith("dpmsolver++") or config.get("predict_x0")):
        newest = history[-1]
        return newest if torch.is_tensor(newest) else latents
    sample, predicted = named.get("sample"), named.get("model_output")
    if sample is None or predicted is None:
        return latents
    if name.startswith("FlowMatch"):
        index = scheduler.step_index
        return None if not index else sample - scheduler.sigmas[index - 1] * predicted
    if hasattr(scheduler, "alphas_cumprod") and scheduler.init_noise_sigma == 1:
        return _from_noise(scheduler, sample, predicted, int(named["timestep"]))
    return latents


def _from_noise(
    scheduler: Any, sample: torch.Tensor, predicted: torch.Tensor, timestep: int
) -> torch.Tensor:
    kept: torch.Tensor = scheduler.alphas_cumprod[timestep].to(sample.device, sample.dtype)
    signal, noise = kept.sqrt(), (1 - kept).sqrt()
    if scheduler.config.prediction_type == "v_prediction":
        return signal * sample - noise * predicted
    return (sample - noise * predicted) / signal.clamp_min(1e-3)
