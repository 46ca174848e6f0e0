"""`easel imagine` and `easel explain`: painting without any Discord."""

import asyncio
import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import engine
from bot import flags, grid, lesson, memory, strip
from bot.errors import OperatorError, UserError
from bot.messages import EXPECT_NOISE
from bot.settings import Settings, engine_options
from engine import Engine, Explained, ModelCard, ModelError, Painted, Request

LOOK_AGAIN_S = 0.1


async def paint(text: str, out: Path, settings: Settings, *, as_json: bool = False) -> None:
    """Paint the prompt and write `out`, the grid, and its tiles as `<stem>-1.png` … beside it.

    Raises:
        UserError: the prompt cannot be painted, or `out` is no .png file.
        OperatorError: the model cannot be opened, or the file cannot be written.

    """
    painter, wish, card = _open(text, out, settings)
    painted = await _run(painter, wish.request)
    assert isinstance(painted, Painted)  # noqa: S101 - nothing else was asked for
    with _naming(out):
        tiles = await asyncio.to_thread(_write, painted, card, wish, out)
    if as_json:
        width, height = wish.request.width, wish.request.height
        line = {
            "prompt": wish.request.prompt,
            "seed": wish.request.seed,
            "steps": wish.request.num_inference_steps,
            "width": width * card.delivery_scale,
            "height": height * card.delivery_scale,
            "model": wish.request.model,
            "tiles": [str(tile) for tile in tiles],
            "grid": str(out),
            "seconds": round(painted.seconds, 2),
        }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"{out}\n")


async def explain(text: str, out: Path, settings: Settings) -> None:
    """Paint one picture of the prompt and write `out`, a strip of how it came about.

    Raises:
        UserError: the prompt cannot be painted, or `out` is no .png file.
        OperatorError: the model cannot be opened, or the file cannot be written.

    """
    painter, wish, _ = _open(text, out, settings)
    request = dataclasses.replace(wish.request, pictures=1, hd=False)
    found = await _run(painter, request, aim="explain")
    assert isinstance(found, Explained)  # noqa: S101 - nothing else was asked for
    with _naming(out):
        await asyncio.to_thread(_write_strip, found, out)
    sys.stdout.write(lesson.tell(found.explanation).replace("**", "") + "\n")


def _write_strip(found: Explained, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(strip.draw(found.explanation))


def _open(text: str, out: Path, settings: Settings) -> tuple[Engine, flags.Wish, ModelCard]:
    """Understand what is asked for and make the engine that paints it."""
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out} is not a .png file; Easel writes PNG, such as easel.png.")
    try:
        painter = Engine(engine_options(settings))
    except ModelError as error:
        raise OperatorError(str(error)) from error
    cards = painter.models()
    wish = flags.parse(text, cards)
    if wish.lane is not None or wish.hidden is not None:
        raise UserError("Lanes, `--stealth` and `--public` are for Discord; leave them out here.")
    if wish.links or wish.request.references:
        raise UserError("Pictures are for Discord; leave links, `--sref` and `--cref` out here.")
    card = next(card for card in cards if card.name == wish.request.model)
    if card.untrained:
        sys.stderr.write(f"{EXPECT_NOISE}\n")
    return painter, wish, card


@contextlib.contextmanager
def _naming(out: Path) -> Iterator[None]:
    """Say in a sentence which file cannot be written."""
    try:
        yield
    except OSError as error:
        raise OperatorError(
            f"{out} cannot be written: {error.strerror}. Name another file with --out.", code=73
        ) from error


async def _run(painter: Engine, request: Request, *, aim: str = "paint") -> Painted | Explained:
    await painter.start()
    try:
        return await _follow(painter, request, aim=aim)
    finally:
        await painter.close()


async def _follow(painter: Engine, request: Request, *, aim: str = "paint") -> Painted | Explained:
    """Show the painting's progress on stderr; return what was painted."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading the model", total=None)
        while doing := painter.stats().loading:
            bar.update(task, description=doing)
            await asyncio.sleep(LOOK_AGAIN_S)
        async for event in painter.submit(1, request, aim=aim):
            match event:
                case engine.Progress(step, steps):
                    bar.update(task, description="painting", completed=step, total=steps)
                case Painted() | Explained():
                    return event
                case engine.Failed(sentence):
                    raise OperatorError(sentence, code=70)
                case _:
                    pass
    raise OperatorError("The painting was stopped before it was done.", code=70)


def _write(painted: Painted, card: ModelCard, wish: flags.Wish, out: Path) -> tuple[Path, ...]:
    """Write the tiles and the grid with their parameters inside; return the tiles' paths."""
    out.parent.mkdir(parents=True, exist_ok=True)
    pictures = [grid.scale(picture, card.delivery_scale) for picture in painted.pictures]
    tiles = tuple(out.with_name(f"{out.stem}-{k}{out.suffix}") for k in range(1, len(pictures) + 1))
    for path, picture, seed in zip(tiles, pictures, painted.seeds, strict=True):
        path.write_bytes(memory.write(picture, memory.recall(wish, seed, card.own_sampler)))
    remembered = memory.recall(wish, wish.request.seed, card.own_sampler)
    out.write_bytes(memory.write(grid.compose(pictures), remembered))
    return tiles
