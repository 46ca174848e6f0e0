"""Transformers too: SD 3, FLUX and Z-Image in miniature, through their own pipelines."""

import pytest

SAME = 1e-5
WIDTH = 32
FLOW = "FlowMatchEulerDiscreteScheduler"


def make_vae(channels):
    """An AutoencoderKL that shrinks by 8."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        norm_num_groups=4,
        shift_factor=0.1,
        scaling_factor=1.5,
    )


def make_sd3():
    """SD 3 without its text encoders."""
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    encoders = ("text_encoder", "tokenizer")
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=WIDTH,
            caption_projection_dim=32,
            pooled_projection_dim=WIDTH,
        ),
        scheduler=make_flow(),
        vae=make_vae(4),
        **dict.fromkeys(name + end for name in encoders for end in ("", "_2", "_3")),
    )


def make_flux():
    """FLUX.1 with its guidance embedding, without its text encoders."""
    from diffusers import FluxPipeline, FluxTransformer2DModel

    encoders = ("text_encoder", "tokenizer")
    return FluxPipeline(
        transformer=FluxTransformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ),
        scheduler=make_flow(),
        vae=make_vae(4),
        **dict.fromkeys(name + end for name in encoders for end in ("", "_2")),
    )


def make_z_image():
    """Z-Image, whose transformer takes lists, without its text encoder."""
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    return ZImagePipeline(
        transformer=ZImageTransformer2DModel(
            in_channels=4,
            dim=32,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=WIDTH,
            axes_dims=[4, 6, 6],
            axes_lens=[256, 64, 64],
        ),
        scheduler=make_flow(),
        vae=make_vae(4),
        text_encoder=None,
        tokenizer=None,
    )


def make_flow():
    """The flow-matching Euler scheduler."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler()


def embed(kind, seed, tokens):
    """Random prompt embeddings of a family, as the pipeline's own arguments."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    text, negative = torch.randn(2, 1, tokens, WIDTH, generator=generator)
    pooled = torch.randn(2, 1, WIDTH, generator=generator)
    if kind == "flux":
        return {"prompt_embeds": text, "pooled_prompt_embeds": pooled[0]}
    if kind == "z":
        return {"prompt_embeds": [text[0]], "negative_prompt_embeds": [negative[0, :-2]]}
    return {
        "prompt_embeds": text,
        "negative_prompt_embeds": negative,
        "pooled_prompt_embeds": pooled[0],
        "negative_pooled_prompt_embeds": pooled[1],
    }


@pytest.mark.parametrize(
    ("kind", "make"), [("sd3", make_sd3), ("flux", make_flux), ("z", make_z_image)]
)
def test_transformers_share_forwards_too(kind, make, job, make_hub, paint_together, differ):
    """Jobs of other steps, guidance and joining times paint as alone; Z-Image's of other sizes too.

    FLUX's position ids are one for all rows, Z-Image's rows are lists of any shapes.
    """
    import torch

    torch.manual_seed(3)
    pipeline = make()
    ragged = kind == "z"
    jobs = {
        seed: job(
            pipeline,
            seed,
            3 + seed,
            prompt=None,
            guidance_scale=2.0 + seed,
            width=64 + 32 * (seed % 2) * ragged,
            **embed(kind, seed, 6 + 2 * seed * ragged),
        )
        for seed in range(3)
    }
    hub = make_hub(pipeline)
    assert differ(jobs, paint_together(hub, jobs)) <= SAME
    assert hub.forwards["model0/transformer"] <= 6
    assert hub.rows["model0/transformer"] == (12 if kind == "flux" else 24)


def test_ragged_rows_are_exact_only_alone(job, make_hub, paint_together):
    """Z-Image pads its rows to the longest beside it; so in exact mode each job runs alone."""
    import torch

    torch.manual_seed(3)
    pipeline = make_z_image()
    jobs = {
        seed: job(pipeline, seed, 3, prompt=None, guidance_scale=4.0, **embed("z", seed, 6 + seed))
        for seed in range(2)
    }
    hub = make_hub(pipeline, exact=True)
    together = paint_together(hub, jobs)
    alone = {key: paint_together(hub, {key: paint})[key] for key, paint in jobs.items()}
    assert all((together[key].result == alone[key].result).all() for key in jobs)
    assert hub.forwards["model0/transformer"] == 12
