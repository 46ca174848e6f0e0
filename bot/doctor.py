"""`easel doctor`: one line for each thing the bot stands on, with the remedy where it does not."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bot import control
from bot.data import DataFolder
from bot.errors import OperatorError
from bot.messages import EXPECT_NOISE
from bot.settings import ENV_FILE, Settings, engine_options
from bot.store import Store
from engine import Engine, ModelError, ReferenceFolder, inspect_device

ANSWER_S = 5.0
"""How long a running bot may take to say how it is."""
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found. `fatal` would stop the bot; a `remedy` says what to do about it."""

    what: str
    remedy: str = ""
    fatal: bool = False

    def __str__(self) -> str:
        mark = "✘" if self.fatal else "!" if self.remedy else "✔"
        return f"{mark} {self.what}{': ' if self.remedy else ''}{self.remedy}"


async def examine(settings: Settings, live: int | None = None) -> int:
    """Print every finding as a line; return 1 if one of them would stop the bot, else 0."""
    code = 0
    async for finding in _findings(settings):
        sys.stdout.write(f"{finding}\n")
        code = max(code, int(finding.fatal))
    if live is not None and code == 0:
        from bot.live import rehearse

        async for step in rehearse(settings, live):
            sys.stdout.write(f"✔ {step}\n")
            sys.stdout.flush()
    return code


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    yield _python()
    yield await asyncio.to_thread(_device, settings)
    for finding in await asyncio.to_thread(_models, settings):
        yield finding
    for sentence in await asyncio.to_thread(ReferenceFolder(settings.ip_adapters).refused):
        yield Finding("an IP-Adapter cannot be used", sentence)
    yield _token(settings)
    folder = _folder(settings)
    yield folder
    if not folder.fatal:
        yield await _database(settings)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Finding(f"python {version}", "Easel needs Python 3.11 or newer.", fatal=True)
    return Finding(f"python {version}")


def _device(settings: Settings) -> Finding:
    try:
        device = inspect_device(settings.device)
    except ModelError as error:
        return Finding("device", str(error), fatal=True)
    what = f"torch {device.torch} paints on {device.name}"
    if device.idle_card:
        return Finding(
            what,
            f"{device.idle_card} lies idle; install PyTorch's CUDA build (see the README) "
            "and leave DEVICE at auto.",
        )
    return Finding(what)


def _models(settings: Settings) -> list[Finding]:
    try:
        engine = Engine(engine_options(settings))
    except ModelError as error:
        return [Finding("model", str(error), fatal=True)]
    found = [
        Finding(
            f"model {card.title}, {card.width}x{card.height}, "
            f"{card.few_steps.steps if card.few_steps else card.default_steps} steps"
            + (", looks at image prompts" if "reference" in card.honours else "")
            + (", still to be downloaded" if card.name in engine.absent else ""),
            EXPECT_NOISE if card.untrained else "",
        )
        for card in engine.models()
    ]
    if engine.describes_by:
        return [*found, Finding(f"pictures are described by {engine.describes_by}")]
    remedy = "nothing here can look at pictures; name a captioner with CAPTIONER."
    return [*found, Finding("pictures cannot be described", remedy)]


def _token(settings: Settings) -> Finding:
    if settings.discord_token is None:
        return Finding(
            "no token: easel starts the playground; put DISCORD_TOKEN into .env for Discord"
        )
    if os.name == "posix" and ENV_FILE.exists():
        mode = stat.S_IMODE(ENV_FILE.stat().st_mode)
        if mode & 0o077:
            remedy = f"others on this machine may read {ENV_FILE}; run chmod 600 {ENV_FILE}."
            return Finding("token found", remedy)
    return Finding("token found")


def _folder(settings: Settings) -> Finding:
    folder = DataFolder(settings.data)
    probe = folder.root / ".doctor"
    try:
        folder.make()
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        remedy = f"{error.strerror}; make it writable or name another with DATA."
        return Finding(f"data folder {folder.root}", remedy, fatal=True)
    return Finding(f"data folder {folder.root} is writable")


async def _database(settings: Settings) -> Finding:
    folder = DataFolder(settings.data)
    if not folder.database.exists():
        return Finding("database: none yet, the bot makes it at its first start")
    try:
        with folder.lock():
            async with Store.open(folder.database):
                return Finding(f"database {folder.database} is healthy")
    except OperatorError as error:
        if error.code == 75:
            return await _running_bot(folder)
        return Finding(f"database {folder.database}", str(error), fatal=True)


async def _running_bot(folder: DataFolder) -> Finding:
    """Ask the bot that holds the folder how it is."""
    what = f"database {folder.database} is in use: the bot is running"
    try:
        async with asyncio.timeout(ANSWER_S):
            found = await control.ask(folder, "stats")
    except (ConnectionError, TimeoutError, OperatorError):
        return Finding(what, "it does not answer; if that lasts, look at its log.")
    waiting = sum(found["waiting"].values())
    if found["loading"] != "no":
        what += f", {found['loading']}"
    remedy = "" if found["disk"] == "well" else found["disk"]
    return Finding(f"{what}, {found['running']} jobs painting, {waiting} waiting", remedy)
