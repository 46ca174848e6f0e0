"""What a painter prefers: kept, read with care, and theirs alone."""

import pytest

from bot.belongings import MOST_OPTIONS, Belongings
from bot.errors import UserError
from bot.jobs import Lane
from bot.preferences import DEFAULTS, NOTHING_CHOSEN, Preferences
from bot.store import Store

ANN, BEN = 1, 2
ODD = (
    None,
    True,
    False,
    -1,
    0,
    1e9,
    10**30,
    "",
    "strong",
    "turbo",
    "--x",
    [],
    ["fast"],
    {},
    {"a": 1},
)


@pytest.fixture
async def belongings(tmp_path):
    async with Store.open(tmp_path / "easel.sqlite3") as store:
        yield Belongings(store)


async def test_choices_are_kept(belongings, tmp_path):
    """What a painter chose holds for them alone, after a restart too."""
    chosen = await belongings.prefer(
        ANN, model="tiny", stylize=250, quality=0.5, lane=Lane.RELAX, stealth=True, suffix="--no x"
    )
    await belongings.set_option(ANN, "mine", "--ar 3:2")
    again = await Belongings(belongings._store).preferences(ANN)
    assert again == await belongings.preferences(ANN)
    assert (again.model, again.stylize, again.quality) == ("tiny", 250, 0.5)
    assert (again.lane, again.stealth, again.suffix) == (Lane.RELAX, True, "--no x")
    assert again.options == {"mine": "--ar 3:2"}
    assert chosen.options == {}
    assert await belongings.preferences(BEN) == NOTHING_CHOSEN


async def test_a_default_is_no_choice(belongings):
    """Choosing what holds anyway forgets the choice."""
    await belongings.prefer(ANN, variation="subtle", remix=True, lane=Lane.TURBO)
    await belongings.prefer(ANN, variation="strong", remix=False, lane=None)
    assert await belongings.preferences(ANN) == NOTHING_CHOSEN
    assert not list(await belongings._store._read("SELECT * FROM preferences"))


async def test_options_are_bounded(belongings):
    """There are at most twenty options; one can still be changed, and an empty text deletes it."""
    for number in range(MOST_OPTIONS):
        await belongings.set_option(ANN, f"o{number}", "old")
    with pytest.raises(UserError, match="20 options"):
        await belongings.set_option(ANN, "another", "one")
    await belongings.set_option(ANN, "o3", "new")
    assert (await belongings.preferences(ANN)).options["o3"] == "new"
    await belongings.set_option(ANN, "o3", "")
    await belongings.set_option(ANN, "another", "one")
    assert len((await belongings.preferences(ANN)).options) == MOST_OPTIONS
    await belongings.set_option(BEN, "another", "one")


@pytest.mark.parametrize("key", [*DEFAULTS, "options", "--mine", "of a newer Easel"])
def test_whatever_is_stored_can_be_read(key):
    """A value that makes no sense counts as not chosen."""
    for value in ODD:
        read = Preferences.read({key: value})
        assert read.variation in {"strong", "subtle"}
        assert isinstance(read.remix, bool)
        assert isinstance(read.suffix, str)
        assert read.lane is None or read.lane in Lane
        assert all(isinstance(text, str) for text in read.options.values())


async def test_a_search_takes_no_sign_for_a_wildcard(belongings):
    """Every word has to stand in the prompt as it is; a person without pictures has no history."""
    page = await belongings.history(ANN, "100% _ !", first=0, most=5)
    assert (page.jobs, page.total) == ((), 0)
