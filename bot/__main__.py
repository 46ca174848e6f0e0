"""The command line: `easel` starts everything, its subcommands do one thing each."""

import asyncio
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot import settings as settings_module
from bot.errors import OperatorError, UserError
from bot.settings import Settings
from bot.supervisor import Child, Supervisor, say

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="The playground's port; 0 takes a free one.")
]
Data = Annotated[Path | None, typer.Option(help="The data folder.", show_default="data")]
Model = Annotated[
    str | None,
    typer.Option(help="A diffusers repository id, a local folder or a .safetensors file."),
]
ModelConfig = Annotated[
    Path | None,
    typer.Option(help="For a .safetensors file: a diffusers folder to configure it by."),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]


@app.callback(invoke_without_command=True)
def easel(
    context: typer.Context,
    port: Port = 8420,
    data: Data = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.")
    ] = False,
) -> None:
    """Easel paints in Discord, on this machine.

    With DISCORD_TOKEN in the environment or in .env it logs in to Discord.

    Without one it starts a playground: a Discord of its own on 127.0.0.1.
    """
    if version:
        from importlib.metadata import version as installed

        say(installed("easel"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        settings = settings_module.load(data=data)
        raise typer.Exit(asyncio.run(_serve(settings, port)))
    context.obj = {"data": data}


async def _serve(settings: Settings, port: int) -> int:
    """Keep the bot running, and without a token the playground beside it; return the exit code."""
    supervisor = Supervisor()
    supervisor.listen()
    data = settings.data.resolve()
    environment = {"DATA": str(data), "PYTHONUNBUFFERED": "1"}
    keeping = []
    if settings.discord_token is None:
        token = secrets.token_hex(24)  # hexadecimal: it cannot be read as an option
        playground, url = await _start_playground(supervisor, data, port, token)
        if not url:
            return await playground
        say(f"Playground: {url}")
        environment |= {"EASEL_PLAYGROUND": url, "DISCORD_TOKEN": token}
        keeping.append(playground)
    bot = Child("bot", "bot.app", (), settings_module.child_environment(**environment), say)
    keeping.append(asyncio.create_task(supervisor.keep(bot)))
    done, _ = await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
    await supervisor.finish()
    return done.pop().result()


async def _start_playground(
    supervisor: Supervisor, data: Path, port: int, token: str
) -> tuple[asyncio.Task[int], str]:
    """Start the playground's server; return what keeps it, and its address ("" if it gave up)."""
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def settle(url: str) -> None:
        if not address.done():
            address.set_result(url)

    def read_line(line: str) -> None:
        said, announced, url = line.partition("listening on ")
        if announced and not said:
            arguments[-3] = url.rpartition(":")[2]  # a restarted server takes the same port
            settle(url)
        else:
            say(line)

    arguments = ["--data", str(data / "playground"), "--port", str(port), "--token", token]
    environment = settings_module.child_environment(PYTHONUNBUFFERED="1")
    server = Child("playground", "bot.playground", arguments, environment, read_line)
    keeping = asyncio.create_task(supervisor.keep(server))
    keeping.add_done_callback(lambda _: settle(""))
    return keeping, await address


@app.command()
def imagine(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help='What to paint, e.g. "a red apple --seed 7".')],
    out: Annotated[Path, typer.Option(help="Where the grid goes; its tiles go beside it.")] = Path(
        "easel.png"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    model: Model = None,
    model_config: ModelConfig = None,
    device: Device = None,
) -> None:
    """Paint one grid without any Discord."""
    from bot.paint import paint

    settings = settings_module.load(
        **context.obj, model=model, MODEL_CONFIG=model_config, device=device
    )
    asyncio.run(paint(prompt, out, settings, as_json=as_json))


@app.command()
def explain(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help='What to paint, e.g. "a red apple --seed 7".')],
    out: Annotated[Path, typer.Option(help="Where the strip goes.")] = Path("strip.png"),
    model: Model = None,
    model_config: ModelConfig = None,
    device: Device = None,
) -> None:
    """Show in one strip how a picture comes about."""
    from bot.paint import explain

    settings = settings_module.load(
        **context.obj, model=model, MODEL_CONFIG=model_config, device=device
    )
    asyncio.run(explain(prompt, out, settings))


