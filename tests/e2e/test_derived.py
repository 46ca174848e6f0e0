"""What comes of a picture by its buttons: in a server, in a direct message, after a restart, by its
painter and by others."""

import asyncio
import io

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.asyncio(loop_scope="module")

BLUE, GREY, GREEN = 1, 2, 3
ROWS = [
    ["Upscale (Subtle)", "Upscale (Creative)"],
    ["Vary (Subtle)", "Vary (Strong)", "Vary (Region)"],
    ["Zoom Out 2x", "Zoom Out 1.5x", "Custom Zoom"],
    ["⬅️", "➡️", "⬆️", "⬇️"],
    ["❤️", "Parent"],
]


def buttons(message):
    """Return what stands under a message, row by row."""
    return [row["components"] for row in message["components"]]


def labels(message):
    """Return the same as words."""
    return [[b.get("label") or b["emoji"]["name"] for b in row] for row in buttons(message)]


def style_of(message, op):
    """Return the colour of the button that does this."""
    (style,) = [
        b["style"] for row in buttons(message) for b in row
        if b.get("custom_id", "").split(":")[:3:2] == op.split()
    ]  # fmt: skip
    return style


async def take_out(painter, prompt, tile=1):
    """Paint something and take a picture out of it; return the grid and the picture's message."""
    grid = await painter.paint(prompt)
    await painter.click(grid, f"U{tile}")
    words = prompt.partition(" --")[0]
    taken = await painter.wait_for(
        lambda m: words in m["content"] and f"Image #{tile} <@{painter.id}>" in m["content"]
    )
    return grid, taken


async def outcome(painter, words, byline):
    """Return the finished message of a derived job."""
    return await painter.wait_for(
        lambda m: (
            words in m["content"]
            and m["content"].endswith(f" - {byline} by <@{painter.id}>")
            and m["components"]
        ),
    )


async def colour(painter, message, op, style):
    """Wait until a button has turned."""
    return await painter.wait_for(lambda m: m["id"] == message["id"] and style_of(m, op) == style)


async def picture(painter, message):
    """Return the picture of a message."""
    content = await painter.download(message["attachments"][0])
    return Image.open(io.BytesIO(content)).convert("RGB")


async def remix(shared, person, *, on=True, variation="strong"):
    """Let a person prefer to remix; the bot must be stopped, for the store is its own."""
    from bot.belongings import Belongings
    from bot.store import Store

    assert await shared.bot.stop() == 0
    async with Store.open(shared.bot.data / "easel.sqlite3") as store:
        await Belongings(store).prefer(int(person.id), remix=on, variation=variation)
    await shared.bot.start()


# -- the picture's own message --


async def test_the_buttons_after_u(painter):
    """Under a picture stand Midjourney's rows, and a link that leads back to its grid."""
    grid, taken = await take_out(painter, "a buttoned fox --seed 3")
    assert labels(taken) == ROWS
    (link,) = [b for row in buttons(taken) for b in row if b["style"] == 5]
    assert link["url"].endswith(f"/{grid['channel_id']}/{grid['id']}")
    assert taken["message_reference"]["message_id"] == grid["id"]


async def test_make_square_only_where_it_is_not(painter):
    """Make Square stands under pictures that are not square, and makes them so."""
    _, taken = await take_out(painter, "a wide fox --ar 2:1 --seed 4")
    assert labels(taken)[2] == ["Zoom Out 2x", "Zoom Out 1.5x", "Custom Zoom", "Make Square"]
    await painter.click(taken, "Make Square")
    made = await outcome(painter, "a wide fox", "Zoom Out")
    assert made["content"].startswith("**a wide fox --ar 1:1** - Zoom Out by")
    size = (await picture(painter, made)).size
    assert size[0] == size[1]


