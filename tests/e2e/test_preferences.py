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
    await member.wait_for(grid_of("a slower fox"))


# -- stealth --------------------------------------------------------------------------------------


async def test_stealth_is_for_ones_own_eyes(shared, member):
    """In stealth nothing of a job is ever in the channel; its pictures come by direct message."""
    await answer_to(member, "stealth")
    before = [m["id"] for m in await member.messages() if "ephemeral_to" not in m]
    channel = member.channel_id
    await member.slash("imagine", prompt="a secret fox --seed 5")
    told = await member.wait_for(says("Sent to you by direct message", member.id))
    assert not told["attachments"]
    dm = await member.enter("dm")
    grid = await member.wait_for(grid_of("a secret fox"))
    assert f"https://discord.com/channels/@me/{dm}/{grid['id']}" in told["content"]
    assert grid["content"].endswith("(fast, stealth)")
    await member.click(grid, "V1")
    await member.wait_for(lambda m: "Variations (Strong) by" in m["content"] and m["components"])
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


# -- /prefer --------------------------------------------------------------------------------------


async def test_the_suffix_becomes_part_of_every_prompt(member):
    """/prefer suffix is added and shown; typed parameters override it; empty resets."""
    said = await answer_to(member, "prefer suffix", new_value="--no text   —steps 3")
    assert "--no text --steps 3" in said["content"]
    assert (await member.paint("a suffixed fox"))["content"].startswith(
        "**a suffixed fox --no text --steps 3**"
    )
    assert (await member.paint("an overriding fox --steps 2"))["content"].startswith(
        "**an overriding fox --steps 2 --no text**"
    )
    for text, named in (
        ("orange", "parameters only"),
        ("--steps 0", "1 to 5000"),
        ("--strength 0.5", "only goes with a picture"),
    ):
        assert named in (await answer_to(member, "prefer suffix", new_value=text))["content"]
    assert "removed" in (await answer_to(member, "prefer suffix"))["content"]
    assert (await member.paint("a bare fox"))["content"].startswith("**a bare fox**")


async def test_options_of_ones_own(member):
    """/prefer option set gives a parameter of one's own; an empty value deletes it."""
    await answer_to(member, "prefer option set", option="--mine", value="in the snow --steps 2")
    (choice,) = await member.complete("prefer option set", "option", option="mi")
    assert choice == {"name": "--mine", "value": "mine"}
    listed = await answer_to(member, "prefer option list")
    assert "`--mine`: in the snow --steps 2" in listed["content"]
    grid = await member.paint("a fox --mine")
    assert grid["content"].startswith("**a fox in the snow --steps 2**")
    taken = await answer_to(member, "prefer option set", option="ar", value="1:1")
    assert "is a parameter of Easel's own" in taken["content"]
    assert "deleted" in (await answer_to(member, "prefer option set", option="mine"))["content"]
    assert "no custom options" in (await answer_to(member, "prefer option list"))["content"]


async def test_switches(member):
    """Remix, variability and auto_dm say how they are now, and are as they were when used again."""
    for command, first, second in (
        ("prefer remix", "Remix mode turned on!", "Remix mode turned off!"),
        ("prefer variability", "now subtle", "now strong"),
        ("prefer auto_dm", "Auto DM turned on!", "Auto DM turned off!"),
    ):
        assert first in (await answer_to(member, command))["content"]
        assert second in (await answer_to(member, command))["content"]


async def test_results_come_by_direct_message_too(member):
    """With auto_dm a finished job comes as a letter; what is asked for in the DM comes once."""
    await answer_to(member, "prefer auto_dm")
    await member.paint("a mailed fox --seed 4")
    await member.enter("dm")
    letter = await member.wait_for(
        lambda m: "**Job ID**" in m["content"] and "mailed" in m["content"]
    )
    assert letter["content"].startswith("**a mailed fox --seed 4**")
    assert "**seed** 4" in letter["content"]
    assert len(letter["attachments"]) == 4
    await member.paint("a fox asked for here")
    await answer_to(member, "prefer auto_dm")
    assert sum("asked for here" in m["content"] for m in await member.messages()) == 1


# -- /settings ------------------------------------------------------------------------------------


def styles(message):
    """Return the style of each button of a panel: 3 is green, 2 is grey."""
    from easel_tests_painter import walk

    return {c["label"]: c["style"] for c in walk(message["components"]) if c["type"] == 2}


async def panel_of(person):
    """Open the panel."""
    before = {message["id"] for message in await person.messages()}
    await person.slash("settings")
    return await person.wait_for(lambda m: m["id"] not in before and m["components"])


MODES_AT_FIRST = ("Public mode", "Strong Variation Mode", "Fast mode", "Base Quality")
MODES_LATER = ("Remix mode", "Subtle Variation Mode", "Relax mode", "Auto DM", "Half Quality")


async def test_the_panel(shared, member):
    """/settings shows what is on in green; a press holds at once, after a restart, and in a DM."""
    panel = await panel_of(member)
    assert panel["ephemeral_to"] == member.id
    first = styles(panel)
    assert {first[label] for label in MODES_AT_FIRST} == {3}
    assert {style for label, style in first.items() if label in MODES_LATER} == {2}
    await shared.bot.restart()
    for label in ("Public mode", *MODES_LATER):
        await member.click(panel, label)
        panel = await member.wait_for(lambda m, p=panel: m["id"] == p["id"])
    assert {styles(panel)[label] for label in MODES_AT_FIRST} == {2}
    assert {styles(panel)[label] for label in MODES_LATER} == {3}
    await member.enter("dm")
    again = await panel_of(member)
    assert styles(again) == styles(panel)
    await member.click(again, "Turbo mode")
    await member.wait_for(lambda m: "`turbo` is not allowed here" in m["content"])
    grid = await member.paint("a fox of half quality")
    assert grid["content"].startswith("**a fox of half quality --quality 0.5** -")
    await member.click(again, "Reset Settings")
    await member.wait_for(lambda m: m["id"] == again["id"] and styles(m) == first)


async def test_the_model_of_ones_choice(member):
    """The panel's menu chooses the model, which then stands over the grid."""
    panel = await panel_of(member)
    await member.press(panel, "settings:model", ["tiny"])
    grid = await member.paint("a fox of my model")
    assert grid["content"].startswith("**a fox of my model --model tiny**")
    await member.press(panel, "settings:model", ["*"])
    assert (await member.paint("a plain fox"))["content"].startswith("**a plain fox**")