@app.command()
def doctor(
    context: typer.Context,
    live: Annotated[
        int | None, typer.Option(help="Also try it on Discord, in the channel with this id.")
    ] = None,
) -> None:
    """Say in one line each what is well and what would stop the bot, with the remedy."""
    from bot.doctor import examine

    settings = settings_module.load(**context.obj)
    raise typer.Exit(asyncio.run(examine(settings, live)))


@app.command()
def docs(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as one JSON object.")] = False,
    write: Annotated[
        Path | None, typer.Option(help="Make the tables of this file anew, as of README.md.")
    ] = None,
) -> None:
    """Print every command with its options and every parameter with what it takes."""
    import json

    from bot import documents
    from engine import Engine, EngineOptions

    if write is not None:
        documents.write(write, Engine(EngineOptions()).models())
        return
    options = settings_module.engine_options(settings_module.load(**context.obj))
    cards = Engine(options).models()
    if as_json:
        say(json.dumps(documents.document(cards), ensure_ascii=False, indent=2))
    else:
        say("\n".join(documents.tables(cards).values()))


@app.command()
def stats(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Say how the queue stands: what waits, how fast it is painted, how true the forecasts were."""
    from bot import operate

    asyncio.run(operate.stats(settings_module.load(**context.obj), as_json=as_json))


@app.command()
def drain(context: typer.Context) -> None:
    """Stop the running bot: finish what can be finished, keep the rest in the queue."""
    from bot import operate

    asyncio.run(operate.drain(settings_module.load(**context.obj)))


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where the copy of the database goes.")],
) -> None:
    """Copy the database, also while the bot is running."""
    from bot import operate

    asyncio.run(operate.back_up(settings_module.load(**context.obj), file))


@app.command()
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A copy made by `easel backup`.")],
) -> None:
    """Put a backup in the database's place; stop the bot first."""
    from bot import operate

    asyncio.run(operate.restore(settings_module.load(**context.obj), file))


admin = typer.Typer(help="What the operator decides for all servers.", no_args_is_help=True)
app.add_typer(admin, name="admin")
UserId = Annotated[int, typer.Argument(help="The id of a Discord user.")]


@admin.command()
def ban(
    context: typer.Context,
    user: UserId,
    reason: Annotated[str, typer.Option(help="What they are told.")] = "",
) -> None:
    """Keep somebody from painting anywhere."""
    _act(context, "ban", user, reason)


@admin.command()
def unban(context: typer.Context, user: UserId) -> None:
    """Let somebody paint again."""
    _act(context, "unban", user)


@admin.command()
def bans(context: typer.Context) -> None:
    """List who may paint nowhere."""
    _act(context, "bans")


@admin.command()
def audit(
    context: typer.Context,
    server: Annotated[int, typer.Argument(help="The id of a server; 0 for what you did.")] = 0,
) -> None:
    """Show what the admins of a server did last, newest first."""
    _act(context, "audit", server)


def _act(context: typer.Context, action: str, number: int = 0, reason: str = "") -> None:
    from bot import operate

    settings = settings_module.load(**context.obj)
    say(asyncio.run(operate.admin(settings, action, number, reason)))


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def train(context: typer.Context) -> None:
    """Make the embedded model again, from its pictures to its weights."""
    arguments = [sys.executable, "-m", "engine.training", *context.args]
    os.execv(sys.executable, arguments)  # noqa: S606 - it is our own module


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def bench(context: typer.Context) -> None:
    """Measure how fast and how fair painting is here, beside plain diffusers."""
    arguments = [sys.executable, "-m", "engine.bench", *context.args]
    os.execv(sys.executable, arguments)  # noqa: S606 - it is our own module


def main() -> None:
    """Run the command line; what a person must change is a sentence and an exit code."""
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    except OperatorError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.code) from None


if __name__ == "__main__":
    main()