@pytest.mark.parametrize(
    ("button", "op", "byline", "shape"),
    [
        ("Vary (Subtle)", "subtle", "Variations (Subtle)", (256, 256)),
        ("Vary (Strong)", "strong", "Variations (Strong)", (256, 256)),
        ("Zoom Out 2x", "zoomtwice", "Zoom Out", (256, 256)),
        ("Zoom Out 1.5x", "zoomhalf", "Zoom Out", (256, 256)),
        ("⬅️", "left", "Pan Left", None),
        ("➡️", "right", "Pan Right", None),
        ("⬆️", "up", "Pan Up", None),
        ("⬇️", "down", "Pan Down", None),
    ],
)
async def test_what_comes_of_a_picture(painter, button, op, byline, shape):
    """Each button paints a fresh grid that answers to its picture, and turns blue."""
    _, taken = await take_out(painter, f"a fox for {op} --seed 5", 2)
    assert style_of(taken, f"{op} 1") == GREY
    await painter.click(taken, button)
    made = await outcome(painter, f"a fox for {op}", byline)
    assert made["message_reference"]["message_id"] == taken["id"]
    assert labels(made) == [["U1", "U2", "U3", "U4", "🔄"], ["V1", "V2", "V3", "V4"]]
    size = (await picture(painter, made)).size
    if shape:
        assert size == shape
    else:
        across = op in {"left", "right"}
        assert f"--ar {'3:2' if across else '2:3'}**" in made["content"]
        assert (size[0] > size[1]) is across
    await colour(painter, taken, f"{op} 1", BLUE)
    await painter.click(made, "🔄")
    again = await painter.wait_for(
        lambda m: m["content"] == made["content"] and m["id"] != made["id"] and m["components"]
    )
    assert again["message_reference"]["message_id"] == made["id"]


async def test_upscaling(painter):
    """One picture of twice the size comes, with everything under it but upscaling."""
    _, taken = await take_out(painter, "a growing fox --seed 6")
    answer = await painter.click(taken, "Upscale (Subtle)")
    assert answer["outcome"] == "acknowledged"
    made = await outcome(painter, "a growing fox", "Upscaled (Subtle)")
    assert (await picture(painter, made)).size == (256, 256)
    assert labels(made)[0] == ["Vary (Subtle)", "Vary (Strong)", "Vary (Region)"]
    assert labels(made)[-1] == ["❤️", "🔄", "Parent"]
    await painter.click(made, "Vary (Subtle)")
    varied = await outcome(painter, "a growing fox", "Variations (Subtle)")
    assert (await picture(painter, varied)).size == (256, 256)


# -- windows --


async def test_custom_zoom(painter):
    """Custom Zoom asks for shape and factor, and says what is wrong with them."""
    _, taken = await take_out(painter, "a zoomed fox --seed 7")
    opened = await painter.click(taken, "Custom Zoom")
    assert opened["outcome"] == "modal"
    (row,) = opened["modal"]["components"]
    assert row["component"]["value"] == "a zoomed fox --ar 1:1 --zoom 2"
    await painter.submit(opened, prompt="a zoomed fox --ar 2:1 --zoom 9")
    await painter.wait_for(lambda m: "`--zoom` must be a number from 1 to 2" in m["content"])
    opened = await painter.click(taken, "Custom Zoom")
    await painter.submit(opened, prompt="a zoomed fox in a wood --ar 2:1 --zoom 1.2")
    made = await outcome(painter, "a zoomed fox in a wood --ar 2:1", "Zoom Out")
    width, height = (await picture(painter, made)).size
    assert width > 1.8 * height
    assert made["message_reference"]["message_id"] == taken["id"]


async def test_remix_asks_for_the_prompt_also_after_a_restart(shared, painter):
    """With Remix on V, 🔄 and the arrows ask for a prompt; a window outlasts the bot."""
    person = await shared.person("painter2")
    grid = await person.paint("a remixed fox --seed 8")
    await remix(shared, person, variation="subtle")
    opened = await person.click(grid, "V2")
    (row,) = opened["modal"]["components"]
    assert opened["modal"]["title"] == "Remix Prompt"
    assert row["label"] == "New Prompt for image #2"
    assert row["component"]["value"] == "a remixed fox"
    await shared.bot.restart()
    await person.submit(opened, prompt="a remixed hen and fox")
    made = await outcome(person, "a remixed hen", "Remix (Subtle)")
    assert made["message_reference"]["message_id"] == grid["id"]
    await colour(person, grid, "v 1", GREEN)

    opened = await person.click(grid, "V3")
    await person.submit(opened, prompt="a remixed fox")
    await outcome(person, "a remixed fox", "Variations (Subtle)")
    opened = await person.click(grid, "🔄")
    assert opened["modal"]["title"] == "Imagine This!"
    await person.submit(opened, prompt="a rerolled fox --sed 3")
    await person.wait_for(lambda m: "Did you mean `--seed`?" in m["content"])
    opened = await person.click(grid, "🔄")
    await person.submit(opened, prompt="a rerolled fox --ar 2:1")
    again = await person.wait_for(
        lambda m: m["content"] == f"**a rerolled fox --ar 2:1** - <@{person.id}>"
        and m["components"]
    )  # fmt: skip
    assert again["message_reference"]["message_id"] == grid["id"]
    await remix(shared, person, on=False)


