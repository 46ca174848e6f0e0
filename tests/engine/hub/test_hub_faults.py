"""One job's cancel, mistake or hunger for memory never harms its neighbours."""

import numpy as np
import pytest

from engine.errors import StoppedError

SAME = 1e-5


@pytest.fixture
def fault(sd15):
    """Add a check of the rows that the U-Net's first layer is given: `fault(check)`."""
    hooks = []

    def add(check):
        hook = sd15.unet.conv_in.register_forward_pre_hook(lambda _module, args: check(args[0]))
        hooks.append(hook)

    yield add
    for hook in hooks:
        hook.remove()


@pytest.fixture
def jobs(sd15, job):
    """Four jobs of one or two pictures, with what they paint alone."""
    made = {key: job(sd15, key, 3 + key, pictures=1 + key % 2) for key in range(4)}
    return {key: (paint, paint()) for key, paint in made.items()}


def start_all(hub, jobs):
    """Start every job, in order."""
    for key, (paint, _) in jobs.items():
        hub.start(key, paint, steps=3 + key)


def finish(hub):
    """Turn until all have ended; the ends by job."""
    ended = {end.job_key: end for end in hub.turn()}
    while len(hub):
        ended |= {end.job_key: end for end in hub.turn()}
    return ended | {end.job_key: end for end in hub.turn()}


def assert_same(ended, jobs, but=()):
    """All jobs except some painted what they paint alone."""
    for key, (_, alone) in jobs.items():
        if key not in but:
            assert ended[key].error is None
            assert np.abs(ended[key].result - alone).max() <= SAME


def test_nothing_more_is_computed_for_a_cancelled_job(sd15, job, make_hub, jobs, fault):
    """Its rows are gone from the next forward; the others paint as alone."""
    given, steps = [], []

    def count(_pipeline, step, _timestep, tensors):
        steps.append(step)
        return tensors

    jobs[1] = job(sd15, 1, 4, pictures=2, callback_on_step_end=count), None
    fault(lambda sample: given.append(len(sample)))
    hub = make_hub(sd15)
    start_all(hub, jobs)
    while len(steps) < 2:
        hub.turn()
    hub.cancel(1)
    assert 1 not in hub
    ended = finish(hub)
    assert isinstance(ended[1].error, StoppedError)
    assert ended[1].result is None
    assert_same(ended, jobs, but=[1])
    rows = 2 * sum((3 + key) * (1 + key % 2) for key in jobs if key != 1)
    assert len(steps) == 2
    assert sum(given) == rows + 2 * 4


def test_a_job_may_cancel_another_or_itself(sd15, job, make_hub, jobs):
    """A cancel from inside a job is done when the cancelled one would go on."""
    hub = make_hub(sd15)
    steps = []

    def cancel_both(_pipeline, _step, _timestep, tensors):
        hub.cancel("victim")
        hub.cancel("inner")
        steps.clear()
        return tensors

    def count(_pipeline, step, _timestep, tensors):
        steps.append(step)
        return tensors

    hub.start("inner", job(sd15, 9, 5, callback_on_step_end=cancel_both), steps=5)
    hub.start("victim", job(sd15, 9, 6, callback_on_step_end=count), steps=6)
    start_all(hub, jobs)
    ended = finish(hub)
    assert isinstance(ended["victim"].error, StoppedError)
    assert isinstance(ended["inner"].error, StoppedError)
    assert not steps
    assert_same(ended, jobs)


def test_a_job_cannot_refuse_its_cancel(sd15, make_hub, jobs):
    """Code that catches everything and calls the model again still gets nothing computed."""
    hub = make_hub(sd15)

    def stubborn():
        for _ in range(3):
            try:
                jobs[0][0]()
            except StoppedError:
                continue
        return "never mind"

    hub.start("stubborn", stubborn)
    before = hub.forwards.total()
    hub.cancel("stubborn")
    (end,) = hub.turn()
    assert isinstance(end.error, StoppedError)
    assert hub.forwards.total() == before
    hub.cancel("unknown")


def test_closing_cancels_all_and_puts_the_models_back(sd15, make_hub, jobs):
    """After close nothing is inside, and nothing is routed."""
    hub = make_hub(sd15)
    start_all(hub, jobs)
    hub.turn()
    hub.close()
    assert len(hub) == 0
    assert {end.job_key for end in hub.turn()} == set(jobs)
    assert "forward" not in vars(sd15.unet)


def test_an_error_between_steps_ends_its_own_job(sd15, job, make_hub, jobs):
    """A pipeline that raises ends with that error; its neighbours paint as alone."""

    def fail(_pipeline, step, _timestep, tensors):
        if step == 1:
            raise RuntimeError("this job is broken")
        return tensors

    hub = make_hub(sd15)
    start_all(hub, jobs)
    hub.start("broken", job(sd15, 9, 5, callback_on_step_end=fail))
    ended = finish(hub)
    assert str(ended["broken"].error) == "this job is broken"
    assert_same(ended, jobs)


