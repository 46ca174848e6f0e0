"""Opening models: what is opened, what is refused, and the sentence that says why."""

import json
import shutil

import pytest

from engine import Engine, EngineOptions, Failed, ModelError, Painted
from engine.device import choose_device
from engine.models import _variant, open_model
from engine.pipelines import paint
from engine.source import find_source


@pytest.fixture
def copy_of(tiny_model, tmp_path):
    """A copy of the tiny model that a test may damage."""
    return shutil.copytree(tiny_model, tmp_path / "copy")


def test_a_single_file_paints_as_its_folder(single_file, tiny_model, open_tiny, ask):
    """A .safetensors file with MODEL_CONFIG paints the pictures of the folder it was made from."""
    model = open_model(find_source(str(single_file), tiny_model), "cpu")
    assert model.card.name == "single"
    one = paint(model, ask(), lambda *_: None)
    other = paint(open_tiny, ask(), lambda *_: None)
    assert (one - other).abs().max() < 1e-5


def test_a_single_file_without_configuration_names_the_setting(single_file, monkeypatch):
    """Without MODEL_CONFIG and without a network the sentence names MODEL_CONFIG."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="MODEL_CONFIG to a local diffusers folder"):
        open_model(find_source(str(single_file)), "cpu")


async def test_a_hub_model_without_network_is_a_sentence(make_engine, paint_all, ask, monkeypatch):
    """Its card comes from its name; its jobs fail with what the operator should do."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    still = Engine(EngineOptions(model="stabilityai/sdxl-turbo-nowhere"))
    assert still.stats().loading == "fetching sdxl-turbo-nowhere"
    engine = await make_engine(model="stabilityai/sdxl-turbo-nowhere")
    card = engine.models()[0]
    assert (card.name, card.default_steps) == ("sdxl-turbo-nowhere", 4)
    (end,) = await paint_all(engine, 1, ask(model=card.name))
    assert isinstance(end, Failed)
    assert not end.retry
    assert end.sentence == engine.stats().failed
    assert "stabilityai/sdxl-turbo-nowhere is not on this machine" in end.sentence
    assert "connect to the network once" in end.sentence


def test_a_truncated_file_is_refused_by_name(copy_of, single_file, tiny_model, tmp_path):
    """A file that was cut short is named, before anything is loaded."""
    weights = copy_of / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"unet.diffusion_pytorch_model\.safetensors is cut short"):
        Engine(EngineOptions(model=str(copy_of)))
    for length in (0, 5, 50, 5000):
        short = tmp_path / "short.safetensors"
        short.write_bytes(single_file.read_bytes()[:length])
        with pytest.raises(ModelError, match=r"short\.safetensors is"):
            Engine(EngineOptions(model=str(short), model_config=tiny_model))


def test_a_file_of_something_else_is_refused(tmp_path):
    """A file that only has the right ending is named."""
    wrong = tmp_path / "page.safetensors"
    wrong.write_text("<!doctype html><title>Sign in to download</title>" * 9)
    with pytest.raises(ModelError, match=r"page\.safetensors is not a safetensors file"):
        find_source(str(wrong))


@pytest.mark.parametrize("ending", [".ckpt", ".pt", ".bin", ".pth"])
def test_a_pickled_file_is_refused(tmp_path, ending):
    """A pickle is never opened, and the sentence says what would be."""
    pickle = tmp_path / f"model{ending}"
    pickle.write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match=r"is a pickle.*\.safetensors files only"):
        Engine(EngineOptions(model=str(pickle)))


def test_a_folder_of_pickles_is_refused(copy_of):
    """A part with a .bin in place of its .safetensors is named."""
    weights = copy_of / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model\.bin is a pickle"):
        find_source(str(copy_of))
    weights.with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"no \.safetensors file with the weights"):
        find_source(str(copy_of))


