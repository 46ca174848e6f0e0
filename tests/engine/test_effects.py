"""Chaos, weird, stylize, hd and blends: what they promise of any model, on tiny ones."""

import pytest
import torch

from engine import Request, cost
from engine.models import open_model
from engine.pipelines import paint

EFFECTS = (
    {"chaos": 60},
    {"weird": 800},
    {"stylize": 700},
    {"chaos": 30, "weird": 300, "stylize": 100},
    {"hd": True},
    {"hd": True, "chaos": 50},
)


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@pytest.fixture(scope="module", params=["sd15", "sdxl", "embedded"])
def model(request, family_source):
    """A model of each family, open."""
    return open_model(family_source(request.param), "cpu")


@pytest.mark.parametrize("effects", EFFECTS, ids=lambda effects: " ".join(effects))
def test_a_tile_with_effects_is_the_same_alone_and_again(model, ask, effects):
    """Tile k of a grid is the single picture of seed + k, and the same wish paints the same."""
    wish = {"model": model.card.name, "negative_prompt": "mud", **effects}
    grid = paint(model, ask(**wish), quietly)
    alone = paint(model, ask(**wish, pictures=1, seed=9), quietly)
    assert (grid[2] - alone[0]).abs().max() < 1e-5
    again = paint(model, ask(**wish), quietly)
    assert (grid - again).abs().max() < 1e-5
    plain = paint(model, ask(model=model.card.name, negative_prompt="mud"), quietly)
    assert plain.shape != grid.shape or (grid - plain).abs().max() > 1e-3


def test_effects_work_without_guidance_and_with_long_prompts(model, ask):
    """Guidance 1 and a prompt beyond the encoder's context take chaos, weird and stylize, too."""
    wish = {"model": model.card.name, "chaos": 40, "weird": 400, "stylize": 400, "pictures": 2}
    for more in ({"guidance_scale": 1.0}, {"prompt": "a red fox and " * 40}):
        grid = paint(model, ask(**wish, **more), quietly)
        assert torch.isfinite(grid).all()
        assert (grid[0] - grid[1]).abs().mean() > 1e-4


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm++ 2m", "ddim", "lcm", "unipc"])
def test_stylize_goes_with_every_kind_of_sampler(open_tiny, ask, sampler):
    """By every sampler the house style changes the picture and leaves no noise in it."""
    plain = paint(open_tiny, ask(sampler=sampler, pictures=1), quietly)
    rich = paint(open_tiny, ask(sampler=sampler, pictures=1, stylize=1000), quietly)
    assert torch.isfinite(rich).all()
    assert 1e-4 < (rich - plain).abs().mean() < 0.3


@pytest.mark.parametrize("more", [{"stop": 0.5}, {"tile": True}, {"image": True}])
def test_effects_go_with_other_wishes(open_tiny, ask, picture, more):
    """Effects go together with stopping early, seamless tiles, and a picture to start from."""
    if "image" in more:
        more = {"image": str(picture), "strength": 0.6}
    grid = paint(open_tiny, ask(chaos=50, weird=500, stylize=500, hd=True, **more), quietly)
    assert grid.shape == (4, 3, 64, 64)
    assert torch.isfinite(grid).all()


def test_hd_counts_its_steps(open_tiny, ask):
    """An hd job says as many steps as it takes, in both sizes, and costs what it works."""
    told = []
    request = ask(hd=True, num_inference_steps=4, pictures=1)
    paint(open_tiny, request, lambda step, _: told.append(step))
    assert told == [1, 2, 3, 4, 5, 6]
    assert request.hd_steps == 2
    assert cost(request) == pytest.approx((4 / 4 + 2) * 64 * 64 / 1e6)


def test_a_blend_has_something_of_each_picture(open_tiny, ask, tmp_path):
    """Every picture of a blend counts, and it does not matter which stands first."""
    from PIL import Image

    paths = []
    for name, colour in (("dark", "#202020"), ("light", "#e0e0e0")):
        Image.new("RGB", (80, 64), colour).save(tmp_path / f"{name}.png")
        paths.append(str(tmp_path / f"{name}.png"))
    dark, light = paths

    def blend(*images):
        wish = {"prompt": "", "strength": 0.5, "pictures": 1}
        return paint(open_tiny, ask(images=images, **wish), quietly)

    mixed = blend(dark, light)
    assert (mixed - blend(light, dark)).abs().max() < 1e-5
    assert (mixed - blend(dark, dark)).abs().max() > 1e-3
    assert (mixed - blend(light, light)).abs().max() > 1e-3
    assert (mixed - blend(dark, dark, light)).abs().max() > 1e-3


def test_requests_with_effects_go_to_json_and_back(ask):
    """Effects survive JSON, and JSON from before them reads as none."""
    request = ask(chaos=5, stylize=100, weird=7, hd=True)
    assert Request.from_json(request.to_json()) == request
    blend = ask(images=("a.png", "b.png"), strength=0.7, prompt="")
    assert Request.from_json(blend.to_json()) == blend
    old = '{"prompt":"a","seed":1,"num_inference_steps":2,"guidance_scale":1.0,"width":64,'
    read = Request.from_json(old + '"height":64,"model":"tiny"}')
    assert (read.chaos, read.stylize, read.weird, read.hd, read.images) == (0, 0, 0, False, ())


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"chaos": 101}, "chaos must be 0 to 100"),
        ({"stylize": -1}, "stylize must be 0 to 1000"),
        ({"weird": 3001}, "weird must be 0 to 3000"),
        ({"hd": True, "width": 72}, "multiples of 16"),
        ({"images": ("a",), "strength": 0.5}, "2 to 5"),
        ({"images": ("a", "b")}, "belong together"),
    ],
)
def test_effects_out_of_range_are_sentences(ask, fields, says):
    """A value beyond its range is refused when the request is made."""
    with pytest.raises(ValueError, match=says):
        ask(**fields)
