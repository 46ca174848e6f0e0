"""A variation starts from the latents its picture was decoded from, if they are still there."""

import pytest
import torch
from PIL import Image

from engine.facade import JobVae
from engine.latents import LatentCache
from engine.models import open_model
from engine.pipelines import paint
from engine.worker import encode_png


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@pytest.fixture(scope="module", params=["sd15", "sdxl", "embedded"])
def model(request, family_source):
    """A model of each family, opened anew."""
    return open_model(family_source(request.param), "cpu")


@pytest.fixture
def encodings(model):
    """The calls of the VAE's encoder during a test."""
    calls = []
    encoder = model.text_to_image.vae.encoder
    hook = encoder.register_forward_hook(lambda *_: calls.append(1))
    yield calls
    hook.remove()


def test_a_variation_of_a_painted_tile_needs_no_encoding(model, ask, tmp_path, encodings):
    """A stored tile is known again by its pixels, and its own latents start the variation."""
    fields = {"model": model.card.name, "seed": 40}
    tiles = paint(model, ask(**fields), quietly)
    path = tmp_path / "2.png"
    path.write_bytes(encode_png(tiles[2]))
    vary = ask(image=str(path), strength=0.001, guidance_scale=1, pictures=2, **fields)
    varied = paint(model, vary, quietly)
    assert not encodings
    # Nearly no noise is added, so that the variations are the picture itself.
    assert (varied[0] - tiles[2].clamp(0, 1)).abs().mean() < 0.1
    with Image.open(path) as picture:
        picture.putpixel((3, 3), tuple(255 - value for value in picture.getpixel((3, 3))))
        picture.save(path)
    paint(model, vary, quietly)
    assert len(encodings) == 1


def test_known_latents_leave_the_seeds_noise_alone(model):
    """Whether latents are known or encoded, the same numbers of the seed are used up."""
    states = []
    for start in (None, torch.zeros(1, model.text_to_image.vae.config.latent_channels, 8, 8)):
        vae, generator = JobVae(model.text_to_image.vae), torch.Generator().manual_seed(1)
        vae.start = start
        with torch.inference_mode():
            encoded = vae.encode(torch.zeros(1, 3, 64, 64))
        if hasattr(encoded, "latent_dist"):
            encoded.latent_dist.sample(generator)
        states.append(generator.get_state())
    assert torch.equal(*states)


def test_only_the_latest_latents_are_kept():
    """The cache has an end, and the same pixels in another shape are another picture."""
    cache, pictures = LatentCache(2), torch.rand(3, 3, 8, 16)
    cache.remember(pictures, torch.arange(3.0).reshape(3, 1, 1, 1))

    def find(number, size=(16, 8)):
        pixels = (pictures[number] * 255).round().byte().movedim(0, -1).contiguous().numpy()
        return cache.find(Image.frombytes("RGB", size, pixels.tobytes()))

    assert find(0) is None
    assert float(find(2)) == 2
    assert find(2, (8, 16)) is None
    cache.remember(pictures, None)
    assert float(find(1)) == 1
