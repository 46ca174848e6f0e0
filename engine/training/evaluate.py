"""What is measured now: accuracy of the autoencoder, and a contact sheet of painted pictures."""

import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import (
    AutoencoderTiny,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.training import phrases
from engine.training.autoencoder import decode, encode, psnr_db
from engine.training.captions import with_article
from engine.training.checkpoint import load_weights
from engine.training.chinese import place_in_chinese
from engine.training.evaluator import (
    JUDGED,
    Accuracy,
    Evaluator,
    draw_single,
    judge,
    matched_cells,
)
from engine.training.export import (
    DEFAULT_GUIDANCE,
    DEFAULT_STEPS,
    load_autoencoder,
    load_pipeline,
    load_text,
)
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer
from engine.training.sprites import read_pack
from engine.training.text import load_tower, same_meaning, see, tokenize
from engine.training.world import Scene, Split, World, all_things

log = logging.getLogger(__name__)

VARIATION_STRENGTHS = (0.5, 0.75)

SHEET_PROMPTS = (
    "a red apple on a beach",
    "a fox in the snow",
    "a rocket in space",
    "a green bus in a city",
    "a cat",
    "a castle under a starry night sky",
    "a blue whale underwater",
    "a pizza on a yellow background",
    "an owl in a forest",
    "a sunflower in a meadow",
    "draw me a purple guitar",
    "a robot in the desert",
    "cute panda",
    "palm tree, sunset",
    "a pink car at sunset",
    "two balloons on a blue background",
)


def pictures_of(preset: Preset, pack: Path, split: Split, count: int, seed: int) -> Tensor:
    """Real composed pictures [count,3,S,S] of a split."""
    world = preset.world
    renderer = SceneRenderer(read_pack(pack, world.things, world.arts), preset.square)
    rng = random.Random(seed)
    scenes = [world.draw_scene(rng, split) for _ in range(count)]
    return renderer.render(scenes, torch.Generator().manual_seed(seed))


@torch.no_grad()
def measure_autoencoder(autoencoder: AutoencoderTiny, pictures: Tensor) -> dict[str, float]:
    """PSNR in dB, and mean and deviation of the latents, over pictures in batches."""
    accuracies, latents = [], []
    for batch in torch.split(pictures, 32):
        codes = encode(autoencoder, batch)
        accuracies.append(psnr_db(decode(autoencoder, codes), batch) * len(batch))
        latents.append(codes)
    codes = torch.cat(latents)
    return {
        "psnr_db": sum(accuracies) / len(pictures),
        "latent_mean": float(codes.mean()),
        "latent_std": float(codes.std()),
    }


@torch.no_grad()
def measure_retrieval(preset: Preset, pack: Path, work: Path, count: int = 100) -> float:
    """How often a held-out caption finds its own picture among ``count``, by the text encoder."""
    tokenizer, encoder = load_text(preset, work / "text")
    tower = load_tower(preset, work / "text")
    world = preset.world
    side = preset.tower.side
    renderer = SceneRenderer(read_pack(pack, world.things, world.arts, side), (side, side))
    rng = random.Random(98)
    scenes = [draw_single(world, rng, "held-out") for _ in range(count)]
    pictures = renderer.render(scenes, torch.Generator().manual_seed(98))
    ids = tokenize(tokenizer, [plain_caption(scene) for scene in scenes], preset.text.context)
    captions = functional.normalize(encoder(ids).pooler_output, dim=-1)
    found = (captions @ functional.normalize(see(tower, pictures), dim=-1).T).argmax(1)
    return float(same_meaning(scenes)[torch.arange(count), found].float().mean())


def paste_sheet(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """Pictures of one size side by side."""
    width, height = pictures[0].size
    rows = (len(pictures) + columns - 1) // columns
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % columns * width, place // columns * height))
    return sheet


def paint_sheet(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[str] = SHEET_PROMPTS,
    *,
    steps: int = DEFAULT_STEPS,
    guidance: float = DEFAULT_GUIDANCE,
    columns: int = 4,
) -> Image.Image:
    """One picture per prompt, seeds 0, 1, 2, ..."""
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(seed) for seed in range(len(prompts))]
    painted = pipeline(
        list(prompts),
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=generators,
    ).images
    return paste_sheet(painted, columns)


def plain_caption(scene: Scene) -> str:
    """The plainest way to ask for a scene of one thing."""
    item = scene.items[0]
    words = with_article(f"{item.colour or ''} {item.thing}".strip(), item.thing)
    if scene.place:
        return f"{words} {phrases.PLACE_PHRASES[scene.place][0]}"
    return f"{words} on a {scene.backdrop} background" if scene.backdrop else words


def paint_captions(
    pipeline: StableDiffusionPipeline,
    captions: Sequence[str],
    batch: int = 20,
    first_seed: int = 0,
) -> Tensor:
    """One picture [3,S,S] in 0..1 per caption, seeds 0, 1, 2, ... if not told to start later."""
    pipeline.set_progress_bar_config(disable=True)
    painted = []
    for start in range(0, len(captions), batch):
        some = list(captions[start : start + batch])
        seeds = range(first_seed + start, first_seed + start + len(some))
        pictures = pipeline(
            some,
            num_inference_steps=DEFAULT_STEPS,
            guidance_scale=DEFAULT_GUIDANCE,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            output_type="pt",
        ).images
        painted.append(pictures)
    return torch.cat(painted)


def chinese_caption(scene: Scene) -> str:
    """The plainest way to ask for a scene of one thing in Chinese."""
    item = scene.items[0]
    words = phrases.COLOURS_ZH.get(item.colour or "", "") + all_things()[item.thing].labels_zh[0]
    if scene.place:
        return f"{place_in_chinese(scene.place)}的{words}"
    return f"{words}，{phrases.COLOURS_ZH[scene.backdrop]}背景" if scene.backdrop else words


def score_cells(
    preset: Preset, pack: Path, work: Path, pipeline: StableDiffusionPipeline, count: int
) -> dict[str, dict[str, Accuracy]]:
    """Per matched cell: real scenes (the ceiling), painted ones, painted for other captions.

    Painted ones are asked for in English, and again in Chinese.
    """
    world = preset.world
    evaluator = Evaluator(world).eval()
    load_weights(work / "evaluator", "evaluator", evaluator)
    renderer = SceneRenderer(read_pack(pack, world.things, world.arts), preset.square)
    scores: dict[str, dict[str, Accuracy]] = {}
    for name, scenes in matched_cells(world, seed=7, count=count).items():
        real = renderer.render(scenes, torch.Generator().manual_seed(7))
        painted = paint_captions(pipeline, [plain_caption(scene) for scene in scenes])
        chinese = paint_captions(pipeline, [chinese_caption(scene) for scene in scenes])
        pictures = {
            "real": real,
            "painted": painted,
            "chinese": chinese,
            "shuffled": painted.roll(1, 0),
        }
        scores[name] = {
            row: judge(evaluator, world, scenes, shown) for row, shown in pictures.items()
        }
        log.info("cell=%s %s", name, scores[name])
    return scores


def score_languages(
    world: World, pipeline: StableDiffusionPipeline, count: int, seed: int = 9
) -> dict[str, float]:
    """How often a picture finds, among ``count``, the one painted for its own English caption.

    Nothing is judged but likeness of the pixels, and seeds differ, so English itself is the
    ceiling; pictures asked for in Chinese are to find theirs as often.
    """
    rng = random.Random(seed)
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = draw_single(world, rng, "all")
        if scene.place and plain_caption(scene) not in map(plain_caption, scenes):
            scenes.append(scene)
    english = [plain_caption(scene) for scene in scenes]
    kept = _shrink(paint_captions(pipeline, english, first_seed=1000))
    asked = {
        "english": english,
        "chinese": [chinese_caption(scene) for scene in scenes],
        "english, shuffled": [*english[1:], english[0]],
    }
    found = {}
    for name, captions in asked.items():
        distances = torch.cdist(_shrink(paint_captions(pipeline, captions)), kept)
        found[name] = (distances.argmin(1) == torch.arange(count)).float().mean().item()
    return found


def _shrink(pictures: Tensor) -> Tensor:
    """Pictures as rows of numbers, small enough that a thing may stand a little aside."""
    return functional.adaptive_avg_pool2d(pictures, 12).flatten(1)


def score_variations(
    preset: Preset, work: Path, pipeline: StableDiffusionPipeline, count: int
) -> dict[str, float]:
    """How often a variation of a painted picture still shows its thing, by strength."""
    world = preset.world
    evaluator = Evaluator(world).eval()
    load_weights(work / "evaluator", "evaluator", evaluator)
    scenes = matched_cells(world, seed=8, count=count)["thing x place, train"]
    captions = [plain_caption(scene) for scene in scenes]
    parents = paint_captions(pipeline, captions)
    variation = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    variation.set_progress_bar_config(disable=True)
    kept = {"parent": judge(evaluator, world, scenes, parents).thing}
    for strength in VARIATION_STRENGTHS:
        children = variation(
            captions,
            image=parents,
            strength=strength,
            num_inference_steps=round(DEFAULT_STEPS / strength),
            guidance_scale=DEFAULT_GUIDANCE,
            generator=[torch.Generator().manual_seed(1000 + row) for row in range(count)],
            output_type="pt",
        ).images
        kept[f"strength {strength}"] = judge(evaluator, world, scenes, children).thing
    return kept


def write_table(scores: dict[str, dict[str, Accuracy]]) -> str:
    """The scores in percent: real / painted / painted from Chinese / shuffled."""
    lines = ["| cell | pictures | thing | colour | place |", "|---|---|---|---|---|"]
    for name, rows in scores.items():
        columns = [
            " / ".join(f"{100 * getattr(rows[row], question):.0f}" for row in rows)
            for question in JUDGED
        ]
        lines.append(f"| {name} | {rows['real'].count} | {' | '.join(columns)} |")
    return "\n".join(lines) + "\n"


def show_reconstructions(autoencoder: AutoencoderTiny, pictures: Tensor) -> Image.Image:
    """Each picture beside what the autoencoder makes of it."""
    with torch.no_grad():
        painted = decode(autoencoder, encode(autoencoder, pictures)).clamp(0, 1)
    pairs = torch.stack([pictures, painted], 1).flatten(0, 1)
    images = [
        Image.fromarray((pair * 255).round().byte().permute(1, 2, 0).numpy()) for pair in pairs
    ]
    return paste_sheet(images, 8)


def evaluate_model(
    preset: Preset,
    pack: Path,
    work: Path,
    out: Path,
    per_cell: int = 100,
    start: Path | None = None,
) -> dict[str, float]:
    """Write scores.json, reconstructions.png, sheet.png and, with an evaluator, table.md.

    Parts that were not trained under ``work`` are those of the model folder ``start``.
    """
    out.mkdir(parents=True, exist_ok=True)
    autoencoder = load_autoencoder(preset, work / "autoencoder", start)
    pictures = pictures_of(preset, pack, "held-out", 256, seed=99)
    scores = measure_autoencoder(autoencoder, pictures)
    if (work / "text" / "tower.safetensors").exists():
        scores["retrieval"] = measure_retrieval(preset, pack, work)
    show_reconstructions(autoencoder, pictures[:16]).save(out / "reconstructions.png")
    if start or (work / "denoiser" / "ema.safetensors").exists():
        pipeline = load_pipeline(preset, work, start)
        paint_sheet(pipeline).save(out / "sheet.png")
        languages = score_languages(preset.world, pipeline, per_cell)
        scores |= {f"found, {name}": share for name, share in languages.items()}
        if (work / "evaluator" / "evaluator.safetensors").exists():
            table = write_table(score_cells(preset, pack, work, pipeline, per_cell))
            kept = score_variations(preset, work, pipeline, per_cell // 2)
            table += "".join(f"\n{name}: {100 * share:.0f} %" for name, share in kept.items())
            (out / "table.md").write_text(table, encoding="utf-8")
    (out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    log.info("scores %s", scores)
    return scores
