"""The command line of the training: one subcommand per part, each of them resumable."""

import logging
import os
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch.multiprocessing.spawn import spawn

from engine.training.presets import PRESETS, Preset
from engine.training.trainer import Plan

app = typer.Typer(no_args_is_help=True, help=__doc__)

PackOption = Annotated[Path, typer.Option("--pack", help="sprite pack, without suffix")]
WorkOption = Annotated[Path, typer.Option("--work", help="checkpoints and the bank")]
MinutesOption = Annotated[float, typer.Option("--minutes", help="planned time of training")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="go on from the checkpoint")]
PresetOption = Annotated[str, typer.Option("--preset", help="size and world")]
ThreadsOption = Annotated[int, typer.Option("--threads", help="threads of torch")]

DEFAULT_PACK = Path("data/pack_128")
DEFAULT_WORK = Path("data/training")


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        raise typer.BadParameter(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]()


def _has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 itself; elsewhere it would be slower than fp32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _start(threads: int) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    torch.set_num_threads(threads)


@app.command()
def data(
    out: Annotated[
        Path, typer.Option("--out", help="the pack to write, without suffix")
    ] = DEFAULT_PACK,
    cache: Annotated[Path, typer.Option("--cache", help="unpacked packages")] = Path(
        "data/packages"
    ),
    side: Annotated[int, typer.Option("--side", help="pixels of a sprite")] = 128,
) -> None:
    """Build the sprite pack from registry packages (needs npm and the extra [train])."""
    from engine.training.collect import build_pack  # why: resvg-py comes with the extra only

    _start(1)
    build_pack(cache, out, side)


@app.command()
def autoencoder(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 35,
    resume: ResumeOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Train the autoencoder."""
    from engine.training.autoencoder import train_autoencoder

    _start(threads)
    plan = Plan(work / "autoencoder", minutes, resume)
    train_autoencoder(_preset(preset), pack, plan, use_bf16=_has_bf16())


@app.command()
def text(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 15,
    resume: ResumeOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Train the tokenizer and the text encoder."""
    from engine.training.text import train_text

    _start(threads)
    plan = Plan(work / "text", minutes, resume)
    train_text(_preset(preset), pack, plan, use_bf16=_has_bf16())


@app.command()
def bank(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    threads: ThreadsOption = 1,
) -> None:
    """Compose, encode and caption the scenes the denoiser learns from."""
    from engine.training.bank import write_bank
    from engine.training.export import load_autoencoder, load_text

    _start(threads)
    chosen = _preset(preset)
    tokenizer, encoder = load_text(chosen, work / "text")
    write_bank(
        chosen,
        pack,
        work / "bank",
        load_autoencoder(chosen, work / "autoencoder"),
        encoder,
        tokenizer,
        scenes=chosen.bank_scenes,
        use_bf16=_has_bf16(),
    )


def _denoise(rank: int, preset: str, work: Path, plan: Plan, workers: int, threads: int) -> None:
    from engine.training.denoiser import train_denoiser
    from engine.training.workers import Workers

    _start(threads)
    together = Workers(rank, workers, _meeting(work))
    train_denoiser(_preset(preset), work / "bank", plan, use_bf16=_has_bf16(), workers=together)


def _meeting(work: Path) -> Path:
    return work / "denoiser.meeting"


@app.command()
def denoiser(
    preset: PresetOption = "stage-a",
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 90,
    resume: ResumeOption = False,
    threads: ThreadsOption = 1,
    workers: Annotated[int, typer.Option("--workers", help="processes that train together")] = 1,
) -> None:
    """Train the denoiser on the bank."""
    _meeting(work).unlink(missing_ok=True)
    plan = Plan(work / "denoiser", minutes, resume)
    arguments = (preset, work, plan, workers, threads)
    if workers == 1:
        _denoise(0, *arguments)
    else:
        # why: torch leaves spawn untyped
        spawn(_denoise, arguments, nprocs=workers)  # type: ignore[no-untyped-call]


@app.command()
def evaluator(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 10,
    resume: ResumeOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Train the judge that `evaluate` asks."""
    from engine.training.evaluator import train_evaluator

    _start(threads)
    plan = Plan(work / "evaluator", minutes, resume)
    train_evaluator(_preset(preset), pack, plan, use_bf16=_has_bf16())


@app.command()
def export(
    preset: PresetOption = "stage-a",
    work: WorkOption = DEFAULT_WORK,
    out: Annotated[Path, typer.Option("--out", help="the folder to replace")] = Path(
        "engine/embedded"
    ),
) -> None:
    """Write the model in diffusers' format, fp16."""
    from engine.training.export import export_model

    _start(1)
    export_model(_preset(preset), work, out)


@app.command()
def evaluate(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    out: Annotated[Path, typer.Option("--out", help="where the pictures go")] = Path(
        "data/evaluation"
    ),
    threads: ThreadsOption = 1,
) -> None:
    """Measure the newest checkpoints and paint a contact sheet."""
    from engine.training.evaluate import evaluate_model

    _start(threads)
    evaluate_model(_preset(preset), pack, work, out)


if __name__ == "__main__":
    app()
