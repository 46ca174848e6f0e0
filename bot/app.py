"""The bot's process: opens everything in order, and closes it in reverse."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import discord

from bot import control, eraser, messages, operator, posts, safety
from bot import settings as settings_module
from bot.client import Easel, point_at
from bot.data import DataFolder
from bot.delivery import Delivery
from bot.desk import Desk, operator_of
from bot.errors import OperatorError
from bot.finish import Finisher
from bot.intake import queue_limits
from bot.keeper import Keeper
from bot.presence import show_model
from bot.runner import Runner
from bot.safety import Guard
from bot.settings import Settings
from bot.store import Store
from engine import Engine, ModelError

log = logging.getLogger(__name__)

STOP_S = 7.0
"""What running jobs get to finish in after a signal; the rest goes back to the queue."""
LAST_S = 9.5
"""After this the process leaves whatever still hangs: everything that matters is on the disk."""

REFUSED_BY_DISCORD = (
    "Discord refused the token; reset it on the developer page and write the new one behind "
    "DISCORD_TOKEN in .env."
)
NOT_CONFIGURED = "The bot needs DISCORD_TOKEN in the environment or in .env."
INTENTS_REFUSED = (
    "Discord refused the intents ({code}); Easel asks for no privileged one, so look at the "
    "application's Bot page on the developer portal."
)
UNREACHABLE = "Discord cannot be reached ({reason}); check the network and status.discord.com."


async def run(settings: Settings) -> int:
    """Be the bot until a signal ends it; return the exit code.

    Raises:
        OperatorError: it cannot start; the sentence has the remedy and `code` is the exit code.

    """
    if settings.discord_token is None:
        raise OperatorError(NOT_CONFIGURED)
    if settings.playground:
        point_at(settings.playground)
    stopping = _listen()
    data = DataFolder(settings.data)
    with data.lock():
        async with Store.open(data.database) as store, _engine(settings) as engine:
            client = Easel()
            classifier = await asyncio.to_thread(safety.load, settings.nsfw_threshold)
            guard = Guard(store, data, operator_of(settings), client.place_of, classifier)
            finisher = Finisher(data, engine.models, guard)
            outbox = Delivery(client, store, finisher, settings.playground, settings.image_hosts)
            runner = Runner(store, engine, data, outbox, queue_limits(settings), inspector=guard)
            client.desk = Desk(
                settings, store, data, engine, runner, finisher, guard, offer=outbox.offer
            )
            async with client, control.listen(data, _answers(client.desk, stopping)):
                await _log_in(client, settings.discord_token.get_secret_value())
                await outbox.reconcile()
                await _serve(client, engine, outbox, stopping)
    log.info("stopped")
    return 0


@contextlib.asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[Engine]:
    """Start the engine; its model loads while the bot is online already."""
    try:
        engine = Engine(settings_module.engine_options(settings))
    except ModelError as error:
        raise OperatorError(str(error)) from error
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


async def _log_in(client: Easel, token: str) -> None:
    try:
        await client.login(token)
    except discord.LoginFailure as error:
        raise OperatorError(REFUSED_BY_DISCORD) from error
    except posts.AWAY as error:
        raise OperatorError(UNREACHABLE.format(reason=error), code=69) from error


def _answers(desk: Desk, stopping: asyncio.Event) -> dict[str, control.Answer]:
    """Return what the bot answers on its socket."""

    async def drain(_: Mapping[str, Any]) -> bool:
        os.kill(os.getpid(), signal.SIGTERM)  # the same way out, with the same time to take
        return True

    async def back_up(question: Mapping[str, Any]) -> str:
        await desk.store.back_up(Path(question["file"]))
        return str(question["file"])

    async def admin(question: Mapping[str, Any]) -> str:
        action, number = str(question["action"]), int(question["number"])
        said = await operator.act(desk.store, action, number, str(question["reason"]))
        if action == "ban" and (stopped := await desk.runner.cancel_all(number)):
            said += f"; {messages.many(stopped, 'job')} of theirs stopped"
        return said

    async def stats(_: Mapping[str, Any]) -> dict[str, Any]:
        inside = desk.engine.stats()
        return {
            "running": len(desk.runner.room.inside),
            "room": inside.room,
            "loading": inside.loading or inside.fetching or "no",
            "stopping": stopping.is_set(),
            "cost_per_s": desk.runner.room.cost_per_s,
            "disk": desk.runner.disk.trouble or "well",
            **await desk.store.report(),
        }

    return {"stats": stats, "drain": drain, "backup": back_up, "admin": admin}


async def _serve(client: Easel, engine: Engine, outbox: Delivery, stopping: asyncio.Event) -> None:
    """Paint and answer until a signal comes or the connection ends for good."""
    desk = client.desk
    runner = desk.runner
    keeper = Keeper(
        desk.store,
        desk.data,
        days=desk.settings.retention_days,
        max_bytes=int(desk.settings.data_max_gb * 1e9),
    )
    connected = asyncio.create_task(client.connect(), name="gateway")
    feeding = asyncio.create_task(runner.run(), name="runner")
    stopped = asyncio.create_task(stopping.wait(), name="signals")
    keeping = asyncio.create_task(keeper.run(), name="keeper")
    erasing = asyncio.create_task(eraser.run(client), name="eraser")
    shown = asyncio.create_task(show_model(client, engine), name="presence")
    tasks = {connected, feeding, stopped, keeping, erasing}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        desk.closing = True
        for work in (feeding, keeping, erasing):
            if work.done():
                work.result()
        if connected.done():
            _explain_end(connected, client)
    finally:
        log.info("stopping")
        await runner.stop(STOP_S)
        await outbox.close()
        await client.close()
        for task in tasks | {shown}:
            task.cancel()
        await asyncio.gather(*tasks, shown, return_exceptions=True)


def _explain_end(connected: asyncio.Task[None], client: Easel) -> None:
    """Say why the gateway ended, in a sentence where the remedy is known."""
    error = connected.exception()
    if isinstance(error, discord.ConnectionClosed | discord.PrivilegedIntentsRequired):
        code = getattr(error, "code", 4014)
        if code == 4004:
            raise OperatorError(REFUSED_BY_DISCORD) from error
        if code in {4013, 4014}:
            raise OperatorError(INTENTS_REFUSED.format(code=code)) from error
    if not client.greeted and isinstance(error, OSError | aiohttp.ClientError | AttributeError):
        # why AttributeError: discord.py meets a refused first connection with one of its own
        raise OperatorError(UNREACHABLE.format(reason=error), code=69) from error
    if error is not None:
        raise error
    raise OperatorError("The connection to Discord was closed.", code=69)


def _listen() -> asyncio.Event:
    """Let the first signal end the bot in order, and the second one at once."""
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()
        last = threading.Timer(LAST_S, os._exit, (0,))
        last.daemon = True
        last.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows has no signals in its loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    return stopping


def main() -> int:
    """Run the bot with the settings of the environment; return the exit code."""
    try:
        settings = settings_module.load()
        logging.basicConfig(
            level=settings.log_level,
            format="%(asctime)s %(levelname)s %(name)s %(message)s",
            stream=sys.stderr,
        )
        # they write tokens and what people type at DEBUG, which no log of ours may hold
        for name in ("discord", "aiosqlite", "PIL"):
            logging.getLogger(name).setLevel(max(logging.INFO, logging.root.level))
        return asyncio.run(run(settings))
    except OperatorError as error:
        sys.stderr.write(f"{error}\n")
        return error.code
    except Exception:  # why: the edge of the process; the parent starts it again
        log.exception("the bot ended unexpectedly")
        return 70


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # everything is closed; taking torch apart would only keep whoever waits for the exit
    os._exit(code)
