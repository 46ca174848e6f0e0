"""What the hub costs and saves; `pytest -m slow tests/engine/hub/test_hub_overhead.py` says it.

Times are CPU time of this thread, so that a busy machine changes them little.
"""

import functools
import sys
import time

import pytest

STEPS = 60
ROUNDS = 5

pytestmark = pytest.mark.slow


@pytest.fixture
def say(capsys):
    """Print through pytest."""

    def write(text):
        with capsys.disabled():
            sys.stdout.write(f"\n{text}\n")

    return write


@pytest.mark.parametrize("number", [1, 8, 64])
def test_the_hub_costs_little_beside_a_step(sd15, job, make_hub, paint_together, say, number):
    """With the U-Net stubbed out, a job-step through the hub costs at most 60 µs more."""
    import torch

    empty = torch.zeros(2 * number, 4, 8, 8)
    jobs = {
        key: job(sd15, key, STEPS, guidance_scale=5.0, output_type="latent")
        for key in range(number)
    }

    @functools.wraps(sd15.unet.forward)  # the hub goes by the names of the arguments
    def stub(sample, *_args, **_kwargs):
        return (empty[: len(sample)],)

    sd15.unet.forward = stub
    try:
        plain, hub = [], []
        for _ in range(ROUNDS if number < 64 else 2):
            plain.append(measure(lambda: [paint() for paint in jobs.values()]))
            routed = make_hub(sd15, clock=time.perf_counter)
            hub.append(measure(lambda: paint_together(routed, jobs)))  # noqa: B023
            routed.close()
    finally:
        del sd15.unet.forward
    alone, together = (min(seconds) / (STEPS * number) * 1e6 for seconds in (plain, hub))
    say(f"{number} jobs, µs per job-step: plain {alone:.0f}, through the hub {together:.0f}")
    assert together - alone <= 60


@pytest.mark.parametrize(("number", "pictures", "least"), [(16, 1, 1.4), (8, 4, 0.9)])
def test_small_jobs_are_faster_together(
    sd15, job, make_hub, paint_together, differ, say, number, pictures, least
):
    """A burst of small jobs takes less time than one after the other; of grids, no more."""
    jobs = {key: job(sd15, key, 4 + key % 5, pictures=pictures) for key in range(number)}
    plain, hub = [], []
    for _ in range(3):
        plain.append(measure(lambda: [paint() for paint in jobs.values()]))
        routed = make_hub(sd15, clock=time.perf_counter)
        hub.append(measure(lambda: paint_together(routed, jobs)))  # noqa: B023
        largest = differ(jobs, paint_together(routed, jobs))
        routed.close()
    gain = min(plain) / min(hub)
    say(f"{number} jobs of {pictures}: {gain:.2f} times as fast; largest difference {largest:.1e}")
    assert gain >= least


def measure(paint):
    """CPU seconds of this thread."""
    began = time.thread_time()
    paint()
    return time.thread_time() - began
