"""Pictures beside the prompt: as diffusers looks at them, each as much as its job wants."""

import itertools
import types

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from engine import Painted
from engine.errors import PaintError, StoppedError
from engine.hub import Hub
from engine.models import open_model
from engine.pipelines import paint
from engine.reference_folder import ReferenceFolder, attention_shapes
from engine.request import Request
from engine.routes import route_pipeline
from engine.source import find_source
from engine.study import study


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@pytest.fixture(scope="module", params=["sd15", "sdxl", "embedded"])
def source(request, family_source):
    """A model of each family."""
    return family_source(request.param)


@pytest.fixture(scope="module")
def folder(source, ip_adapters, tmp_path_factory):
    """A folder with `my-plain`, one for faces that reads parts, and their image encoder."""
    folder = tmp_path_factory.mktemp("references")
    unet = open_model(source, "cpu").text_to_image.unet
    ip_adapters.save_encoder(folder / "models" / "image_encoder")
    ip_adapters.save_adapter(unet, folder / "models" / "my-plain.safetensors")
    ip_adapters.save_adapter(unet, folder / "plus-face.safetensors", seed=6, plus=True)
    return folder


@pytest.fixture(scope="module")
def open_again(source, folder):
    """A maker of the same model with its adapters, opened anew."""
    return lambda **folders: open_model(source, "cpu", references=folder, **folders)


@pytest.fixture(scope="module")
def model(open_again):
    """The model, opened once."""
    return open_again()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two pictures to look at."""
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for number, colour in enumerate(("#c03010", "#1040d0")):
        picture = Image.linear_gradient("L").resize((50, 40)).convert("RGB")
        picture.paste(colour, (5, 5, 30, 30))
        picture.save(folder / f"{number}.png")
        paths.append(str(folder / f"{number}.png"))
    return paths


@pytest.fixture
def draw(model, ask):
    """Paint one picture of one seed: `draw((path, "image", 0.8))`."""

    def do(*references, **fields):
        known = {"model": model.card.name, "pictures": 1}
        return paint(model, ask(references=references, **known | fields), quietly)

    return do


def by_diffusers(model, folder, request, scales):
    """What diffusers paints by its own loader, with the adapter once for each picture."""
    names = {"face": "plus-face.safetensors"}
    files = [names.get(one.kind, "models/my-plain.safetensors") for one in request.references]
    pipeline = model.text_to_image
    pipeline.load_ip_adapter(
        str(folder),
        subfolder="",
        weight_name=files,
        image_encoder_folder="models/image_encoder",
        local_files_only=True,
    )
    pipeline.set_ip_adapter_scale(scales)
    pictures = [Image.open(one.picture).convert("RGB") for one in request.references]
    return pipeline(
        prompt=request.prompt,
        ip_adapter_image=pictures,
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        width=64,
        height=64,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="pt",
    ).images


@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_it_paints_what_diffusers_paints(open_again, folder, photos, ask, guidance):
    """Two adapters, three pictures, each with its weight: as with diffusers' own loader."""
    ours, theirs = open_again(), open_again()
    references = ((photos[0], "image", 0.6), (photos[1], "face", 0.9), (photos[1], "image", 0.2))
    request = ask(model=ours.card.name, pictures=1, references=references, guidance_scale=guidance)
    painted = paint(ours, request, quietly)
    expected = by_diffusers(theirs, folder, request, [0.6, 0.9, 0.2])
    assert (painted - expected).abs().max() < 1e-5


def test_style_is_what_instant_style_takes(family_source, ip_adapters, folder_of, photos, ask):
    """With SDXL a style counts in the one block that diffusers' dictionary names, a figure
    everywhere but in that of the layout."""
    source = family_source("sdxl")
    folder = folder_of(source)
    blocks = {
        "style": {"up": {"block_0": [0.0, 0.7]}},
        "figure": {"mid": 0.7, "up": 0.7, "down": 0.7},
    }
    for kind, scale in blocks.items():
        ours, theirs = (open_model(source, "cpu", references=folder) for _ in range(2))
        request = ask(model="tiny-sdxl", pictures=1, references=((photos[0], kind, 0.7),))
        painted = paint(ours, request, quietly)
        expected = by_diffusers(theirs, folder, request, [scale])
        assert (painted - expected).abs().max() < 1e-5, kind


