"""The command line of the training: one subcommand per part, each of them resumable."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.training.machine import find_machine, prepare
from engine.training.presets import PRESETS, Preset
from engine.training.processes import compose, denoise, meeting, run_together
from engine.training.trainer import Plan
from engine.training.world import all_things

app = typer.Typer(no_args_is_help=True, help=__doc__)

PackOption = Annotated[Path, typer.Option("--pack", help="sprite pack, without suffix")]
WorkOption = Annotated[Path, typer.Option("--work", help="checkpoints and the bank")]
MinutesOption = Annotated[float, typer.Option("--minutes", help="planned time of training")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="go on from the checkpoint")]
StartOption = Annotated[
    Path | None,
    typer.Option("--from", help="model folder to start from, unless a checkpoint is resumed"),
]
PresetOption = Annotated[str, typer.Option("--preset", help="size and world")]
ThreadsOption = Annotated[int, typer.Option("--threads", help="threads of torch")]
BatchOption = Annotated[int, typer.Option("--batch", help="samples of a step; more on a GPU")]
WorkersOption = Annotated[int, typer.Option("--workers", help="processes that work together")]
FeedersOption = Annotated[
    int, typer.Option("--feeders", help="processes that make batches for a GPU")
]

DEFAULT_PACK = Path("data/pack_128")
DEFAULT_WORK = Path("data/training")


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        raise typer.BadParameter(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]()


@app.command()
def data(
    out: Annotated[
        Path, typer.Option("--out", help="the pack to write, without suffix")
    ] = DEFAULT_PACK,
    cache: Annotated[Path, typer.Option("--cache", help="unpacked packages")] = Path(
        "data/packages"
    ),
    side: Annotated[int, typer.Option("--side", help="pixels of a sprite")] = 128,
    arts: Annotated[
        str, typer.Option("--arts", help="drawn sets, with commas; all by default")
    ] = "",
    preset: Annotated[
        str, typer.Option("--preset", help="only this stage's things; all by default")
    ] = "",
) -> None:
    """Build the sprite pack from registry packages (needs npm and the extra [train])."""
    from engine.training.collect import ARTS, build_pack  # why: resvg-py comes with the extra only

    prepare(1)
    things = _preset(preset).world.things if preset else tuple(all_things())
    build_pack(cache, out, side, things, tuple(filter(None, arts.split(","))) or ARTS)


@app.command()
def autoencoder(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 35,
    resume: ResumeOption = False,
    start: StartOption = None,
    threads: ThreadsOption = 1,
    batch: BatchOption = 8,
) -> None:
    """Train the autoencoder."""
    from engine.training.autoencoder import train_autoencoder

    prepare(threads)
    plan = Plan(work / "autoencoder", minutes, resume, start)
    train_autoencoder(_preset(preset), pack, plan, batch=batch, machine=find_machine())


@app.command()
def text(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 15,
    resume: ResumeOption = False,
    start: StartOption = None,
    threads: ThreadsOption = 1,
    batch: BatchOption = 128,
    feeders: FeedersOption = 0,
    tower_only: Annotated[
        bool, typer.Option("--tower-only", help="leave the text encoder of --from as it is")
    ] = False,
) -> None:
    """Train the tokenizer, the text encoder and the image tower."""
    from engine.training.text import train_text

    prepare(threads)
    plan = Plan(work / "text", minutes, resume, start)
    train_text(
        _preset(preset),
        pack,
        plan,
        batch=batch,
        machine=find_machine(),
        feeders=feeders,
        is_tower_only=tower_only,
    )


@app.command()
def sharpen(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 20,
    resume: ResumeOption = False,
    start: StartOption = None,
    threads: ThreadsOption = 1,
    batch: BatchOption = 8,
) -> None:
    """Sharpen the autoencoder's decoder against a discriminator."""
    from engine.training.export import SHARP, load_autoencoder
    from engine.training.sharpen import train_sharp

    prepare(threads)
    chosen = _preset(preset)
    decoder = load_autoencoder(chosen, work / "autoencoder", start)
    plan = Plan(work / SHARP, minutes, resume)
    train_sharp(chosen, pack, plan, decoder.train(), batch=batch, machine=find_machine())


