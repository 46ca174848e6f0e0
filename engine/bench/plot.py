"""The latencies as a picture, drawn with Pillow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from engine.bench.report import NAMES

PANEL = (560, 240)
COLOURS = {"fifo": "#9aa0a6", "tuned": "#5f6368", "shortest": "#f29900", "easel": "#1a73e8"}
FIELDS = {
    "images_s": "images per second",
    "mean_s": "mean latency, s",
    "short_p95_s": "short jobs, p95 of latency, s",
    "preview_p95_s": "p95 of the time to the first preview, s",
}


def draw_plot(reports: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw one row of panels for each report: groups of bars by load, one bar for each server."""
    width, height = PANEL[0] * len(FIELDS), (PANEL[1] + 40) * len(reports) + 40
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    for place, (name, colour) in enumerate(COLOURS.items()):
        left = 20 + 330 * place
        draw.rectangle((left, 12, left + 14, 26), fill=colour)
        draw.text((left + 20, 10), NAMES[name], fill="black", font=_font(14))
    for row, found in enumerate(reports):
        top = 40 + row * (PANEL[1] + 40)
        draw.text((20, top), f"{found['regime']}, {found['device']}", fill="black", font=_font(16))
        for column, (field, title) in enumerate(FIELDS.items()):
            _draw_panel(draw, (PANEL[0] * column, top + 24), found["loads"], field, title)
    picture.save(path)


def _draw_panel(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    loads: Mapping[str, Mapping[str, Any]],
    field: str,
    title: str,
) -> None:
    left, top, floor = corner[0] + 20, corner[1], corner[1] + PANEL[1] - 30
    draw.text((left, top), title, fill="black", font=_font(14))
    most = max(one[field] for servers in loads.values() for one in servers.values()) or 1.0
    step = (PANEL[0] - 40) // len(loads)
    bar = min(40, step // (len(COLOURS) + 1))
    for group, (load, servers) in enumerate(loads.items()):
        start = left + group * step
        draw.text((start, floor + 6), load, fill="black", font=_font(13))
        for place, (name, one) in enumerate(servers.items()):
            tall = round((floor - top - 44) * one[field] / most)
            box = (start + place * bar, floor - tall, start + (place + 1) * bar - 3, floor)
            draw.rectangle(box, fill=COLOURS[name])
            draw.text((box[0], box[1] - 14), f"{one[field]:.2g}", fill="black", font=_font(10))


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