def test_an_error_in_a_shared_forward_ends_the_guilty_job_alone(sd15, job, make_hub, jobs, fault):
    """The calls of a failed forward are tried one by one."""
    poison = 1e6

    def refuse(sample):
        if (sample.abs() > poison / 10).any():
            raise ValueError("a poisoned row")

    def spoil(_pipeline, step, _timestep, tensors):
        return {"latents": tensors["latents"] * (poison if step == 1 else 1)}

    fault(refuse)
    hub = make_hub(sd15)
    start_all(hub, jobs)
    hub.start("guilty", job(sd15, 9, 5, callback_on_step_end=spoil))
    ended = finish(hub)
    assert str(ended["guilty"].error) == "a poisoned row"
    assert_same(ended, jobs)


@pytest.mark.parametrize("fits", [5, 3, 1])
def test_without_memory_for_all_rows_forwards_shrink(sd15, make_hub, jobs, fault, fits):
    """When only a few rows fit, all jobs still finish and paint as alone."""
    import torch

    tried = []

    def run_out(sample):
        tried.append(len(sample))
        if len(sample) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    fault(run_out)
    hub = make_hub(sd15)
    start_all(hub, jobs)
    assert_same(finish(hub), jobs)
    assert sum(rows > fits for rows in tried) <= 4


def test_a_job_that_never_fits_fails_alone(sd15, job, make_hub, jobs, fault):
    """One job of a size of which not even one row fits ends with the memory error."""
    import torch

    def run_out(sample):
        if sample.shape[-1] > 8:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    fault(run_out)
    hub = make_hub(sd15)
    start_all(hub, jobs)
    hub.start("huge", job(sd15, 9, 5, width=128))
    ended = finish(hub)
    assert isinstance(ended["huge"].error, torch.OutOfMemoryError)
    assert_same(ended, jobs)


def test_a_row_that_finds_no_memory_is_tried_again_without_others_weights(
    sd15, make_hub, jobs, fault
):
    """Before a job is too large alone, the weights of other modules leave the device."""
    import torch

    crowds = [True]

    def fail(sample):
        if crowds[0]:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    def leave_only(site_name, module):
        was_there, crowds[0] = crowds[0], False
        return was_there and module is sd15.unet and site_name == "model0/unet"

    fault(fail)
    hub = make_hub(sd15, leave_only=leave_only)
    start_all(hub, jobs)
    assert_same(finish(hub), jobs)
    assert not crowds[0]


def test_the_row_cap_comes_back_slowly():
    """After a failure the cap halves, grows by an eighth now and then, and is lifted at last."""
    from engine.memory import RECOVER_EVERY, RowCaps

    caps = RowCaps()
    assert caps.cap("unet") is None
    caps.halve("unet", 32)
    assert caps.cap("unet") == 16
    for _ in range(RECOVER_EVERY - 1):
        caps.recover("unet")
    assert caps.cap("unet") == 16
    caps.recover("unet")
    assert caps.cap("unet") == 18
    assert caps.cap("vae") is None
    for _ in range(20 * RECOVER_EVERY):
        caps.recover("unet")
    assert caps.cap("unet") is None
    caps.halve("unet", 1)
    assert caps.cap("unet") == 1


def test_a_lost_device_is_nobodys_fault(sd15, make_hub, jobs, fault):
    """When the device itself fails, the turn raises it: the process has to end."""
    import torch

    def lose(_sample):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    hub = make_hub(sd15)
    with pytest.raises(torch.AcceleratorError):
        hub.start("broken", lambda: lose(None))
    fault(lose)
    start_all(hub, jobs)
    with pytest.raises(torch.AcceleratorError):
        finish(hub)
    hub.close()


def test_torch_may_fail_inside_a_job(make_hub, sd15, jobs):
    """An error of torch's own in a job that was switched is an error, no segmentation fault.

    Torch looks at the C frames beneath whatever fails; the hub keeps it from looking too far.
    """
    import torch

    def fail():
        sd15.text_encoder(torch.zeros(1, 77, dtype=torch.long))
        return torch.zeros(2).cumsum("rows")

    def start(**options):
        hub.start("failing", fail, **options)

    hub = make_hub(sd15)
    start_all(hub, jobs)
    start(steps=2)
    ended = finish(hub)
    assert isinstance(ended["failing"].error, TypeError)
    assert_same(ended, jobs)


def test_memory_errors_are_told_by_type_or_by_words():
    """CUDA's type, MPS's and the CPU allocator's words count; other errors do not."""
    import torch

    from engine.memory import is_device_lost, is_out_of_memory

    assert is_out_of_memory(torch.OutOfMemoryError("any"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
    assert not is_device_lost(torch.AcceleratorError("CUDA error: out of memory"))
    assert not is_device_lost(RuntimeError("any"))
