"""All of /easel: its commands register themselves on the group when they are imported."""

from discord import app_commands

from bot.admin import config, exchange, people, setup, words, work
from bot.admin.gate import easel
from bot.desk import DeskClient

ROOMS = (config, exchange, people, setup, words, work)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the commands in servers."""
    tree.add_command(easel)
