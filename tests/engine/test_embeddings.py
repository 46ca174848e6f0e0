"""What weights, parts and long prompts do to the pictures, and that texts are encoded once."""

import contextlib

import pytest
import torch

from engine.embeddings import Embedding, PromptCache, embed_prompts
from engine.errors import PaintError
from engine.models import open_model
from engine.pipelines import paint


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@pytest.fixture(scope="module", params=["sd15", "sdxl", "embedded"])
def model(request, family_source):
    """A model of each family, open."""
    return open_model(family_source(request.param), "cpu")


@pytest.fixture
def embed(model):
    """Embed a prompt by a fresh cache: `embed("a fox", negative)` is the pipeline's arguments."""

    def do(text, negative=None):
        with torch.inference_mode():
            return embed_prompts(model.text_to_image, PromptCache(), (), text, negative)

    return do


@contextlib.contextmanager
def encodings(model):
    """Count the calls of a model's text encoders while the block runs."""
    calls, pipeline = [], model.text_to_image
    encoders = [pipeline.text_encoder, getattr(pipeline, "text_encoder_2", None)]
    hooks = [
        encoder.register_forward_hook(lambda *_: calls.append(1))
        for encoder in encoders
        if encoder is not None
    ]
    yield calls
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("negative", ["", "grass"])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_plain_prompts_are_painted_bit_for_bit_as_by_diffusers(model, ask, negative, guidance):
    """Without weights a picture is the very one of the unchanged pipeline given the text."""
    request = ask(
        model=model.card.name,
        prompt="a red fox",
        negative_prompt=negative,
        guidance_scale=guidance,
        pictures=2,
    )
    ours = paint(model, request, quietly)
    plain = model.view(request)
    with torch.inference_mode():
        theirs = plain(
            "a red fox",
            negative_prompt=negative or None,
            guidance_scale=guidance,
            num_inference_steps=4,
            width=64,
            height=64,
            num_images_per_prompt=2,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in (7, 8)],
            output_type="pt",
        ).images
    assert torch.equal(ours, theirs)


def test_a_prompt_seen_before_is_not_encoded_again(model, ask):
    """A text that was painted before costs no call of a text encoder."""
    name = model.card.name
    paint(model, ask(model=name, prompt="cached (fox:1.3)", negative_prompt="mud"), quietly)
    with encodings(model) as calls:
        paint(model, ask(model=name, prompt="cached (fox:1.3)", negative_prompt="mud"), quietly)
        assert not calls
        paint(model, ask(model=name, prompt="another", negative_prompt="mud"), quietly)
        assert calls


def test_the_cache_forgets_the_oldest():
    """Only so many tokens are remembered, and the texts used last the longest."""
    cache, made = PromptCache(8), []

    def get(key, tokens=4):
        def make():
            made.append(key)
            return Embedding(torch.zeros(1, tokens, 1))

        return cache.get(key, make)

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "b"]
    get("long", 99)
    get("long", 99)
    get("a")
    assert made[4:] == ["long", "a"]


def test_weights_change_the_words_they_are_on(model, embed):
    """A weight of one changes nothing; a larger one moves its words away from nothing."""
    plain = embed("a red fox")["prompt_embeds"]
    assert torch.allclose(embed("a (red:1.0001) fox")["prompt_embeds"], plain, atol=1e-2)
    empty = embed("")["prompt_embeds"]
    strong = embed("a (red:1.5) fox")["prompt_embeds"]
    expected = empty + (plain - empty) * 1.5
    count = [
        len(model.text_to_image.tokenizer(text, add_special_tokens=False).input_ids)
        for text in ("a", "a red")
    ]
    red, others = slice(1 + count[0], 1 + count[1]), (slice(1), slice(1 + count[1], None))
    assert torch.allclose(strong[:, red], expected[:, red], atol=1e-4)
    for place in others:
        assert torch.allclose(strong[:, place], plain[:, place], atol=1e-4)
    gone = embed("a (red:0) fox")["prompt_embeds"]
    assert torch.allclose(gone[:, red], empty[:, red], atol=1e-4)


def test_parts_are_mixed_by_their_shares(embed):
    """`::` mixes the embeddings of its parts; pooled ones too."""
    fox, snow = embed("fox"), embed("snow")
    mixed = embed("fox::2 snow::-1")
    for name, tensor in mixed.items():
        assert torch.allclose(tensor, 2 * fox[name] - snow[name], atol=1e-4)


def test_parts_that_cancel_out_fail_with_their_sentence(model, ask):
    """A prompt whose shares add up to nothing is refused, not painted grey."""
    request = ask(model=model.card.name, prompt="a::1 b::-1")
    with pytest.raises(PaintError, match="must add up to more than 0"):
        paint(model, request, quietly)


def test_long_prompts_go_on_in_further_pieces(model, embed, ask):
    """Beyond the encoder's context words still count; both prompts get the same length."""
    long = "a fox " + "x " * 80
    found = embed(long, "mud")
    assert found["prompt_embeds"].shape[1] == 154
    assert found["negative_prompt_embeds"].shape == found["prompt_embeds"].shape
    assert not torch.equal(embed(long + "snow")["prompt_embeds"], found["prompt_embeds"])
    short = embed("mud")["prompt_embeds"]
    assert torch.allclose(embed("mud", long)["prompt_embeds"][:, :77], short, atol=1e-6)
    name = model.card.name
    one = paint(model, ask(model=name, prompt=long, pictures=1), quietly)
    other = paint(model, ask(model=name, prompt=long + "snow", pictures=1), quietly)
    assert (one - other).abs().max() > 0


def test_pieces_are_those_of_the_unweighted_encoding(embed):
    """The first piece of a long text is what the text cut there would be."""
    first = "x " * 75
    long, cut = embed(first + "fox")["prompt_embeds"], embed(first)["prompt_embeds"]
    assert torch.allclose(long[:, :77], cut, atol=1e-4)
    assert torch.allclose(long[:, 77:], embed("fox")["prompt_embeds"], atol=1e-4)


def test_the_negative_prompt_takes_weights_too(model, ask):
    """Weights count in what to avoid as well."""
    name = model.card.name
    one = paint(model, ask(model=name, negative_prompt="mud", pictures=1), quietly)
    other = paint(model, ask(model=name, negative_prompt="(mud:3)", pictures=1), quietly)
    assert (one - other).abs().max() > 0
