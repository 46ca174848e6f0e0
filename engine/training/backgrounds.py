"""Procedural places. Each painter returns RGB [B,3,H,W]; values are clamped to 0..1 at the end.

The places are drawn softly, with little grain: what is random in every pixel cannot be learnt
and would only cost the autoencoder its accuracy.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engine.training.canvas import Canvas, Rgb, Size
from engine.training.colours import COLOURS, hsv_to_rgb


def _beach(canvas: Canvas) -> Tensor:
    horizon = canvas.uniform(0.34, 0.46)
    shore = horizon + canvas.uniform(0.14, 0.2)
    shore = shore + 0.015 * torch.sin(canvas.x * 12 + canvas.uniform(0, 6))
    picture = torch.lerp(canvas.sky(), canvas.colour((0.1, 0.55, 0.78)), canvas.below(horizon))
    sand = canvas.colour((0.95, 0.84, 0.6)) * (0.95 + 0.08 * canvas.noise(8, 2))
    picture = torch.lerp(picture, sand, canvas.below(shore))
    foam = 0.9 * torch.exp(-(((canvas.y - shore) * 45) ** 2))
    return torch.lerp(picture, torch.ones_like(picture), foam)


def _underwater(canvas: Canvas) -> Tensor:
    water = canvas.fade((0.2, 0.68, 0.85), (0.02, 0.2, 0.45))
    slant = (canvas.x + canvas.y * 0.3) * canvas.uniform(12, 20)
    rays = (0.5 + 0.5 * torch.sin(slant + canvas.uniform(0, 6))) * (1 - canvas.y) * 0.2
    picture = torch.lerp(water + rays, torch.ones_like(water), canvas.dots(6, 0.025) * 0.45)
    seabed = canvas.ridge(canvas.uniform(0.9, 0.97), 0.1, 5)
    return torch.lerp(picture, canvas.colour((0.62, 0.58, 0.4)), seabed * 0.85)


def _meadow(canvas: Canvas) -> Tensor:
    grass = canvas.colour((0.42, 0.74, 0.24)) * (0.85 + 0.25 * canvas.noise(10, 2))
    horizon = canvas.uniform(0.45, 0.6)
    picture = torch.lerp(canvas.sky(), grass, canvas.ridge(horizon, 0.08, 4))
    flowers = canvas.dots(8, 0.02) * canvas.below(horizon + 0.08)
    return torch.lerp(picture, canvas.colour((0.98, 0.9, 0.5), 0.15), flowers)


def _trunks(canvas: Canvas, picture: Tensor, bark: Rgb) -> Tensor:
    for place in range(5):
        centre = (place + canvas.uniform(0.1, 0.9)) / 5
        width = canvas.uniform(0.015, 0.035)
        mask = ((width - (canvas.x - centre).abs()) * canvas.width / 1.5).sigmoid()
        picture = torch.lerp(picture, canvas.colour(bark), mask)
    return picture


def _forest(canvas: Canvas) -> Tensor:
    picture = torch.lerp(
        canvas.colour((0.62, 0.82, 0.64)), canvas.colour((0.2, 0.48, 0.25)), canvas.noise(4, 2)
    )
    picture = _trunks(canvas, picture, (0.35, 0.23, 0.14))
    leaves = canvas.colour((0.13, 0.4, 0.16)) * (0.8 + 0.5 * canvas.noise(8, 2))
    crown = ((0.3 + 0.16 * (canvas.noise(6, 2) - 0.5) - canvas.y) * canvas.height / 3).sigmoid()
    picture = torch.lerp(picture, leaves, crown)
    ground = canvas.colour((0.25, 0.45, 0.18)) * (0.85 + 0.3 * canvas.noise(8, 2))
    return torch.lerp(picture, ground, canvas.ridge(canvas.uniform(0.8, 0.86), 0.05, 6))


def _desert(canvas: Canvas) -> Tensor:
    sky = canvas.fade((0.5, 0.76, 0.96), (1.0, 0.92, 0.74), 0.7)
    far = canvas.ridge(canvas.uniform(0.56, 0.64), 0.12, 3)
    picture = torch.lerp(sky, canvas.colour((0.95, 0.76, 0.45)), far)
    near = canvas.ridge(canvas.uniform(0.76, 0.86), 0.14, 3)
    return torch.lerp(picture, canvas.colour((0.87, 0.62, 0.32)), near)


def _snow(canvas: Canvas) -> Tensor:
    picture = canvas.fade((0.62, 0.74, 0.88), (0.86, 0.91, 0.98), 0.7)
    hills = canvas.ridge(canvas.uniform(0.56, 0.68), 0.14, 4)
    picture = torch.lerp(picture, canvas.colour((0.95, 0.97, 1.0), 0.02), hills)
    return torch.lerp(picture, torch.ones_like(picture), canvas.dots(12, 0.02))


def _night_sky(canvas: Canvas) -> Tensor:
    picture = canvas.fade((0.03, 0.04, 0.16), (0.14, 0.16, 0.42))
    stars = canvas.dots(12, 0.016)
    picture = torch.lerp(picture, canvas.colour((1.0, 0.97, 0.85), 0.02), stars * 0.9)
    ground = canvas.ridge(canvas.uniform(0.88, 0.95), 0.1, 5)
    return torch.lerp(picture, canvas.colour((0.04, 0.09, 0.08), 0.02), ground)


def _space(canvas: Canvas) -> Tensor:
    glow = (canvas.noise(3) - 0.5).clamp_min(0) * 1.8 * canvas.colour((0.75, 0.25, 0.85), 0.1)
    haze = (canvas.noise(3) - 0.5).clamp_min(0) * 1.5 * canvas.colour((0.15, 0.5, 0.9), 0.1)
    picture = canvas.colour((0.03, 0.02, 0.07), 0.01) + glow + haze
    return torch.lerp(picture, torch.ones_like(picture), canvas.dots(12, 0.016) * 0.9)


def _city(canvas: Canvas) -> Tensor:
    picture = canvas.sky()
    for columns, base, rise, shade in ((9, 0.6, 0.35, 0.72), (6, 0.74, 0.4, 0.55)):
        heights = functional.interpolate(canvas.random(canvas.count, 1, columns), canvas.width)
        top = base - rise * heights[:, :, None, :]
        wall = canvas.colour((shade, shade * 1.02, shade * 1.1))
        picture = torch.lerp(picture, wall, canvas.below(top))
        across = ((canvas.x * columns * 2) % 1 > 0.5) & (((canvas.y - top) * 10) % 1 > 0.5)
        panes = across.float() * canvas.below(top + 0.03)
        picture = torch.lerp(picture, canvas.colour((0.85, 0.92, 0.98)), panes * 0.6)
    return torch.lerp(
        picture, canvas.colour((0.4, 0.4, 0.43)), canvas.below(canvas.uniform(0.86, 0.9))
    )


def _sunset(canvas: Canvas) -> Tensor:
    high = canvas.fade((0.38, 0.22, 0.52), (0.98, 0.5, 0.34), 0.45)
    low = canvas.colour((1.0, 0.82, 0.45))
    picture = torch.lerp(high, low, ((canvas.y - 0.4) / 0.35).clamp(0, 1))
    horizon = canvas.uniform(0.68, 0.76)
    sun = canvas.disc(canvas.uniform(0.2, 0.8), horizon - 0.04, canvas.uniform(0.1, 0.14))
    picture = torch.lerp(picture, canvas.colour((1.0, 0.95, 0.68), 0.02), sun)
    return torch.lerp(
        picture, canvas.colour((0.28, 0.14, 0.28)), canvas.ridge(horizon + 0.05, 0.05, 4)
    )


def _ocean(canvas: Canvas) -> Tensor:
    horizon = canvas.uniform(0.28, 0.42)
    waves = 0.5 + 0.5 * torch.sin(
        (canvas.y - horizon).clamp_min(0).sqrt() * 60 + 3 * canvas.noise(4, 1)
    )
    sea = canvas.colour((0.07, 0.38, 0.66)) * (0.8 + 0.35 * waves)
    return torch.lerp(canvas.sky(), sea, canvas.below(horizon))


def _mountains(canvas: Canvas) -> Tensor:
    rock = torch.lerp(
        canvas.colour((0.96, 0.97, 1.0), 0.02),
        canvas.colour((0.46, 0.5, 0.6)),
        ((canvas.y - canvas.uniform(0.34, 0.44)) * 14).sigmoid(),
    )
    picture = torch.lerp(canvas.sky(), rock, canvas.ridge(canvas.uniform(0.56, 0.64), 0.46, 4))
    grass = canvas.colour((0.32, 0.54, 0.3))
    return torch.lerp(picture, grass, canvas.ridge(canvas.uniform(0.76, 0.84), 0.14, 5))


def _lake(canvas: Canvas) -> Tensor:
    shore = canvas.uniform(0.44, 0.52)
    hills = canvas.colour((0.25, 0.5, 0.32))
    picture = torch.lerp(canvas.sky(), hills, canvas.ridge(shore, 0.16, 4))
    water = canvas.colour((0.3, 0.6, 0.8)) * (0.94 + 0.08 * torch.sin(canvas.y * 110))
    picture = torch.lerp(picture, water, canvas.below(shore))
    bank = canvas.uniform(0.84, 0.9) + 0.02 * torch.sin(canvas.x * 9 + canvas.uniform(0, 6))
    return torch.lerp(picture, canvas.colour((0.45, 0.68, 0.3)), canvas.below(bank))


def _river(canvas: Canvas) -> Tensor:
    horizon = canvas.uniform(0.36, 0.46)
    grass = canvas.colour((0.4, 0.68, 0.28)) * (0.9 + 0.15 * canvas.noise(8, 2))
    picture = torch.lerp(canvas.sky(), grass, canvas.ridge(horizon, 0.08, 4))
    depth = (canvas.y - horizon).clamp_min(0)
    middle = 0.5 + 0.16 * torch.sin(depth * 9 + canvas.uniform(0, 6))
    inside = ((0.03 + 0.5 * depth - (canvas.x - middle).abs()) * canvas.width / 2).sigmoid()
    water = canvas.colour((0.25, 0.58, 0.85)) * (0.95 + 0.08 * torch.sin(canvas.y * 90))
    return torch.lerp(picture, water, inside * canvas.below(horizon))


def _autumn_forest(canvas: Canvas) -> Tensor:
    haze = canvas.colour((0.97, 0.86, 0.6)), canvas.colour((0.85, 0.5, 0.16))
    picture = _trunks(canvas, torch.lerp(*haze, canvas.noise(4, 2)), (0.36, 0.23, 0.14))
    leaves = canvas.colour((0.86, 0.4, 0.1)) * (0.8 + 0.45 * canvas.noise(8, 2))
    crown = ((0.3 + 0.16 * (canvas.noise(6, 2) - 0.5) - canvas.y) * canvas.height / 3).sigmoid()
    picture = torch.lerp(picture, leaves, crown)
    ground = canvas.colour((0.72, 0.42, 0.15)) * (0.85 + 0.3 * canvas.noise(8, 2))
    return torch.lerp(picture, ground, canvas.ridge(canvas.uniform(0.8, 0.86), 0.05, 6))


def _sunlit_forest(canvas: Canvas) -> Tensor:
    """A forest of light and shadow: dark trunks, slanting beams."""
    picture = canvas.fade((0.5, 0.68, 0.36), (0.08, 0.2, 0.1))
    picture = _trunks(canvas, picture, (0.12, 0.09, 0.06))
    slant = (canvas.x + canvas.y * 0.55) * canvas.uniform(14, 20) + canvas.uniform(0, 6)
    beams = (torch.sin(slant) * 2).clamp(0, 1) * (1 - canvas.y * 0.75)
    picture = torch.lerp(picture, canvas.colour((1.0, 0.95, 0.62), 0.02), beams * 0.55)
    ground = canvas.colour((0.1, 0.2, 0.08)) + 0.25 * beams
    return torch.lerp(picture, ground, canvas.ridge(canvas.uniform(0.82, 0.88), 0.05, 6))


def _clouds(canvas: Canvas) -> Tensor:
    puffs = ((canvas.noise(4, 3) - 0.5) * 12).sigmoid()
    white = canvas.colour((0.98, 0.98, 1.0), 0.01) * (0.93 + 0.07 * canvas.noise(5, 1))
    return torch.lerp(canvas.fade((0.3, 0.58, 0.94), (0.62, 0.82, 1.0)), white, puffs)


def _city_at_night(canvas: Canvas) -> Tensor:
    picture = canvas.fade((0.03, 0.04, 0.16), (0.22, 0.16, 0.38))
    for columns, base, rise, shade in ((9, 0.6, 0.35, 0.16), (6, 0.74, 0.4, 0.09)):
        heights = functional.interpolate(canvas.random(canvas.count, 1, columns), canvas.width)
        top = base - rise * heights[:, :, None, :]
        wall = canvas.colour((shade, shade, shade * 1.6), 0.02)
        picture = torch.lerp(picture, wall, canvas.below(top))
        across = ((canvas.x * columns * 2) % 1 > 0.5) & (((canvas.y - top) * 10) % 1 > 0.5)
        panes = across.float() * canvas.below(top + 0.03)
        picture = torch.lerp(picture, canvas.colour((1.0, 0.86, 0.45)), panes * 0.85)
    street = canvas.colour((0.1, 0.1, 0.14), 0.02)
    return torch.lerp(picture, street, canvas.below(canvas.uniform(0.86, 0.9)))


def _room(canvas: Canvas) -> Tensor:
    floor = canvas.uniform(0.66, 0.76)
    boards = canvas.colour((0.62, 0.43, 0.28)) * (0.95 + 0.06 * torch.sin(canvas.x * 50))
    wall = canvas.colour((0.9, 0.85, 0.74), 0.06)
    picture = torch.lerp(wall.expand(-1, -1, canvas.height, canvas.width), boards,
                         canvas.below(floor))  # fmt: skip
    left = canvas.uniform(0.08, 0.62)
    top, bottom = canvas.uniform(0.1, 0.12), canvas.uniform(0.42, 0.44)
    frame = canvas.box(left - 0.025, top - 0.025, left + 0.325, bottom + 0.025)
    picture = torch.lerp(picture, canvas.colour((0.98, 0.98, 0.96), 0.01), frame)
    pane = canvas.box(left, top, left + 0.3, bottom)
    return torch.lerp(picture, canvas.colour((0.6, 0.82, 0.97)), pane)


def _table(canvas: Canvas) -> Tensor:
    edge = canvas.uniform(0.46, 0.56)
    grain = 0.5 + 0.5 * torch.sin(canvas.y * 60 + 5 * canvas.noise(3, 2))
    wood = canvas.colour((0.62, 0.4, 0.2)) * (0.88 + 0.2 * grain)
    wall = canvas.fade((0.9, 0.86, 0.8), (0.74, 0.7, 0.64))
    return torch.lerp(wall.expand(-1, -1, -1, canvas.width), wood, canvas.below(edge))


def _rain(canvas: Canvas) -> Tensor:
    picture = canvas.fade((0.36, 0.42, 0.5), (0.62, 0.67, 0.72))
    ground = canvas.colour((0.38, 0.42, 0.44))
    picture = torch.lerp(picture, ground, canvas.below(canvas.uniform(0.78, 0.86)))
    for _ in range(16):
        x, y = canvas.uniform(0, 1), canvas.uniform(0, 0.9)
        slanted = canvas.x + 0.15 * (canvas.y - y)
        drop = ((0.006 - (slanted - x).abs()) * canvas.width / 1.2).sigmoid()
        drop = drop * canvas.below(y) * (1 - canvas.below(y + 0.12))
        picture = torch.lerp(picture, canvas.colour((0.82, 0.9, 0.97), 0.02), drop)
    return picture


def _road(canvas: Canvas) -> Tensor:
    horizon = canvas.uniform(0.4, 0.5)
    grass = canvas.colour((0.42, 0.64, 0.3))
    picture = torch.lerp(canvas.sky(), grass, canvas.below(horizon))
    depth = (canvas.y - horizon).clamp_min(0)
    tar = ((0.04 + 0.75 * depth - (canvas.x - 0.5).abs()) * canvas.width / 1.5).sigmoid()
    picture = torch.lerp(picture, canvas.colour((0.34, 0.34, 0.37)), tar * canvas.below(horizon))
    dashes = (torch.sin(28 / (depth + 0.12)) * 4).sigmoid()
    line = ((0.006 + 0.03 * depth - (canvas.x - 0.5).abs()) * canvas.width / 1.5).sigmoid()
    mark = line * dashes * canvas.below(horizon + 0.02)
    return torch.lerp(picture, canvas.colour((1.0, 0.95, 0.7), 0.02), mark)


def _brick_wall(canvas: Canvas) -> Tensor:
    rows = 11.0
    row = (canvas.y * rows).floor()
    joint = ((canvas.y * rows) % 1 < 0.14) | ((canvas.x * 5.5 + (row % 2) * 0.5) % 1 < 0.07)
    brick = canvas.colour((0.68, 0.3, 0.22)) * (0.88 + 0.25 * canvas.noise(6, 1))
    return torch.lerp(brick, canvas.colour((0.82, 0.79, 0.75)), joint.float())


def _stage(canvas: Canvas) -> Tensor:
    folds = 0.6 + 0.4 * torch.sin(canvas.x * canvas.uniform(36, 48)).abs()
    curtain = canvas.colour((0.6, 0.06, 0.12)) * folds
    picture = curtain.expand(-1, -1, canvas.height, -1)
    boards = canvas.colour((0.5, 0.33, 0.18))
    picture = torch.lerp(picture, boards, canvas.below(canvas.uniform(0.76, 0.82)))
    beam = torch.exp(-(((canvas.x - 0.5) / (0.12 + 0.25 * canvas.y)) ** 2))
    return picture + 0.4 * beam * canvas.colour((0.6, 0.55, 0.4), 0.02)


def _farm(canvas: Canvas) -> Tensor:
    horizon = canvas.uniform(0.46, 0.54)
    rows = 0.5 + 0.5 * torch.sin((canvas.x - 0.5) / (canvas.y - horizon + 0.25).clamp_min(0.1) * 22)
    field = torch.lerp(canvas.colour((0.55, 0.4, 0.22)), canvas.colour((0.5, 0.7, 0.25)), rows)
    picture = torch.lerp(canvas.sky(), field, canvas.below(horizon))
    left = canvas.uniform(0.05, 0.7)
    barn = canvas.box(left, horizon - 0.17, left + 0.24, horizon + 0.01)
    picture = torch.lerp(picture, canvas.colour((0.72, 0.18, 0.15)), barn)
    roof = canvas.box(left - 0.02, horizon - 0.21, left + 0.26, horizon - 0.16)
    return torch.lerp(picture, canvas.colour((0.4, 0.36, 0.36)), roof)


def _misty_hills(canvas: Canvas) -> Tensor:
    picture = canvas.fade((0.82, 0.88, 0.93), (0.92, 0.93, 0.92))
    for base, shade in ((0.5, 0.74), (0.64, 0.58), (0.78, 0.42), (0.92, 0.3)):
        hill = canvas.colour((shade * 0.92, shade * 1.02, shade * 1.06), 0.02)
        picture = torch.lerp(picture, hill, canvas.ridge(canvas.uniform(base, base + 0.06), 0.2, 3))
    return picture


def _garden(canvas: Canvas) -> Tensor:
    hedge = canvas.uniform(0.3, 0.36)
    bush = canvas.colour((0.2, 0.48, 0.2)) * (0.8 + 0.4 * canvas.noise(10, 2))
    picture = torch.lerp(canvas.sky(), bush, canvas.below(hedge))
    lawn = canvas.colour((0.45, 0.74, 0.3))
    picture = torch.lerp(picture, lawn, canvas.below(hedge + 0.28))
    for rgb in ((0.95, 0.3, 0.4), (0.98, 0.85, 0.3), (0.75, 0.45, 0.9)):
        bloom = canvas.dots(5, 0.035) * canvas.below(hedge + 0.04)
        picture = torch.lerp(picture, canvas.colour(rgb, 0.03), bloom)
    return picture


PLACES: dict[str, Callable[[Canvas], Tensor]] = {
    "beach": _beach,
    "underwater": _underwater,
    "meadow": _meadow,
    "forest": _forest,
    "desert": _desert,
    "snow": _snow,
    "night sky": _night_sky,
    "space": _space,
    "city": _city,
    "sunset": _sunset,
    "ocean": _ocean,
    "mountains": _mountains,
    "lake": _lake,
    "river": _river,
    "autumn forest": _autumn_forest,
    "sunlit forest": _sunlit_forest,
    "clouds": _clouds,
    "city at night": _city_at_night,
    "room": _room,
    "table": _table,
    "rain": _rain,
    "road": _road,
    "brick wall": _brick_wall,
    "stage": _stage,
    "farm": _farm,
    "misty hills": _misty_hills,
    "garden": _garden,
}


def _plain(canvas: Canvas, colour: str | None) -> Tensor:
    """A quiet studio wall: pale without a colour word, else of that colour."""
    hue, saturation, value = COLOURS[colour] if colour else (40.0, 0.04, 0.95)
    planes = [
        torch.full((canvas.count, canvas.height, canvas.width), number, device=canvas.device)
        for number in (hue, saturation * (0.75 if colour else 1.0), value)
    ]
    light = (0.5 - canvas.y) * canvas.uniform(0.03, 0.1)
    return hsv_to_rgb(*planes) + light


def paint_place(
    place: str | None, colour: str | None, count: int, size: Size, generator: torch.Generator
) -> Tensor:
    """Pictures [count,3,H,W] in 0..1 of a place, or of a plain wall when it is None."""
    canvas = Canvas(count, size, generator)
    picture = _plain(canvas, colour) if place is None else PLACES[place](canvas)
    return picture.clamp(0, 1).expand(count, 3, canvas.height, canvas.width)
