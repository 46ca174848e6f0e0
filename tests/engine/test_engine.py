"""The engine's promises to the bot: events, order, cancelling, failing, stopping."""

import asyncio
import json
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import Cancelled, Failed, Painted, Preview, Progress

ROOT = Path(__file__).parents[2]


def differ(one, other):
    """The largest difference between the pixels of two grids, of 255."""
    pairs = zip(one.pictures, other.pictures, strict=True)
    return max(abs(decode(a) - decode(b)).max() for a, b in pairs)


def decode(png):
    """A picture as numbers."""
    return np.asarray(Image.open(BytesIO(png)), dtype=int)


async def ready(engine):
    """Wait until the model is open and return it."""
    while engine.stats().loading:
        await asyncio.sleep(0.01)
    return engine._worker.model if engine._worker else None


async def test_a_job_tells_its_steps_and_ends_once(make_engine, paint_all, ask):
    """Events are the steps in order, then one Painted with a PNG and a seed per tile."""
    engine = await make_engine()
    *way, end = await paint_all(engine, 1, ask(seed=2**32 - 2))
    assert [event for event in way if isinstance(event, Progress)] == [
        Progress(step, 4) for step in range(5)
    ]
    assert isinstance(end, Painted)
    assert end.seeds == (2**32 - 2, 2**32 - 1, 0, 1)
    for png in end.pictures:
        with Image.open(BytesIO(png)) as tile:
            assert (tile.format, tile.size) == ("PNG", (64, 64))
    assert end.seconds > 0
    assert engine.stats().seconds_per_cost > 0


async def test_one_seed_is_one_picture(make_engine, paint_all, ask):
    """The same request gives the same bytes in every engine; another seed gives others."""
    first = await make_engine()
    *_, one = await paint_all(first, 1, ask())
    *_, again = await paint_all(first, 2, ask())
    await first.close()
    second = await make_engine()
    *_, elsewhere = await paint_all(second, 1, ask())
    *_, other = await paint_all(second, 2, ask(seed=8))
    assert one.pictures == again.pictures == elsewhere.pictures
    assert not set(one.pictures[:1]) & set(other.pictures[:1])
    assert len(set(one.pictures)) == 4


async def test_previews_are_small_and_before_the_end(make_engine, paint_all, ask):
    """A slow job shows small JPEGs on its way, a quick one shows none."""
    engine = await make_engine(preview_interval_s=0)
    *way, end = await paint_all(engine, 1, ask(num_inference_steps=12))
    previews = [event.image for event in way if isinstance(event, Preview)]
    assert isinstance(end, Painted)
    assert 1 <= len(previews) < 12
    with Image.open(BytesIO(previews[-1])) as shown:
        assert (shown.format, max(shown.size)) == ("JPEG", 256)
    seldom = await make_engine()
    assert not [e for e in await paint_all(seldom, 1, ask()) if isinstance(e, Preview)]


async def test_a_cancelled_job_stops_within_one_step(make_engine, paint_all, ask):
    """After a cancel not one more forward of the U-Net runs, and nothing is decoded."""
    engine = await make_engine()
    model = await ready(engine)
    calls, decoded = [], []

    def cancel_in_the_third(*_):
        calls.append(1)
        if len(calls) == 3:
            engine.cancel(1)
            engine.cancel(1)

    # The U-Net's own hooks run in each job; this layer is only there in the forwards.
    model.text_to_image.unet.conv_in.register_forward_hook(cancel_in_the_third)
    model.text_to_image.vae.decoder.register_forward_hook(lambda *_: decoded.append(1))
    events = await paint_all(engine, 1, ask(num_inference_steps=20))
    assert events[-1] == Cancelled()
    assert (len(calls), decoded) == (3, [])
    engine.cancel(1)
    engine.cancel(999)
    assert isinstance((await paint_all(engine, 2, ask()))[-1], Painted)


