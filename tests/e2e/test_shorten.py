"""/shorten: what counts in a prompt, and shorter ones to paint, for ever."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "a shortened fox sitting in the deep snow, stunning --ar 3:2"
HEAD = "## Important tokens"


async def shortened(person, prompt=PROMPT):
    """Shorten a prompt and return the message that everybody sees."""
    seen = {message["id"] for message in await person.messages()}
    await person.slash("shorten", prompt=prompt)
    return await person.wait_for(lambda m: m["id"] not in seen and HEAD in m["content"])


async def test_a_prompt_is_cut_and_painted(shared, painter):
    """The words are marked; a button opens a window whose prompt paints, after a restart too."""
    said = await shortened(painter)
    assert "ephemeral_to" not in said
    lines = said["content"].split("\n")
    assert "**" in lines[1]
    assert lines[1].endswith("--ar 3:2")
    assert lines[3].startswith("1️⃣ ")
    await shared.bot.restart()
    window = await painter.click(said, "2️⃣")
    assert window["outcome"] == "modal"
    field = window["modal"]["components"][0]["component"]
    assert field["value"] == lines[4].removeprefix("2️⃣ ")
    await painter.submit(window, prompt="a cut fox --steps 2")
    await painter.wait_for(lambda m: "a cut fox" in m["content"] and m["components"])


async def test_a_stranger_may_paint_it_too(shared, painter):
    """Whoever sees the message may press its buttons, and pays for what they paint."""
    stranger = await shared.person("painter2")
    said = await shortened(painter)
    window = await stranger.click(said, "1️⃣")
    await stranger.submit(window, prompt="a strange cut fox --steps 2")
    grid = await stranger.wait_for(
        lambda m: "a strange cut fox" in m["content"] and m["components"]
    )
    assert f"<@{stranger.id}>" in grid["content"]


async def test_details_are_for_who_asks(painter):
    """Show Details tells who presses it alone what each word weighs."""
    said = await shortened(painter)
    await painter.click(said, "Show Details")
    told = await painter.wait_for(
        lambda m: m.get("ephemeral_to") == painter.id and "fox (" in m["content"]
    )
    assert "(1.00)" in told["content"]


async def test_it_works_in_a_direct_message_and_in_secret(shared, painter):
    """In a direct message it is answered there; in stealth mode only who asked sees the answer."""
    member = await shared.person("moderator")
    await member.slash("stealth")
    said = await shortened(member)
    assert said["ephemeral_to"] == member.id
    await member.slash("public")
    await member.enter("dm")
    assert "1️⃣" in (await shortened(member))["content"]


@pytest.mark.parametrize("prompt", ["red::2 fox", "a fox --no snow"])
async def test_several_prompts_are_refused(painter, prompt):
    """What is more than one text is refused with a sentence."""
    await painter.slash("shorten", prompt=prompt)
    await painter.wait_for(
        lambda m: "Shorten reads one prompt" in m["content"] and m.get("ephemeral_to") == painter.id
    )
