"""Whatever jobs share a forward, each paints what it paints alone."""

import pytest
import torch

SAME = 1e-5
SCHEDULERS = (
    ("EulerDiscreteScheduler", 4),
    ("EulerAncestralDiscreteScheduler", 5),
    ("DDIMScheduler", 3),
    ("DPMSolverMultistepScheduler", 6),
    ("HeunDiscreteScheduler", 3),
    ("UniPCMultistepScheduler", 5),
    ("PNDMScheduler", 4),
    ("LCMScheduler", 2),
)

MORE_SCHEDULERS = (
    "EulerDiscreteScheduler use_karras_sigmas",
    "DDPMScheduler",
    "DPMSolverMultistepScheduler use_karras_sigmas",
    "DPMSolverMultistepScheduler sde-dpmsolver++",
    "DPMSolverSinglestepScheduler",
    "DEISMultistepScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "TCDScheduler",
    "SASolverScheduler",
    "IPNDMScheduler",
)


def test_schedulers_steps_and_guidance_may_differ(sd15, job, make_hub, paint_together, differ):
    """Jobs of eight schedulers that join one after the other paint as alone, in fewer forwards."""
    jobs = {
        name: job(
            sd15,
            seed,
            steps,
            scheduler=name,
            pictures=1 + seed % 2,
            guidance_scale=1.0 if seed % 3 == 0 else 4.0 + seed,
        )
        for seed, (name, steps) in enumerate(SCHEDULERS)
    }
    hub = make_hub(sd15)
    ended = paint_together(hub, jobs, join_every=1)
    assert differ(jobs, ended) <= SAME
    steps = sum(steps for _, steps in SCHEDULERS)
    assert hub.forwards["model0/unet"] < 0.5 * steps
    assert hub.forwards["model0/vae.decode"] < len(jobs)


@pytest.mark.slow
@pytest.mark.parametrize("join_every", [0, 1, 3])
def test_all_schedulers_share_forwards(sd15, job, make_hub, paint_together, differ, join_every):
    """Nineteen schedulers in the same forwards, joining at once or later: all paint as alone."""
    names = [name for name, _ in SCHEDULERS] + list(MORE_SCHEDULERS)
    jobs = {
        name: job(
            sd15,
            seed,
            4 + seed % 8,
            scheduler=name,
            pictures=(1, 4)[seed % 2],
            guidance_scale=(1.0, 4.0, 9.0)[seed % 3],
        )
        for seed, name in enumerate(names)
    }
    assert len(jobs) == 19
    assert differ(jobs, paint_together(make_hub(sd15), jobs, join_every=join_every)) <= SAME


def test_kinds_of_jobs_may_differ(sd15, job, make_hub, paint_together, differ):
    """Text, picture and mask to picture share forwards, and paint as alone."""
    jobs = {
        "grid": job(sd15, 1, 5, pictures=4),
        "photograph": job(sd15, 2, 8, kind="StableDiffusionImg2ImgPipeline"),
        "another": job(
            sd15, 3, 5, kind="StableDiffusionImg2ImgPipeline", scheduler=SCHEDULERS[3][0]
        ),
        "hole": job(sd15, 4, 6, kind="StableDiffusionInpaintPipeline"),
        "plain": job(sd15, 5, 2, guidance_scale=1.0),
    }
    hub = make_hub(sd15)
    assert differ(jobs, paint_together(hub, jobs, join_every=1)) <= SAME
    assert hub.forwards["model0/unet"] <= 9
    assert hub.forwards["model0/vae.encode"] < 4


def test_sizes_never_mix_but_take_turns(sd15, job, make_hub, paint_together, differ):
    """Jobs of three sizes run side by side, and paint as alone."""
    sizes = ((64, 64), (96, 64), (64, 96))
    jobs = {
        (size, seed): job(sd15, seed, 3, width=size[0], height=size[1])
        for size in sizes
        for seed in (1, 2)
    }
    hub = make_hub(sd15)
    assert differ(jobs, paint_together(hub, jobs)) <= SAME
    assert hub.forwards["model0/unet"] == 3 * len(sizes)


def test_sdxl_keeps_each_jobs_own_conditions(sdxl, job, make_hub, paint_together, differ):
    """SDXL's sizes, crops and both text encoders stay with their job."""
    jobs = {
        "grid": job(sdxl, 1, 4, pictures=4, original_size=(256, 256)),
        "crop": job(sdxl, 2, 5, original_size=(512, 256), crops_coords_top_left=(8, 16)),
        "turbo": job(sdxl, 3, 2, guidance_scale=0.0),
        "photograph": job(sdxl, 4, 6, kind="StableDiffusionXLImg2ImgPipeline"),
        "hole": job(sdxl, 5, 4, kind="StableDiffusionXLInpaintPipeline"),
    }
    hub = make_hub(sdxl)
    assert differ(jobs, paint_together(hub, jobs, join_every=1)) <= SAME
    assert hub.forwards["model0/unet"] <= 9
    assert hub.forwards["model0/text_encoder_2"] < 5


def test_controlled_jobs_paint_beside_plain_ones(sd15, job, make_hub, paint_together, differ):
    """A ControlNet's jobs share it, and its residuals never reach a plain job."""
    import torch
    from diffusers import ControlNetModel

    torch.manual_seed(5)
    control = ControlNetModel.from_unet(
        sd15.unet, conditioning_embedding_out_channels=(16, 16, 16, 16)
    )
    for weight in control.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.05)
    controlled = {"kind": "StableDiffusionControlNetPipeline", "parts": {"controlnet": control}}
    jobs = {
        "first": job(sd15, 1, 4, **controlled),
        "second": job(sd15, 2, 6, **controlled),
        "plain": job(sd15, 3, 5),
    }
    hub = make_hub(sd15)
    hub.route(control, "model0/controlnet")
    assert differ(jobs, paint_together(hub, jobs)) <= SAME
    assert hub.forwards["model0/controlnet"] == 6
    assert hub.forwards["model0/unet"] <= 11


