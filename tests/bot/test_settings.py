"""What the operator may set, and how a wrong value is refused."""

from pathlib import Path

import pytest

from bot import settings
from bot.errors import OperatorError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    """No variable and no .env of the machine reaches these tests."""
    monkeypatch.chdir(tmp_path)
    for name, _, _ in settings.variables():
        monkeypatch.delenv(name, raising=False)


def test_env_example_is_made_from_the_settings():
    """`.env.example` names every setting with its default and its description."""
    assert (ROOT / ".env.example").read_text() == settings.env_example()


def test_every_setting_has_a_description():
    """An operator finds a sentence beside every variable."""
    assert all(description for _, _, description in settings.variables())


def test_env_file_is_read_and_the_environment_wins(tmp_path, monkeypatch):
    """A value in .env counts, and one in the environment counts more."""
    (tmp_path / ".env").write_text("MODEL=from-file\nDEVICE=cpu\n")
    monkeypatch.setenv("MODEL", "from-environment")

    loaded = settings.load()

    assert (loaded.model, loaded.device) == ("from-environment", "cpu")


def test_the_command_line_wins_over_both(monkeypatch):
    """An option given on the command line wins over the environment."""
    monkeypatch.setenv("DATA", "elsewhere")

    assert settings.load(data=Path("here")).data == Path("here")


def test_the_example_file_itself_is_a_valid_env_file(tmp_path):
    """Copying .env.example to .env unchanged changes nothing."""
    (tmp_path / ".env").write_text(settings.env_example())

    assert settings.load() == settings.Settings(_env_file=None)


def test_a_wrong_value_is_a_sentence(monkeypatch):
    """A value that cannot be used is refused with its variable's name and exit code 78."""
    monkeypatch.setenv("THREADS", "many")

    with pytest.raises(OperatorError, match=r"THREADS='many' cannot be used") as refusal:
        settings.load()

    assert refusal.value.code == 78


def test_a_token_never_shows_in_a_repr(monkeypatch):
    """The token is not printed by anything that prints the settings."""
    monkeypatch.setenv("DISCORD_TOKEN", "very-secret")

    assert "very-secret" not in repr(settings.load())


def test_what_concerns_painting_reaches_the_engine(monkeypatch):
    """Each setting of the engine arrives in its options."""
    monkeypatch.setenv("EXACT", "true")
    monkeypatch.setenv("LORAS", "my/loras")
    monkeypatch.setenv("CONTROLS", "my/controls")

    options = settings.engine_options(settings.load())

    assert options.exact
    assert (options.loras, options.controls) == (Path("my/loras"), Path("my/controls"))


def test_models_are_names_with_places(monkeypatch):
    """`MODELS` gives each model its name; what is no pair is refused with how to write it."""
    monkeypatch.setenv("MODELS", "XL=stabilityai/sdxl-turbo, mine=/models/a=b.safetensors")
    options = settings.engine_options(settings.load())
    assert options.models == (("xl", "stabilityai/sdxl-turbo"), ("mine", "/models/a=b.safetensors"))

    monkeypatch.setenv("MODELS", "stabilityai/sdxl-turbo")
    with pytest.raises(OperatorError, match="should be written name=id-or-path"):
        settings.load()
