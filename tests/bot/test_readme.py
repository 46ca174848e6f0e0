"""The README says what the program does: its tables are made from the code."""

from pathlib import Path

from bot import flags
from engine import Engine, EngineOptions

README = Path(__file__).parents[2] / "README.md"
START, END = "<!-- parameters -->\n", "<!-- /parameters -->"


def test_the_parameters_in_the_readme_are_those_of_the_table():
    """The README lists every parameter with its range, as `/help` does."""
    cards = Engine(EngineOptions()).models()
    expected = "".join(f"- {line}\n" for line in flags.describe(cards))

    shown = README.read_text().split(START)[1].split(END)[0]

    assert shown.strip() == expected.strip()
