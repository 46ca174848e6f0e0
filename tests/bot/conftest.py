"""What the tests of the bot's half share."""

import importlib.util
import sys
from pathlib import Path

import pytest

from bot.data import DataFolder
from bot.store import Store

NAME = "easel_tests_scripted"


def load() -> None:
    """Load the helper once: under importlib mode tests cannot import one another."""
    if NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(NAME, Path(__file__).with_name("scripted.py"))
        sys.modules[NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[NAME])


load()


@pytest.fixture
async def house(tmp_path):
    data = DataFolder(tmp_path)
    async with Store.open(data.database) as store:
        yield sys.modules[NAME].House(store, data)