def test_code_that_a_model_brings_is_refused(copy_of):
    """Neither a pipeline nor a part may bring code of its own."""
    index = json.loads((copy_of / "model_index.json").read_text())
    ours = json.dumps(index | {"unet": ["my_unet", "Mine"]})
    (copy_of / "model_index.json").write_text(ours)
    (copy_of / "unet" / "my_unet.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelError, match="brings code of its own"):
        find_source(str(copy_of))
    (copy_of / "model_index.json").write_text(json.dumps(index | {"_class_name": ["pipe", "P"]}))
    with pytest.raises(ModelError, match="code of its own"):
        find_source(str(copy_of))


@pytest.mark.parametrize(
    "model", ["./gone", "/gone/model", "gone.safetensors", "a/b/c", "../x/y", "with space/model"]
)
def test_what_is_nowhere_is_a_sentence(model):
    """A MODEL that is neither there nor a repository's name says what MODEL takes."""
    with pytest.raises(ModelError, match="MODEL takes a diffusers repository"):
        find_source(model)


def test_a_folder_that_is_no_model_is_refused(tmp_path, single_file):
    """MODEL and MODEL_CONFIG must be diffusers folders."""
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        find_source(str(tmp_path))
    with pytest.raises(ModelError, match="MODEL_CONFIG is"):
        find_source(str(single_file), tmp_path)


async def test_weights_of_another_shape_are_a_sentence(make_engine, paint_all, copy_of, ask):
    """A model whose files do not fit together fails its jobs in words; the engine lives."""
    config = copy_of / "unet" / "config.json"
    config.write_text(config.read_text().replace("32", "48"))
    engine = await make_engine(model=str(copy_of))
    (end,) = await paint_all(engine, 1, ask(model="copy"))
    assert end.sentence.startswith(f"{copy_of} could not be opened: ")


@pytest.mark.parametrize("has_configs", [False, True], ids=["empty", "configurations"])
async def test_missing_weights_still_paint(
    make_engine, paint_all, ask, tmp_path, monkeypatch, has_configs
):
    """Without the embedded weights noise is painted, the same every time, and the card says so."""
    from engine.models import make_untrained

    folder = tmp_path / "embedded"
    if has_configs:
        make_untrained(None).save_pretrained(folder, safe_serialization=True)
        for weights in folder.rglob("*.safetensors"):
            weights.unlink()
    monkeypatch.setattr("engine.source.EMBEDDED", folder)
    request = ask(model="embedded", num_inference_steps=1, pictures=1)
    ends = []
    for _ in range(2):
        engine = await make_engine(model="")
        ends.append((await paint_all(engine, 1, request))[-1])
        card = engine.models()[0]
        assert (card.name, card.untrained, card.delivery_scale) == ("embedded", True, 2)
        assert (card.width, card.height) == (128, 128)
    assert isinstance(ends[0], Painted)
    assert ends[0].pictures == ends[1].pictures


def test_the_embedded_model_is_an_ordinary_diffusers_folder(tmp_path, monkeypatch, ask):
    """With its weights in place it opens as any model, and its easel.json completes its card."""
    from engine.models import make_untrained

    folder = tmp_path / "embedded"
    make_untrained(None).save_pretrained(folder, safe_serialization=True)
    (folder / "easel.json").write_text('{"default_steps": 9, "delivery_scale": 3, "world": []}')
    monkeypatch.setattr("engine.source.EMBEDDED", folder)
    model = open_model(find_source(""), "cpu")
    assert not model.card.untrained
    assert (model.card.default_steps, model.card.delivery_scale) == (9, 3)
    pictures = paint(model, ask(num_inference_steps=1, width=128, height=128), lambda *_: None)
    assert pictures.shape == (4, 3, 128, 128)
    assert model.previewer.is_tiny


def test_stock_diffusers_schedulers_that_waste_steps_are_replaced(copy_of):
    """PNDM, which paints one step more than asked, gives way to DPM++ on the same schedule."""
    config = copy_of / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("EulerDiscreteScheduler", "PNDMScheduler"))
    index = copy_of / "model_index.json"
    index.write_text(index.read_text().replace("EulerDiscreteScheduler", "PNDMScheduler"))
    scheduler = open_model(find_source(str(copy_of)), "cpu").text_to_image.scheduler
    assert type(scheduler).__name__ == "DPMSolverMultistepScheduler"
    assert scheduler.config.beta_schedule == "scaled_linear"


def test_lightning_models_sample_the_end_of_the_schedule(copy_of):
    """A model distilled to few steps, told by its name, gets trailing timesteps."""
    renamed = copy_of.rename(copy_of.with_name("Toy-Lightning-8step"))
    model = open_model(find_source(str(renamed)), "cpu")
    assert model.text_to_image.scheduler.config.timestep_spacing == "trailing"


def test_sdxls_vae_keeps_its_number_type_in_bfloat16(tiny_sdxl, picture, ask, monkeypatch):
    """A job that starts from a picture does not change the type of a VAE that others use."""
    import torch

    monkeypatch.setattr("engine.models.choose_dtype", lambda device: torch.bfloat16)
    model = open_model(find_source(str(tiny_sdxl)), "cpu")
    types, vae = [], model.text_to_image.vae
    vae.encoder.register_forward_hook(lambda *_: types.append(vae.dtype))
    request = ask(model="tiny-sdxl", image=str(picture), strength=0.5, pictures=1)
    assert paint(model, request, lambda *_: None).isfinite().all()
    assert types == [torch.bfloat16]


def test_on_a_cpu_convolutions_lie_as_it_reads_them_fastest(open_tiny):
    """In channels_last, in which the embedded model's grid takes a tenth less time."""
    import torch

    for part in (open_tiny.text_to_image.unet, open_tiny.text_to_image.vae):
        kernels = [weight for weight in part.parameters() if weight.ndim == 4]
        wide = [weight for weight in kernels if weight.shape[1] > 1 and weight.shape[2] > 1]
        assert wide
        assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in wide)


def test_a_job_need_not_search_its_device(open_tiny, ask, picture, monkeypatch):
    """No job walks through the modules of its models to learn where they are."""

    def search(*_):
        pytest.fail("the device was searched for")

    monkeypatch.setattr("diffusers.hooks.group_offloading._get_group_onload_device", search)
    for request in (ask(), ask(image=str(picture), strength=0.5), ask(prompt="a (fox:1.3)")):
        assert open_tiny.view(request)._execution_device == open_tiny.device
        paint(open_tiny, request, lambda *_: None)


def test_a_device_that_is_not_there_is_a_sentence():
    """A wrong DEVICE names itself and what always works."""
    for name in ("cuda:99", "toaster"):
        with pytest.raises(ModelError, match=f"DEVICE={name} cannot be used.*take auto"):
            choose_device(name)


def test_half_precision_files_are_taken_where_they_serve():
    """fp16 files are read for a half-precision device, or where there are no others."""
    import torch

    both = ["unet/model.safetensors", "unet/model.fp16.safetensors"]
    assert _variant(both, torch.float32) is None
    assert _variant(both, torch.bfloat16) == "fp16"
    assert _variant(both[1:], torch.float32) == "fp16"
    assert _variant(both[:1], torch.float16) is None
