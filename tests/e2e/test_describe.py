"""/describe: what a picture shows in four prompts, for ever, whatever describes it."""

import io

import pytest
import pytest_asyncio
from PIL import Image

WORDS = ("red", "fox", "snow", "cat", "dog", "beach", "blue", "bird", "in", "on")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory, patient_model, open_stage, captioners):
    """A bot with a tiny captioner, in a playground that limits no rates."""
    folder = tmp_path_factory.mktemp("describe")
    captioner = captioners.save_captioner(folder / "blip")
    environment = {
        "CAPTIONER": str(captioner), "WAITING_PER_PAINTER": "10",
        "NSFW_THRESHOLD": "0",  # where pictures are checked, none is safe
    }  # fmt: skip
    async with open_stage(
        folder, patient_model, environment=environment, limit_rates=False
    ) as stage:
        yield stage


def png(colour="red", size=(80, 60)):
    """Return a small picture file."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def prompts_of(message):
    """Return the lines of a description."""
    embeds = message["embeds"]
    return embeds[0]["description"].split("\n\n") if embeds else []


async def described(person, **options):
    """Describe a picture and return the message that comes."""
    seen = {message["id"] for message in await person.messages()}
    await person.slash("describe", **(options or {"image": png()}))
    return await person.wait_for(lambda m: m["id"] not in seen and m["embeds"])


async def test_a_picture_becomes_four_prompts(shared, painter):
    """The picture stands there for all with four prompts of its shape, and with its buttons."""
    said = await described(painter)
    assert "ephemeral_to" not in said
    lines = prompts_of(said)
    assert [line[:3] for line in lines] == ["1️⃣", "2️⃣", "3️⃣", "4️⃣"]
    assert all(line.endswith(" --ar 4:3") for line in lines)
    assert len(set(lines)) == 4
    shown = Image.open(io.BytesIO(await painter.download(said["embeds"][0]["image"])))
    assert shown.size == (80, 60)
    rows = [
        [button.get("label") or button["emoji"]["name"] for button in row["components"]]
        for row in said["components"]
    ]
    assert rows == [["1️⃣", "2️⃣", "3️⃣", "4️⃣", "🔄"], ["Imagine all"]]
    assert not list((shared.bot.data / "inputs").glob("*"))


async def test_a_number_paints_its_prompt_after_a_restart(shared, painter):
    """A number opens a window with its prompt, which paints as it is sent, after a restart too."""
    said = await described(painter)
    await shared.bot.restart()
    window = await painter.click(said, "3️⃣")
    assert window["outcome"] == "modal"
    field = window["modal"]["components"][0]["component"]
    assert field["value"] == prompts_of(said)[2].removeprefix("3️⃣ ")
    await painter.submit(window, prompt="a described fox --steps 2")
    await painter.wait_for(lambda m: "a described fox" in m["content"] and m["components"])


async def test_others_take_their_place(shared, painter):
    """🔄 puts four other prompts into the same message, for a stranger and after a restart too."""
    said = await described(painter, image=png("blue", (60, 60)))
    await shared.bot.restart()
    stranger = await shared.person("painter2")
    for turn in (1, 2):
        await stranger.click(said, "🔄")
        said = await stranger.wait_for(
            lambda m, old=said: m["id"] == old["id"] and prompts_of(m) != prompts_of(old)
        )
        assert f"describe:again:{turn + 1}" in str(said["components"])
        assert all(line.endswith(" --ar 1:1") for line in prompts_of(said))
        await stranger.download(said["embeds"][0]["image"])


async def test_all_are_painted_at_once(shared, painter):
    """Imagine all takes in a job for each prompt, whose painter is who pressed it."""
    stranger = await shared.person("painter2")
    said = await described(painter)
    await stranger.click(said, "Imagine all")
    await stranger.wait_for(
        lambda m: "4 jobs are on the way" in m["content"] and m.get("ephemeral_to") == stranger.id
    )
    for line in prompts_of(said):
        words = line[4:].partition(" --ar")[0]
        grid = await stranger.wait_for(lambda m, w=words: w in m["content"] and m["components"])
        assert f"<@{stranger.id}>" in grid["content"]


async def test_a_link_does_as_well(painter):
    """A link to a picture in place of an attached one."""
    posted = await painter.say("look", {"look.png": png("green", (60, 90))})
    said = await described(painter, link=posted["attachments"][0]["url"])
    assert prompts_of(said)[0].endswith("--ar 2:3")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Attach one picture as `image`"),
        ({"image": png(), "link": "https://cdn.discordapp.com/a.png"}, "not both"),
        ({"image": b"no picture"}, "cannot be read as a picture"),
        ({"image": png(size=(9000, 1))}, "pixels"),
        ({"link": "https://example.com/a.png"}, "must be attached here, as `image`"),
        ({"link": "not a link"}, "must be attached here, as `image`"),
    ],
)
async def test_what_cannot_be_described_is_a_sentence(painter, options, sentence):
    """No picture, two, a broken or huge one and a foreign link are refused to who asked alone."""
    await painter.slash("describe", **options)
    told = await painter.wait_for(
        lambda m: sentence in m["content"] and m.get("ephemeral_to") == painter.id
    )
    assert "Traceback" not in told["content"]


async def test_a_dead_link_is_a_sentence(shared, painter):
    """A link to a file that is gone says so, and to attach it."""
    await painter.slash("describe", link=f"{shared.server.url}/attachments/1/2/gone.png")
    await painter.wait_for(
        lambda m: "could not be fetched" in m["content"] and m.get("ephemeral_to") == painter.id
    )


async def test_what_fails_late_is_for_who_asked_alone(shared, painter):
    """Where all saw Easel think before it failed, nothing of it stays, and one person is told."""
    before = {message["id"] for message in await painter.messages()}
    shared.server.faults.add("GET", r"/attachments/.*", "slow", wait_s=4)
    posted = await painter.say("look", {"text.png": b"no picture"})
    await painter.slash("describe", link=posted["attachments"][0]["url"])
    thinking = await painter.wait_for(lambda m: m["id"] not in before and m["flags"] & 128)
    await painter.wait_for(
        lambda m: (
            m["id"] not in before
            and "cannot be read as a picture" in m["content"]
            and m.get("ephemeral_to") == painter.id
        )
    )
    assert thinking["id"] not in {message["id"] for message in await painter.messages()}


async def test_it_works_in_a_direct_message_and_in_secret(shared, painter):
    """In a direct message it is answered there; in stealth mode only who asked sees the answer."""
    member = await shared.person("moderator")
    await member.slash("stealth")
    said = await described(member)
    assert said["ephemeral_to"] == member.id
    before = prompts_of(said)
    await member.click(said, "🔄")
    await member.wait_for(lambda m: m["id"] == said["id"] and prompts_of(m) != before)
    await member.slash("public")
    await member.enter("dm")
    assert len(prompts_of(await described(member))) == 4


async def test_what_is_not_safe_is_hidden(shared, painter):
    """Where unsafe pictures are hidden, this one is too, and 🔄 finds it all the same."""
    admin = await shared.person("admin")
    await admin.slash("easel config set", nsfw="spoiler")
    try:
        said = await described(painter, image=png("yellow"))
        assert said["attachments"][0]["filename"].startswith("SPOILER_")
        assert not said["embeds"][0].get("image")
        await painter.click(said, "🔄")
        said = await painter.wait_for(
            lambda m: m["id"] == said["id"] and prompts_of(m) != prompts_of(said)
        )
        assert said["attachments"][0]["filename"].startswith("SPOILER_")
        await admin.slash("easel config set", nsfw="block")
        await painter.slash("describe", image=png("yellow"))
        await painter.wait_for(lambda m: "image filters" in m["content"])
    finally:
        await admin.slash("easel config reset", setting="nsfw")


async def test_words_that_are_not_wanted_are_not_said(shared, painter):
    """What a server's words would refuse to be painted is not proposed either."""
    admin = await shared.person("admin")
    texts = [line[4:] for line in prompts_of(await described(painter, image=png("white")))]
    counts = {word: sum(word in text.split() for text in texts) for word in WORDS}
    some = min((word for word in counts if counts[word]), key=counts.get)
    assert counts[some] < 4
    await admin.slash("easel words add", word=some)
    left = [line[4:] for line in prompts_of(await described(painter, image=png("white")))]
    assert left == [text for text in texts if some not in text.split()]
    await admin.slash("easel words remove", word=some)
    for text in texts:
        await admin.slash("easel words add", word=next(w for w in WORDS if w in text.split()))
    await painter.slash("describe", image=png("white"))
    await painter.wait_for(lambda m: "words that are not wanted here" in m["content"])
    for word in WORDS:
        await admin.slash("easel words remove", word=word)
