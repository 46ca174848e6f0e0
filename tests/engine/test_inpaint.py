"""Painting a part of a picture, around it, tiles without seams, and stopping early."""

import dataclasses

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import PaintError
from engine.models import open_model
from engine.pictures import open_scene, soften
from engine.pipelines import AROUND_GUIDANCE, MOST_AROUND_GUIDANCE, paint


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@pytest.fixture(scope="module", params=["sd15", "sdxl", "embedded"])
def model(request, family_source):
    """A model of each family, open."""
    return open_model(family_source(request.param), "cpu")


@pytest.fixture
def region(tmp_path):
    """A picture of noise and a mask whose right half is white, as a request's fields."""
    pixels = np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "old.png")
    mask = np.zeros((128, 128), np.uint8)
    mask[:, 64:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return {
        "image": str(tmp_path / "old.png"),
        "mask": str(tmp_path / "mask.png"),
        "strength": 1.0,
    }


def old_picture(fields):
    """The picture of a request's fields as a tensor."""
    pixels = np.array(Image.open(fields["image"]), np.float32) / 255
    return torch.from_numpy(pixels).movedim(-1, 0)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_inpainting_keeps_what_the_mask_leaves(model, ask, region, strength):
    """Outside of the mask the picture stays to the last bit; inside it is painted anew."""
    request = ask(model=model.card.name, **region | {"strength": strength})
    steps = []
    pictures = paint(model, request, lambda step, _: steps.append(step))
    old = old_picture(region)
    assert torch.equal(pictures[..., :32], old[..., :32].expand(4, -1, -1, -1))
    assert (pictures[..., 40:] - old[..., 40:]).abs().mean() > 0.05
    assert (pictures[0, ..., 40:] - pictures[1, ..., 40:]).abs().mean() > 1e-4
    assert steps[-1] == 4


def test_an_inpainted_tile_is_the_same_alone_and_in_a_grid(model, ask, region):
    """Tile k of an inpainted grid is the single picture of seed + k, to 1e-5."""
    for strength in (0.6, 1.0):
        fields = region | {"model": model.card.name, "strength": strength}
        grid = paint(model, ask(**fields), quietly)
        alone = paint(model, ask(seed=9, pictures=1, **fields), quietly)
        assert (grid[2] - alone[0]).abs().max() < 1e-5


def test_models_made_for_inpainting_paint_too(open_tiny, ask, region):
    """A U-Net that sees the mask inpaints and widens; without either it says what it needs."""
    from diffusers import UNet2DConditionModel

    from engine.models import Twins, _derive

    base = open_tiny.text_to_image
    torch.manual_seed(4)
    unet = UNet2DConditionModel.from_config(dict(base.unet.config, in_channels=9)).eval()
    pipeline = type(base)(**base.components | {"unet": unet}, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    inpainting = _derive(diffusers.AutoPipelineForInpainting, pipeline, torch.float32)
    model = dataclasses.replace(
        open_tiny, text_to_image=pipeline, inpainting=inpainting, twins=Twins(pipeline)
    )
    grid = paint(model, ask(**region), quietly)
    alone = paint(model, ask(seed=8, pictures=1, **region), quietly)
    assert (grid[1] - alone[0]).abs().max() < 1e-5
    assert torch.equal(grid[0, ..., :32], old_picture(region)[..., :32])
    with pytest.raises(PaintError, match="needs a picture with one of them"):
        paint(model, ask(), quietly)


def test_inpainting_looks_at_the_prompt_and_its_surroundings(model, ask, region, tmp_path):
    """What is painted depends on the words and on the old picture around it."""
    fields = {"model": model.card.name, "pictures": 1}
    one = paint(model, ask(**region, **fields), quietly)
    other = paint(model, ask(prompt="blue sea", **region, **fields), quietly)
    assert (one - other)[..., 40:].abs().max() > 1e-5
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    elsewhere = region | {"image": str(tmp_path / "red.png")}
    assert (paint(model, ask(**elsewhere, **fields), quietly) - one)[..., 40:].abs().max() > 1e-5


def test_a_picture_is_encoded_once_for_all_tiles(model, ask, region):
    """Four tiles start from one picture: the VAE sees it once."""
    fields = {"model": model.card.name, "num_inference_steps": 1}
    vae, calls = model.text_to_image.vae, []
    hook = vae.encoder.register_forward_hook(lambda *_: calls.append(1))
    paint(model, ask(**region, **fields), quietly)
    assert len(calls) == 1
    region.pop("mask")
    paint(model, ask(**region | {"strength": 0.5}, **fields), quietly)
    assert len(calls) == 2
    hook.remove()


def test_around_a_picture_the_prompt_leads_less(model, ask, region):
    """Beyond what its family takes, guidance changes nothing around a picture."""
    region.pop("mask")
    most = AROUND_GUIDANCE.get(model.card.family, MOST_AROUND_GUIDANCE)
    fields = region | {"model": model.card.name, "pictures": 1, "margins": (16, 16, 16, 16)}
    one, other = (paint(model, ask(guidance_scale=g, **fields), quietly) for g in (most, 9.0))
    assert torch.equal(one, other)


def test_outpainting_keeps_the_old_picture_inside(model, ask, region):
    """Zoomed out or panned, the old picture stands where the margins leave it."""
    region.pop("mask")
    fields = region | {"model": model.card.name, "pictures": 1}
    panned = paint(model, ask(**fields, width=96, margins=(0, 0, 32, 0)), quietly)
    assert panned.shape == (1, 3, 64, 96)
    assert torch.equal(panned[0, :, :, :56], old_picture(region)[:, :, :56])
    zoomed = paint(model, ask(**fields, width=128, height=128, margins=(32,) * 4), quietly)
    assert torch.equal(zoomed[0, :, 40:88, 40:88], old_picture(region)[:, 8:56, 8:56])
    assert float(zoomed[0, :, :24].std()) > 0
    again = paint(model, ask(**fields, prompt="sea", width=96, margins=(0, 0, 32, 0)), quietly)
    assert (again - panned)[..., 64:].abs().max() > 1e-5


def test_soft_edges_stay_inside_of_the_mask():
    """A feathered mask is 0 wherever the mask is, rises without jumps, and loses no thin mask."""
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:50, 20:] = 1
    soft = soften(mask, 4)
    assert torch.all(soft[mask == 0] == 0)
    assert float(soft[0, 0, 35, 40]) == 1
    assert float(soft[0, 0, 35, 63]) == 1  # at the picture's own edge nothing is to be joined
    assert float((soft[..., 1:] - soft[..., :-1]).abs().max()) < 0.2
    thin = torch.zeros(1, 1, 64, 64)
    thin[..., 30:32, 10:50] = 1
    assert float(soften(thin, 8).sum()) >= float(thin.sum()) / 4


def test_the_mask_covers_every_latent_cell_it_touches(ask, region):
    """A mask is never lost between the cells of the latents."""
    mask = Image.new("L", (64, 64))
    mask.putpixel((13, 21), 255)
    mask.save(region["mask"])
    cells = np.array(open_scene(ask(**region)).mask_for(8))
    assert cells.shape == (64, 64)
    assert (cells[16:24, 8:16] == 255).all()
    assert int((cells > 0).sum()) == 64


def test_masks_that_cannot_be_used_are_sentences(ask, region):
    """A black mask and a lost one are told to the painter."""
    Image.new("L", (64, 64)).save(region["mask"])
    with pytest.raises(PaintError, match="black everywhere"):
        open_scene(ask(**region))
    with pytest.raises(PaintError, match="The mask cannot be read"):
        open_scene(ask(**region | {"mask": region["mask"] + ".gone"}))


# Seamless tiles and stopping early ---------------------------------------------------------------


def test_tiles_go_on_at_the_opposite_edge(model):
    """The tiled decoder sees a torus: what is rolled before is rolled after."""
    vae = model.twins.module("tile/vae")
    channels = vae.config.latent_channels
    latents = torch.randn(1, channels, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        decoded, rolled = (
            vae.decode(given, return_dict=False)[0]
            for given in (latents, latents.roll((3, 2), (2, 3)))
        )
    assert (decoded.roll((24, 16), (2, 3)) - rolled).abs().max() < 1e-4
    plain = model.text_to_image.vae
    with torch.inference_mode():
        ends = plain.decode(latents.roll((3, 2), (2, 3)), return_dict=False)[0]
    assert (ends - rolled).abs().max() > 1e-3


def test_a_whole_tile_is_seamless(model, ask):
    """Painted from rolled noise, a seamless tile is the same tile rolled."""
    request = ask(model=model.card.name, tile=True, pictures=1, guidance_scale=1.0)
    view = model.view(request)
    shape = 1, view.vae.config.latent_channels, 8, 8
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    embeds = {"prompt": "a fox", "guidance_scale": 1.0, "num_inference_steps": 3}
    options = embeds | {"output_type": "pt", "width": 64, "height": 64}
    with torch.inference_mode():
        one = model.view(request)(latents=noise.clone(), **options).images
        other = model.view(request)(latents=noise.roll((4, 4), (2, 3)), **options).images
    assert (one.roll((32, 32), (2, 3)) - other).abs().max() < 1e-4


def test_tiled_twins_weigh_nothing_and_change_nothing(model, ask):
    """A seamless job shares every weight, and plain jobs beside it paint as before."""
    name = model.card.name
    before = paint(model, ask(model=name, pictures=1), quietly)
    tiled = paint(model, ask(model=name, pictures=1, tile=True), quietly)
    assert (tiled - before).abs().max() > 1e-5
    assert torch.equal(paint(model, ask(model=name, pictures=1), quietly), before)
    for part, twin in model.twins.standing_in("tile/").items():
        own = getattr(model.text_to_image, part)
        places = [tensor.data_ptr() for tensor in own.state_dict().values()]
        assert [tensor.data_ptr() for tensor in twin.state_dict().values()] == places


@pytest.mark.filterwarnings("ignore:__array")
@pytest.mark.parametrize("sampler", ["", "euler a", "heun", "dpm++ 2m", "unipc", "lcm"])
@pytest.mark.parametrize("start", ["text", "picture", "mask"])
def test_stopping_early_runs_only_its_share(open_tiny, ask, region, sampler, start):
    """Stopped half-way, half the steps run, and the picture is the clean estimate, not noise."""
    more = {} if start == "text" else region | {"strength": 0.6}
    if start == "picture":
        more.pop("mask")
    fields = {"sampler": sampler, "num_inference_steps": 6, "pictures": 1, **more}
    steps, kept = [], []

    def keep(step, estimate):
        steps.append(step)
        kept.append(estimate())

    short = paint(open_tiny, ask(stop=0.5, **fields), keep)
    assert max(steps) == 3
    latents, vae, painted = kept[-1], open_tiny.text_to_image.vae, slice(None)
    with torch.inference_mode():
        if start == "mask":
            # Where the mask is black, the latents are those of the old picture, without noise.
            seed = torch.Generator().manual_seed(7)
            old = vae.encode(old_picture(region)[None] * 2 - 1).latent_dist.sample(seed)
            latents = torch.cat([old[..., :4] * vae.config.scaling_factor, latents[..., 4:]], 3)
            painted = slice(40, None)
        decoded = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
    decoded = (decoded / 2 + 0.5).clamp(0, 1)
    assert (short - decoded)[..., painted].abs().max() < 1e-5
    steps.clear()
    paint(open_tiny, ask(**fields), keep)
    assert max(steps) == 6


def test_what_is_stopped_early_costs_less(ask):
    """Stopping at half of the steps is half of the work."""
    from engine.request import cost

    assert cost(ask(num_inference_steps=10, stop=0.5)) == cost(ask(num_inference_steps=5))
    assert ask(num_inference_steps=1, stop=0.1).steps_to_run == 1
