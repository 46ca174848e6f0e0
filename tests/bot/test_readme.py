"""The README says what the program does: its tables are made from the code."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot import documents
from bot.client import Easel
from bot.parameters import PARAMETERS
from engine import Engine, EngineOptions

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


@pytest.fixture(scope="module")
def cards():
    """The model that comes with Easel."""
    return Engine(EngineOptions()).models()


def test_the_tables_in_the_readme_are_those_of_the_code(cards):
    """Every command and parameter stands in the README as the code has it."""
    text = README.read_text()
    made = documents.with_tables(text, cards)
    assert text == made, "easel docs --write README.md makes them anew"


def test_every_command_is_documented(cards):
    """What the tree has, groups and menus included, is what the document has."""
    tree = Easel().tree
    leaves = {
        command.qualified_name
        for command in tree.walk_commands()
        if not getattr(command, "commands", None)
    }
    found = documents.document(cards)
    assert leaves <= {command["name"] for command in found["commands"]}
    imagine = next(one for one in found["commands"] if one["name"] == "imagine")
    prompt = imagine["options"][0]
    assert (prompt["name"], prompt["required"], prompt["max_length"]) == ("prompt", True, 6000)


def test_every_parameter_is_documented(cards):
    """Each has its aliases, range, default and the families that honour it."""
    found = {row["name"]: row for row in documents.document(cards)["parameters"]}
    assert list(found) == [row.name for row in PARAMETERS]
    assert found["ar"]["aliases"] == ["aspect"]
    few = f"{cards[0].few_steps.steps}; " if cards[0].few_steps else ""
    assert found["steps"]["default"].startswith(f"{few}{cards[0].default_steps}")
    assert found["steps"]["range"] == f"a whole number from 1 to {cards[0].max_steps}"
    assert "other" in found["seed"]["families"]
    assert "other" not in found["tile"]["families"]


def test_docs_prints_json():
    """`easel docs --json` prints one JSON object."""
    run = subprocess.run(
        [sys.executable, "-m", "bot", "docs", "--json"], capture_output=True, text=True, cwd=ROOT
    )
    assert set(json.loads(run.stdout)) == {"commands", "parameters"}, run.stderr


def test_a_changed_table_is_made_anew(tmp_path, cards):
    """`--write` puts right what somebody changed between the marks, and nothing else."""
    file = tmp_path / "README.md"
    file.write_text(README.read_text().replace("| `--seed 7` |", "| `--sead 7` |"))
    documents.write(file, cards)
    assert file.read_text() == README.read_text()


def test_the_places_named_in_the_readme_exist():
    """Whatever the README says lies somewhere, lies there; the tests it names are written."""
    text = README.read_text()
    names = re.findall(r"`((?:bot|engine|tests)/[\w./]+)(?:::(\w+))?`", text)
    assert len(names) > 20
    for path, test in names:
        source = ROOT / path
        assert source.exists(), path
        assert not test or f"def {test}(" in source.read_text(), test
