"""What one may write behind /imagine: choices and repeats, links, controls, LoRAs."""

import io
import time

import pytest
import pytest_asyncio
from PIL import Image

from bot import memory

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEW = {"RUNNING_PER_PAINTER": "2", "WAITING_PER_PAINTER": "4"}


def says(text, to=None):
    """Match a message with this text, only for one person where `to` is given."""
    return lambda message: text in message["content"] and message.get("ephemeral_to") == to


def grid_of(words):
    """Match the finished grid whose prompt has these words."""
    return lambda m: words in m["content"] and m["components"] and "ephemeral_to" not in m


def png(colour="red", size=(80, 40)):
    """Return a small picture file."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def save_adapters(unet, ip_adapters, folder):
    """Save two IP-Adapters for a U-Net, one of them for faces."""
    ip_adapters.save_encoder(folder / "image_encoder")
    ip_adapters.save_adapter(unet, folder / "plain.safetensors")
    ip_adapters.save_adapter(unet, folder / "plus-face.safetensors", plus=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(open_stage, patient_model, write_control, ip_adapters, tmp_path_factory):
    """A bot with a ControlNet, two IP-Adapters and a damaged LoRA; painters may have six jobs."""
    from diffusers import UNet2DConditionModel

    folder = tmp_path_factory.mktemp("grammar")
    unet = UNet2DConditionModel.from_pretrained(patient_model / "unet")
    write_control(unet, folder / "controls" / "tiny-canny")
    (folder / "loras").mkdir()
    save_adapters(unet, ip_adapters, folder / "adapters")
    (folder / "loras" / "ink.safetensors").write_bytes(b"damaged")
    environment = {
        **FEW,
        "LORAS": str(folder / "loras"),
        "CONTROLS": str(folder / "controls"),
        "IP_ADAPTERS": str(folder / "adapters"),
        "IMAGE_HOSTS": "pictures.example",
    }
    async with open_stage(
        folder, patient_model, environment=environment, limit_rates=False
    ) as stage:
        yield stage


async def question(person, prompt, **options):
    """Ask for several jobs; return the question whether they are meant."""
    answer = await person.slash("imagine", prompt=prompt, **options)
    assert answer["outcome"] == "acknowledged", answer
    return await person.wait_for(says("You are about to imagine", person.id))


# -- choices and repeats --------------------------------------------------------------------------


async def test_choices_become_jobs_of_their_own(shared, painter):
    """A prompt with choices is asked about; Yes paints each, and the question is answered."""
    asked = await question(painter, "a {red, {light, dark} green} fox --steps 2")
    assert "**3 prompts**" in asked["content"]
    assert not [m for m in await painter.messages() if "ephemeral_to" not in m]

    await painter.click(asked, "Show prompts")
    listed = await painter.wait_for(says("3. a dark green fox --steps 2", painter.id))
    assert "1. a red fox --steps 2" in listed["content"]

    await painter.click(asked, "Yes")
    for colour in ("red", "light green", "dark green"):
        await painter.wait_for(grid_of(f"**a {colour} fox --steps 2**"))
    answered = next(m for m in await painter.messages() if m["id"] == asked["id"])
    assert answered["content"] == "3 jobs are on the way."
    assert not answered["components"]
    left = [m for m in await painter.messages() if "Waiting to start" in m["content"]]
    assert not left, "a job's own message stays when its grid is there"


async def test_repeat_is_asked_about_and_can_be_declined(shared, painter):
    """`--repeat` asks too; No paints nothing, and the buttons are gone."""
    accepted = shared.bot.log.count(" accepted ")
    asked = await question(painter, "a declined fox --repeat 3")
    await painter.click(asked, "No")
    said = await painter.wait_for(says("Nothing was painted", painter.id))
    assert (said["id"], said["components"]) == (asked["id"], [])
    assert "a declined fox --repeat 3" in said["content"]
    assert shared.bot.log.count(" accepted ") == accepted
    with pytest.raises(LookupError):
        await painter.click(said, "Yes")


async def test_the_template_can_be_edited(painter):
    """The window has the template; what is wrong with it is said, what is right is asked again."""
    asked = await question(painter, "an edited {red, blue} fox --steps 2")
    window = await painter.click(asked, "Edit prompt template")
    assert window["outcome"] == "modal"
    field = window["modal"]["components"][0]
    field = (field.get("components") or [field.get("component")])[0]
    assert field["value"] == "an edited {red, blue} fox --steps 2"
    await painter.submit(window, template="an edited {red fox")
    await painter.wait_for(says("`{` is not closed", painter.id))

    window = await painter.click(asked, "Edit prompt template")
    await painter.submit(window, template="an edited {pink, grey, white} fox --steps 2")
    again = await painter.wait_for(says("{pink, grey, white}", painter.id))
    assert again["id"] == asked["id"]
    assert "**3 prompts**" in again["content"]
    await painter.click(again, "Yes")
    await painter.wait_for(grid_of("an edited white fox"))


async def test_all_or_nothing_within_the_queue(shared, painter):
    """Where one of the jobs finds no room none is taken in; the question stays and works later."""
    running = await painter.start_long("a long fox")
    asked = await question(painter, "fox number {1, 2, 3, 4, 5, 6} --steps 2")
    accepted = shared.bot.log.count(" accepted ")
    await painter.click(asked, "Yes")
    refused = await painter.wait_for(says("too full for 6 jobs: it has room for 5", painter.id))
    assert "**Queue full**" in refused["content"]
    assert shared.bot.log.count(" accepted ") == accepted
    await painter.stop(running)
    await painter.click(asked, "Yes")
    await painter.wait_for(grid_of("fox number 6"))


async def test_more_than_the_rules_allow_is_refused(painter, admin):
    """The server says how many jobs one prompt may make; the prompt is given back."""
    await admin.slash("easel config set", batch=2)
    try:
        await painter.slash("imagine", prompt="fox {1, 2, 3}")
        refused = await painter.told()
        assert "**Job action restricted**\nThat makes 3 jobs; 2 at once" in refused["content"]
        assert "/imagine prompt: fox {1, 2, 3}" in refused["content"]
    finally:
        await admin.slash("easel config reset", setting="batch")


async def test_a_question_answers_to_its_owner_and_once(shared, painter):
    """Another person, and a second press, get a sentence and no job."""
    asked = await question(painter, "an owned {red, blue} fox --steps 2")
    stranger = await shared.person("stranger")
    with pytest.raises(stranger.RefusedError):
        await stranger.click(asked, "Yes")
    forged = await question(stranger, "a strange {red, blue} fox --steps 2")
    own = forged["components"][0]["components"][0]["custom_id"]
    theirs = asked["components"][0]["components"][0]["custom_id"]
    shared.server.world.messages[forged["id"]]["components"][0]["components"][0]["custom_id"] = (
        theirs
    )
    await stranger.press(forged, theirs)
    await stranger.wait_for(says("is for whoever asked", stranger.id))
    shared.server.world.messages[forged["id"]]["components"][0]["components"][0]["custom_id"] = own
    await stranger.click(forged, "No")
    await painter.click(asked, "Yes")
    await painter.wait_for(grid_of("an owned blue fox"))


async def test_a_question_works_after_a_restart_and_in_letters(shared, painter):
    """Also in direct messages: the question, its window and its jobs outlive the bot."""
    await painter.enter("dm")
    asked = await question(painter, "a lasting {red, blue} fox --steps 2")
    other = await question(painter, "another lasting {red, blue} fox --steps 2")
    window = await painter.click(other, "Edit prompt template")
    await shared.bot.restart()
    await painter.wait_until_online()
    await painter.submit(window, template="another {pink, grey} fox --steps 2")
    await painter.wait_for(says("another {pink, grey} fox", painter.id))
    await painter.click(asked, "Yes")
    await painter.wait_for(grid_of("a lasting blue fox"))
    await painter.wait_for(grid_of("a lasting red fox"))


# -- links, controls, LoRAs -----------------------------------------------------------------------


async def test_a_link_to_discords_own_files_is_a_picture(shared, painter):
    """The address of a grid starts another painting; the prompt shows it."""
    first = await painter.paint("a linked fox --steps 2")
    address = first["attachments"][0]["url"]
    await painter.slash("imagine", prompt=f"{address} a second fox --strength 0.4 --steps 2")
    await painter.wait_for(grid_of("a second fox --strength 0.4 --steps 2"))


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.example/a.png", "http://pictures.example/a.png", "ftp://127.0.0.1/a.png"],
)
async def test_other_links_are_refused_before_anything_is_queued(shared, painter, address):
    """A link to anywhere else is refused, and one is told to attach the picture instead."""
    accepted = shared.bot.log.count(" accepted ")
    await painter.slash("imagine", prompt=f"{address} a fox")
    refused = await painter.told()
    assert "**Invalid link**" in refused["content"]
    assert "must be attached here" in refused["content"]
    assert shared.bot.log.count(" accepted ") == accepted


async def test_a_control_picture_leads(shared, painter):
    """`control:` with `--control canny` is painted; without the one or the other it is refused."""
    grid = await painter.paint("a led fox --steps 2 --control canny", control=png())
    assert "--control canny" in grid["content"]
    for options, named in (
        ({"prompt": "fox --control canny"}, "attach one as `control`"),
        ({"prompt": "fox", "control": png()}, "as in `--control tiny-canny`"),
        ({"prompt": "fox --control depth", "control": png()}, "There is no ControlNet depth"),
    ):
        await painter.slash("imagine", **options)
        assert named in (await painter.told())["content"]


async def test_a_lora_is_looked_for_before_anything_is_queued(painter):
    """An unknown LoRA names those that are near, a damaged one says so, whatever is asked."""
    for prompt, named in (
        ("fox --lora inc:0.5", "There is no LoRA inc here; there is ink."),
        ("fox <lora:ink:0.5>", "The file of the LoRA ink is damaged."),
    ):
        for command in ("imagine", "how", "shorten"):
            await painter.slash(command, prompt=prompt)
            assert named in (await painter.told())["content"]


# -- pictures that are looked at -------------------------------------------------------------------


def request_of(message):
    """What the grid's own memory says of its request."""
    return memory.read(message).easel["request"]