def test_two_models_live_in_one_hub(sd15, sdxl, job, make_hub, paint_together, differ):
    """Jobs of two models take turns, and paint as alone."""
    jobs = {"old": job(sd15, 1, 3), "large": job(sdxl, 1, 3), "older": job(sd15, 2, 4)}
    hub = make_hub(sd15, sdxl)
    assert differ(jobs, paint_together(hub, jobs)) <= SAME
    assert hub.forwards["model0/unet"] == 4
    assert hub.forwards["model1/unet"] == 3


def test_module_states_are_set_before_their_jobs_run(sd15, job, make_hub, paint_together, differ):
    """Jobs that want another state of a module never share a forward with the rest."""
    scale = {"now": 1.0}
    active = []

    def activate(site, state):
        active.append((site, state))
        scale["now"] = state or 1.0

    hook = sd15.unet.conv_in.register_forward_hook(lambda _m, _a, out: out * scale["now"])
    try:
        jobs = {"plain": job(sd15, 1, 3), "styled": job(sd15, 2, 3)}
        plain = jobs["plain"]()
        scale["now"] = 0.5
        styled = jobs["styled"]()
        scale["now"] = 1.0
        hub = make_hub(sd15, activate=activate)
        hub.start("plain", jobs["plain"], steps=3)
        hub.start("styled", jobs["styled"], steps=3, state={"model0/unet": 0.5})
        ended = paint_together(hub, {})
    finally:
        hook.remove()
    assert abs(ended["plain"].result - plain).max() <= SAME
    assert abs(ended["styled"].result - styled).max() <= SAME
    assert hub.forwards["model0/unet"] == 6
    assert ("model0/unet", 0.5) in active


def test_callbacks_of_a_job_run_inside_of_it(sd15, job, make_hub, paint_together):
    """A pipeline's own step callback is called as ever, with its own latents."""
    seen = []

    def remember(_pipeline, step, _timestep, tensors):
        seen.append((step, tuple(tensors["latents"].shape)))
        return tensors

    jobs = {"watched": job(sd15, 1, 3, callback_on_step_end=remember), "other": job(sd15, 2, 3)}
    paint_together(make_hub(sd15), jobs)
    assert seen == [(step, (1, 4, 8, 8)) for step in range(3)]


def test_models_are_untouched_outside_of_jobs(sd15, job, make_hub):
    """Beside the hub a pipeline paints as ever, and unrouting puts the very methods back."""
    before = dict(vars(sd15.unet)), dict(vars(sd15.vae))
    alone = job(sd15, 1, 2)()
    hub = make_hub(sd15)
    assert vars(sd15.unet) != before[0]
    assert (job(sd15, 1, 2)() == alone).all()
    assert not hub.forwards
    hub.unroute()
    assert (dict(vars(sd15.unet)), dict(vars(sd15.vae))) == before


def test_a_job_without_models_ends_at_once(make_hub):
    """What never calls a routed module is simply run."""
    hub = make_hub()
    hub.start("sum", lambda: 1 + 1)
    (end,) = hub.turn()
    assert (end.job_key, end.result, end.error) == ("sum", 2, None)
    assert len(hub) == 0


def test_a_hub_knows_who_is_inside(sd15, job, make_hub):
    """A key is inside from its start to its end, and cannot come in twice."""
    hub = make_hub(sd15)
    hub.start(1, job(sd15, 1, 1))
    assert 1 in hub
    with pytest.raises(ValueError, match="inside already"):
        hub.start(1, job(sd15, 1, 1))
    while 1 in hub:
        hub.turn()
    assert len(hub) == 0


def test_calls_waiting_keep_their_module_routed(sd15, job, make_hub):
    """Unrouting a module that jobs wait for is refused."""
    hub = make_hub(sd15)
    hub.start(1, job(sd15, 1, 1))
    with pytest.raises(RuntimeError, match="calls waiting"):
        hub.unroute("model0/")
    with pytest.raises(ValueError, match="its own name"):
        hub.route(sd15.unet, "model0/unet")


class Mean(torch.nn.Module):
    """A model whose rows are not its own business alone."""

    def forward(self, sample):
        """The mean of all rows: one for all of them."""
        return sample.mean(dim=0, keepdim=True).repeat(2, 1)


class Clock(torch.nn.Module):
    """A model without any tensor."""

    def forward(self, hours=1):
        """Plain values in and out."""
        return 60 * hours


def test_models_that_cannot_be_shared_run_alone(make_hub):
    """Outputs without a row for each row, or calls without tensors, are computed job by job."""
    mean, clock = Mean(), Clock()
    hub = make_hub()
    hub.route(mean, "mean")
    hub.route(clock, "clock")
    for number in (1.0, 2.0):
        hub.start(number, lambda number=number: mean(torch.full((3, 4), number)) + clock(hours=2))
    ended = {}
    while len(hub):
        ended |= {end.job_key: end for end in hub.turn()}
    assert [ended[number].result.unique().item() for number in (1.0, 2.0)] == [121, 122]


def test_the_thread_is_left_as_it_was(sd15, job, make_hub, paint_together):
    """Jobs run in inference mode; between turns gradients are as before."""
    hub = make_hub(sd15)
    hub.start("inside", job(sd15, 1, 2))
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    paint_together(hub, {"mode": torch.is_inference_mode_enabled})
    assert torch.is_grad_enabled()