@pytest.fixture
def folder_of(ip_adapters, tmp_path):
    """A maker of a folder with one adapter of a model's."""

    def make(source):
        unet = open_model(source, "cpu").text_to_image.unet
        ip_adapters.save_encoder(tmp_path / "models" / "image_encoder")
        ip_adapters.save_adapter(unet, tmp_path / "models" / "my-plain.safetensors")
        ip_adapters.save_adapter(unet, tmp_path / "plus-face.safetensors", plus=True)
        return tmp_path

    return make


def test_a_picture_counts_by_its_weight(draw, photos):
    """Each kind changes the picture, more weight more; without weight nothing is changed."""
    plain = draw()
    for kind in ("image", "style", "figure", "face"):
        strong, weak = draw((photos[0], kind, 1.5)), draw((photos[0], kind, 0.01))
        assert (strong - plain).abs().max() > 1e-5, kind
        assert (weak - plain).abs().mean() < (strong - plain).abs().mean(), kind
        assert (draw((photos[0], kind, 0.0)) - plain).abs().max() < 1e-6
    assert (draw((photos[0], "image", 1.0)) - draw((photos[1], "image", 1.0))).abs().max() > 1e-5


def test_it_leaves_no_trace(draw, photos):
    """Before and after jobs with pictures a plain one is the same bit for bit; so are theirs."""
    plain, seen = draw(), draw((photos[0], "image", 0.8))
    draw((photos[1], "face", 1.2), (photos[0], "style", 0.5))
    assert torch.equal(draw(), plain)
    assert torch.equal(draw((photos[0], "image", 0.8)), seen)


def test_it_works_in_every_kind_of_painting(draw, photos):
    """Tiles, starts, masks, margins, effects and explanations look at pictures, too."""
    for more in (
        {"tile": True},
        {"image": photos[1], "strength": 0.7},
        {"image": photos[1], "strength": 0.8, "mask": photos[0]},
        {"image": photos[1], "strength": 0.9, "margins": (16, 0, 16, 0)},
        {"chaos": 60, "pictures": 2},
        {"hd": True, "stylize": 200},
    ):
        plain = draw(**more)
        assert (draw((photos[0], "image", 1.0), **more) - plain).abs().max() > 1e-5, more
        assert torch.equal(draw(**more), plain)


def test_a_tiled_twin_may_be_made_while_adapters_are_at_work(open_again, ask, photos):
    """The twin has the weights of the model alone, whenever it is made."""
    early, late = open_again(), open_again()
    tile = ask(model=early.card.name, pictures=1, tile=True)
    paint(
        late, ask(model=early.card.name, pictures=1, references=((photos[0], "image", 1),)), quietly
    )
    late.activate("unet", ((), late.references._active["unet"]))
    assert torch.equal(paint(late, tile, quietly), paint(early, tile, quietly))


def test_how_it_came_about_is_told_of_such_paintings(model, ask, photos):
    """The attention to the words is read though pictures are looked at, and nothing stays."""
    request = ask(model=model.card.name, pictures=1, references=((photos[0], "image", 1.0),))
    before = paint(model, request, quietly)
    assert [word for word, _ in study(model, request, quietly).heats] == ["red", "fox"]
    assert torch.equal(paint(model, request, quietly), before)


def test_pictures_are_looked_at_once(open_again, ask, photos, monkeypatch):
    """What an encoder saw in a picture is remembered, by the picture's content."""
    model, seen = open_again(), []
    request = ask(model=model.card.name, pictures=1, references=((photos[0], "face", 1.0),))
    model.references.encoders.on_made = lambda _, net: net.register_forward_hook(
        lambda *_: seen.append(1)
    )
    paint(model, request, quietly)
    assert len(seen) == 2  # the picture, and none for guidance
    paint(model, request, quietly)
    assert len(seen) == 2


# -- in the hub -----------------------------------------------------------------------------------


def share(model, hub):
    """Route a model's modules, and what is made later; let the hub switch them."""
    name = model.card.name

    def route(part, **parts):
        route_pipeline(hub, types.SimpleNamespace(components=parts), f"{name}/{part}")

    route_pipeline(hub, model.text_to_image, name)
    model.twins.on_made = lambda prefix, parts: route(prefix[:-1], **parts)
    model.references.encoders.on_made = lambda made, net: route(made, image_encoder=net)
    model.controls.on_made = lambda made, net: route(made, controlnet=net)
    model.adapters.is_delegated = model.references.is_delegated = True


def start(hub, model, key, request):
    """Start a job as the worker does."""
    hub.start(
        key,
        lambda: paint(model, request, quietly),
        steps=request.steps_to_run,
        state={f"{model.card.name}/{part}": one for part, one in model.states(request).items()},
    )


