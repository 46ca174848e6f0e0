"""From checkpoints to the folder that ships: diffusers' format, fp16, easel.json beside it.

The folder is built under another name and moved into place, so that whoever opens it meanwhile
sees either the old model or the new one.
"""

import json
import os
import shutil
from pathlib import Path

import torch
from diffusers import (
    AutoencoderTiny,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

from engine.training import adapter, control
from engine.training.autoencoder import make_autoencoder
from engine.training.checkpoint import (
    load_weights,
    read_numbers,
    replace_file,
    start_from,
    write_numbers,
)
from engine.training.denoiser import SCHEDULE, load_denoiser
from engine.training.presets import Preset
from engine.training.text import load_tower, make_text_encoder
from engine.training.tokenizer import load_tokenizer

KEPT_FILES = ("README.md", "NOTICE", "samples.webp", "words.json")  # by hand, or commands' own
ADDITIONS = {
    "few-steps.safetensors": "distil/few-steps.safetensors",
    f"adapters/{adapter.FILE}": f"adapter/{adapter.FILE}",
    f"controls/{control.FOLDER}": f"control/{control.FOLDER}",
}
"""Where the model folder has them, and where their trainings leave them, ready in fp16."""
DEFAULT_STEPS = 20
DEFAULT_GUIDANCE = 4.0
SHARP = "sharp"  # the folder of the autoencoder with the sharpened decoder
PLAIN_SCALE, UPSCALED_SCALE = 2, 4  # a tile leaves so many times larger than it is painted


def load_autoencoder(preset: Preset, folder: Path, start: Path | None = None) -> AutoencoderTiny:
    """The autoencoder of a checkpoint, or of a model folder where none was trained since.

    One whose decoder was sharpened stands beside it, and is taken first.
    """
    sharp = folder.with_name(SHARP)
    folder = sharp if (sharp / "autoencoder.safetensors").exists() else folder
    autoencoder = make_autoencoder(preset.autoencoder)
    if start and not folder.exists():
        start_from(start, "vae", autoencoder)
    else:
        load_weights(folder, "autoencoder", autoencoder)
    factor = read_numbers(folder / "scaling.json").get("scaling_factor", 1.0)
    autoencoder.register_to_config(scaling_factor=factor)
    return autoencoder.eval()


def load_text(
    preset: Preset, folder: Path, start: Path | None = None
) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Tokenizer and text encoder of a checkpoint, or of a model folder where there is none."""
    is_trained = (folder / "text_encoder.safetensors").exists()
    home = start if start and not is_trained else folder
    tokenizer = load_tokenizer(home / "tokenizer")
    encoder = make_text_encoder(preset.text, tokenizer)
    if home is start:
        start_from(start, "text_encoder", encoder)
    else:
        load_weights(folder, "text_encoder", encoder)
    return tokenizer, encoder.eval()


def make_scheduler() -> DPMSolverMultistepScheduler:
    """DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095) on the schedule of the training."""
    return DPMSolverMultistepScheduler(
        **SCHEDULE, algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero"
    )


def make_pipeline(
    autoencoder: AutoencoderTiny,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    denoiser: UNet2DConditionModel,
) -> StableDiffusionPipeline:
    """The stock pipeline of the parts, without a safety checker."""
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=denoiser,
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def load_pipeline(preset: Preset, work: Path, start: Path | None = None) -> StableDiffusionPipeline:
    """The pipeline of the newest checkpoints; parts not trained since are those of ``start``."""
    tokenizer, text_encoder = load_text(preset, work / "text", start)
    return make_pipeline(
        load_autoencoder(preset, work / "autoencoder", start),
        text_encoder,
        tokenizer,
        load_denoiser(preset, work / "denoiser", start).eval(),
    )


def export_upscaler(work: Path, folder: Path, start: Path | None = None) -> bool:
    """Write the upscaler in fp16, if there is one, trained or to be kept."""
    trained, old = work / "upscaler.safetensors", (start or work) / "upscaler/model.safetensors"
    source = trained if trained.exists() else old
    if not source.exists():
        return False
    (folder / "upscaler").mkdir()
    tensors = {name: tensor.half() for name, tensor in load_file(source).items()}
    replace_file(folder / "upscaler" / "model.safetensors", tensors)
    return True


def export_tower(preset: Preset, work: Path, folder: Path, start: Path | None = None) -> None:
    """Write the image tower in fp16, if there is one, as IP-Adapters want their image encoder."""
    old = (start or work) / "adapters" / "image_encoder"
    if (work / "tower.safetensors").exists() or old.exists():
        tower = load_tower(preset, work, start).half()
        tower.save_pretrained(folder / "adapters" / "image_encoder", safe_serialization=True)


def export_additions(work: Path, folder: Path, start: Path | None = None) -> None:
    """Keep what was trained beside the finished denoiser, newly or before."""
    for name, trained in ADDITIONS.items():
        sources = [work / trained, *([start / name] if start else [])]
        source = next((path for path in sources if path.exists()), None)
        if source:
            (folder / name).parent.mkdir(exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, folder / name)


def write_card(
    preset: Preset, folder: Path, trained_samples: int, delivery_scale: int = PLAIN_SCALE
) -> None:
    """easel.json: what Easel shows and checks before a model is loaded."""
    world = preset.world
    card = {
        "title": "Easel's own small painter",
        "native_size": preset.side,
        "default_steps": DEFAULT_STEPS,
        "default_guidance": DEFAULT_GUIDANCE,
        "max_side": 2 * preset.side,
        "size_multiple": 8,
        "delivery_scale": delivery_scale,
        "trained_samples": trained_samples,
        "untrained": trained_samples == 0,
        "things": list(world.things),
        "colours": list(world.colours),
        "places": list(world.places),
        "styles": list(world.styles),
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (folder / "easel.json").write_text(text, encoding="utf-8")


def replace_folder(new: Path, folder: Path) -> None:
    """Move a finished folder into place; the old one is gone a moment later."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def _tidy_configs(folder: Path) -> None:
    """Two lines that stock readers stumble over.

    transformers opens a model in the type its configuration names, diffusers in fp32: without the
    first line the pipeline would mix both. The second is written by AutoencoderTiny, which then
    warns that it does not know it.
    """
    autoencoder = folder / "vae" / "config.json"
    for read in ("text_encoder", "adapters/image_encoder"):
        if (folder / read / "config.json").exists():
            numbers = read_numbers(folder / read / "config.json")
            write_numbers(folder / read / "config.json", {**numbers, "dtype": "float32"})
    numbers = read_numbers(autoencoder)
    numbers.pop("block_out_channels", None)
    write_numbers(autoencoder, numbers)


def export_model(preset: Preset, work: Path, folder: Path, start: Path | None = None) -> None:
    """Write the shipping folder from the newest checkpoints; hand-written files are kept.

    Parts that were not trained since are those of the model folder ``start``.
    """
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    pipeline = load_pipeline(preset, work, start).to(torch.float16)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.save_pretrained(new, safe_serialization=True)
    tokenizer_model = pipeline.tokenizer.backend_tokenizer.model
    tokenizer_model.save(str(new / "tokenizer"))
    before = read_numbers(start / "easel.json").get("trained_samples", 0) if start else 0
    samples = before + read_numbers(work / "denoiser" / "progress.json").get("samples", 0)
    export_tower(preset, work / "text", new, start)
    _tidy_configs(new)
    export_additions(work, new, start)
    has_upscaler = export_upscaler(work / "upscaler", new, start)
    write_card(preset, new, samples, UPSCALED_SCALE if has_upscaler else PLAIN_SCALE)
    for name in KEPT_FILES:
        if (folder / name).exists():
            shutil.copy2(folder / name, new / name)
    for path in new.rglob("*.safetensors"):
        path.chmod(0o644)  # written readable by the owner alone
    replace_folder(new, folder)
