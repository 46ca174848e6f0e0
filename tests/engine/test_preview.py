"""Previews: what half-painted latents look like."""

import diffusers
import pytest
import torch

from engine.models import make_untrained
from engine.pipelines import paint
from engine.preview import Previewer, encode_preview

ESTIMATING = [
    "EulerDiscrete",
    "EulerAncestralDiscrete",
    "HeunDiscrete",
    "DDIM",
    "DDPM",
    "DPMSolverMultistep",
    "UniPCMultistep",
    "LCM",
    "PNDM",
    "TCD",
]


@pytest.mark.filterwarnings("ignore:__array")  # of several schedulers
@pytest.mark.parametrize("name", ESTIMATING)
def test_the_last_estimate_is_near_the_picture(open_tiny, ask, name):
    """What a scheduler's clean estimate shows in the end is where its latents end."""
    kind = getattr(diffusers, f"{name}Scheduler")
    pipeline = open_tiny.text_to_image
    before, estimates = pipeline.scheduler, []
    pipeline.scheduler = kind.from_config(before.config)
    finals = []

    def keep(_, estimate):
        estimates.append(estimate())

    hook = pipeline.vae.post_quant_conv.register_forward_hook(
        lambda _, given, out: finals.append(given[0] * pipeline.vae.config.scaling_factor)
    )
    try:
        paint(open_tiny, ask(num_inference_steps=10, pictures=1), keep)
    finally:
        pipeline.scheduler = before
        hook.remove()
    first, last = (
        (estimate - finals[0]).abs().mean() for estimate in (estimates[0], estimates[-1])
    )
    assert last <= first
    assert last < 0.35 * finals[0].abs().mean()


def test_a_tiny_autoencoder_shows_the_latents_itself():
    """With AutoencoderTiny a preview is the decoded picture."""
    vae = make_untrained(None).vae
    latents = torch.randn((4, 8, 16, 16), generator=torch.Generator().manual_seed(0))
    shown = Previewer(vae).show(latents)
    assert (shown.shape, shown.dtype) == ((4, 3, 128, 128), torch.uint8)
    with torch.inference_mode():
        decoded = vae.decode(latents).sample / 2 + 0.5
    assert (shown.float() / 255 - decoded.clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6


def test_a_fitted_matrix_shows_what_latents_mean(open_tiny):
    """The matrix of an AutoencoderKL is fitted, and shows one pixel per latent pixel."""
    previewer = Previewer(open_tiny.text_to_image.vae)
    assert previewer.matrix.shape == (5, 3)
    assert previewer.show(torch.randn(2, 4, 8, 8)).shape == (2, 3, 8, 8)


@pytest.mark.parametrize(
    "latents",
    [None, torch.zeros(1, 16, 64), torch.zeros(1, 16, 8, 8), torch.full((1, 4, 8, 8), torch.nan)],
    ids=["none", "packed", "other channels", "nan"],
)
def test_what_cannot_be_shown_is_no_preview(open_tiny, latents):
    """Latents of unknown meaning give no preview rather than an error."""
    assert Previewer(open_tiny.text_to_image.vae).show(latents) is None


def test_a_preview_is_a_small_grid():
    """One to four pictures become a JPEG of at most 256 pixels a side, in their shape."""
    from io import BytesIO

    from PIL import Image

    for count, size in ((1, (256, 128)), (2, (256, 64)), (3, (256, 128)), (4, (256, 128))):
        pictures = torch.zeros((count, 3, 320, 640), dtype=torch.uint8)
        with Image.open(BytesIO(encode_preview(pictures))) as shown:
            assert (shown.format, shown.size) == ("JPEG", size)
