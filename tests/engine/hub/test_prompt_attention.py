"""Rows of one prompt share its keys and values, and the picture stays the same."""

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor

from engine.prompt_attention import PromptAttention, ease, mark, mark_joined
from engine.twins import make_twin

KEYS = "attn2.to_k"


@pytest.fixture
def keys():
    """A watcher of a U-Net's first layer of keys: its list gets the rows of each call."""
    hooks = []

    def watch(unet):
        rows = []
        layer = next(layer for name, layer in unet.named_modules() if name.endswith(KEYS))
        hooks.append(layer.register_forward_hook(lambda _, given, __: rows.append(len(given[0]))))
        return rows

    yield watch
    for hook in hooks:
        hook.remove()


@pytest.fixture(params=["sd15", "sdxl"])
def unets(request):
    """A U-Net as diffusers makes it, and one of the same weights with eased layers."""
    pipeline = request.getfixturevalue(request.param)
    stock, eased = make_twin(pipeline.unet), make_twin(pipeline.unet)
    ease(eased)
    return stock, eased


@torch.inference_mode()
def run(unet, prompts):
    """The U-Net's output for these prompts, each with noise and a timestep of its own."""
    rows, config = len(prompts), unet.config
    noise = torch.randn(rows, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    more = {}
    if config.addition_embed_type:
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        more = {"text_embeds": torch.ones(rows, pooled), "time_ids": torch.ones(rows, 6)}
    return unet(noise, 100.0 * torch.arange(rows), prompts, added_cond_kwargs=more).sample


def prompts_of(unet, *which):
    """Random embeddings, one for each number: the same where the numbers are."""
    generator = torch.Generator().manual_seed(2)
    known = torch.randn(9, 77, unet.config.cross_attention_dim, generator=generator)
    return known[list(which)]


@pytest.mark.parametrize(("guidance", "rows"), [(7.0, 4), (1.0, 2)])
def test_a_prompt_has_its_keys_made_once(
    sd15, job, make_hub, paint_together, differ, keys, guidance, rows
):
    """Two grids bring two prompts each, or one without guidance, and are what diffusers paints."""
    hub, seen = make_hub(sd15), keys(sd15.unet)
    options = {"pictures": 2, "guidance_scale": guidance}
    ended = paint_together(hub, {seed: job(sd15, seed, 2, **options) for seed in (1, 2)})
    assert set(seen) == {rows}
    parts = {"unet": make_twin(sd15.unet)}
    assert (
        differ({seed: job(sd15, seed, 2, parts=parts, **options) for seed in (1, 2)}, ended) < 1e-5
    )


def test_rows_keep_their_own_prompts(unets, keys):
    """Marked and unmarked jobs of several prompts join: every row looks at what it asked for."""
    stock, eased = unets
    jobs = [prompts_of(stock, *which) for which in ((1, 1, 2, 1), (3, 4), (5, 5, 5))]
    for prompts in jobs:
        mark(prompts)
    joined = torch.cat(jobs)
    mark_joined(jobs, joined)
    seen = keys(eased)
    assert torch.allclose(run(stock, joined), run(eased, joined), atol=1e-5)
    assert seen == [3 + 2 + 1]


def test_what_is_not_marked_is_the_same_bit_for_bit(unets):
    """Eased layers compute just what diffusers' own do; so do rows that all differ."""
    stock, eased = unets
    assert {type(layer) for layer in eased.modules() if isinstance(layer, Attention)} == {
        PromptAttention
    }
    prompts = prompts_of(stock, 1, 2, 3)
    mark(prompts)
    assert torch.equal(run(stock, prompts), run(eased, prompts))


def test_another_processor_is_asked(unets, keys):
    """Who puts a processor of its own into a layer has it called, with every row."""
    stock, eased = unets
    for layer in eased.modules():
        if isinstance(layer, Attention):
            layer.set_processor(AttnProcessor())
    prompts, seen = prompts_of(stock, 1, 1, 1), keys(eased)
    mark(prompts)
    assert torch.allclose(run(stock, prompts), run(eased, prompts), atol=1e-5)
    assert seen == [3]


def test_other_kinds_of_attention_stay():
    """A layer that does more than queries, keys and values is left as it is."""
    layer = Attention(8, heads=2, residual_connection=True)
    ease(layer)
    assert type(layer) is Attention
