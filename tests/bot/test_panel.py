"""The panel of /settings: what it offers for which model, and what is on."""

import pytest

from bot.commands.settings import Panel
from bot.jobs import Lane
from bot.preferences import Preferences
from engine import ModelCard

GREEN = 3


def card(name: str, *honours: str) -> ModelCard:
    return ModelCard(
        name=name,
        title=name,
        family="sdxl",
        width=512,
        height=512,
        default_steps=4,
        default_guidance=0.0,
        honours=frozenset(honours),
    )


STYLED, PLAIN = card("styled", "stylize"), card("plain")


def parts(cards=(STYLED, PLAIN), **choices) -> list[dict]:
    """Return the buttons and menus of a panel, row by row."""
    (container,) = Panel(Preferences(**choices), cards).to_components()
    rows = [part["components"] for part in container["components"] if part["type"] == 1]
    assert len(container["components"]) == len(rows) + 1
    return [part for row in rows for part in row]


def on(**choices) -> set[str]:
    """Return the labels of the green buttons."""
    return {part["label"] for part in parts(**choices) if part.get("style") == GREEN}


async def test_what_holds_without_a_choice_is_green():
    """A panel of somebody who chose nothing shows what holds all the same."""
    assert on() == {
        "Base Quality", "Stylize med", "Public mode", "Strong Variation Mode", "Fast mode",
    }  # fmt: skip


async def test_what_is_chosen_is_green():
    """Every choice is green, and what it takes the place of is grey."""
    chosen = on(
        quality=0.5, stylize=750, raw=True, stealth=True, remix=True, variation="subtle",
        lane=Lane.RELAX, auto_dm=True,
    )  # fmt: skip
    assert chosen == {
        "Half Quality", "RAW Mode", "Stylize very high", "Remix mode", "Subtle Variation Mode",
        "Auto DM", "Relax mode",
    }  # fmt: skip


@pytest.mark.parametrize("model", ["plain", None])
async def test_a_model_without_a_style_has_no_buttons_for_it(model):
    """Buttons that would do nothing with the model are not there."""
    labels = {part.get("label") for part in parts((PLAIN,), model=model)}
    assert "Base Quality" in labels
    assert not any(label and ("Stylize" in label or "RAW" in label) for label in labels)


async def test_the_menu_has_every_model():
    """The menu shows the chosen model, or the default, and holds what Discord takes."""
    many = [card(f"model {number}") for number in range(40)]
    menu = parts(many, model="model 3")[0]
    assert len(menu["options"]) == 25
    (chosen,) = [option["value"] for option in menu["options"] if option.get("default")]
    assert chosen == "model 3"
    (chosen,) = [option["value"] for option in parts(many)[0]["options"] if option.get("default")]
    assert chosen == "*"


async def test_no_two_parts_answer_to_one_name():
    """Every button has an id of its own, whatever is chosen."""
    for choices in ({}, {"quality": 2.0, "stylize": 50, "raw": True, "stealth": True}):
        names = [part["custom_id"] for part in parts(**choices)]
        assert len(names) == len(set(names))
