"""The audit log in a server's log channel: whole, in order, and never in the way of a report."""

import asyncio
import re

MANY = 24  # Discord lets one write five messages in five seconds


async def test_many_deeds_stand_in_order_in_few_messages(stage):
    """Deeds done faster than Discord lets one write stand together, in order, before a report."""
    painter, admin = await stage.person(), await stage.person("admin")
    general = await admin.enter("general")
    await admin.enter("painting")
    await admin.slash("easel config set", log=general)
    grid = await painter.paint("a fox")
    for n in range(MANY):
        await admin.slash("easel words add", word=f"weasel{n}")
    await painter.react(grid, "⚠️")
    await admin.wait_for(lambda m: grid["id"] in m["content"], channel_id=general)

    told: list[str] = []
    while len(told) < MANY:
        messages = [m for m in await admin.messages(general) if "weasel" in m["content"]]
        told = re.findall(r"weasel(\d+)", "\n".join(m["content"] for m in messages))
        await asyncio.sleep(0.1)
    assert told == [str(n) for n in range(MANY)]
    assert len(messages) < MANY / 2
