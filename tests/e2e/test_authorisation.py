"""The authorisation table of docs/authorisation.md, every cell pressed on a playground."""

from pathlib import Path

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLE = Path(__file__).parents[2] / "docs" / "authorisation.md"
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split("|")]
    for line in TABLE.read_text("utf-8").splitlines()
    if line.startswith("|") and not line.startswith("|---")
]
CELLS = [
    (action, who, cell == "✓")
    for action, *cells in ROWS[1:]
    for who, cell in zip(ROWS[0][1:], cells, strict=True)
]
TWINS = {
    "owner": {"moderator", "admin"},
    "member": {"owner", "moderator", "admin"},
    "moderator": {"owner", "admin"},
    "admin": {"owner"},
    "roleless": {"member", "owner", "moderator", "admin"},
    "blocked": {"member", "owner", "moderator", "admin"},
    "banned": {"member", "owner", "moderator", "admin"},
}
"""Who differs from somebody only in what a row tests."""


@pytest.mark.asyncio(loop_scope="function")
async def test_every_denial_has_a_twin():
    """In every row, whoever is refused has a twin in all but the tested rule who is allowed."""
    allowed = {(action, who) for action, who, may in CELLS if may}
    for action, who, may in CELLS:
        assert may or any((action, twin) in allowed for twin in TWINS[who]), (action, who)


@pytest.mark.asyncio(loop_scope="function")
async def test_every_command_and_button_has_a_row():
    """Nothing that the bot offers is missing: commands, menus, and buttons under pictures."""
    from bot.buttons import FACES, NUMBERED
    from bot.documents import commands

    actions = "\n".join(action for action, *_ in ROWS[1:])
    for command in commands():
        form = "*{}*" if "menu" in command["kind"] else "`/{}`"
        assert form.format(command["name"]) in actions
    faces = (FACES[op].label or FACES[op].emoji for op in FACES.keys() - NUMBERED)
    assert not [face for face in faces if face not in actions]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(tmp_path_factory, patient_model, open_stage, make_crowd, captioners):
    """A stage with everybody of the table on it, and the owner's grid."""
    from bot.playground import shapes

    added = {
        "blocked": ("1100000000000000006", [shapes.PAINTERS]),
        "banned": ("1100000000000000007", [shapes.PAINTERS]),
        "victim": ("1100000000000000008", [shapes.PAINTERS]),
    }
    shapes.PEOPLE.update(added)
    folder = tmp_path_factory.mktemp("crowd")
    environment = {
        "BANNED": added["banned"][0], "RUNNING_PER_PAINTER": "2", "WAITING_PER_PAINTER": "20",
        "CAPTIONER": str(captioners.save_captioner(folder / "blip")),
    }  # fmt: skip
    try:
        async with open_stage(
            folder, patient_model, environment=environment, limit_rates=False
        ) as stage:
            yield await make_crowd(stage).gather()
    finally:
        for name in added:
            del shapes.PEOPLE[name]


def always(action):
    """Name who is allowed and tried every time; others who are take up the slow run.

    Where some are refused it is a twin of each, else a member and who is banned.
    """
    may = {who: is_so for found, who, is_so in CELLS if found == action}
    refused = [who for who in may if not may[who]]
    if not refused:
        return {"member", "banned"}
    twins = [who for who in ("member", "owner", "admin") if may[who]]
    return {next(twin for twin in twins if twin in TWINS[who]) for who in refused}


def trial(action, who, may):
    """One cell of the table."""
    marks = () if not may or who in always(action) else pytest.mark.slow
    return pytest.param(action, who, may, marks=marks)


@pytest.mark.parametrize(("action", "who", "may"), [trial(*cell) for cell in CELLS])
async def test_every_cell(crowd, deeds, action, who, may):
    """Whoever may do something can, and whoever may not is refused, as the table says."""
    assert await deeds[action](crowd, crowd.by_name(who)) is may
