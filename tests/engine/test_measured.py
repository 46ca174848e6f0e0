"""What each parameter does to the pictures of the embedded model, measured seed by seed.

A wish is painted with the parameter and without, in few steps where the model has a LoRA for that
and the parameter leaves it at that; a measure says whether the picture moved the way the
parameter's name says. `docs/parameters.md` has the table of 100 seeds.
"""

import functools
import tempfile
from pathlib import Path

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from engine import Engine, EngineOptions, Request
from engine.models import open_model
from engine.pipelines import paint
from engine.source import find_source
from engine.worker import encode_png

PROMPTS = (
    "a red apple on a beach",
    "a fox in the snow",
    "a rocket in space",
    "a castle under a night sky",
    "a blue whale underwater",
    "an owl in a forest",
    "a sunflower in a meadow",
    "a robot in the desert",
    "a pink car at sunset",
    "a green bus in a city",
)
FEW, MANY = 2, 25
"""Grids; each picture of a grid has a seed of its own."""
STEPS = 4
REFERENCE = 16
"""Steps after which a picture hardly changes any more."""
CARD = Engine(EngineOptions()).models()[0]
ORDINARY = {"few_steps": False, "sampler": "", "guidance_scale": 4.0, "num_inference_steps": STEPS}
"""What a parameter takes that few steps would not answer to; fewer of them, for they are many."""
FEW_STEPS = CARD.few_steps and {
    "few_steps": True,
    "sampler": CARD.few_steps.sampler,
    "guidance_scale": CARD.few_steps.guidance,
    "num_inference_steps": CARD.few_steps.steps,
}
CELL = CARD.width // 16
"""Pixels of what is seen from afar."""


@functools.cache
def model():
    """The embedded model, opened once."""
    torch.set_num_threads(1)
    return open_model(find_source(""), "cpu")


@functools.lru_cache(512)
def painted(grid, **fields):
    """The four pictures of one wish; each grid has a prompt and seeds of its own."""
    wish = {
        **(FEW_STEPS or ORDINARY),
        "prompt": PROMPTS[grid % len(PROMPTS)],
        "seed": 1000 * grid,
        "width": CARD.width,
        "height": CARD.height,
        "model": CARD.name,
    }
    return paint(model(), Request(**wish | fields), lambda *_: None)


def coarse(pictures):
    """What is seen from afar: places and colours."""
    return avg_pool2d(pictures, CELL).flatten(1)


def distance(some, others):
    """How different each picture is from its counterpart, from afar."""
    return (coarse(some) - coarse(others)).square().mean(1).sqrt()


def spread(pictures):
    """How different the pictures of a grid are from each other."""
    return torch.pdist(coarse(pictures)).mean(0, True)


def detail(pictures):
    """How much light changes from pixel to pixel."""
    grey = pictures.mean(1)
    return grey.diff(dim=1).abs().mean((1, 2)) + grey.diff(dim=2).abs().mean((1, 2))


def fine(pictures):
    """How much there is that pictures of half the size could not hold."""
    small = interpolate(pictures, scale_factor=0.5, mode="bicubic", antialias=True)
    again = interpolate(small, scale_factor=2, mode="bicubic")
    return (pictures - again).square().mean((1, 2, 3)).sqrt()


def seam(pictures):
    """How much light and colour jump from one edge to the opposite one."""
    across = (pictures[..., 0] - pictures[..., -1]).abs().mean((1, 2))
    return across + (pictures[..., 0, :] - pictures[..., -1, :]).abs().mean((1, 2))


@functools.cache
def usual(prompt):
    """The mean of eight pictures of a prompt: what one expects to see."""
    grids = [painted(prompt, seed=seed) for seed in (777_000, 777_004)]
    return torch.cat(grids).mean(0, keepdim=True)


def chaos(grid):
    """The four pictures differ more from each other."""
    return spread(painted(grid, chaos=100)), spread(painted(grid))


def weird(grid):
    """The picture is farther from what one expects of its prompt."""
    expected = usual(grid % len(PROMPTS))
    return distance(painted(grid, weird=1000), expected), distance(painted(grid), expected)


def stylize(grid):
    """There is more detail and contrast in the picture."""
    return detail(painted(grid, stylize=1000)), detail(painted(grid))


def raw(grid):
    """Without the usual house style there is less of it."""
    return detail(painted(grid, stylize=100)), detail(painted(grid))


def quality(grid):
    """Twice the steps come nearer to where no step changes anything any more."""
    once, twice, end = (
        painted(grid, **ORDINARY | {"num_inference_steps": steps})
        for steps in (STEPS, 2 * STEPS, REFERENCE)
    )
    return distance(once, end), distance(twice, end)


