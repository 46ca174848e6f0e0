"""Contact sheets: the pictures of fixed prompts, the same seed in more and fewer steps."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from engine.training.album import to_image
from engine.training.presets import Preset
from engine.training.studio import FEW_STEPS, Studio

SHEET_STEPS = (4, 8, 20, 50)
STEPS_SHEET_ROWS = 8
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
STYLED_PROMPTS = (  # for worlds that have styles, relations and numbers
    "three cats in a garden",
    "a dog to the left of a cat",
    "watercolor painting of a fox in a forest",
    "a woman on a beach, oil painting",
    "a red car and a blue house",
    "a horse, ink wash painting",
    "在雪地里的红色狐狸",
    "森林里的城堡，水彩",
)


def paste_sheet(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """Pictures of one size side by side."""
    width, height = pictures[0].size
    rows = (len(pictures) + columns - 1) // columns
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % columns * width, place // columns * height))
    return sheet


def paste_pictures(pictures: Tensor, columns: int) -> Image.Image:
    """Pictures uint8 [N,3,S,S] side by side."""
    return paste_sheet([to_image(picture) for picture in pictures], columns)


def sheet_prompts(preset: Preset) -> tuple[str, ...]:
    """What the contact sheet shows of a world."""
    return SHEET_PROMPTS + (STYLED_PROMPTS if preset.world.styles else ())


def paint_sheet(studio: Studio, prompts: Sequence[str]) -> Image.Image:
    """One picture per prompt, seeds 0, 1, 2, ..."""
    return paste_pictures(studio.paint(prompts), 4)


def paint_steps_sheet(
    studio: Studio, prompts: Sequence[str], lora: Path | None = None
) -> Image.Image:
    """A row for each prompt: one seed in 4, 8, 20 and 50 steps, last with the few-step LoRA."""
    columns = [studio.paint(prompts, steps=steps) for steps in SHEET_STEPS]
    if lora:
        with studio.hurrying(lora):
            columns.append(studio.paint(prompts, steps=FEW_STEPS, guidance=1.0))
    return paste_pictures(torch.stack(columns, 1).flatten(0, 1), len(columns))
