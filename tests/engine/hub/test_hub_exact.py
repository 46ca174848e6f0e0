"""Exact mode: the same bits, whoever paints beside."""

import pytest


@pytest.fixture
def jobs(sd15, job):
    """Six jobs of one to four pictures: some need a part of a forward, some more than one."""
    return {
        key: job(sd15, key, 2 + key % 3, pictures=(1, 4, 2)[key % 3], guidance_scale=4.0 + key)
        for key in range(6)
    }


def test_neighbours_change_no_bit(sd15, jobs, make_hub, paint_together):
    """Alone, together and joining in another order: bit for bit the same pictures."""
    hub = make_hub(sd15, exact=True, exact_rows=6)
    alone = {key: paint_together(hub, {key: paint})[key].result for key, paint in jobs.items()}
    lonely = hub.forwards["model0/unet"]
    together = paint_together(hub, jobs)
    shared = hub.forwards["model0/unet"] - lonely
    backwards = paint_together(hub, dict(reversed(jobs.items())), join_every=1)
    for key, picture in alone.items():
        assert (together[key].result == picture).all()
        assert (backwards[key].result == picture).all()
    assert shared < lonely


def test_every_forward_has_the_same_rows(sd15, jobs, make_hub, paint_together):
    """Forwards are filled up or cut to one size."""
    given = set()
    hook = sd15.unet.conv_in.register_forward_pre_hook(lambda _, args: given.add(len(args[0])))
    try:
        paint_together(make_hub(sd15, exact=True, exact_rows=6), jobs)
    finally:
        hook.remove()
    assert given == {6}


def test_exact_pictures_are_those_of_the_plain_pipeline(sd15, jobs, make_hub, paint_together):
    """Exact mode repeats itself bit for bit, and the plain pipeline nearly so."""
    ended = paint_together(make_hub(sd15, exact=True), jobs)
    for key, paint in jobs.items():
        assert abs(ended[key].result - paint()).max() <= 1e-5


def test_without_memory_for_the_exact_rows_a_job_fails_alone(
    sd15, job, jobs, make_hub, paint_together
):
    """Exact forwards never shrink: a job of a size that does not fit ends with the memory error."""
    import torch

    def run_out(_module, args):
        if args[0].shape[-1] > 8:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = sd15.unet.conv_in.register_forward_pre_hook(run_out)
    try:
        wide = {key: job(sd15, 9, 2, width=128) for key in ("wide", "as wide")}
        ended = paint_together(make_hub(sd15, exact=True), jobs | wide)
    finally:
        hook.remove()
    failed = {key for key, end in ended.items() if isinstance(end.error, torch.OutOfMemoryError)}
    assert failed == set(wide)
    assert all(ended[key].error is None for key in jobs)
