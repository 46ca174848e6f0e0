"""/export_my_data: everything that Easel keeps of a person, as one file for them alone."""

import asyncio
import io
from typing import Any

import discord
from discord import app_commands

from bot import bundle, estate
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.finish import REQUEST_BYTES
from bot.language import N_, _

HERE = N_("Here is what Easel keeps of you: {jobs} jobs and {packed} pictures.")
LEFT_OUT = N_(
    " {left_out} more pictures do not fit into a file that Discord takes ({limit:.0f} MiB): "
    "`/history` leads to them, and ✉️ under one sends it to you."
)
TOO_LARGE = N_(
    "There is so much data of yours that Discord does not take it as one file; ask whoever runs "
    "this bot for it."
)


@app_commands.command(name="export_my_data", description="Get everything Easel keeps of you")
async def export_my_data(interaction: discord.Interaction[Any]) -> None:
    """Give a zip file to who asks, and to nobody else."""
    asked: Asked = interaction
    await asked.response.defer(ephemeral=True, thinking=True)
    desk = asked.client.desk
    data = await estate.everything(desk.store, asked.user.id)
    pictures = [
        (f"pictures/{job['id']}-{picture['tile'] + 1}.png", desk.data.path(picture["file"]))
        for job in data["jobs"]
        for picture in job["pictures"]
    ]
    pictures += [
        (f"attached/{job['id']}.png", desk.data.input_path(job["id"])) for job in data["jobs"]
    ]
    limit = min(asked.filesize_limit, REQUEST_BYTES)
    packed = await asyncio.to_thread(bundle.pack, data, pictures, limit)
    if len(packed.content) > limit:
        raise UserError(_(TOO_LARGE))
    text = _(HERE).format(jobs=len(data["jobs"]), packed=packed.packed)
    if packed.left_out:
        text += _(LEFT_OUT).format(left_out=packed.left_out, limit=limit / 2**20)
    file = discord.File(io.BytesIO(packed.content), "easel-my-data.zip")
    await asked.edit_original_response(content=text, attachments=[file])


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(export_my_data)