async def test_a_waiting_job_is_cancelled_at_once(make_engine, paint_all, ask):
    """A job that has not begun ends while its neighbour paints on, and is never painted."""
    engine = await make_engine()
    running = asyncio.create_task(paint_all(engine, 1, ask(num_inference_steps=40)))
    waiting = asyncio.create_task(paint_all(engine, 2, ask()))
    await asyncio.sleep(0)
    engine.cancel(2)
    assert await waiting == [Cancelled()]
    assert not running.done()
    assert isinstance((await running)[-1], Painted)


async def test_whoever_stops_listening_cancels(make_engine, paint_all, ask):
    """Closing the events of a job stops it; the engine paints on for others."""
    engine = await make_engine()
    model = await ready(engine)
    calls = []
    model.text_to_image.unet.conv_in.register_forward_hook(lambda *_: calls.append(1))
    events = engine.submit(1, ask(num_inference_steps=60))
    async for event in events:
        if event == Progress(1, 60):
            break
    await events.aclose()
    assert isinstance((await paint_all(engine, 2, ask()))[-1], Painted)
    assert len(calls) < 60
    assert (engine.stats().running, engine.stats().waiting) == (0, 0)


async def test_a_failing_job_harms_no_neighbour(make_engine, paint_all, ask):
    """One job fails with a sentence; those painted beside it are the same as ever."""
    engine = await make_engine()
    model = await ready(engine)
    *_, alone = await paint_all(engine, 1, ask())
    forwards = []

    def fail_in_one_job(*_):
        forwards.append(1)
        if len(forwards) == 6:
            raise ValueError("nothing but trouble")

    hook = model.text_to_image.unet.register_forward_hook(fail_in_one_job)
    jobs = [paint_all(engine, job, ask()) for job in (2, 3, 4)]
    ends = [events[-1] for events in await asyncio.gather(*jobs)]
    hook.remove()
    failed = [end for end in ends if isinstance(end, Failed)]
    assert failed == [Failed("This could not be painted (ValueError: nothing but trouble).")]
    for end in ends:
        if isinstance(end, Painted):
            assert differ(end, alone) <= 1


async def test_running_out_of_memory_says_what_fits(make_engine, paint_all, ask):
    """A job that does not fit names a size that does."""
    import torch

    engine = await make_engine()
    model = await ready(engine)

    def grow(_, given, __):
        if given[0].shape[-1] > 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    model.text_to_image.unet.register_forward_hook(grow)
    *_, unknown = await paint_all(engine, 1, ask(width=128, height=256))
    assert "128x256 do not fit" in unknown.sentence
    assert unknown.sentence.endswith("64x128 may.")
    await paint_all(engine, 2, ask())
    *_, known = await paint_all(engine, 3, ask(width=128, height=256))
    assert known.sentence.endswith("64x64 does.")


async def test_an_unknown_model_and_a_lost_picture_are_sentences(make_engine, paint_all, ask):
    """What cannot be painted at all is said in words for the painter."""
    engine = await make_engine()
    *_, unknown = await paint_all(engine, 1, ask(model="gone"))
    assert unknown == Failed("There is no model gone here; this is painted with tiny.")
    *_, lost = await paint_all(engine, 2, ask(image="/nowhere.png", strength=0.5))
    assert lost == Failed("The picture to start from cannot be read any more.")


async def test_jobs_are_taken_while_the_model_loads(make_engine, paint_all, ask):
    """A job given before the model is open waits for it and is painted; the engine says so."""
    engine = await make_engine()
    events = paint_all(engine, 1, ask())
    assert engine.stats().loading == "loading tiny"
    assert isinstance((await events)[-1], Painted)
    assert engine.stats().loading is None


