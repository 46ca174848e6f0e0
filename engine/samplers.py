"""The samplers people know by name, in diffusers' words; no torch until one is made."""

import copy
import difflib
import inspect
import re
from dataclasses import dataclass, field
from typing import Any

from engine.errors import PaintError, Sentence


@dataclass(frozen=True, slots=True)
class Sampler:
    """A scheduler class of diffusers and what it changes in the model's own configuration.

    `zero_snr`: it can also start from noise alone, as models trained to zero terminal SNR do.
    """

    scheduler: str
    options: dict[str, Any] = field(default_factory=dict)
    zero_snr: bool = False


def _karras(name: str, scheduler: str, **options: Any) -> dict[str, Sampler]:
    """Two samplers: as it is, and with Karras' spacing of the noise levels."""
    return {
        name: Sampler(scheduler, options),
        f"{name} karras": Sampler(scheduler, {**options, "use_karras_sigmas": True}),
    }


_MULTI, _SINGLE = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"
_DPM: dict[str, Any] = {"algorithm_type": "dpmsolver++", "solver_order": 2}
_SDE: dict[str, Any] = {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}
_DEFAULTS = {"algorithm_type": "dpmsolver++", "solver_order": 2}
"""What diffusers takes where a configuration says nothing."""
_LATENT = {"clip_sample": False}
"""Latents go beyond -1 and 1, at which these cut where a configuration says nothing."""

SAMPLERS: dict[str, Sampler] = {
    **_karras("euler", "EulerDiscreteScheduler"),
    "euler": Sampler("EulerDiscreteScheduler", zero_snr=True),
    "euler a": Sampler("EulerAncestralDiscreteScheduler", zero_snr=True),
    **_karras("heun", "HeunDiscreteScheduler"),
    **_karras("dpm2", "KDPM2DiscreteScheduler"),
    **_karras("dpm2 a", "KDPM2AncestralDiscreteScheduler"),
    **_karras("dpm++ 2m", _MULTI, **_DPM),
    "dpm++ 2m": Sampler(_MULTI, _DPM, zero_snr=True),
    **_karras("dpm++ 2m sde", _MULTI, **_SDE),
    **_karras("dpm++ 3m sde", _MULTI, **{**_SDE, "solver_order": 3}),
    **_karras("dpm++ 2s", _SINGLE, **_DPM),
    **_karras("dpm++ sde", _SINGLE, **_SDE),
    **_karras("unipc", "UniPCMultistepScheduler", solver_order=2),
    "unipc": Sampler("UniPCMultistepScheduler", {"solver_order": 2}, zero_snr=True),
    "deis": Sampler("DEISMultistepScheduler", {"algorithm_type": "deis", "solver_order": 2}),
    "ddim": Sampler("DDIMScheduler", _LATENT, zero_snr=True),
    "ddpm": Sampler("DDPMScheduler", _LATENT, zero_snr=True),
    "lcm": Sampler("LCMScheduler", _LATENT, zero_snr=True),
    "tcd": Sampler("TCDScheduler", zero_snr=True),
}
"""For models that learned to take noise away; LMS would need scipy, PLMS paints a step too many."""
FLOW_SAMPLERS: dict[str, Sampler] = {"euler": Sampler("FlowMatchEulerDiscreteScheduler")}
"""For flow-matching models."""
NEUTRAL = {
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
    "final_sigmas_type": "zero",
}
"""What a model's own configuration may say for its own scheduler alone."""


def normal_name(text: str) -> str:
    """Return the name in the table of one spelled in another way (`k_euler_a`, `DPM++2M`).

    Raises:
        ValueError: there is no such sampler; the sentence names those that are near.

    """
    name = re.sub(r"[\s_-]+", " ", text.lower().replace("dpmpp", "dpm++")).strip()
    name = re.sub(r"^k ", "", name).replace("ancestral", "a")
    name = re.sub(r"(dpm\+\+)(?=\w)", r"\1 ", name)
    name = {"euler a karras": "euler a", "dpmsolver": "dpm++ 2m"}.get(name, name)
    if name in SAMPLERS:
        return name
    near = difflib.get_close_matches(name, SAMPLERS, 3, 0.5) or ["euler", "euler a", "dpm++ 2m"]
    raise ValueError(
        Sentence(
            "there is no sampler {found!r}; {near} would be some", found=text, near=", ".join(near)
        )
    )


def samplers_for(scheduler: dict[str, Any]) -> tuple[str, ...]:
    """Name the samplers that fit a model, by the configuration of its own scheduler."""
    if _is_flow(str(scheduler.get("_class_name", "")), scheduler):
        return tuple(FLOW_SAMPLERS)
    zero_snr = scheduler.get("rescale_betas_zero_snr")
    return tuple(name for name, sampler in SAMPLERS.items() if sampler.zero_snr or not zero_snr)


def name_of(scheduler: dict[str, Any]) -> str:
    """Name the sampler that a scheduler's configuration amounts to; empty if it is none of ours."""
    kind, karras = scheduler.get("_class_name"), bool(scheduler.get("use_karras_sigmas"))
    table = FLOW_SAMPLERS if _is_flow(str(kind), scheduler) else SAMPLERS
    for name, sampler in table.items():
        if sampler.scheduler == kind and name.endswith(" karras") == karras:
            options = {**_DEFAULTS, **scheduler}
            if all(options.get(key, value) == value for key, value in sampler.options.items()):
                return name
    return ""


def make_scheduler(name: str, own: Any) -> Any:
    """Make the sampler's scheduler from the configuration of the model's own."""
    import diffusers

    table = FLOW_SAMPLERS if _is_flow(type(own).__name__, own.config) else SAMPLERS
    sampler = table.get(normal_name(name))
    if sampler is None:
        raise PaintError(
            Sentence(
                "This model cannot paint by {name}; {near} would do.",
                name=name,
                near=", ".join(table),
            )
        )
    kind = getattr(diffusers, sampler.scheduler)
    options = sampler.options if table is FLOW_SAMPLERS else {**NEUTRAL, **sampler.options}
    known = inspect.signature(kind.__init__).parameters
    return kind.from_config(
        own.config, **{key: value for key, value in options.items() if key in known}
    )


def copy_scheduler(own: Any) -> Any:
    """Return a scheduler for one job; the configuration, which nobody changes, is shared."""
    return copy.deepcopy(own, {id(own.config): own.config})


def fit_steps(scheduler: Any, steps: int) -> Any:
    """Return the scheduler, or one like it where it cannot take so many steps: LCM's and TCD's
    take at most those that were distilled."""
    most = scheduler.config.get("original_inference_steps")
    if most is None or steps <= most:
        return scheduler
    return type(scheduler).from_config(scheduler.config, original_inference_steps=steps)


def _is_flow(scheduler: str, config: Any) -> bool:
    flow = config.get("prediction_type") == "flow_prediction"
    return scheduler.startswith("FlowMatch") or flow or bool(config.get("use_flow_sigmas"))
