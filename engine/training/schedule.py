"""The whole training by one command: every part in a process of its own, as soon as it can begin.

The shares of the time and the batches of a GPU were found on an H200, but for the denoiser's: in
batches four times as large it took 2,300 steps, and after twice as many small ones stage A's was
done. Whatever was stopped goes on when the same command is given again: a part that has had its
minutes ends at once.
"""

import logging
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.training.presets import Preset

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Stage:
    """A command of the training, and the stages that must have ended well before it begins.

    ``share`` is of the planned minutes; 0 where the command ends by itself. ``gpu`` are options
    that only a GPU makes sense of.
    """

    name: str
    after: tuple[str, ...] = ()
    share: float = 0.0
    options: tuple[str, ...] = ()
    gpu: tuple[str, ...] = ()
    command: str = ""  # its name if empty
    is_resumed: bool = True
    reads_pack: bool = True


STAGES = (
    Stage("autoencoder", (), 0.09, gpu=("--batch", "32")),
    Stage("text", (), 0.09, gpu=("--batch", "1024", "--feeders", "6")),
    Stage("evaluator", ("text",), 0.2, gpu=("--feeders", "4")),
    Stage("first", ("autoencoder", "text"), options=("--first",), command="bank", is_resumed=False,
          gpu=("--scenes", "122880", "--workers", "6", "--batch", "256")),
    Stage("bank", ("autoencoder", "text"), is_resumed=False,
          gpu=("--scenes", "286720", "--workers", "6", "--batch", "256")),
    Stage("sharpen", ("first",), 0.06, gpu=("--batch", "32")),
    Stage("denoiser", ("first",), 0.5, gpu=("--batch", "64"), reads_pack=False),
    Stage("distil", ("denoiser", "bank"), 0.1, gpu=("--batch", "160"), reads_pack=False),
    Stage("adapter", ("denoiser", "bank"), 0.08, gpu=("--batch", "160"), reads_pack=False),
    Stage("evaluate", ("distil", "adapter", "sharpen", "evaluator"), is_resumed=False),
)  # fmt: skip


def stages_for(preset: Preset) -> list[Stage]:
    """The stages of a preset; where the denoiser begins with the native size, it waits for that."""
    if preset.first_side:
        return list(STAGES)
    return [
        replace(stage, after=tuple("bank" if name == "first" else name for name in stage.after))
        for stage in STAGES
        if stage.name != "first"
    ]


def command_of(
    stage: Stage, preset: str, pack: Path, work: Path, minutes: float, *, has_gpu: bool
) -> list[str]:
    """What stands behind `python -m engine.training` for a stage."""
    words = [stage.command or stage.name, "--preset", preset, "--work", str(work), *stage.options]
    if stage.reads_pack:
        words += ["--pack", str(pack)]
    if stage.share:
        words += ["--minutes", f"{stage.share * minutes:.2f}"]
    if stage.is_resumed:
        words.append("--resume")
    return words + list(stage.gpu if has_gpu else ())


def run_stages(
    stages: Sequence[Stage], begin: Callable[[Stage], subprocess.Popen[bytes]]
) -> dict[str, int]:
    """Run all stages, each when those before it have ended well; the exit status of each.

    What comes after a stage that failed is left out, all else goes on.
    """
    running: dict[str, subprocess.Popen[bytes]] = {}
    ended: dict[str, int] = {}
    waiting = list(stages)
    try:
        while waiting or running:
            for stage in list(waiting):
                if any(ended.get(name) for name in stage.after):
                    waiting.remove(stage)
                    ended[stage.name] = -1
                elif all(name in ended for name in stage.after):
                    waiting.remove(stage)
                    running[stage.name] = begin(stage)
            for name, process in list(running.items()):
                status = process.poll()
                if status is not None:
                    del running[name]
                    ended[name] = status
                    log.info("stage=%s status=%d", name, status)
            time.sleep(LOOK_EVERY_S if running else 0)
    finally:
        for process in running.values():
            process.terminate()
    return ended


def open_log(work: Path, stage: Stage, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a stage's process with its own log under the work folder."""
    folder = work / "log"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{stage.name}.log").open("ab") as text:
        return subprocess.Popen(command, stdout=text, stderr=subprocess.STDOUT)