# -- regions --


async def region_panel(painter, prompt):
    """Open the panel of Vary (Region) over a picture."""
    _, taken = await take_out(painter, prompt)
    await painter.click(taken, "Vary (Region)")
    panel = await painter.wait_for(
        lambda m: "Choose the squares" in m["content"] and m["ephemeral_to"] == painter.id
        if "ephemeral_to" in m else False
    )  # fmt: skip
    return taken, panel


def ids(message):
    """Return the custom_ids of a message by their first word."""
    return {
        c["custom_id"].partition(":")[0]: c["custom_id"]
        for row in message["components"] for c in row["components"]
    }  # fmt: skip


async def test_a_region_by_squares(shared, painter):
    """Chosen squares are drawn at once, kept over a restart, and alone painted anew."""
    taken, panel = await region_panel(painter, "a patched fox --seed 9")
    await painter.click(panel, "Paint")
    await painter.wait_for(lambda m: "Choose at least one square" in m["content"])
    before = await picture(painter, panel)
    await painter.press(panel, ids(panel)["squares"], ["0", "1", "5", "6"])
    panel = await painter.wait_for(
        lambda m: m["id"] == panel["id"] and ids(m)["paint"].endswith(":63")
    )
    assert await picture(painter, panel) != before
    await shared.bot.restart()
    await painter.click(panel, "Paint")
    made = await outcome(painter, "a patched fox", "Variations (Region)")
    assert made["message_reference"]["message_id"] == taken["id"]
    old = np.array(await picture(painter, taken), int)
    new = np.array(await picture(painter, made), int)[:128, :128]
    assert np.abs(new - old)[72:, 72:].max() <= 1
    assert np.abs(new - old)[:44, :44].mean() > 1
    await colour(painter, taken, "region 0", BLUE)


async def test_a_region_by_a_painted_mask(shared, painter):
    """An uploaded mask says where to paint; one that is black everywhere fails with a sentence."""
    taken, panel = await region_panel(painter, "a masked fox --seed 10")
    mask = Image.new("L", (64, 64))
    file = io.BytesIO()
    mask.save(file, "PNG")

    async def send(content):
        opened = await painter.click(panel, "Upload a mask")
        (row,) = opened["modal"]["components"]
        assert row["component"]["type"] == 19
        await painter.submit_file(opened, "mask", content)

    await send(file.getvalue())
    await painter.wait_for(lambda m: "a masked fox" in m["content"] and "black everywhere" in
                           m["content"])  # fmt: skip
    mask.paste(255, (32, 0, 64, 64))
    file = io.BytesIO()
    mask.save(file, "PNG")
    await send(file.getvalue())
    made = await outcome(painter, "a masked fox", "Variations (Region)")
    old = np.array(await picture(painter, taken), int)
    new = np.array(await picture(painter, made), int)[:128, :128]
    assert np.abs(new - old)[:, :52].max() <= 1
    assert np.abs(new - old)[:, 80:].mean() > 1


# -- everywhere and everyone --


async def test_others_may_press_and_own_the_result(shared, painter):
    """What a stranger's press makes is theirs, as with U and V."""
    _, taken = await take_out(painter, "a public fox --seed 11")
    other = await shared.person("painter2")
    await other.click(taken, "Vary (Subtle)")
    made = await outcome(other, "a public fox", "Variations (Subtle)")
    assert [user["id"] for user in made["mentions"]] == [other.id]