@app.command()
def bank(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    threads: ThreadsOption = 1,
    start: StartOption = None,
    scenes: Annotated[int, typer.Option("--scenes", help="how many; 0: as the preset says")] = 0,
    workers: WorkersOption = 1,
    batch: BatchOption = 64,
    first: Annotated[
        bool, typer.Option("--first", help="the smaller pictures the denoiser begins with")
    ] = False,
) -> None:
    """Compose, encode and caption the scenes the denoiser learns from."""
    chosen = _preset(preset)
    if first and not chosen.first_side:
        raise typer.BadParameter(f"the denoiser of {preset} begins with the native size")
    count = scenes or chosen.bank_scenes
    arguments = (workers, preset, pack, work, start, count, batch, threads, first)
    run_together(compose, arguments, workers)


@app.command()
def denoiser(
    preset: PresetOption = "stage-a",
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 90,
    resume: ResumeOption = False,
    start: StartOption = None,
    rate: Annotated[float, typer.Option("--rate", help="share of the learning rate")] = 1.0,
    threads: ThreadsOption = 1,
    workers: WorkersOption = 1,
    batch: BatchOption = 64,
    compiled: Annotated[
        bool, typer.Option("--compile", help="compile the network first; for a GPU")
    ] = False,
) -> None:
    """Train the denoiser on the bank."""
    meeting(work).unlink(missing_ok=True)
    plan = Plan(work / "denoiser", minutes, resume, start, rate)
    run_together(denoise, (workers, preset, work, plan, batch, threads, compiled), workers)


@app.command()
def distil(
    preset: PresetOption = "stage-a",
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 30,
    resume: ResumeOption = False,
    start: StartOption = None,
    threads: ThreadsOption = 1,
    batch: BatchOption = 32,
) -> None:
    """Train a LoRA for four steps without guidance, for `--sampler lcm`, on the bank."""
    from engine.training.distil import train_distilled
    from engine.training.export import load_text

    prepare(threads)
    chosen = _preset(preset)
    encoder = load_text(chosen, work / "text", start)[1]
    plan = Plan(work / "distil", minutes, resume, start)
    train_distilled(
        chosen, work / "bank", plan, work / "denoiser", encoder, batch=batch, machine=find_machine()
    )


@app.command()
def adapter(
    preset: PresetOption = "stage-a",
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 20,
    resume: ResumeOption = False,
    start: StartOption = None,
    threads: ThreadsOption = 1,
    batch: BatchOption = 32,
) -> None:
    """Teach the finished denoiser to look at pictures: an IP-Adapter, on the bank."""
    from engine.training.adapter import train_adapter
    from engine.training.export import load_text

    prepare(threads)
    chosen = _preset(preset)
    encoder = load_text(chosen, work / "text", start)[1]
    plan = Plan(work / "adapter", minutes, resume, start)
    train_adapter(chosen, work, plan, encoder, batch=batch, machine=find_machine())


@app.command()
def control(
    preset: PresetOption = "stage-a",
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 20,
    resume: ResumeOption = False,
    start: StartOption = None,
    threads: ThreadsOption = 1,
    batch: BatchOption = 32,
) -> None:
    """Train a ControlNet that leads the finished denoiser by edges, on the bank."""
    from engine.training.control import train_control
    from engine.training.export import load_autoencoder, load_text

    prepare(threads)
    chosen = _preset(preset)
    encoder = load_text(chosen, work / "text", start)[1]
    decoder = load_autoencoder(chosen, work / "autoencoder", start)
    plan = Plan(work / "control", minutes, resume, start)
    train_control(chosen, work, plan, encoder, decoder, batch=batch, machine=find_machine())