@pytest.fixture
def make_hub():
    """A hub for a model, and what ended in it."""

    def make(model, **options):
        ticks = itertools.count()  # a forward takes as long with many rows: always the same turns
        prefix = f"{model.card.name}/"
        hub = Hub(
            clock=lambda: float(next(ticks)),
            activate=lambda site, state: model.activate(site.removeprefix(prefix), state),
            **options,
        )
        share(model, hub)
        return hub

    return make


def write_lora(unet, path):
    """A random LoRA for the U-Net's attention."""
    generator, tensors = torch.Generator().manual_seed(8), {}
    for name, layer in unet.named_modules():
        if name.endswith((".to_q", ".to_v")):
            for side, shape in (("A", (2, layer.in_features)), ("B", (layer.out_features, 2))):
                noise = 0.1 * torch.randn(shape, generator=generator)
                tensors[f"unet.{name}.lora_{side}.weight"] = noise
    save_file(tensors, path)


def run(hub, model, requests):
    """Paint them all together, each joining a turn later; their ends by their places."""
    results, waiting = {}, list(enumerate(requests))
    try:
        while waiting or len(hub):
            if waiting:
                start(hub, model, *waiting.pop(0))
            results |= {finished.job_key: finished for finished in hub.turn()}
    finally:
        hub.close()
    return results


def test_jobs_with_pictures_share_forwards_and_stay_the_same(
    open_again, make_hub, ask, photos, tmp_path, write_control
):
    """Whatever each looks at and how much, with LoRAs and in tiles, beside plain jobs: each equals
    the one painted alone, to 1e-5, and different weights share forwards."""
    write_lora(open_again().text_to_image.unet, tmp_path / "ink.safetensors")
    one, other = photos
    changes = [
        {},
        {"references": ((one, "image", 0.5),)},
        {"references": ((other, "image", 1.4),), "prompt": "a blue whale"},
        {"references": ((one, "style", 0.9),), "num_inference_steps": 6},
        {"references": ((one, "image", 0.5), (other, "face", 0.7))},
        {"references": ((other, "figure", 0.2), (one, "face", 1.1)), "seed": 4},
        {"references": ((one, "image", 0.8),), "loras": (("ink", 0.8),)},
        {"loras": (("ink", 0.8),)},
        {"references": ((one, "image", 0.8),), "tile": True, "loras": (("ink", 0.5),)},
        {"tile": True},
        {"references": ((one, "image", 0.3),), "guidance_scale": 1.0},
        {"references": ((one, "image", 0.5),), "image": other, "strength": 0.7},
        {"references": ((one, "image", 0.5),), "control": other, "control_kind": "canny"},
        {"control": other, "control_kind": "canny"},
        {"seed": 99},
    ]
    write_control(open_again().text_to_image.unet, tmp_path / "canny")
    folders = {"loras": tmp_path, "controls": tmp_path}
    alone, shared = open_again(**folders), open_again(**folders)
    requests = [ask(**{"model": alone.card.name, "pictures": 1, **each}) for each in changes]
    expected = [paint(alone, request, quietly) for request in requests]
    hub = make_hub(shared)
    results = run(hub, shared, requests)
    for key, picture in enumerate(expected):
        assert results[key].error is None, f"{changes[key]}: {results[key].error!r}"
        assert (results[key].result - picture).abs().max() < 1e-5, changes[key]
    steps = sum(request.steps_to_run for request in requests)
    name = alone.card.name
    assert hub.forwards[f"{name}/unet"] + hub.forwards[f"{name}/tile/unet"] < 0.85 * steps


def test_exact_is_bit_for_bit(open_again, make_hub, ask, photos):
    """In exact mode a job that looks at a picture is the same whoever is beside it."""
    name = open_again().card.name
    requests = [
        ask(model=name, pictures=1, references=((photos[key], "image", 0.4 + key),))
        for key in range(2)
    ]
    model = open_again()
    together = run(make_hub(model, exact=True), model, requests)
    model = open_again()
    alone = run(make_hub(model, exact=True), model, requests[:1])
    assert torch.equal(together[0].result, alone[0].result)


