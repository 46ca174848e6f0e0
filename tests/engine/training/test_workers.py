"""Several processes, one model; and the command line."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from engine.training.__main__ import app
from engine.training.processes import compose, denoise
from engine.training.workers import Workers

WORKER = """
import sys
from pathlib import Path
import torch
from engine.training.processes import compose, denoise
from engine.training.workers import Workers
rank = int(sys.argv[1])
workers = Workers(rank, 2, Path(sys.argv[2]))
parameter = torch.nn.Parameter(torch.zeros(3))
parameter.grad = torch.full((3,), float(rank))
workers.average_gradients([parameter])
print(parameter.grad.tolist(), workers.agree_on(10.0 + rank))
"""


def test_alone_nothing_changes() -> None:
    """One worker keeps its gradients and its numbers."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([1.0, 2.0])
    workers = Workers()
    workers.average_gradients([parameter])
    assert parameter.grad.tolist() == [1.0, 2.0]
    assert workers.agree_on(3.5) == 3.5
    assert workers.is_first


def test_several_workers_need_a_meeting_place() -> None:
    """Without a file to meet at, two workers are a mistake that is named."""
    with pytest.raises(ValueError, match="meet"):
        Workers(0, 2, None)


@pytest.mark.slow
def test_two_workers_share_their_gradients(tmp_path: Path) -> None:
    """Both end with the mean of both gradients and the first one's number."""
    command = [sys.executable, "-c", WORKER]
    meeting = str(tmp_path / "meeting")
    processes = [
        subprocess.Popen([*command, str(rank), meeting], stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    answers = [process.communicate(timeout=100)[0].strip() for process in processes]
    assert answers == ["[0.5, 0.5, 0.5] 10.0"] * 2


def test_the_command_line_names_every_part() -> None:
    """Help lists what can be trained."""
    answer = CliRunner().invoke(app, ["--help"])
    parts = ("data", "autoencoder", "text", "bank", "denoiser", "evaluator", "export", "evaluate")
    assert all(part in answer.output for part in parts)


def test_an_unknown_preset_is_a_sentence() -> None:
    """A wrong preset is named together with those there are."""
    answer = CliRunner().invoke(app, ["export", "--preset", "stage-z"])
    assert answer.exit_code == 2
    assert "stage-a" in answer.output


def test_what_runs_in_several_processes_is_found_by_them() -> None:
    """A spawned process never imports a package's __main__, so nothing of it can be run there."""
    assert {compose.__module__, denoise.__module__} == {"engine.training.processes"}