async def test_a_server_may_keep_buttons_for_the_painter(shared, painter, admin):
    """Where buttons are the painter's own, a stranger is told so by every one of them."""
    _, taken = await take_out(painter, "a private-minded fox --seed 12")
    await admin.slash("easel config set", buttons="owner")
    other = await shared.person("painter2")
    names = [b["custom_id"] for row in buttons(taken) for b in row if "custom_id" in b]
    for number, custom_id in enumerate(names, 1):
        await other.press(taken, custom_id)
        async with asyncio.timeout(120):
            while True:
                said = [
                    m for m in await other.messages()
                    if m.get("ephemeral_to") == other.id and "painter's own" in m["content"]
                ]  # fmt: skip
                if len(said) == number:
                    break
                await asyncio.sleep(0.05)


async def test_in_a_direct_message(shared):
    """The same works where there is no server."""
    person = await shared.person()
    await person.enter("dm")
    _, taken = await take_out(person, "a lone fox --seed 13")
    assert labels(taken) == ROWS
    await person.click(taken, "⬅️")
    made = await outcome(person, "a lone fox", "Pan Left")
    assert made["message_reference"]["message_id"] == taken["id"]
    await colour(person, taken, "left 0", BLUE)


async def test_favourites(shared, painter):
    """❤️ counts who keeps a picture, turns green, and turns back, also after a restart."""
    _, taken = await take_out(painter, "a dear fox --seed 14")
    other = await shared.person("painter2")
    await painter.click(taken, "❤️")
    taken = await colour(painter, taken, "keep 0", GREEN)
    assert labels(taken)[4][0] == "1"
    await shared.bot.restart()
    heart = buttons(taken)[4][0]["custom_id"]
    await other.press(taken, heart)
    taken = await painter.wait_for(lambda m: m["id"] == taken["id"] and labels(m)[4][0] == "2")
    await painter.press(taken, heart)
    await other.press(taken, heart)
    taken = await colour(painter, taken, "keep 0", GREY)
    assert labels(taken)[4][0] == "❤️"


async def test_pressed_buttons_stay_blue(shared, painter):
    """Presses that come at once all show, and a restart forgets none of them."""
    grid = await painter.paint("a colourful fox --seed 15")
    await asyncio.gather(*(painter.click(grid, f"U{tile}") for tile in (1, 2, 3)))
    for tile in range(3):
        grid = await colour(painter, grid, f"u {tile}", BLUE)
    await shared.bot.restart()
    await painter.click(grid, "U4")
    grid = await colour(painter, grid, "u 3", BLUE)
    assert [style_of(grid, f"u {tile}") for tile in range(4)] == [BLUE] * 4
    assert style_of(grid, "v 0") == GREY


async def test_what_is_too_large_is_said(shared, painter, admin):
    """Upscaling beyond what is painted here is a sentence, and nothing is queued."""
    _, taken = await take_out(painter, "a huge fox --seed 16")
    await admin.slash("easel config set", size=80)
    accepted = shared.bot.log.count(" accepted ")
    await painter.click(taken, "Upscale (Creative)")
    await painter.wait_for(lambda m: "would be 128×128 pixels; `tiny` paints 80" in m["content"])
    assert shared.bot.log.count(" accepted ") == accepted


async def test_a_picture_that_is_gone_can_be_painted_again(shared, painter):
    """Every button of a picture that left the disk offers to paint it again."""
    grid, taken = await take_out(painter, "a lost fox --seed 17")
    job = grid["attachments"][0]["filename"].removeprefix("easel-").removesuffix(".png")
    (shared.bot.data / "pictures" / job / "0.png").unlink()
    for number, button in enumerate(("Vary (Subtle)", "Zoom Out 2x", "Vary (Region)", "❤️"), 1):
        await painter.click(taken, button)
        async with asyncio.timeout(120):
            while True:
                offers = [m for m in await painter.messages() if "no longer on Easel's disk" in
                          m["content"]]  # fmt: skip
                if len(offers) == number:
                    break
                await asyncio.sleep(0.05)
    await painter.click(offers[0], "Paint it again")
    await painter.wait_for(
        lambda m: m["content"] == grid["content"] and m["id"] != grid["id"] and m["components"]
    )
