"""The operator's settings: the environment and `.env`, read here and nowhere else."""

import os
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import OperatorError
from engine import EngineOptions

ENV_FILE = Path(".env")


class Settings(BaseSettings):
    """Each field is a variable of the same name in capitals; `.env.example` is made from here."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore"
    )

    discord_token: SecretStr | None = Field(
        None, description="The bot's token. Without one, easel starts a playground on this machine."
    )
    data: Path = Field(Path("data"), description="Where the database and the pictures live.")
    model: str = Field(
        "",
        description="What paints: a diffusers repository id such as stabilityai/sdxl-turbo, a "
        "local folder, or a .safetensors file. Empty: the small model that comes with Easel.",
    )
    model_folder: Path | None = Field(
        None,
        validation_alias="MODEL_CONFIG",
        description="For a .safetensors file: a local diffusers folder with its configuration. "
        "Empty: the configuration comes from the hub.",
    )
    models: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        (),
        description="Further models, as name=id-or-path with commas between; `--model name` takes "
        "one. Without MODEL the first of them is the default.",
    )
    memory_gb: float | None = Field(
        None,
        gt=0,
        description="Memory for the weights of all models together: those longest unused make "
        "room, and one too large for the card comes to it part by part. Empty: 70 % of it.",
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    threads: int | None = Field(
        None, ge=1, description="CPU threads that paint. Empty: as many as there are cores."
    )
    exact: bool = Field(
        False,
        description="Whether a picture is the same bit for bit whatever is painted beside it. "
        "Slower; without it the difference is too small to be seen.",
    )
    loras: Path | None = Field(
        None, description="The folder of LoRAs, as .safetensors files in it and below."
    )
    controls: Path | None = Field(
        None,
        description="The folder of ControlNets, each a folder as diffusers saves it. One with a "
        "name such as canny or scribble gets its control picture drawn from a photograph.",
    )
    ip_adapters: Path | None = Field(
        None,
        description="The folder of IP-Adapters, as .safetensors files in it and below, with the "
        "folder of their image encoder. With one that fits, a model looks at image prompts, and "
        "`--sref` works; with a second one for faces, `--cref` too.",
    )
    upscaler: Path | None = Field(
        None,
        description="An upscaler of your own, such as an ESRGAN: a .safetensors or .pth file, or a "
        "folder with one; wants `pip install easel[esrgan]`. Empty: the one that comes with Easel.",
    )
    captioner: str = Field(
        "",
        description="What describes pictures for `/describe`: a transformers repository that makes "
        "text of pictures, such as Salesforce/blip-image-captioning-large, or a local folder with "
        "one; safetensors only. Empty: the image tower of the model that comes with Easel.",
    )
    image_hosts: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(),
        description="Hosts from which links in prompts may be fetched, with commas between, such "
        "as i.imgur.com. Discord's own is always among them.",
    )
    running_per_painter: int = Field(3, ge=1, description="Jobs of one painter painted at a time.")
    waiting_per_painter: int = Field(10, ge=0, description="Jobs of one painter that may wait.")
    running_per_server: int | None = Field(
        None, ge=1, description="Jobs of one server painted at a time. Empty: no limit."
    )
    waiting_per_server: int = Field(200, ge=1, description="Jobs of one server that may wait.")
    waiting_in_all: int = Field(500, ge=1, description="Jobs that may wait in all.")
    retention_days: int = Field(
        90, ge=0, description="Pictures older than this are deleted, favourites not. 0: never."
    )
    data_max_gb: float = Field(
        20.0, ge=0, description="With more pictures than this the oldest are deleted. 0: no limit."
    )
    servers: Annotated[frozenset[int], NoDecode] = Field(
        frozenset(),
        description="Ids of the servers Easel works on, with commas between. Empty: all that "
        "invite it.",
    )
    direct_messages: bool = Field(True, description="Whether one may paint in direct messages.")
    banned: Annotated[frozenset[int], NoDecode] = Field(
        frozenset(),
        description="Ids of users who may paint nowhere, with commas between. `easel admin ban` "
        "adds others.",
    )
    max_steps: int | None = Field(
        None, ge=1, description="The largest --steps on any server. Empty: what the model allows."
    )
    max_size: int | None = Field(
        None,
        ge=64,
        description="The longest side of a picture as it is painted, on any server. Empty: what "
        "the model allows.",
    )
    max_pictures: int | None = Field(
        None, ge=1, le=4, description="The pictures of one job on any server. Empty: 4."
    )
    max_batch: int | None = Field(
        None,
        ge=1,
        le=40,
        description="The jobs of one prompt, by choices in braces and --repeat, on any server. "
        "Empty: what the server says, else 10.",
    )
    pictures_per_day: int | None = Field(
        None, ge=1, description="Pictures of one painter in a day, over all servers. Empty: any."
    )
    nsfw: Literal["off", "spoiler", "block"] = Field(
        "off",
        description="What becomes of pictures that are not safe for all: off (not checked), "
        "spoiler or block. Servers can be stricter, never looser; in direct messages it decides.",
    )
    nsfw_threshold: float = Field(
        0.5, ge=0, le=1, description="From which score of the picture check on a picture is unsafe."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="How much is logged: DEBUG, INFO, WARNING or ERROR."
    )
    playground: str | None = Field(None, validation_alias="EASEL_PLAYGROUND", exclude=True)

    @field_validator("image_hosts", mode="before")
    @classmethod
    def _read_hosts(cls, given: object) -> object:
        """Take names with commas or spaces between, however they are capitalised."""
        return given.casefold().replace(",", " ").split() if isinstance(given, str) else given

    @field_validator("models", mode="before")
    @classmethod
    def _read_models(cls, given: object) -> object:
        """Take `name=id-or-path` with commas between."""
        if not isinstance(given, str):
            return given
        pairs = [entry.partition("=") for entry in given.split(",") if entry.strip()]
        if wrong := [name for name, sign, where in pairs if not (name.strip() and where.strip())]:
            raise ValueError(f"{wrong[0].strip()!r} should be written name=id-or-path")
        return tuple((name.strip().lower(), where.strip()) for name, _, where in pairs)

    @field_validator("servers", "banned", mode="before")
    @classmethod
    def _read_ids(cls, given: object) -> object:
        """Take ids with commas or spaces between."""
        return given.replace(",", " ").split() if isinstance(given, str) else given


def load(**overrides: Any) -> Settings:
    """Read the settings; `overrides` (from the command line) win where they are not None.

    Raises:
        OperatorError: a value is not usable; the sentence names the variable and the remedy.

    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]).upper()
        raise OperatorError(
            f"{name}={first.get('input')!r} cannot be used: {first['msg']}. "
            f"Set it right in the environment or in {ENV_FILE}."
        ) from error


