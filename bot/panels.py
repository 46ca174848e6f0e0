"""Panels: parts to press that say all in their custom_ids, so they work after a restart too.

`client.PRESSED` reads them. discord.py would keep a panel in memory and look there who answers a
press; these it keeps nowhere.
"""

from typing import Any

import discord


def of(*parts: discord.ui.Item[Any]) -> discord.ui.View:
    """Return fresh parts as a view for a message."""
    view = discord.ui.View(timeout=None)
    for part in parts:
        view.add_item(part)
    view.stop()  # so that discord.py keeps it nowhere
    return view