@app.command()
def upscaler(
    preset: PresetOption = "stage-a",
    pack: Annotated[
        Path, typer.Option("--pack", help="sprite pack of 384 px (data --side 384)")
    ] = Path("data/pack_384"),
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 25,
    resume: ResumeOption = False,
    start: StartOption = None,
    threads: ThreadsOption = 1,
) -> None:
    """Train the upscaler."""
    from engine.training.export import load_autoencoder
    from engine.training.upscale import score_upscaler, train_upscaler

    prepare(threads)
    chosen = _preset(preset)
    autoencoder = load_autoencoder(chosen, work / "autoencoder", start)
    plan = Plan(work / "upscaler", minutes, resume)
    train_upscaler(chosen, pack, plan, autoencoder, machine=find_machine())
    score_upscaler(chosen, pack, plan.folder, autoencoder)


@app.command()
def vocabulary(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    out: Annotated[Path, typer.Option("--out", help="the file to write")] = Path(
        "engine/embedded/words.json"
    ),
    chinese: Annotated[bool, typer.Option(help="whether the model itself reads Chinese")] = False,
) -> None:
    """Write the words the model knows, and what is near them."""
    from engine.training.words import write_words

    write_words(_preset(preset).world, pack, out, speaks_chinese=chinese)


@app.command()
def evaluator(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 10,
    resume: ResumeOption = False,
    threads: ThreadsOption = 1,
    feeders: FeedersOption = 0,
) -> None:
    """Train the judge that `evaluate` asks, and see what it gets right of real scenes."""
    from engine.training.evaluator import train_evaluator
    from engine.training.scores import write_ceilings

    prepare(threads)
    chosen, machine = _preset(preset), find_machine()
    plan = Plan(work / "evaluator", minutes, resume)
    train_evaluator(chosen, pack, plan, feeders=feeders, machine=machine)
    write_ceilings(chosen, pack, work, machine)


@app.command()
def export(
    preset: PresetOption = "stage-a",
    work: WorkOption = DEFAULT_WORK,
    out: Annotated[Path, typer.Option("--out", help="the folder to replace")] = Path(
        "engine/embedded"
    ),
    start: StartOption = None,
) -> None:
    """Write the model in diffusers' format, fp16."""
    from engine.training.export import export_model

    prepare(1)
    export_model(_preset(preset), work, out, start)


@app.command()
def evaluate(
    preset: PresetOption = "stage-a",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    out: Annotated[Path, typer.Option("--out", help="where the pictures go")] = Path(
        "data/evaluation"
    ),
    per_cell: Annotated[int, typer.Option("--per-cell", help="pictures of each cell")] = 200,
    album: Annotated[
        Path | None, typer.Option("--album", help="paint nothing, look at these pictures again")
    ] = None,
    unseen: Annotated[
        Path | None,
        typer.Option("--unseen", help="pack of an art nobody learnt from (data --arts openmoji)"),
    ] = None,
    card: Annotated[
        Path | None, typer.Option("--card", help="model card to put table and contact sheet into")
    ] = None,
    start: StartOption = None,
    threads: ThreadsOption = 1,
) -> None:
    """Measure the newest checkpoints: tables, contact sheets and an album of what was painted."""
    from engine.training.evaluate import evaluate_model

    prepare(threads)
    evaluate_model(
        _preset(preset),
        pack,
        work,
        out,
        per_cell=per_cell,
        start=start,
        album=album,
        unseen=unseen,
        card=card,
        machine=find_machine(),
    )


@app.command("all")
def whole(
    preset: PresetOption = "stage-b",
    pack: PackOption = DEFAULT_PACK,
    work: WorkOption = DEFAULT_WORK,
    minutes: MinutesOption = 25,
) -> None:
    """Train every part, one beside the other where they can be, and measure; on a GPU, minutes."""
    from engine.training.schedule import Stage, command_of, open_log, run_stages, stages_for

    prepare(1)
    has_gpu = not find_machine().is_cpu

    def begin(stage: Stage) -> subprocess.Popen[bytes]:
        words = command_of(stage, preset, pack, work, minutes, has_gpu=has_gpu)
        return open_log(work, stage, [sys.executable, "-m", "engine.training", *words])

    statuses = run_stages(stages_for(_preset(preset)), begin)
    failed = [name for name, status in statuses.items() if status > 0]
    if failed:
        print(f"These parts failed: {', '.join(failed)}; see {work / 'log'}. All else was trained.")
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
