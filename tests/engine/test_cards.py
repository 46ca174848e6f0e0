"""What is known of a model before it is loaded."""

import json

import pytest
from safetensors.numpy import save_file

from engine import ModelError
from engine.cards import read_card
from engine.source import Kind, Source, find_source


def folder_of(tmp_path, pipeline, *, sample_size=64, width=768, name="model", blocks=4):
    """Write the configuration files that tell a model's family and size."""
    folder = tmp_path / name
    for part in ("unet", "vae", "scheduler"):
        (folder / part).mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    unet = {"sample_size": sample_size, "cross_attention_dim": width}
    (folder / "unet" / "config.json").write_text(json.dumps(unet))
    vae = {"block_out_channels": [8] * blocks}
    (folder / "vae" / "config.json").write_text(json.dumps(vae))
    return folder


def card_of(folder):
    """Read the card of a folder without its weights."""
    return read_card(Source(Kind.FOLDER, str(folder), folder.name.lower(), folder))


@pytest.mark.parametrize(
    ("pipeline", "sample_size", "width", "family", "side", "steps"),
    [
        ("StableDiffusionPipeline", 64, 768, "sd1", 512, 25),
        ("StableDiffusionPipeline", 96, 1024, "sd2", 768, 25),
        ("StableDiffusionXLPipeline", 128, 2048, "sdxl", 1024, 30),
        ("StableDiffusion3Pipeline", None, None, "other", 1024, 28),
        ("FluxPipeline", None, None, "other", 1024, 28),
    ],
)
def test_family_and_size_come_from_the_files(
    tmp_path, pipeline, sample_size, width, family, side, steps
):
    """The pipeline's class, its text width and its latents' size make the card."""
    card = card_of(folder_of(tmp_path, pipeline, sample_size=sample_size, width=width))
    assert (card.family, card.width, card.height, card.default_steps) == (
        family,
        side,
        side,
        steps,
    )
    assert card.delivery_scale == 1
    assert not card.untrained


def test_latents_need_not_be_square(tmp_path):
    """A model of wide pictures has a wide card, whatever its VAE's scale."""
    card = card_of(folder_of(tmp_path, "StableDiffusionPipeline", sample_size=[8, 12], blocks=3))
    assert (card.width, card.height) == (48, 32)


@pytest.mark.parametrize(
    ("name", "family", "side", "steps", "guidance"),
    [
        ("stabilityai/sdxl-turbo", "sdxl", 512, 4, 0.0),
        ("stabilityai/sd-turbo", "sd2", 768, 4, 0.0),
        ("stabilityai/stable-diffusion-xl-base-1.0", "sdxl", 1024, 30, 5.0),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", "sd1", 512, 25, 7.5),
        ("stabilityai/stable-diffusion-2-1-base", "sd2", 768, 25, 7.5),
        ("black-forest-labs/FLUX.1-schnell", "other", 1024, 4, 0.0),
        ("Tongyi-MAI/Z-Image-Turbo", "other", 1024, 9, 0.0),
        ("someone/Dreamy-XL-Lightning-8step", "sdxl", 1024, 8, 0.0),
        ("SimianLuo/LCM_Dreamshaper_v7", "other", 1024, 4, 1.0),
    ],
)
def test_a_hub_model_that_is_not_here_has_a_card_by_its_name(name, family, side, steps, guidance):
    """Until its files are fetched, a repository's name is all there is."""
    card = read_card(find_source(name))
    assert card.name == name.rpartition("/")[2].lower()
    assert (card.title, card.family, card.width) == (name, family, side)
    assert (card.default_steps, card.default_guidance) == (steps, guidance)


def test_a_scheduler_for_few_steps_tells_too(tmp_path):
    """An LCM model is told by its scheduler, whatever its name."""
    folder = folder_of(tmp_path, "StableDiffusionPipeline", name="dreamy")
    lcm = json.dumps({"_class_name": "LCMScheduler"})
    (folder / "scheduler" / "scheduler_config.json").write_text(lcm)
    assert (card_of(folder).default_steps, card_of(folder).default_guidance) == (4, 1.0)


@pytest.mark.parametrize(
    ("key", "shape", "family"),
    [
        ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 768, 1),
        ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1024, 2),
        ("conditioner.embedders.1.model.ln_final.weight", 8, "xl"),
        ("something.else", 8, None),
    ],
)
def test_a_single_file_is_told_by_its_header(tmp_path, key, shape, family):
    """Without a configuration the header's names and shapes tell the family."""
    import numpy

    path = tmp_path / "Some.Model.safetensors"
    save_file({key: numpy.zeros((2, shape), numpy.float16)}, path)
    card = read_card(find_source(str(path)))
    assert card.family == (f"sd{family}" if family else "other")
    assert card.name == "some.model"


def test_a_model_may_say_more_of_itself(tmp_path):
    """easel.json beside the model sets what the card says; what is none of the card's is left."""
    folder = folder_of(tmp_path, "StableDiffusionPipeline")
    own = {"title": "Mine", "default_steps": 7, "default_guidance": 3, "trained_on": ["art"]}
    (folder / "easel.json").write_text(json.dumps(own))
    card = card_of(folder)
    assert (card.title, card.default_steps, card.default_guidance) == ("Mine", 7, 3)
    (folder / "easel.json").write_text('{"default_steps": "many"}')
    with pytest.raises(ModelError, match=r"easel\.json: default_steps cannot be 'many'"):
        card_of(folder)
    (folder / "easel.json").write_text("{")
    with pytest.raises(ModelError, match=r"easel\.json is not a readable JSON file"):
        card_of(folder)
