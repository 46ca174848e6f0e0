"""LoRAs: found by name, several at once, gone without a trace, never in another's picture."""

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import PaintError
from engine.loras import LoraFolder
from engine.models import open_model
from engine.pipelines import paint


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


def attention_lora(modules, prefix, generator, rank=2):
    """Random LoRA weights for the attention layers of a module, as diffusers saves them."""
    tensors = {}
    for name, layer in modules.named_modules():
        if name.endswith((".to_q", ".to_v", ".q_proj", ".v_proj")):
            sides = {"A": (rank, layer.in_features), "B": (layer.out_features, rank)}
            for side, shape in sides.items():
                key = f"{prefix}.{name}.lora_{side}.weight"
                tensors[key] = 0.5 * torch.randn(shape, generator=generator)
    return tensors


def write_loras(pipeline, folder):
    """Three LoRAs of one model: `ink` (U-Net), `Oil` (both, in a folder below), `words`."""
    generator = torch.Generator().manual_seed(5)

    def make(prefix):
        return attention_lora(getattr(pipeline, prefix), prefix, generator)

    (folder / "more").mkdir(parents=True)
    save_file(make("unet"), folder / "ink.safetensors")
    both = make("unet") | make("text_encoder")
    if hasattr(pipeline, "text_encoder_2"):
        both |= make("text_encoder_2")
    save_file(both, folder / "more" / "Oil.safetensors")
    save_file(make("text_encoder"), folder / "words.safetensors")


def loaded(model):
    """The names of what is loaded into a model's U-Net."""
    names = (name for name, _ in model.text_to_image.unet.named_parameters())
    return {name.split(".lora_A.")[1].split(".")[0] for name in names if ".lora_A." in name}


@pytest.fixture(scope="module", params=["sd15", "sdxl", "embedded"])
def model(request, family_source, tmp_path_factory):
    """A model of each family with a folder of LoRAs for it."""
    folder = tmp_path_factory.mktemp("loras") / request.param
    model = open_model(family_source(request.param), "cpu", folder)
    write_loras(model.text_to_image, folder)
    return model


@pytest.fixture
def draw(model, ask):
    """Paint one picture of one seed: `draw(ink=0.8, tile=True)`."""

    def do(tile=False, **loras):
        fields = {"model": model.card.name, "pictures": 1, "tile": tile}
        return paint(model, ask(loras=tuple(loras.items()), **fields), quietly)

    return do


def test_loras_change_the_picture_by_their_weight(draw):
    """Each LoRA changes the picture, more weight more, and several at once differ from each."""
    plain = draw()
    ink, oil, both = draw(ink=0.8), draw(oil=1), draw(ink=0.8, oil=1)
    for one, other in ((ink, plain), (oil, plain), (ink, oil), (both, ink), (both, oil)):
        assert (one - other).abs().max() > 1e-5
    assert (draw(ink=0.01) - plain).abs().mean() < (ink - plain).abs().mean()
    assert (draw(words=1) - plain).abs().max() > 1e-6


def test_a_lora_leaves_no_trace(draw):
    """Before and after jobs with LoRAs a plain one is the same bit for bit; so are theirs."""
    plain, ink = draw(), draw(ink=0.8)
    draw(oil=1.2, ink=-0.5)
    assert torch.equal(draw(), plain)
    assert torch.equal(draw(ink=0.8), ink)
    assert torch.equal(draw(oil=0.3, ink=0.7), draw(ink=0.7, oil=0.3))


def test_whoever_takes_over_the_switching_finds_nothing_switched(model, draw):
    """A hub that begins to switch the LoRAs need not know what was at work before."""
    plain = draw()
    draw(ink=0.8)
    try:
        model.adapters.is_delegated = True
        assert torch.equal(draw(), plain)
        model.adapters.activate("unet", model.adapters._active["text_encoder"])
    finally:
        model.adapters.is_delegated = False
    assert torch.equal(draw(), plain)


def test_a_weight_of_nothing_is_nothing(draw):
    """A LoRA of weight 0 paints what none paints."""
    assert (draw(ink=0.0) - draw()).abs().max() < 1e-6


def test_seamless_tiles_take_loras_too(draw):
    """A LoRA works in the tiled twin, made before or after it was first loaded."""
    plain = draw(tile=True)
    assert (draw(tile=True, ink=0.8) - plain).abs().max() > 1e-5
    assert (draw(tile=True, oil=0.8) - draw(oil=0.8)).abs().max() > 1e-6
    assert torch.equal(draw(tile=True), plain)


