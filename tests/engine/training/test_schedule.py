"""The whole training by one command."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.training.__main__ import app
from engine.training.presets import PRESETS
from engine.training.schedule import STAGES, Stage, command_of, run_stages, stages_for


def test_a_stage_begins_when_those_before_it_have_ended(tmp_path: Path) -> None:
    """Both that can begin run side by side; the third begins when both have left their mark."""
    stages = [Stage("sum", ("one", "two")), Stage("one"), Stage("two")]
    programs = {
        "one": "import time, pathlib; time.sleep(0.4); pathlib.Path('one').touch()",
        "two": "import pathlib; pathlib.Path('two').touch()",
        "sum": "import os; os.stat('one'), os.stat('two')",
    }

    def begin(stage: Stage) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", programs[stage.name]], cwd=tmp_path)

    assert run_stages(stages, begin) == {"one": 0, "two": 0, "sum": 0}


def test_what_follows_a_failure_is_left_out_and_all_else_goes_on() -> None:
    """A failed part keeps only those from running that need it."""
    stages = [Stage("bad"), Stage("next", ("bad",)), Stage("last", ("next",)), Stage("good")]
    begun = []

    def begin(stage: Stage) -> subprocess.Popen[bytes]:
        begun.append(stage.name)
        return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({stage.name == 'bad'})"])

    assert run_stages(stages, begin) == {"bad": 1, "next": -1, "last": -1, "good": 0}
    assert sorted(begun) == ["bad", "good"]


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("has_gpu", [True, False])
def test_every_stage_is_a_command_that_takes_its_options(preset: str, has_gpu: bool) -> None:
    """The command line knows each stage with all its options, and every need is a stage."""
    stages = stages_for(PRESETS[preset]())
    names = [stage.name for stage in stages]
    for stage in stages:
        assert set(stage.after) <= set(names)
        words = command_of(stage, preset, Path("p"), Path("w"), 10, has_gpu=has_gpu)
        shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.output, (stage.name, option)


def test_the_longest_way_fits_into_the_time() -> None:
    """What must follow each other never plans more than the minutes that are there."""

    def longest(name: str) -> float:
        stage = next(stage for stage in STAGES if stage.name == name)
        return stage.share + max((longest(other) for other in stage.after), default=0.0)

    assert longest("evaluate") < 0.9