async def test_jobs_share_forwards_and_the_short_end_first(make_engine, paint_all, ask):
    """Jobs of different painters, steps and kinds are painted together: fewer forwards than
    steps, the same pictures as alone, and nobody waits for a long job."""
    engine = await make_engine()
    model = await ready(engine)
    requests = {
        job: ask(seed=job, num_inference_steps=30 if job == 0 else 2 + job % 3, pictures=1)
        for job in range(6)
    }
    alone = {job: (await paint_all(engine, job, ask))[-1] for job, ask in requests.items()}
    forwards, done = [], {}
    model.text_to_image.unet.conv_in.register_forward_hook(lambda *_: forwards.append(1))

    async def follow(job):
        done[job] = (await paint_all(engine, job, requests[job]))[-1]

    tasks = [asyncio.create_task(follow(job)) for job in requests]
    await asyncio.sleep(0)
    stats = engine.stats()
    assert stats.running + stats.waiting == 6
    assert stats.room == 32
    await asyncio.gather(*tasks)
    assert list(done)[-1] == 0
    assert len(forwards) < sum(request.num_inference_steps for request in requests.values())
    assert all(differ(end, alone[job]) <= 1 for job, end in done.items())


async def test_lanes_and_shares_order_the_work(make_engine, paint_all, ask):
    """Relax waits for fast; who submits much waits for who submits little; names are checked.

    How long relax waits, and how much it gets meanwhile, is told in simulated time: `test_policy`.
    """
    engine = await make_engine()
    await ready(engine)
    done = []

    async def follow(job, **options):
        async for _ in engine.submit(job, ask(num_inference_steps=12), **options):
            pass
        done.append(job)

    jobs = [follow(0, lane="relax")]
    jobs += [follow(job, share="greedy") for job in range(1, 6)]  # no crowd: those ride together
    jobs += [follow(20, share="modest")]
    await asyncio.gather(*jobs)
    assert done.index(20) < 4
    assert done.index(0) > done.index(20)
    with pytest.raises(KeyError):
        engine.submit(1, ask(), lane="express")


async def test_exact_is_bit_for_bit(make_engine, paint_all, ask):
    """With `exact`, company changes no byte of a picture."""
    engine = await make_engine(exact=True)
    jobs = {job: ask(seed=job, num_inference_steps=3 + job % 3) for job in range(4)}
    alone = [(await paint_all(engine, job, ask))[-1].pictures for job, ask in jobs.items()]
    together = await asyncio.gather(*(paint_all(engine, job, ask) for job, ask in jobs.items()))
    assert [events[-1].pictures for events in together] == alone


async def test_time_is_learned_without_the_waiting(make_engine, paint_all, ask):
    """What a unit of work costs is the device's time: jobs that paint together do not seem slow."""
    engine = await make_engine()
    request = ask(num_inference_steps=20)
    await paint_all(engine, 1, request)
    await paint_all(engine, 2, request)
    alone = engine.stats().seconds_per_cost
    await asyncio.gather(*(paint_all(engine, job, request) for job in range(8)))
    assert engine.stats().seconds_per_cost < 3 * alone


async def test_draining_finishes_then_cancels(make_engine, paint_all, ask):
    """Draining waits for what is inside, cancels the rest, and takes nothing new."""
    patient = await make_engine()
    job = asyncio.create_task(paint_all(patient, 1, ask()))
    await asyncio.sleep(0)
    await patient.drain(30)
    assert isinstance((await job)[-1], Painted)
    (refused,) = await paint_all(patient, 2, ask())
    assert refused.retry
    hasty = await make_engine()
    jobs = [
        asyncio.create_task(paint_all(hasty, job, ask(num_inference_steps=100))) for job in (1, 2)
    ]
    await asyncio.sleep(0)
    await hasty.drain(0)
    assert [events[-1] for events in await asyncio.gather(*jobs)] == [Cancelled(), Cancelled()]


async def test_closing_while_the_model_loads_is_quick(make_engine, paint_all, ask):
    """Stopping never waits for a model to load."""
    engine = await make_engine(model="")
    job = asyncio.create_task(paint_all(engine, 1, ask(model="embedded")))
    await asyncio.sleep(0)
    started = time.monotonic()
    await engine.close()
    assert time.monotonic() - started < 5
    assert await job == [Cancelled()]


async def look_at_lag(is_over):
    """The p99 of how late the loop is, over 200 looks and until it is over."""
    lags = []
    while len(lags) < 200 or not is_over():
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - before - 0.005)
    return sorted(lags)[int(len(lags) * 0.99)]


