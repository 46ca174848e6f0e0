"""What painters choose for themselves, and what becomes of it: in a server and in a DM."""

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")


def says(text, to=None):
    """Match a message with this text, only for one person where `to` is given."""
    return lambda message: text in message["content"] and message.get("ephemeral_to") == to


def grid_of(words):
    """Match the finished grid whose prompt has these words."""
    return lambda message: words in message["content"] and message["components"]


async def answer_to(person, command, **options):
    """Use a command and return the answer that only this person sees."""
    before = {message["id"] for message in await person.messages()}
    await person.slash(command, **options)
    return await person.wait_for(
        lambda m: m["id"] not in before and m.get("ephemeral_to") == person.id
    )


@pytest_asyncio.fixture(loop_scope="module")
async def member(shared):
    """Somebody with no choices made, before and after."""
    person = await shared.person("painter2")
    yield person
    await person.slash("fast")
    await person.slash("public")


# -- lanes ----------------------------------------------------------------------------------------


async def test_relax_and_fast(member):
    """/relax lets others go first and says so over the grid; /fast takes it back."""
    assert (await answer_to(member, "relax"))["content"].startswith("Done!")
    grid = await member.paint("a patient fox")
    assert grid["content"] == f"**a patient fox** - <@{member.id}> (relaxed)"
    assert (await answer_to(member, "fast"))["content"].startswith("Done!")
    assert (await member.paint("a fast fox"))["content"] == f"**a fast fox** - <@{member.id}>"


async def test_turbo_is_the_admins_to_give(admin, member):
    """/turbo is refused until a server allows it, and falls back where it is not allowed."""
    refused = await answer_to(member, "turbo")
    assert "`turbo` is not allowed here" in refused["content"]
    assert "/easel config set lanes:" in refused["content"]
    await admin.slash("easel config set", lanes="turbo fast relax")
    assert (await answer_to(member, "turbo"))["content"].startswith("Done!")
    grid = await member.paint("a turbo fox")
    assert grid["content"].endswith("(turbo)")
    await admin.slash("easel config reset")
    await member.slash("imagine", prompt="a slower fox")
    note = await member.wait_for(says("Turbo mode is not allowed here, so this job is in fast"))
    assert note["content"].startswith("**a slower fox**")
    await member.wait_for(grid_of("a slower fox"), 45)


# -- stealth --------------------------------------------------------------------------------------


async def test_stealth_is_for_ones_own_eyes(shared, member):
    """In stealth nothing of a job is ever in the channel; its pictures come by direct message."""
    await answer_to(member, "stealth")
    before = [m["id"] for m in await member.messages() if "ephemeral_to" not in m]
    channel = member.channel_id
    await member.slash("imagine", prompt="a secret fox --seed 5")
    told = await member.wait_for(says("Sent to you by direct message", member.id), 45)
    assert not told["attachments"]
    dm = await member.enter("dm")
    grid = await member.wait_for(grid_of("a secret fox"))
    assert f"https://discord.com/channels/@me/{dm}/{grid['id']}" in told["content"]
    assert grid["content"].endswith("(fast, stealth)")
    await member.click(grid, "V1")
    await member.wait_for(lambda m: "Variations by" in m["content"] and m["components"], 45)
    after = await member.messages(channel)
    assert [m["id"] for m in after if "ephemeral_to" not in m] == before


async def test_what_a_stealthy_person_takes_out(admin, member):
    """U in stealth answers its presser alone and sends a letter; the gallery shows nothing."""
    grid = await member.paint("an open fox")
    state = await admin.state()
    rooms = [c["id"] for c in state["channels"] if c["type"] == "text"]
    gallery = next(room for room in rooms if room != member.channel_id)
    await admin.slash("easel config set", gallery=gallery)
    await member.slash("stealth")
    shown = len(await admin.messages(gallery))
    await member.click(grid, "U3")
    taken = await member.wait_for(says("Image #3", member.id))
    assert taken["attachments"]
    await member.enter("dm")
    letter = await member.wait_for(lambda m: "an open fox" in m["content"])
    assert "**Job ID**" in letter["content"]
    assert len(letter["attachments"]) == 1
    assert len(await admin.messages(gallery)) == shown
