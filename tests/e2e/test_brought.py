"""What a model brings beside its weights works with no setting: few steps, pictures that are looked
at, edges that lead."""

import io
import shutil

import pytest
import pytest_asyncio
from PIL import Image

from bot import memory

pytestmark = pytest.mark.asyncio(loop_scope="module")


def png(colour="red", size=(80, 80)):
    """Return a small picture file."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(open_stage, patient_model, bring_everything, tmp_path_factory):
    """A bot whose model brings everything, and nothing of the operator's."""
    from diffusers import UNet2DConditionModel

    folder = tmp_path_factory.mktemp("brought")
    model = folder / "tiny"
    shutil.copytree(patient_model, model)
    bring_everything(UNet2DConditionModel.from_pretrained(model / "unet"), model)
    async with open_stage(folder / "stage", model, limit_rates=False) as stage:
        yield stage


async def remembered(painter, message):
    """What a picture says of itself: to other tools, and as our own request."""
    found = memory.read(await painter.download(message["attachments"][0]))
    return found.parameters, found.easel["request"]


async def made(painter, words, before):
    """Wait for what is made of a message."""
    return await painter.wait_for(
        lambda m: (
            words in m["content"]
            and m["attachments"]
            and m["components"]
            and m["id"] > before["id"]
        )
    )


async def test_it_is_painted_in_few_steps_and_says_so(painter):
    """A plain prompt and what comes of it take few steps; the picture and *Show parameters* say
    what was done."""
    grid = await painter.paint("a quick fox")
    parameters, request = await remembered(painter, grid)
    assert "Steps: 4, Sampler: LCM, CFG scale: 1.0" in parameters
    assert request["few_steps"]
    await painter.menu(grid, "Show parameters")
    told = (await painter.told())["content"]
    assert "**Steps**: 4\n**Guidance**: 1\n**Sampler**: `lcm`" in told
    await painter.click(grid, "V2")
    varied = await made(painter, "a quick fox", grid)
    assert (await remembered(painter, varied))[1]["few_steps"]


@pytest.mark.parametrize(
    ("thing", "more"),
    [
        ("fox", "--no snow"),
        ("owl", "--guidance 3"),
        ("bee", "--steps 9"),
        ("cat", "--sampler ddim"),
    ],
)
async def test_more_than_few_steps_can_do_takes_the_ordinary_sampler(painter, thing, more):
    """What asks for guidance, another sampler or more steps is painted by the model's own way."""
    _, request = await remembered(painter, await painter.paint(f"a thorough {thing} {more}"))
    assert not request["few_steps"]
    assert request["guidance_scale"] > 1
    assert request["num_inference_steps"] == (9 if "steps" in more else 4)


async def test_pictures_are_looked_at_out_of_the_box(painter):
    """Image prompts, styles and blends are looked at; a person needs an adapter for faces."""
    grid = await painter.paint("a seen fox", picture=png(), sref=png("blue"))
    kinds = [kind for _, kind, _ in (await remembered(painter, grid))[1]["references"]]
    assert kinds == ["image", "style"]
    await painter.slash("imagine", prompt="a fox", cref=png())
    assert "`--cref` is not compatible with" in (await painter.told())["content"]
    await painter.slash("blend", image1=png(), image2=png("blue"), dimensions="Landscape")
    blend = await painter.wait_for(
        lambda m: "image2.png --ar 3:2" in m["content"] and m["components"]
    )
    _, request = await remembered(painter, blend)
    assert [(kind, weight) for _, kind, weight in request["references"]] == [("image", 0.5)] * 2
    assert (request["images"], request["few_steps"]) == ([], True)


async def test_edges_lead_out_of_the_box(painter):
    """`--control canny` and `--control scribble` are painted; what there is not is named."""
    for kind in ("canny", "scribble"):
        grid = await painter.paint(f"a fox led by {kind} --control {kind}", control=png())
        assert (await remembered(painter, grid))[1]["control_kind"] == kind
    await painter.slash("imagine", prompt="a fox --control depth", control=png())
    assert "There is no ControlNet depth here; there is canny" in (await painter.told())["content"]


async def test_the_model_is_told_with_both_its_samplers(painter):
    """/models says how few the steps are and what takes the ordinary sampler; /samplers which is
    taken where none is named."""
    for command, options, says in (
        ("models", {}, "128×128 pixels, 4 steps without guidance"),
        ("models", {"model": "tiny"}, "**By the ordinary sampler**: 4 steps, guidance 7.5."),
        ("samplers", {}, "without `--sampler` it takes lcm for few steps, else its own"),
    ):
        await painter.slash(command, **options)
        await painter.wait_for(lambda m, says=says: says in m["content"])