async def test_image_prompts_styles_and_people_are_looked_at(shared, painter):
    """Attached and linked pictures reach the painting, whose own memory names them."""
    first = await painter.paint("a seen fox --steps 2")
    address = first["attachments"][0]["url"]
    await painter.slash(
        "imagine",
        prompt=f"{address} a looked fox --iw 2 --sw 300 --steps 2",
        picture=png("green"),
        sref=png("blue"),
        cref=png("red"),
    )
    grid = await painter.wait_for(grid_of("a looked fox"))
    assert "--sref attached --cref attached" in grid["content"]
    request = request_of(await painter.download(grid["attachments"][0]))
    kinds = [(kind, round(weight, 2)) for _, kind, weight in request["references"]]
    assert kinds == [
        ("image", 0.5), ("image", 0.5), ("style", 1.39), ("face", 0.7), ("figure", 0.7)
    ]  # fmt: skip
    assert request["image"] is None


async def test_what_comes_of_a_grid_looks_at_the_same_pictures(shared, painter):
    """🔄, V and another prompt for the same refer to the files that were fetched for the grid."""
    grid = await painter.paint("a kept fox --steps 2", sref=png("blue"), picture=png("green"))
    wanted = request_of(await painter.download(grid["attachments"][0]))["references"]
    assert [kind for _, kind, _ in wanted] == ["image", "style"]

    async def references_of(words, ending):
        made = await painter.wait_for(
            lambda m: (
                words in m["content"]
                and m["content"].endswith(ending)
                and m["components"]
                and m["id"] != grid["id"]
            ),
            60,
        )
        return request_of(await painter.download(made["attachments"][0]))["references"]

    await painter.click(grid, "V1")
    assert await references_of("a kept fox", f"by <@{painter.id}>") == wanted
    await painter.click(grid, "🔄")
    assert await references_of("a kept fox", f"- <@{painter.id}>") == wanted
    await painter.slash("prefer remix")
    opened = await painter.click(grid, "🔄")
    (row,) = opened["modal"]["components"]
    text = row["component"]["value"]
    assert text == "a kept fox --steps 2 --sref attached"
    await painter.submit(opened, prompt=text.replace("fox", "bear"))
    assert await references_of("a kept bear", f"- <@{painter.id}>") == wanted
    opened = await painter.click(grid, "V2")
    text = opened["modal"]["components"][0]["component"]["value"]
    await painter.submit(opened, prompt=text.replace("fox", "owl"))
    assert await references_of("a kept owl", f"by <@{painter.id}>") == wanted
    await painter.slash("prefer remix")


