"""A message's own menu, and the reactions that do the same."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def says(text, to=None):
    """Match a message with this text, only for one person where `to` is given."""
    return lambda message: text in message["content"] and message.get("ephemeral_to") == to


async def another_room(admin, painter) -> str:
    """A text channel of the server in which the painter is not."""
    channels = (await admin.state())["channels"]
    return next(c["id"] for c in channels if c["name"] == "general" != painter.channel_id)


async def test_cancel_job_stops_and_deletes(shared, painter):
    """The menu stops a running job of one's own, deletes a finished one, and refuses strangers."""
    other = await shared.person("painter2")
    running = await painter.start_long("a cancelled fox")
    await other.menu(running, "Cancel Job")
    await other.wait_for(says("Only its painter and moderators", other.id))
    await painter.menu(running, "Cancel Job")
    await painter.wait_for(lambda m: m["id"] == running["id"] and "(Stopped)" in m["content"])
    await painter.wait_for(says("The job is stopped", painter.id))

    moderator = await shared.person("moderator")
    grid = await painter.paint("a deleted fox")
    await moderator.menu(grid, "Cancel Job")
    await painter.gone(grid)
    await moderator.wait_for(says("It is deleted", moderator.id))


async def test_results_come_by_direct_message(shared, painter):
    """The menu sends one's own pictures with job id and seed, and nobody else's."""
    grid = await painter.paint("a mailed fox --seed 41")
    other = await shared.person("painter2")
    await other.menu(grid, "DM Results")
    await other.wait_for(says("Only its painter can have this sent", other.id))
    await painter.menu(grid, "DM Results")
    await painter.wait_for(says("Sent.", painter.id))
    reader = await shared.person()
    await reader.enter("dm")
    letter = await reader.wait_for(says("a mailed fox --seed 41"))
    assert letter["content"].endswith("**seed** 41")

    shared.server.world.closed_dms.add(painter.id)
    try:
        await painter.menu(grid, "DM Results")
        await painter.wait_for(says("could not send you a direct message", painter.id))
    finally:
        shared.server.world.closed_dms.discard(painter.id)


async def test_a_report_reaches_the_admins(shared, painter, admin):
    """The menu reports a picture to the log channel; without one it says what is missing."""
    grid = await painter.paint("a reported fox from the menu")
    await painter.menu(grid, "Report Job")
    await painter.wait_for(says("no channel for reports", painter.id))
    log = await another_room(admin, painter)
    await admin.slash("easel config set", log=log)
    await painter.menu(grid, "Report Job")
    await painter.wait_for(says("Reported to the admins", painter.id))
    await admin.wait_for(lambda m: "a reported fox from the menu" in m["content"], channel_id=log)


async def test_parameters_are_shown(shared, painter):
    """Anybody sees what a picture was painted from: seed, model, sampler, steps, guidance, size."""
    grid = await painter.paint("a described fox --seed 42 --guidance 6 --no text")
    other = await shared.person("painter2")
    await other.menu(grid, "Show parameters")
    shown = await other.wait_for(says("**Seed**: 42, 43, 44, 45", other.id))
    for line in ("**Model**: `tiny`", "**Guidance**: 6", "**Steps**: 4", "**Size**: 64 × 64",
                 "**Sampler**: `euler`", "**Not wanted**: text", f"<@{painter.id}>"):  # fmt: skip
        assert line in shown["content"]
    await painter.click(grid, "U2")
    single = await painter.wait_for(
        says("a described fox --seed 42 --guidance 6 --no text** - Image")
    )
    await other.menu(single, "Show parameters")
    await other.wait_for(says("**Seed**: 43\n", other.id))


async def test_any_picture_with_parameters_is_read(shared, painter):
    """A picture that somebody uploads says what it was painted from, if it remembers."""
    from bot import memory

    grid = await painter.paint("a remembered fox --seed 43")
    content = await painter.download(grid["attachments"][0])
    assert memory.read(content)
    message = await painter.say("look", {"mine.png": content})
    await painter.menu(message, "Show parameters")
    await painter.wait_for(says("Steps: 4, Sampler: Euler", painter.id))
    plain = await painter.say("no picture")
    await painter.menu(plain, "Show parameters")
    await painter.wait_for(says("remembers what this was painted from", painter.id))


async def test_a_picture_starts_another(shared, painter):
    """A picture in any message becomes the start of a new one: the menu asks for the prompt."""
    grid = await painter.paint("a first fox --seed 44")
    content = await painter.download(grid["attachments"][0])
    message = await painter.say("mine", {"mine.png": content})
    answer = await painter.menu(message, "Use as image prompt")
    await painter.submit(answer, prompt="a second fox --strength 0.5")
    await painter.wait_for(lambda m: "a second fox --strength 0.5" in m["content"]
                           and m["components"])  # fmt: skip
    plain = await painter.say("no picture")
    await painter.menu(plain, "Use as image prompt")
    await painter.wait_for(says("no picture that Easel can start from", painter.id))


async def test_a_star_keeps_a_favourite(shared, painter, admin):
    """⭐ keeps a favourite and shows it in the gallery, once; without the star it is none."""
    gallery = await another_room(admin, painter)
    await admin.slash("easel config set", gallery=gallery)
    grid = await painter.paint("a starry fox --seed 45")
    await painter.react(grid, "⭐")
    await painter.react(grid, "❤️")
    shown = await painter.wait_for(says("a starry fox"), channel_id=gallery)
    assert shown["attachments"]
    await painter.paint("a later fox")  # by then a second one would be there
    rows = [m for m in await painter.messages(gallery) if "a starry fox" in m["content"]]
    assert len(rows) == 1


async def test_a_number_takes_a_picture_out(shared, painter):
    """2️⃣ under a grid posts its second picture, 🔁 paints it again; the result is the reacter's."""
    grid = await painter.paint("a numbered fox --seed 46")
    other = await shared.person("painter2")
    await other.react(grid, "2️⃣")
    taken = await other.wait_for(says(f"a numbered fox --seed 46** - Image #2 <@{other.id}>"))
    assert taken["message_reference"]["message_id"] == grid["id"]
    await other.react(grid, "🔁")
    await other.wait_for(lambda m: m["content"].startswith(f"**a numbered fox** - <@{other.id}>")
                         and m["components"])  # fmt: skip
