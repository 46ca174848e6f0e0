"""Real sizes on cards with little memory; the weights are random, which changes no size."""

import gc

import pytest
import torch

from engine.library import PART

pytestmark = pytest.mark.gpu

CONTEXT = 0.5e9
"""What CUDA itself keeps of a card."""
CARDS = (("sd15", 4e9, False), ("sdxl", 12e9, False), ("sdxl", 8e9, True))
"""A preset, the card's bytes, and whether its weights have to come in turns."""


@pytest.fixture
def shrink_card():
    """Make the card small: `shrink_card(8e9)` leaves what one of 8 GB would."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")

    def shrink(size):
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction((size - CONTEXT) / total)

    yield shrink
    gc.collect()
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.mark.parametrize(("name", "size", "is_offloaded"), CARDS)
def test_a_grid_fits_on_a_small_card(shrink_card, name, size, is_offloaded):
    """Two steps and the decoding of four pictures, in the model's own size, fit."""
    from engine.bench.load import Kind, Task, ask
    from engine.bench.presets import PRESETS, open_preset
    from engine.bench.servers import Clock, Easel

    preset, device = PRESETS[name], torch.device("cuda")
    model = open_preset(preset, device, most_bytes=PART * size)
    assert (model.offload is not None) is is_offloaded
    shrink_card(size)
    easel = Easel(model, Clock(device))
    task = Task(0, "grid", ask(preset, Kind("grid", 1, {"num_inference_steps": 2}), 0), "", 0.0)
    easel.submit(task)
    try:
        while easel.is_busy:
            easel.work()
    finally:
        easel.close()
    assert task.pictures.shape == (4, 3, preset.side, preset.side)