# -- what there is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "options", "named"),
    [
        ("models", {}, "`--model tiny`: tiny (sd1), 128×128 pixels, 4 steps"),
        ("models", {"model": "tiny"}, "**Parameters**: `--ar`"),
        ("models", {"model": "huge"}, "There is no model `huge` here"),
        ("samplers", {}, "- `--sampler euler a`"),
        ("samplers", {"model": "huge"}, "There is no model `huge` here"),
        ("loras", {}, "- `--lora ink:0.8`"),
        ("loras", {"lora": "xyz"}, "There is no LoRA with `xyz` in its name"),
    ],
)
@pytest.mark.parametrize("place", ["general", "dm"])
async def test_what_there_is_can_be_asked(painter, place, command, options, named):
    """/models, /samplers and /loras answer who asked alone, in a server and in letters."""
    await painter.enter(place)
    await painter.slash(command, **options)
    said = await painter.wait_for(says(named, painter.id))
    assert said == await painter.told()


@pytest.mark.parametrize(
    ("command", "option", "typed", "proposed"),
    [
        ("models", "model", "ti", ["tiny"]),
        ("samplers", "model", "", ["tiny"]),
        ("loras", "lora", "IN", ["ink"]),
        ("loras", "lora", "xyz", []),
        ("imagine", "model", "t", ["tiny"]),
        ("imagine", "sampler", "euler a", ["euler a"]),
        ("imagine", "lora", "", ["ink"]),
    ],
)
async def test_options_complete_what_is_typed(painter, command, option, typed, proposed):
    """What is proposed begins as what was typed, and is there before one has typed on."""
    began = time.monotonic()
    choices = await painter.complete(command, option, **{option: typed})
    assert [choice["value"] for choice in choices] == proposed
    assert time.monotonic() - began < 3, "Discord would have given up"


async def test_options_of_imagine_say_what_parameters_say(painter):
    """`model:` and `sampler:` stand in the prompt as if they had been typed."""
    await painter.slash("imagine", prompt="an optional fox", model="tiny", sampler="Euler A")
    await painter.wait_for(grid_of("**an optional fox --model tiny --sampler euler a**"))


async def test_one_job_may_run_in_another_mode(shared, painter):
    """`--relax` and `--stealth` hold for one job; a lane that is not allowed is refused."""
    await painter.slash("imagine", prompt="a slow fox --relax --steps 2")
    grid = await painter.wait_for(grid_of("**a slow fox --steps 2**"))
    assert "--relax" not in grid["content"]
    await shared.bot.until("lane=relax")
    await painter.slash("imagine", prompt="a secret fox --stealth --steps 2")
    await painter.wait_for(says("a secret fox", painter.id))
    await painter.slash("imagine", prompt="a hasty fox --turbo")
    assert "The lane `turbo` is not allowed here" in (await painter.told())["content"]
