"""Command names, descriptions and choices in the languages of those who type them."""

from typing import Any

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as At

from bot.language import ENGLISH, _, named, nearest, speaking

NAMES = frozenset({At.command_name, At.group_name, At.parameter_name})


class Translator(app_commands.Translator):
    """Looks them up in the catalogues; Discord shows everybody those of their own locale."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContext[Any, Any],
    ) -> str | None:
        """Return a text in that locale; None where it stays as it is."""
        language = nearest(locale)
        if language == ENGLISH:
            return None
        with speaking(language):
            return (named if context.location in NAMES else _)(string.message)
