"""Where bots come from that need not import torch again: forks of a process that has done so.

Run as a program this is that process: it reads orders, each a line of JSON, and answers each.
"""

import asyncio
import functools
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from pathlib import Path


class Fork:
    """A process that the nursery started, with as much of a subprocess's face as tests use."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid = pid
        self._nursery = nursery
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""
        if self._code is None:
            self._code = self._nursery.ask(reap=self.pid)
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal if it still lives."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for its end; return the exit code."""
        while (code := self.returncode) is None:
            await asyncio.sleep(0.02)
        return code


class Nursery:
    """The process with everything imported; it ends with this one, which holds its input."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip

    def ask(self, **order: object) -> int | None:
        """Give an order and return its answer."""
        with self._asking:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def start(self, log: Path, folder: Path, environment: dict[str, str]) -> Fork:
        """Start a bot, as `python -m bot.app` would, which writes into a log."""
        pid = self.ask(log=str(log), folder=str(folder), environment=environment)
        return Fork(self, pid)


@functools.cache
def open_nursery(root: Path) -> Nursery | None:
    """Open the one nursery of this run; None where a fork loses what torch needs."""
    if sys.platform != "linux":
        return None
    # a pool of threads does not outlive a fork
    return Nursery({**os.environ, "PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"})


def serve() -> None:
    """Import everything, then fork a bot or look for its end with each order."""
    answers = os.dup(1)
    os.dup2(2, 1)
    from engine.quiet import hush

    hush()
    import bot.app  # noqa: F401
    import engine.describer
    import engine.library
    import engine.own_upscaler
    import engine.worker  # noqa: F401

    for line in sys.stdin:
        order = json.loads(line)
        if "reap" in order:
            pid, status = os.waitpid(order["reap"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        elif not (answer := os.fork()):
            os.close(answers)
            become_bot(order)
        os.write(answers, json.dumps(answer).encode() + b"\n")


def become_bot(order: dict) -> None:
    """Run the bot's module in this process, and end with it."""
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        del sys.modules["bot.app"]
        runpy.run_module("bot.app", run_name="__main__", alter_sys=True)
    finally:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


if __name__ == "__main__":
    serve()