async def test_the_loop_never_waits_for_the_engine(make_engine, paint_all, ask):
    """While the engine paints, encodes and previews, the loop's lag stays under 100 ms (p99)."""
    engine = await make_engine(model="", preview_interval_s=0.2)
    await ready(engine)
    request = ask(model="embedded", width=128, height=128, num_inference_steps=6)
    jobs = asyncio.gather(*(paint_all(engine, job, request) for job in range(2)))
    busy = await look_at_lag(jobs.done)
    assert all(isinstance(events[-1], Painted) for events in await jobs)
    assert busy < 0.1, f"lag p99 {busy * 1000:.0f} ms"


def run_python(code, **environment):
    """Run code in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1", **environment},
        timeout=55,
    )


PAINT_ONE = """
import asyncio
from engine import *
async def main():
    engine = Engine(EngineOptions(model={model!r}, device="cpu", threads=1))
    await engine.start()
    while engine.stats().loading:
        await asyncio.sleep(0.02)
    {before}
    request = Request(prompt="a fox " * 90, seed=1, num_inference_steps=2, guidance_scale=5.0,
                      width=64, height=64, model="tiny")
    async for event in engine.submit(1, request):
        print(type(event).__name__)
    await engine.close()
asyncio.run(main())
"""


def test_painting_says_nothing_on_stderr(tiny_model):
    """The libraries' chatter about torchvision, caches and long prompts never shows."""
    run = run_python(PAINT_ONE.format(model=str(tiny_model), before=""))
    assert run.stdout.split()[-1] == "Painted", run.stderr
    assert run.stderr == ""


def test_an_engine_that_cannot_begin_ends_the_process(tiny_model):
    """What nobody foresaw while it loads ends with code 70: jobs never wait for a dead thread."""
    script = PAINT_ONE.format(model=str(tiny_model), before="").replace("threads=1", "threads=-1")
    run = run_python(script)
    assert run.returncode == 70
    assert "painting cannot go on in this process" in run.stderr


def test_a_poisoned_device_ends_the_process(tiny_model):
    """After a CUDA error that sticks, the process ends with code 70 and the job has no end."""
    before = """
    def poison(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    engine._worker.model.text_to_image.unet.register_forward_hook(poison)"""
    run = run_python(PAINT_ONE.format(model=str(tiny_model), before=before))
    assert run.returncode == 70
    assert run.stdout.split() in ([], ["Progress"])


def test_the_card_needs_no_torch(tiny_model):
    """Making an engine and reading its models loads no torch and no transformers."""
    code = (
        "import json, sys; from engine import Engine, EngineOptions;"
        f"cards = Engine(EngineOptions(model={str(tiny_model)!r})).models();"
        "weighty = {'torch', 'diffusers', 'transformers'} & set(sys.modules);"
        "print(json.dumps([cards[0].name, cards[0].width, sorted(weighty)]))"
    )
    run = run_python(code)
    assert json.loads(run.stdout or "[]") == ["tiny", 64, []], run.stderr


@pytest.mark.parametrize("module", ["engine", "engine.engine", "engine.cards", "engine.source"])
def test_importing_the_face_loads_no_torch(module):
    """Whoever imports the engine's face gets plain data and no libraries."""
    run = run_python(f"import sys, {module}; print('torch' in sys.modules, 'PIL' in sys.modules)")
    assert run.stdout.split() == ["False", "False"], run.stderr


async def test_the_operators_folders_reach_the_painting(make_engine, paint_all, ask, tmp_path):
    """LoRAs and ControlNets are looked for in the folders that the options name."""
    (tmp_path / "ink.safetensors").write_bytes(b"cut short")
    engine = await make_engine(loras=tmp_path, controls=tmp_path)
    *_, lora = await paint_all(engine, 1, ask(loras=(("ink", 1.0),)))
    assert lora == Failed("The file of the LoRA ink is damaged.")
    image = str(tmp_path / "any.png")
    *_, control = await paint_all(engine, 2, ask(control=image, control_kind="canny"))
    assert control == Failed("There is no ControlNet canny here, and no other either.")
