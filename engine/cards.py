"""Configuration files → ModelCard: what a model can do, before any weight is loaded; no torch."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.card import ModelCard
from engine.errors import ModelError
from engine.few_steps import FewSteps
from engine.files import guess_family, read_header, read_json
from engine.honours import AT_LEAST, BY_REFERENCES, EVERYTHING, UNET_FAMILIES
from engine.reference_folder import ReferenceFolder
from engine.samplers import name_of, samplers_for
from engine.source import Kind, Source, find_source

FAMILIES: dict[str, dict[str, Any]] = {
    "embedded": {"side": 128, "default_steps": 20, "default_guidance": 5.0, "max_side": 256},
    "sd1": {"side": 512, "default_steps": 25, "default_guidance": 7.5, "max_side": 1024},
    "sd2": {"side": 768, "default_steps": 25, "default_guidance": 7.5, "max_side": 1536},
    "sdxl": {"side": 1024, "default_steps": 30, "default_guidance": 5.0, "max_side": 2048},
    "other": {"side": 1024, "default_steps": 28, "default_guidance": 4.0, "size_multiple": 16},
}
FEW_STEPS = (
    ("z-image-turbo", 9, 0.0),
    ("schnell|turbo|lightning|dmd2", 4, 0.0),
    ("hyper", 8, 0.0),
    ("lcm", 4, 1.0),
)
"""Distilled models by name: steps and guidance they were made for."""
OVERRIDES: dict[str, type | tuple[type, ...]] = {
    "title": str,
    **dict.fromkeys(("default_guidance", "max_guidance", "hd_strength"), (int, float)),
    **dict.fromkeys(("width", "height", "default_steps", "max_steps", "max_side"), int),
    **dict.fromkeys(("size_multiple", "delivery_scale"), int),
    "untrained": bool,
}
"""What a model's own easel.json may say of its card."""


def read_card(source: Source) -> ModelCard:
    """Describe the model as far as its files, else its name, tell."""
    folder = source.folder
    family = "embedded" if source.kind is Kind.EMBEDDED else _family(source)
    values: dict[str, Any] = {**FAMILIES[family]}
    side = values.pop("side")
    if source.kind is Kind.HUB and folder is None and re.search("sdxl?-turbo", source.origin):
        side = 512
    width, height = _native_size(folder, side) if folder else (side, side)
    values |= {"width": width, "height": height, **_few_steps(source)}
    values["max_side"] = max(values.get("max_side", 0), 2 * max(width, height))
    values |= {"name": source.name, "title": source.model, "family": family}
    if family == "embedded":
        values |= {"title": "Easel's own model", "delivery_scale": 2, "hd_strength": 0.15}
    values |= _overrides(folder)
    values |= _abilities(family, folder)
    values |= _brought(source, family)
    return ModelCard(**values | ({} if source.has_weights else {"untrained": True}))


def honoured_by() -> dict[str, frozenset[str]]:
    """Return what models of each family honour, as far as that is known before one is open."""
    source = find_source("embedded")
    embedded = ReferenceFolder().extend(read_card(source), source)
    able = dict.fromkeys(sorted(UNET_FAMILIES - {"embedded"}), EVERYTHING | BY_REFERENCES)
    return {"embedded": embedded.honours, **able, "other": AT_LEAST}


def _family(source: Source) -> str:
    if source.folder is None:
        return guess_family(Path(source.model)) if source.kind is Kind.FILE else _by_name(source)
    pipeline = str(read_json(source.folder / "model_index.json").get("_class_name", ""))
    if pipeline.startswith("StableDiffusionXL"):
        return "sdxl"
    if pipeline.startswith(("StableDiffusion3", "StableDiffusionControl")):
        return "other"
    if pipeline.startswith(("StableDiffusion", "LatentConsistency")):
        width = read_json(source.folder / "unet" / "config.json").get("cross_attention_dim")
        return "sd2" if width == 1024 else "sd1"
    return "other"


def _by_name(source: Source) -> str:
    """Guess a hub model's family from its name, until its files are here."""
    for family, words in (
        ("sdxl", r"sdxl|-xl\b|xl-base"),
        ("sd2", r"sd-turbo|diffusion-2|\bv?2-1\b"),
        ("sd1", r"diffusion-v1|sd-?1[.-]?5|v1-[45]|diffusion-1"),
    ):
        if re.search(words, source.origin):
            return family
    return "other"


def _native_size(folder: Path, side: int) -> tuple[int, int]:
    """Width and height of a picture the model was trained on: its latents' times its VAE's."""
    model = read_json(folder / "unet" / "config.json")
    model = model or read_json(folder / "transformer" / "config.json")
    vae = read_json(folder / "vae" / "config.json")
    latent = model.get("sample_size")
    blocks = vae.get("encoder_block_out_channels") or vae.get("block_out_channels")
    if latent is None or blocks is None:
        return side, side
    height, width = latent if isinstance(latent, list) else (latent, latent)
    scale = 2 ** (len(blocks) - 1)
    return int(width) * scale, int(height) * scale


def _few_steps(source: Source) -> dict[str, Any]:
    for words, steps, guidance in FEW_STEPS:
        if re.search(words, source.origin):
            told = re.search(r"(\d+)[_-]?steps?", source.origin)
            return {"default_steps": int(told[1]) if told else steps, "default_guidance": guidance}
    if source.folder:
        scheduler = read_json(source.folder / "scheduler" / "scheduler_config.json")
        if scheduler.get("_class_name") in ("LCMScheduler", "TCDScheduler"):
            return {"default_steps": 4, "default_guidance": 1.0}
    return {}


def _abilities(family: str, folder: Path | None) -> dict[str, Any]:
    """What the model honours and the samplers that fit, as far as its files tell."""
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json") if folder else {}
    if family == "embedded" and not scheduler:
        scheduler = {"rescale_betas_zero_snr": True}
    own = {"own_sampler": name_of(scheduler)}
    if family in UNET_FAMILIES:
        return {**own, "samplers": samplers_for(scheduler), "honours": EVERYTHING}
    samplers = samplers_for(scheduler) if scheduler else ()
    honours = AT_LEAST | ({"sampler"} if samplers else set())
    return {**own, "samplers": samplers, "honours": honours}


def _brought(source: Source, family: str) -> dict[str, Any]:
    """Find what came with the model: the LoRA for few steps, ControlNets."""
    found: dict[str, Any] = {"controls": str(source.controls or "")}
    if source.few_steps is not None and family in UNET_FAMILIES:
        read_header(source.few_steps)
        usual = FewSteps()
        steps = read_json(source.few_steps.with_name("easel.json")).get("few_steps", usual.steps)
        if not isinstance(steps, int) or not 1 <= steps <= usual.most:
            raise ModelError(
                f"{source.folder}/easel.json: few_steps must be 1 to {usual.most}, not {steps!r}."
            )
        found["few_steps"] = replace(usual, steps=steps)
    return found


def _overrides(folder: Path | None) -> dict[str, Any]:
    """Read what the model's own easel.json says of its card; other keys are for others."""
    found = read_json(folder / "easel.json") if folder else {}
    values = {key: value for key, value in found.items() if key in OVERRIDES}
    for key, value in values.items():
        if not isinstance(value, OVERRIDES[key]):
            raise ModelError(f"{folder}/easel.json: {key} cannot be {value!r}.")
    return values
