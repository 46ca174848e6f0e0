"""The hub on a CUDA device: times by its own events, and the same promises."""

import pytest
import torch

pytestmark = pytest.mark.gpu


@pytest.fixture
def on_card(sd15, monkeypatch):
    """The tiny pipeline on the card, computing in full precision; back on the CPU afterwards."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    yield sd15.to("cuda")
    sd15.to("cpu")


@pytest.fixture
def jobs(on_card, job):
    """Six jobs of one or four pictures."""
    return {key: job(on_card, key, 3 + key, pictures=1 + 3 * (key % 2)) for key in range(6)}


def test_jobs_on_a_card_paint_as_alone(on_card, jobs, make_hub, paint_together, differ):
    """Company changes pictures on a card by less than a step of eight bits."""
    hub = make_hub(on_card, device="cuda")
    assert differ(jobs, paint_together(hub, jobs, join_every=1)) <= 1e-3
    assert 0 < hub.forwards["model0/unet"] < sum(3 + key for key in jobs)


def test_forwards_on_a_card_are_timed(on_card, jobs, make_hub, paint_together):
    """What a row costs becomes known without waiting for each forward."""
    hub = make_hub(on_card, device="cuda")
    paint_together(hub, jobs)
    kind = "model0/unet", torch.float32, torch.Size((4, 8, 8))
    assert 0 < hub.knee.seconds_per_row(kind) < 1


def test_neighbours_change_no_bit_on_a_card(on_card, jobs, make_hub, paint_together):
    """Exact mode holds on the card, too."""
    hub = make_hub(on_card, device="cuda", exact=True)
    alone = {key: paint_together(hub, {key: paint})[key].result for key, paint in jobs.items()}
    together = paint_together(hub, jobs)
    assert all((together[key].result == picture).all() for key, picture in alone.items())


def test_a_full_card_shrinks_its_forwards(on_card, job, make_hub, paint_together):
    """With memory truly short, forwards are halved until they fit, and all jobs finish."""
    jobs = {key: job(on_card, key, 2, pictures=4, width=512, height=512) for key in range(4)}
    jobs[0]()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(1.2 * torch.cuda.max_memory_allocated() / total)
    try:
        ended = paint_together(make_hub(on_card, device="cuda"), jobs)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert not any(end.error for end in ended.values())