def engine_options(settings: Settings) -> EngineOptions:
    """Return what the engine needs to know of the settings."""
    return EngineOptions(
        model=settings.model,
        model_config=settings.model_folder,
        models=settings.models,
        memory_gb=settings.memory_gb,
        device=settings.device,
        threads=settings.threads,
        exact=settings.exact,
        loras=settings.loras,
        controls=settings.controls,
        references=settings.ip_adapters,
        upscaler=settings.upscaler,
        captioner=settings.captioner,
    )


def variables() -> tuple[tuple[str, str, str], ...]:
    """Every setting an operator may set: its variable, its default, its description."""
    rows = []
    for name, field in Settings.model_fields.items():
        if field.exclude:
            continue
        variable = str(field.validation_alias or name).upper()
        default = "" if field.default in (None, frozenset(), ()) else str(field.default)
        rows.append((variable, default, field.description or ""))
    return tuple(rows)


def env_example() -> str:
    """Return the text of `.env.example`."""
    head = "# Copy this file to .env and fill in what you need; every line may stay away.\n"
    blocks = []
    for name, default, description in variables():
        comment = textwrap.fill(description, 96, initial_indent="# ", subsequent_indent="# ")
        off = "" if name == "DISCORD_TOKEN" else "#"
        blocks.append(f"\n{comment}\n{off}{name}={default}\n")
    return head + "".join(blocks)


def child_environment(**extra: str) -> Mapping[str, str]:
    """Return this process's environment with `extra` on top, for a child."""
    return {**os.environ, **extra}


if __name__ == "__main__":
    sys.stdout.write(env_example())
