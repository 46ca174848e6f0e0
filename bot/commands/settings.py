"""/settings: a panel of what a painter has chosen; every press holds at once.

A button carries the choice that it makes, and the panel is made anew after each, so that it works
after a restart and never shows what is not so.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.admission import rules_of
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.flags import STYLIZE
from bot.habits import added
from bot.jobs import Lane
from bot.language import N_, _
from bot.modes import switch_lane
from bot.preferences import DEFAULTS, Preferences
from engine import ModelCard

PRESSED = re.compile(r"settings:(?P<field>[a-z_]+)(?::(?P<value>.{1,40}))?")
NO_MODEL = "*"
"""Stands in the menu for whatever model paints by itself."""
MENU = 25
"""Choices in a menu, by Discord's count."""
LONGEST_CHOICE = 100
USUAL_QUALITY = 1.0
QUALITIES = (
    (N_("Half Quality"), 0.5),
    (N_("Base Quality"), USUAL_QUALITY),
    (N_("High Quality"), 2.0),
)
STYLES = (
    (N_("Stylize low"), 50),
    (N_("Stylize med"), STYLIZE),
    (N_("Stylize high"), 250),
    (N_("Stylize very high"), 750),
)
LANES = {Lane.TURBO: N_("Turbo mode"), Lane.FAST: N_("Fast mode"), Lane.RELAX: N_("Relax mode")}
ELSEWHERE = frozenset({"suffix"})
"""What the panel does not set, and so does not reset."""

Button = discord.ui.Button["Panel"]
Row = discord.ui.ActionRow["Panel"]


@app_commands.command(name="settings", description="View and adjust your personal settings")
async def show_settings(interaction: discord.Interaction[Any]) -> None:
    """Show the panel."""
    asked: Asked = interaction
    await asked.response.send_message(view=await panel(asked), ephemeral=True)


async def choose(asked: Asked, pressed: re.Match[str]) -> None:
    """Keep what was chosen in the panel and show it anew.

    Raises:
        UserError: the lane that was chosen is not allowed here, or the panel is another version's.

    """
    user_id, field = asked.user.id, pressed["field"]
    belongings = asked.client.desk.belongings
    if field == "reset":
        await belongings.prefer(
            user_id, **{f: v for f, v in DEFAULTS.items() if f not in ELSEWHERE}
        )
    elif field == "model":
        name = _chosen_model(asked)
        await belongings.prefer(user_id, model=name)
    elif field in DEFAULTS and pressed["value"]:
        value = json.loads(pressed["value"])
        if field == "lane":
            await switch_lane(asked, Lane(value))
        else:
            await belongings.prefer(user_id, **{field: value})
    else:
        raise UserError(_(messages.UNKNOWN_BUTTON))
    await asked.response.edit_message(view=await panel(asked))


def _chosen_model(asked: Asked) -> str | None:
    data: dict[str, Any] = dict(asked.data or {})
    chosen = next(iter(data.get("values", [])), NO_MODEL)
    names = [card.name for card in asked.client.desk.cards()]
    return next((name for name in names if name[:LONGEST_CHOICE] == chosen), None)


async def panel(asked: Asked) -> "Panel":
    """Return the panel of who asks, as things are now."""
    desk = asked.client.desk
    cards = (await rules_of(asked)).cards(desk.cards())
    return Panel(await desk.preferences(asked.user.id), cards)


class Panel(discord.ui.LayoutView):
    """What one painter has chosen: in green what is on, in grey what is off."""

    def __init__(self, preferences: Preferences, cards: Sequence[ModelCard]) -> None:
        """Lay out the choices there are."""
        super().__init__(timeout=None)
        p = preferences
        card = next((card for card in cards if card.name == p.model), cards[0])
        rows = [
            Row(_models(p, cards)),
            _quality(p),
            *([_style(p)] if "stylize" in card.honours else []),
            Row(
                _button(_("Public mode"), "stealth", not p.stealth, on=not p.stealth),
                _button(_("Remix mode"), "remix", not p.remix, on=p.remix),
                *(
                    _button(
                        label,
                        "variation",
                        how,
                        on=p.variation == how,
                    )
                    for how, label in (
                        ("strong", _("Strong Variation Mode")),
                        ("subtle", _("Subtle Variation Mode")),
                    )
                ),
                _button(_("Auto DM"), "auto_dm", not p.auto_dm, on=p.auto_dm),
            ),
            Row(
                *(
                    _button(
                        _(LANES[lane]),
                        "lane",
                        lane,
                        on=lane is (p.lane or Lane.FAST),
                    )
                    for lane in Lane
                ),
                Button(label=_("Reset Settings"), custom_id="settings:reset"),
            ),
        ]
        text = discord.ui.TextDisplay["Panel"](_head(p, cards))
        self.add_item(discord.ui.Container(text, *rows))
        self.stop()  # what is pressed is read from its custom_id, so discord.py need keep nothing


def _head(preferences: Preferences, cards: Sequence[ModelCard]) -> str:
    chosen = added((), replace(preferences, suffix=""), cards)
    words = [preferences.suffix, *(f"--{row.name} {text}".strip() for row, text in chosen)]
    shown = messages.escape(" ".join(words))
    lines = [_("## Settings"), _("What you choose here holds for every job from now on.")]
    if shown:
        lines.append(_("Added to your prompts: {shown}").format(shown=shown))
    lines.append(_("-# `/prefer suffix` and `/prefer option set` add parameters of your own."))
    return "\n".join(lines)


def _quality(preferences: Preferences) -> "Row":
    """Return the buttons of how long to work on a picture."""
    now = preferences.quality or USUAL_QUALITY
    return Row(
        *(
            _button(_(label), "quality", None if value == USUAL_QUALITY else value, on=value == now)
            for label, value in QUALITIES
        )
    )


def _style(preferences: Preferences) -> "Row":
    """Return the buttons of the house style."""
    now = STYLIZE if preferences.stylize is None else preferences.stylize
    return Row(
        _button(_("RAW Mode"), "raw", not preferences.raw, on=preferences.raw),
        *(
            _button(_(label), "stylize", None if value == STYLIZE else value, on=value == now)
            for label, value in STYLES
        ),
    )


def _models(preferences: Preferences, cards: Sequence[ModelCard]) -> "discord.ui.Select[Panel]":
    """Return the menu of the models that one may paint with here."""
    known = preferences.model in [card.name for card in cards[: MENU - 1]]
    first = discord.SelectOption(
        label=_("Default model"),
        value=NO_MODEL,
        description=cards[0].name[:LONGEST_CHOICE],
        default=not known,
    )
    others = [
        discord.SelectOption(
            label=card.name[:LONGEST_CHOICE],
            value=card.name[:LONGEST_CHOICE],
            description=card.title[:LONGEST_CHOICE] or None,
            default=preferences.model == card.name,
        )
        for card in cards[: MENU - 1]
    ]
    return discord.ui.Select(custom_id="settings:model", options=[first, *others])


def _button(label: str, field: str, value: object, *, on: bool) -> "Button":
    """Return a button that makes a choice."""
    style = discord.ButtonStyle.success if on else discord.ButtonStyle.secondary
    return Button(label=label, style=style, custom_id=f"settings:{field}:{json.dumps(value)}")


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(show_settings)