def test_different_weights_share_each_forward(open_again, make_hub, ask, photos):
    """Four jobs with pictures and weights of their own take half as many forwards as alone."""
    model = open_again()
    requests = [
        ask(model=model.card.name, pictures=1, references=((photos[k % 2], kind, k / 3),))
        for k, kind in enumerate(("image", "style", "figure", "image"))
    ]
    hub = make_hub(model)
    paint_alone = [paint(open_again(), request, quietly) for request in requests]
    for key, request in enumerate(requests):
        start(hub, model, key, request)
    results = {}
    try:
        while len(hub):
            results |= {finished.job_key: finished for finished in hub.turn()}
    finally:
        hub.close()
    assert hub.forwards[f"{model.card.name}/unet"] <= 2 * requests[0].steps_to_run
    for key, alone in enumerate(paint_alone):
        assert (results[key].result - alone).abs().max() < 1e-5


def test_a_cancelled_job_leaves_its_neighbours_alone(open_again, make_hub, ask, photos):
    """One that is cancelled while it looks, or paints, is gone; the others' pictures stay."""
    model, name = open_again(), None
    name = model.card.name
    requests = [
        ask(model=name, pictures=1, references=((photos[0], "face", 0.2 + key),))
        for key in range(3)
    ]
    expected = paint(open_again(), requests[1], quietly)
    hub, ends = make_hub(model), {}
    for key, request in enumerate(requests):
        start(hub, model, key, request)
    hub.cancel(0)
    try:
        while len(hub):
            if hub.forwards[f"{name}/unet"] == 2:
                hub.cancel(2)
            ends |= {finished.job_key: finished for finished in hub.turn()}
    finally:
        hub.close()
    assert isinstance(ends[0].error, StoppedError)
    assert isinstance(ends[2].error, StoppedError)
    assert (ends[1].result - expected).abs().max() < 1e-5
    assert not +model.references._holders


async def test_an_engine_knows_its_adapters_before_it_opens_a_model(
    make_engine, single_file, tiny_model, paint_all, ask, folder_of, family_source, photos
):
    """What the files tell is enough to say which models look at pictures; then they do."""
    folder = folder_of(family_source("sd15"))
    models = (("one", str(tiny_model)), ("file", str(single_file)), ("embedded", "embedded"))
    options = {"references": folder, "models": models, "model_config": tiny_model}
    engine = await make_engine(model="", **options)
    able = {card.name for card in engine.models() if "character" in card.honours}
    assert able == {"one", "file"}
    plain = await paint_all(engine, 1, ask(model="one"))
    seen = await paint_all(engine, 2, ask(model="one", references=((photos[0], "image", 1.0),)))
    assert isinstance(seen[-1], Painted)
    assert seen[-1].pictures != plain[-1].pictures


# -- what does not fit ----------------------------------------------------------------------------


