"""The parent restarts what dies, stops what is asked to stop, and leaves nobody behind."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.supervisor import Child, Supervisor

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


@pytest.fixture
def program(tmp_path):
    """Write a module and return the Child that runs it, its lines collected in `.lines`."""

    def write(source: str) -> Child:
        (tmp_path / "program.py").write_text(source)
        lines: list[str] = []
        path = os.pathsep.join((str(tmp_path), str(ROOT)))
        child = Child("program", "program", (), {**os.environ, "PYTHONPATH": path}, lines.append)
        child.lines = lines
        return child

    return write


COUNT = """
import pathlib, sys
count = pathlib.Path(__file__).with_name("count")
runs = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(runs))
print("run", runs, flush=True)
"""
WAIT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("up", flush=True)
time.sleep(60)
"""


async def test_a_child_that_dies_is_started_again(program):
    """A child that dies is started again until it ends for good."""
    child = program(COUNT + "sys.exit(0 if runs == 3 else 70)")

    code = await Supervisor(first_pause_s=0.01).keep(child)

    assert (code, child.lines) == (0, ["run 1", "run 2", "run 3"])


@pytest.mark.parametrize("final", [2, 65, 75, 78])
async def test_some_exit_codes_are_final(program, final):
    """Usage, corrupt data, already running and configuration are not tried again."""
    child = program(COUNT + f"sys.exit({final})")

    assert await Supervisor(first_pause_s=0.01).keep(child) == final
    assert child.lines == ["run 1"]


async def test_the_pause_grows(program):
    """Each restart waits twice as long as the one before."""
    child = program(
        COUNT + "import time; print(time.monotonic(), flush=True); sys.exit(0 if runs == 4 else 1)"
    )

    await Supervisor(first_pause_s=0.4).keep(child)

    moments = [float(line) for line in child.lines if not line.startswith("run")]
    assert moments[3] - moments[2] >= 1.6


@posix
async def test_stop_reaches_the_child(program):
    """A stop ends the child by SIGTERM, and the supervisor does not start it again."""
    child, supervisor = program(WAIT), Supervisor(first_pause_s=0.01)
    keeping = asyncio.create_task(supervisor.keep(child))
    while not child.lines:
        await asyncio.sleep(0.02)

    supervisor.stop()

    assert await asyncio.wait_for(keeping, 60) == 0


@posix
async def test_a_child_stopped_before_it_listens_has_stopped_well(program):
    """Who is asked to stop while a child is still starting ends with 0, not with its signal."""
    child = program("import time; print('up', flush=True); time.sleep(60)")
    supervisor = Supervisor()
    keeping = asyncio.create_task(supervisor.keep(child))
    while not child.lines:
        await asyncio.sleep(0.02)

    supervisor.stop()

    assert await asyncio.wait_for(keeping, 60) == 0


@posix
async def test_the_youngest_stops_first(tmp_path, program):
    """Asked once, the youngest child ends before the one it leans on; asked twice, all do."""
    supervisor = Supervisor()
    keeping = []
    for name in ("old", "young"):
        child = dataclasses.replace(program(WAIT), name=name, on_line=(lines := []).append)
        keeping.append(asyncio.create_task(supervisor.keep(child)))
        while not lines:
            await asyncio.sleep(0.02)
    old, young = keeping

    supervisor.stop()

    assert await asyncio.wait_for(young, 60) == 0
    assert not old.done()
    supervisor.stop()
    assert await asyncio.wait_for(old, 60) == 0


@posix
def test_no_child_outlives_a_killed_parent(tmp_path):
    """When the parent is killed, its child ends by itself."""
    (tmp_path / "program.py").write_text(WAIT.replace('"up"', "__import__('os').getpid()"))
    parent = (
        "import asyncio, os\n"
        "from bot.supervisor import Child, Supervisor\n"
        "show = lambda line: print(line, flush=True)\n"
        "child = Child('program', 'program', (), dict(os.environ), show)\n"
        "asyncio.run(Supervisor().keep(child))\n"
    )
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    process = subprocess.Popen(
        [sys.executable, "-c", parent],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    child = int(process.stdout.readline())

    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and not is_zombie(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_zombie(pid: int) -> bool:
    """Say whether a dead process only waits for its new parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
