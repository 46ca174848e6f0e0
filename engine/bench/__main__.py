"""`easel bench`: the same jobs through diffusers and through Easel, on this machine."""

import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.quiet import hush

app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
REGIMES = {"tiny": ("launch", "compute"), "sd15": ("sd15",), "sdxl": ("sdxl",), "turbo": ("turbo",)}


@app.command()
def bench(
    preset: Annotated[str, typer.Option(help="tiny, sd15, sdxl or turbo; random weights.")] = (
        "tiny"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    regime: Annotated[str, typer.Option(help="Of tiny: launch, compute or both.")] = "both",
    jobs: Annotated[int, typer.Option(min=4, help="Jobs of each trace.")] = 120,
    seeds: Annotated[int, typer.Option(min=1, help="Traces, of which the medians count.")] = 3,
    loads: Annotated[
        str, typer.Option(help="burst, or parts of the tuned FIFO's capacity.")
    ] = "burst,0.5,0.7,0.9,1.1",
    promises: Annotated[
        bool, typer.Option(help="Measure what is promised beside the traces, too.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this PNG file.")] = None,
) -> None:
    """Measure how fast and how fair Easel is beside plain diffusers on this machine.

    Needs no download: the models have random weights. On a CPU the time is that of this thread.
    """
    if preset not in REGIMES:
        raise typer.BadParameter(f"{preset} is none of {', '.join(REGIMES)}.", param_hint="preset")
    regimes = REGIMES[preset] if regime == "both" else (regime,)
    if not set(regimes) <= set(REGIMES[preset]):
        raise typer.BadParameter(f"{preset} has no regime {regime}.", param_hint="regime")
    wanted = [_read_load(text) for text in loads.split(",")]
    hush()
    found = [_measure(name, device, jobs, seeds, wanted, promises) for name in regimes]
    if plot is not None:
        from engine.bench.plot import draw_plot

        draw_plot(found, plot)
    if as_json:
        sys.stdout.write(json.dumps({"preset": preset, "regimes": found}) + "\n")
        return
    from engine.bench.report import write_report

    sys.stdout.write("\n".join(write_report(one) for one in found))


def _read_load(text: str) -> float:
    try:
        load = 0.0 if text == "burst" else float(text)
    except ValueError:
        load = -1.0
    if load < 0 or (load == 0 and text != "burst"):
        raise typer.BadParameter(f"{text} is neither burst nor a number such as 0.9.")
    return load


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _measure(
    name: str, device_name: str, jobs: int, seeds: int, loads: list[float], promises: bool
) -> Any:
    import torch

    from engine.bench.load import make_kinds
    from engine.bench.presets import PRESETS, open_preset
    from engine.bench.study import study
    from engine.bench.trials import Bench
    from engine.device import choose_device
    from engine.memory import keep_freed_memory

    keep_freed_memory()
    device = choose_device(device_name)
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
        about = f"one thread of {platform.processor() or platform.machine()}"
    else:
        about = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    with tempfile.TemporaryDirectory() as folder:
        preset = PRESETS[name]
        trial = Bench(preset, open_preset(preset, device), make_kinds(preset, Path(folder)))
        found = study(trial, jobs, seeds, loads, _say, with_promises=promises)
    torch.set_num_threads(threads)
    return {"regime": name, "device": about, "jobs": jobs, "seeds": seeds, **found}


if __name__ == "__main__":
    app(prog_name="easel bench")