def test_what_a_model_honours_tells_what_adapters_fit(source, folder, model, tmp_path):
    """A model looks at pictures where an adapter fits, and knows people by one for faces."""
    wanted = {"reference", "style", "character"}
    assert wanted <= model.card.honours
    assert not wanted & open_model(source, "cpu", references=tmp_path).card.honours
    assert not wanted & open_model(source, "cpu").card.honours
    for path in folder.rglob("my-plain.safetensors"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert not wanted & open_model(source, "cpu", references=tmp_path).card.honours


def test_without_an_adapter_it_is_a_sentence(open_tiny, ask, photos):
    """Who wants pictures looked at without an adapter is told what lacks."""
    for kind, words in (
        ("image", "cannot look at pictures beside the prompt: there is no IP-Adapter"),
        ("style", "cannot take the style of a picture"),
        ("face", "cannot take a person from a picture: that needs"),
    ):
        with pytest.raises(PaintError, match=words):
            paint(open_tiny, ask(references=((photos[0], kind, 1.0),)), quietly)


@pytest.fixture
def spoiled(source, folder, tmp_path):
    """A folder with the same adapters, to be spoiled."""
    for path in folder.rglob("*.*"):
        there = tmp_path / path.relative_to(folder)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    return tmp_path


def test_files_that_cannot_be_used_are_named(spoiled):
    """Pickles, damaged files, those for recognised faces, and those without an encoder."""
    assert ReferenceFolder(spoiled).refused() == ()
    plain = spoiled / "models" / "my-plain.safetensors"
    (spoiled / "old.bin").write_bytes(b"pickle")
    (spoiled / "cut.safetensors").write_bytes(plain.read_bytes()[:-9])
    tensors = load_file(plain)
    one = {key: each for key, each in tensors.items() if key.startswith("ip_adapter.")}
    faceid = {"image_proj.norm.weight": torch.ones(4), "image_proj.proj.0.weight": torch.ones(4, 5)}
    save_file(one | faceid, spoiled / "faceid.safetensors")
    wide = dict(tensors) | {"image_proj.proj.weight": torch.ones(8, 99)}
    save_file(wide, spoiled / "wide.safetensors")
    sentences = ReferenceFolder(spoiled).refused()
    assert len(sentences) == 4
    for sentence, (name, words) in zip(
        sentences,
        (
            ("cut", "cut short or damaged"),
            ("faceid", "needs faces recognised"),
            ("old", "is a pickle, which can run code when opened"),
            ("wide", r"lacks its image encoder"),
        ),
        strict=True,
    ):
        assert f"{name}." in sentence
        assert words in sentence
    assert ReferenceFolder(None).refused() == ()


def test_an_adapter_of_another_model_is_a_sentence(source, spoiled, ask, photos):
    """What has the right shapes in the wrong places is refused by its name, and nothing stays."""
    path = spoiled / "models" / "my-plain.safetensors"
    tensors = load_file(path)
    names = sorted(key for key in tensors if "to_k_ip" in key)
    turned = [tensors[name] for name in reversed(names)]
    wrong = tensors | dict(zip(names, turned, strict=True))
    model = open_model(source, "cpu", references=spoiled)
    plain = paint(model, ask(model=model.card.name, pictures=1), quietly)
    request = ask(model=model.card.name, pictures=1, references=((photos[0], "image", 1.0),))
    if len({each.shape for each in turned}) > 1:
        save_file(wrong, path)
    else:
        save_file({key: each for key, each in tensors.items() if "norm" not in key}, path)
    with pytest.raises(PaintError, match="The IP-Adapter my-plain does not fit this model"):
        paint(model, request, quietly)
    assert torch.equal(paint(model, ask(model=model.card.name, pictures=1), quietly), plain)


def test_a_file_that_changed_is_read_again(source, spoiled, ip_adapters, ask, photos):
    """An operator may replace an adapter while the bot runs."""
    model = open_model(source, "cpu", references=spoiled)
    request = ask(model=model.card.name, pictures=1, references=((photos[0], "image", 1.0),))
    path, pictures = spoiled / "models" / "my-plain.safetensors", []
    for seed in range(40, 46):
        ip_adapters.save_adapter(model.text_to_image.unet, path, seed=seed)
        pictures.append(paint(model, request, quietly))
    assert all((a - b).abs().max() > 1e-5 for a, b in itertools.pairwise(pictures))
    assert len(model.references._loaded) <= 4


def test_a_picture_that_is_gone_is_a_sentence(draw, tmp_path):
    """A file that is no picture, or not there, is told."""
    (tmp_path / "no.png").write_bytes(b"none")
    for name in ("no.png", "gone.png"):
        with pytest.raises(PaintError, match="refers to cannot be read any more"):
            draw((str(tmp_path / name), "image", 1.0))


@pytest.mark.parametrize(
    ("references", "words"),
    [
        ((("a", "smell", 1.0),), "a reference is image, style, figure, face"),
        ((("a", "image", 9.0),), "the weight of a reference must be 0 to 4"),
        ((("a", "image", 1.0),) * 9, "at most 8 pictures"),
    ],
)
def test_references_are_checked(ask, references, words):
    """A request that refers to pictures wrongly is refused when it is made."""
    with pytest.raises(ValueError, match=words):
        ask(references=references)


def test_a_request_with_references_survives_its_json(ask):
    """What is stored is read back equal."""
    request = ask(references=(("a.png", "style", 0.5), ("b.png", "face", 1.0)))
    assert Request.from_json(request.to_json()) == request


def test_an_operators_adapter_goes_before_the_models_own(tiny_model, ip_adapters, tmp_path):
    """Both fit; the operator's is taken, and finds its encoder beside it or with the model."""
    unet = open_model(find_source(str(tiny_model)), "cpu").text_to_image.unet
    own, others = tmp_path / "own", tmp_path / "others"
    ip_adapters.save_encoder(own / "image_encoder")
    ip_adapters.save_adapter(unet, own / "a.safetensors")
    ip_adapters.save_adapter(unet, others / "b.safetensors")
    shapes = attention_shapes(find_source(str(tiny_model)))
    found = ReferenceFolder(others, own).fitting(shapes)
    assert [one.path.name for one in found] == ["b.safetensors", "a.safetensors"]
    assert {one.encoder for one in found} == {own / "image_encoder"}
    ip_adapters.save_encoder(others / "image_encoder")
    found = ReferenceFolder(others, own).fitting(shapes)
    assert [one.encoder.parent for one in found] == [others, own]
