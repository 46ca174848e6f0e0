"""What the store keeps of a person: all of it is found, and all of it can be deleted."""

import dataclasses
import io
import json
import zipfile

import pytest

from bot import bundle, estate
from bot.belongings import Belongings
from bot.jobs import Job, Kind, Picture, Posted, State
from bot.ledger import Deed, Ledger, Report
from bot.store import Store
from engine import Request

ANN, BEN, ADMIN, SERVER = 1, 2, 3, 9
PERSONS = {"user_id", "by_id", "reporter_id"}
REQUEST = Request(
    prompt="a fox",
    seed=7,
    num_inference_steps=4,
    guidance_scale=1.5,
    width=64,
    height=64,
    model="tiny",
)


@pytest.fixture
async def store(tmp_path):
    async with Store.open(tmp_path / "easel.sqlite3") as opened:
        yield opened


async def paint(store: Store, job_id: int, user_id: int, *, done: bool = True) -> None:
    """Keep a job, with a picture and a message where it is done."""
    job = Job(
        id=job_id, kind=Kind.IMAGINE, state=State.ACCEPTED, channel_id=10, user_id=user_id,
        guild_id=SERVER, shown=f"a fox of {user_id}", request=REQUEST, token="secret",  # noqa: S106
    )  # fmt: skip
    await store.accept(job)
    await store.to_running(job_id)
    if not done:
        return
    picture = Picture(
        job_id=job_id, tile=0, seed=7, file=f"pictures/{job_id}/0.png", width=64, height=64,
        verdict="safe",
    )  # fmt: skip
    await store.to_painted(job_id, [picture])
    await store.to_delivering(job_id)
    await store.add_message(message(job_id, user_id))
    await store.to_done(job_id, job_id + 1000)


def message(job_id: int, user_id: int) -> Posted:
    return Posted(
        message_id=job_id + 1000, channel_id=10, guild_id=SERVER, job_id=job_id, user_id=user_id
    )


async def rows(store: Store, table: str) -> list[dict]:
    return [dict(row) for row in await store._read(f"SELECT * FROM {table}")]  # noqa: S608


async def test_every_table_with_persons_is_known(store):
    """No table that names a person is forgotten when somebody asks for their data."""
    tables = [row["name"] for row in await rows(store, "sqlite_master") if row["type"] == "table"]
    found = {}
    for table in tables:
        columns = {row[1] for row in await store._read(f"PRAGMA table_info({table})")}
        if columns & PERSONS:
            found[table] = columns & PERSONS
    assert {table: set(columns) for table, columns in estate.WHOSE.items()} == found


async def test_a_person_is_deleted_and_nobody_else(store):
    """Jobs, pictures, messages and preferences go; others', quotas and blocks stay; no prompt."""
    belongings, ledger = Belongings(store), Ledger(store)
    for user_id in (ANN, BEN):
        await paint(store, 10 + user_id, user_id)
        await belongings.prefer(user_id, stealth=True)
    await store.add_message(dataclasses.replace(message(12, ANN), message_id=77))  # of Ben's job
    await ledger.note(
        Deed(guild_id=SERVER, by_id=ANN, action="prompt refused", target="x", after="a bad fox")
    )
    for job_id, user_id, reporter_id in ((12, BEN, ANN), (11, ANN, BEN)):
        await ledger.add_report(
            Report(
                message_id=job_id + 1000,
                channel_id=10,
                guild_id=SERVER,
                job_id=job_id,
                user_id=user_id,
                reporter_id=reporter_id,
            )
        )
    await ledger.warn(SERVER, ANN, "mind your words", ADMIN, told=True)

    assert await estate.delete(store, ANN) == [11]

    assert await estate.doomed(store) == [(10, 1011), (10, 77)]
    await estate.erased(store, 1011)
    assert await estate.doomed(store) == [(10, 77)]
    assert [row["id"] for row in await rows(store, "jobs")] == [12]
    assert [row["job_id"] for row in await rows(store, "pictures")] == [12]
    assert [row["message_id"] for row in await rows(store, "messages")] == [1012]
    assert {row["user_id"] for row in await rows(store, "preferences")} == {BEN}
    assert {row["user_id"] for row in await rows(store, "spent")} == {ANN, BEN}
    assert [row["text"] for row in await rows(store, "warnings")] == ["mind your words"]
    reports = [(row["job_id"], row["reporter_id"]) for row in await rows(store, "reports")]
    assert reports == [(12, 0)]
    (deed,) = await ledger.audit(SERVER)
    assert (deed.action, deed.after) == ("prompt refused", None)
    await store.add_message(message(11, ANN))  # on its way when the job was deleted
    assert await store.message(1011) is None


async def test_what_is_unsettled_waits(store):
    """A job that runs, or whose end was not told, is counted and not torn from under the runner."""
    await paint(store, 11, ANN, done=False)
    await paint(store, 21, ANN, done=False)
    await store.to_cancelled(21)
    assert await estate.unsettled(store, ANN) == 2
    assert await estate.delete(store, ANN) == []
    await store.set_told(21)
    assert await estate.unsettled(store, ANN) == 1
    assert await estate.delete(store, ANN) == [21]


async def test_everything_about_a_person_as_json(store):
    """The export has all rows of a person and none of others, no token, and not who warned them."""
    await paint(store, 11, ANN)
    await paint(store, 12, BEN)
    await Belongings(store).prefer(ANN, suffix="--no text")
    await Ledger(store).warn(SERVER, ANN, "mind your words", ADMIN, told=True)
    found = json.loads(json.dumps(await estate.everything(store, ANN)))
    (job,) = found["jobs"]
    assert (job["id"], job["request"]["prompt"], job["shown"]) == (11, "a fox", "a fox of 1")
    assert [picture["file"] for picture in job["pictures"]] == ["pictures/11/0.png"]
    assert found["preferences"] == [{"user_id": ANN, "key": "suffix", "value": "--no text"}]
    assert found["warnings"][0]["text"] == "mind your words"
    whole = json.dumps(found)
    assert "token" not in whole
    assert "by_id" not in json.dumps(found["warnings"])
    assert "a fox of 2" not in whole


def test_a_bundle_fits(tmp_path):
    """Pictures are packed as far as they fit, the first ones first; the rest is counted."""
    pictures = []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        path.write_bytes(bytes(50_000))
        pictures.append((f"pictures/{number}.png", path))
    pictures.append(("pictures/gone.png", tmp_path / "gone.png"))
    packed = bundle.pack({"jobs": []}, pictures, 190_000)
    assert (packed.packed, packed.left_out) == (2, 2)
    assert len(packed.content) <= 190_000
    archive = zipfile.ZipFile(io.BytesIO(packed.content))
    assert archive.namelist() == ["README.txt", "data.json", "pictures/0.png", "pictures/1.png"]
    assert json.loads(archive.read("data.json")) == {"jobs": []}