def test_lora_is_what_its_formula_says(model, draw):
    """At weight w the layer's weight is W + w·BA: the same as weights changed by hand."""
    from safetensors.torch import load_file

    with_lora = draw(ink=0.6)
    path = model.adapters._folder.find("ink")
    tensors, unet = load_file(path), model.text_to_image.unet
    pairs = {
        name.removeprefix("unet.").removesuffix(".lora_A.weight"): (
            tensors[name.replace("lora_A", "lora_B")] @ tensors[name]
        )
        for name in tensors
        if name.endswith("lora_A.weight")
    }

    def add(factor):
        with torch.no_grad():
            for name, change in pairs.items():
                layer = unet.get_submodule(name)
                getattr(layer, "base_layer", layer).weight += factor * change

    add(0.6)
    by_hand = draw()
    add(-0.6)
    assert (with_lora - by_hand).abs().max() < 1e-4


def test_names_are_found_without_case_and_unknown_ones_are_answered(model, draw):
    """Names are files, here and below, whatever their case; an unknown one tells what is near."""
    assert sorted(model.adapters._folder.names()) == ["Oil", "ink", "words"]
    assert torch.equal(draw(OIL=0.5), draw(oil=0.5))
    with pytest.raises(PaintError, match=r"no LoRA inc here; there is ink\."):
        draw(inc=1)
    with pytest.raises(PaintError, match="there are ink, Oil, words"):
        draw(zzzzzzz=1)
    with pytest.raises(PaintError, match="no other either"):
        LoraFolder(None).find("ink")


def test_names_cannot_leave_the_folder(model, tmp_path):
    """A name is compared, never used as a path."""
    with pytest.raises(PaintError, match="There is no LoRA"):
        model.adapters._folder.find("../" * 3 + "etc/passwd")


def test_a_lora_of_another_model_is_a_sentence(model, draw, tmp_path):
    """What does not fit is refused by name, and nothing of it stays."""
    draw(ink=0.5)
    folder, plain, before = model.adapters._folder._folder, draw(), loaded(model)
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    wrong = {f"{name}.lora_A.weight": torch.ones(2, 7), f"{name}.lora_B.weight": torch.ones(9, 2)}
    save_file(wrong, folder / "wrong.safetensors")
    save_file({"transformer.x.lora_A.weight": torch.ones(2, 2)}, folder / "flux.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "ink.safetensors").read_bytes()[:-9])
    try:
        for other in ("wrong", "flux"):
            with pytest.raises(PaintError, match=f"The LoRA {other} does not fit this model"):
                draw(ink=0.5, **{other: 1})
        with pytest.raises(PaintError, match="The file of the LoRA cut is damaged"):
            draw(cut=1)
    finally:
        for other in ("wrong", "flux", "cut"):
            (folder / f"{other}.safetensors").unlink()
    assert torch.equal(draw(), plain)
    assert loaded(model) == before


def test_a_file_that_changed_is_read_again(model, draw):
    """An operator may replace a LoRA while the bot runs."""
    folder = model.adapters._folder._folder
    path = folder / "fresh.safetensors"
    path.write_bytes((folder / "ink.safetensors").read_bytes())
    first = draw(fresh=0.9)
    path.write_bytes((folder / "more" / "Oil.safetensors").read_bytes())
    second = draw(fresh=0.9)
    path.unlink()
    assert (first - second).abs().max() > 1e-5


def test_only_so_many_stay_loaded(model, draw, monkeypatch):
    """Those longest unused are taken out, and come back when asked for."""
    monkeypatch.setattr("engine.adapters.MOST_LOADED", 4)
    folder = model.adapters._folder._folder
    first = draw(ink=0.4)
    copies = [folder / f"copy{number}.safetensors" for number in range(6)]
    try:
        for path in copies:
            path.write_bytes((folder / "ink.safetensors").read_bytes())
            assert torch.equal(draw(**{path.stem: 0.4}), first)
    finally:
        for path in copies:
            path.unlink()
    assert len(loaded(model)) <= 4
    assert torch.equal(draw(ink=0.4), first)


# not SDXL: its block names in such files are those of the full-size model
@pytest.mark.parametrize("model", ["sd15", "embedded"], indirect=True, scope="module")
def test_loras_of_other_tools_load(model, draw):
    """Files with kohya's names and alphas load as those of diffusers do."""
    folder = model.adapters._folder._folder
    ours = attention_lora(model.text_to_image.unet, "unet", torch.Generator().manual_seed(9))
    theirs = {}
    for name, tensor in ours.items():
        layer, side = name.removeprefix("unet.").split(".lora_")
        stem = "lora_unet_" + layer.replace(".", "_")
        theirs[f"{stem}.lora_{'down' if side[0] == 'A' else 'up'}.weight"] = tensor
        theirs[f"{stem}.alpha"] = torch.tensor(2.0)
    save_file(theirs, folder / "kohya.safetensors")
    save_file(ours, folder / "same.safetensors")
    try:
        assert (draw(kohya=0.7) - draw(same=0.7)).abs().max() < 1e-5
        assert (draw(kohya=0.7) - draw()).abs().max() > 1e-5
    finally:
        (folder / "kohya.safetensors").unlink()
        (folder / "same.safetensors").unlink()
