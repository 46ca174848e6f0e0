"""A message goes on from the picture it carries when the database is lost."""

import asyncio
import io
import json
import shutil

import pytest
from PIL import Image

pytestmark = pytest.mark.timeout(600)  # each starts the bot twice


def is_grid(message) -> bool:
    return any(len(row["components"]) > 2 for row in message["components"])


async def lose_everything(stage) -> None:
    """Stop the bot, delete all it knows, and start it again."""
    assert await stage.bot.stop() == 0
    shutil.rmtree(stage.bot.data)
    await stage.bot.start()


async def test_old_messages_work_with_an_empty_database(stage):
    """With nothing left but Discord's messages, U, V and ❌ work, and know whose the grid was."""
    painter, other = await stage.person(), await stage.person("painter2")
    grid = await painter.paint("a lost fox --seed 7 --guidance 6")
    await lose_everything(stage)

    await other.click(grid, "U2")
    taken = await other.wait_for(lambda m: f"Image #2 <@{other.id}>" in m["content"])
    content = await painter.download(taken["attachments"][0])
    record = json.loads(Image.open(io.BytesIO(content)).info["easel"])
    assert (record["request"]["seed"], record["seed"], record["tile"]) == (7, 8, 1)
    assert record["request"]["guidance_scale"] == 6

    await other.click(grid, "V3")
    varied = await other.wait_for(lambda m: "Variations" in m["content"] and is_grid(m))
    assert varied["message_reference"]["message_id"] == grid["id"]
    await other.react(grid, "❌")
    await asyncio.sleep(0.4)
    assert grid["id"] in [message["id"] for message in await painter.messages()]
    await painter.react(grid, "❌")
    await painter.gone(grid)


async def test_old_messages_in_chinese_work_with_an_empty_database(stage):
    """Nothing is read back from the words of a message: those in Chinese go on as well."""
    painter, admin = await stage.person(), await stage.person("admin")
    await admin.slash("easel config set", language="zh-TW")
    grid = await painter.paint("a lost fox --seed 7")
    await admin.click(grid, "V1")
    varied = await admin.wait_for(lambda m: "fox** - 變化" in m["content"] and is_grid(m))
    await lose_everything(stage)
    await painter.click(varied, "U2")
    await painter.wait_for(lambda m: f"Image #2 <@{painter.id}>" in m["content"])
    await admin.react(varied, "❌")
    await admin.gone(varied)


async def test_a_message_whose_picture_is_gone_is_a_sentence(stage):
    """Where the file cannot be had either, the button says so and nothing else happens."""
    painter = await stage.person()
    grid = await painter.paint("a forgotten fox")
    stage.server.world.messages[grid["id"]]["attachments"] = []
    await lose_everything(stage)
    await painter.click(grid, "U1")
    refused = await painter.told()
    assert refused["ephemeral_to"] == painter.id
    assert "no longer knows the job" in refused["content"]
