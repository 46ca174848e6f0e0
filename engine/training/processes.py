"""What runs in several processes of one command: composing the bank, training the denoiser.

They stand here and not in `__main__`, for a spawned process does not find what is defined there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.multiprocessing.spawn import spawn

from engine.training.machine import find_machine, prepare
from engine.training.presets import PRESETS
from engine.training.trainer import Plan


def run_together(run: Callable[..., None], arguments: tuple[Any, ...], workers: int) -> None:
    """Run a function of a module in so many processes; its first argument is the rank of each."""
    if workers == 1:
        run(0, *arguments)
    else:
        # why: torch leaves spawn untyped
        spawn(run, arguments, nprocs=workers)  # type: ignore[no-untyped-call]


def compose(
    rank: int, workers: int, preset: str, pack: Path, work: Path, start: Path | None, scenes: int,
    batch: int, threads: int, is_first: bool,
) -> None:  # fmt: skip
    """Write one process's shards of a bank."""
    from engine.training.bank import Composer, Part, write_bank
    from engine.training.export import load_autoencoder, load_text
    from engine.training.text import load_tower

    prepare(threads)
    chosen = PRESETS[preset]()
    composer = Composer(
        chosen,
        load_autoencoder(chosen, work / "autoencoder", start),
        load_text(chosen, work / "text", start)[0],
        load_tower(chosen, work / "text", start),
        find_machine(),
        batch,
    )
    folder, part = work / ("first" if is_first else "bank"), Part(rank, workers)
    write_bank(composer, pack, folder, scenes=scenes, part=part, is_first=is_first)


def denoise(
    rank: int, workers: int, preset: str, work: Path, plan: Plan, batch: int, threads: int,
    is_compiled: bool,
) -> None:  # fmt: skip
    """Train the denoiser as one of several."""
    from engine.training.denoiser import Banks, train_denoiser
    from engine.training.export import load_text
    from engine.training.workers import Workers

    prepare(threads)
    chosen = PRESETS[preset]()
    train_denoiser(
        chosen,
        Banks(work / "bank", work / "first" if (work / "first").exists() else None),
        plan,
        load_text(chosen, work / "text", plan.start)[1],
        batch=batch,
        machine=find_machine(),
        is_compiled=is_compiled,
        workers=Workers(rank, workers, meeting(work)),
    )


def meeting(work: Path) -> Path:
    """The file at which workers meet; one of an earlier training must be gone."""
    return work / "denoiser.meeting"