def draft(grid):
    """A draft is nearer to its prompt's full picture than to another prompt's."""
    side = CARD.width * 3 // 4
    sketch = painted(grid, width=side, height=side, num_inference_steps=2)
    sketch = interpolate(sketch, size=painted(grid).shape[2:], mode="bicubic")
    other = usual((grid + 1) % len(PROMPTS))
    return distance(sketch, other), distance(sketch, painted(grid))


def hd(grid):
    """There is detail that the picture at its usual size cannot hold."""
    size = {"width": 2 * CARD.width, "height": 2 * CARD.height}
    enlarged = interpolate(painted(grid), scale_factor=2, mode="bicubic").clamp(0, 1)
    return fine(painted(grid, hd=True, **size)), fine(enlarged)


def guidance(grid):
    """What the prompt says stands out more."""
    strong, weak = (painted(grid, **ORDINARY | {"guidance_scale": scale}) for scale in (8.0, 2.0))
    return detail(strong), detail(weak)


def no(grid):
    """Without its place, the picture is farther from what one expects of the whole prompt."""
    place = PROMPTS[grid % len(PROMPTS)].split()[-1]
    expected = usual(grid % len(PROMPTS))
    without = painted(grid, **ORDINARY, negative_prompt=place)
    return distance(without, expected), distance(painted(grid, **ORDINARY), expected)


def tile(grid):
    """Opposite edges meet."""
    return seam(painted(grid)), seam(painted(grid, tile=True))


def stop(grid):
    """The earlier it ends, the farther it is from the finished picture."""
    whole, half, most = (painted(grid, **ORDINARY, stop=stop) for stop in (1, 0.5, 0.75))
    return distance(half, whole), distance(most, whole)


@functools.cache
def start(grid):
    """The first picture of a grid, as a file to start from."""
    path = Path(tempfile.mkdtemp()) / "start.png"
    path.write_bytes(encode_png(painted(grid)[0]))
    return str(path)


def iw(grid):
    """The more an attached picture counts, the nearer the painting is to it."""
    attached = painted(grid + 1)[:1]
    little = painted(grid, image=start(grid + 1), strength=0.6**0.5)
    much = painted(grid, image=start(grid + 1), strength=0.6**2)
    return distance(little, attached), distance(much, attached)


def looked_at(grid):
    """The more a picture counts that is looked at, the nearer the painting is to it."""
    attached = painted(grid + 1)[:1]
    seen = painted(grid, references=((start(grid + 1), "image", 1.0),))
    return distance(painted(grid), attached), distance(seen, attached)


def sref(grid):
    """A style that is taken brings the colours of its picture."""
    style = painted(grid + 1)[:1]
    styled = painted(grid, references=((start(grid + 1), "style", 1.0),))
    return apart(painted(grid), style), apart(styled, style)


def apart(some, others):
    """How far the colours of pictures are from each other, wherever they are."""
    mean = (some.mean((2, 3)) - others.mean((2, 3))).square().sum(1)
    return (mean + (some.std((2, 3)) - others.std((2, 3))).square().sum(1)).sqrt()


def blend(grid):
    """A blend of two pictures is nearer to both than they are to each other."""
    one, other = painted(grid + 1)[:1], painted(grid + 2)[:1]
    images = start(grid + 1), start(grid + 2)
    mixed = painted(grid, prompt="", images=images, strength=0.6)
    farther = torch.maximum(distance(mixed, one), distance(mixed, other))
    return distance(one, other).expand_as(farther), farther


EFFECTS = (chaos, weird, stylize, raw, quality, draft, hd, guidance, no, tile, stop, iw, blend)
if "reference" in CARD.honours:
    EFFECTS += (looked_at, sref)


def moved(effect, grids):
    """The share of seeds on which the first number is larger, and the median of how much."""
    pairs = [torch.stack(effect(grid)) for grid in grids]
    first, second = torch.cat(pairs, 1)
    return float((first > second).float().mean()), float((first / second).median())


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.__name__)
def test_a_parameter_does_what_its_name_says(effect):
    """On a few seeds each parameter moves the picture the way its name says."""
    share, _ = moved(effect, range(FEW))
    assert share > 0.5, effect.__doc__


def wanted(effect):
    """An effect that should move ninety of a hundred; of one it is known that it does not yet."""
    reason = "82 of 100: a place that the words name keeps its colours"
    short = pytest.mark.xfail(reason=reason, strict=True)
    return pytest.param(effect, id=effect.__name__, marks=[short] if effect is sref else [])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("effect", [wanted(effect) for effect in EFFECTS])
def test_on_a_hundred_seeds(effect, record_property):
    """On at least 90 of 100 seeds each parameter moves the picture the way its name says."""
    grids = 4 * MANY if effect is chaos else MANY
    share, times = moved(effect, range(grids))
    record_property(effect.__name__, f"{share:.0%}, {times:.2f} times at the median")
    assert share >= 0.9, effect.__doc__
