"""An upscaler of the operator's own takes the place of ours, and files that are none are told."""

import io
import pickle
import sys

import numpy as np
import pytest
from PIL import Image

from engine import Engine, EngineOptions, ModelError, enlarge
from engine.own_upscaler import OwnUpscaler, find, load


@pytest.fixture
def own():
    """Takes back what a test chose."""
    from engine.enlarge import use

    yield use
    use(None)


def png(size=(20, 12)):
    """A small picture with edges."""
    picture = Image.new("RGB", size, "#203040")
    picture.paste("#e0c020", (4, 3, 15, 9))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def size_of(content):
    """A picture's width and height."""
    with Image.open(io.BytesIO(content)) as opened:
        return opened.size


# -- without what opens such files ----------------------------------------------------------------


def test_without_the_extra_one_is_told_what_to_install(tmp_path, monkeypatch, tiny_model):
    """A file of one's own needs the extra; the sentence comes before anything is painted."""
    monkeypatch.setitem(sys.modules, "spandrel", None)
    path = tmp_path / "x4.safetensors"
    path.write_bytes(b"")
    with pytest.raises(ModelError, match=r"pip install easel\[esrgan\]"):
        Engine(EngineOptions(model=str(tiny_model), upscaler=path))


def test_what_is_no_upscaler_is_named(tmp_path):
    """Nothing there, an empty folder, and kinds of files that can bring code along."""
    with pytest.raises(ModelError, match=r"there is no \.safetensors or \.pth file"):
        find(tmp_path)
    with pytest.raises(ModelError, match=r"there is no \.safetensors or \.pth file"):
        find(tmp_path / "gone.pth")
    (tmp_path / "script.pt").write_bytes(b"")
    with pytest.raises(ModelError, match="can bring code along"):
        find(tmp_path / "script.pt")


def test_ours_enlarges_where_there_is_no_other(own):
    """Without an upscaler of the operator's, pictures become as large as ever."""
    own(None)
    assert size_of(enlarge(png(), 3)) == (60, 36)
    assert size_of(enlarge(png(), 2)) == (40, 24)


class Cramped:
    """A network that doubles, on a card with room for pieces of so many pixels a side."""

    scale, device = 2, "cpu"

    def __init__(self, room):
        self.room = room

    def __call__(self, piece):
        import torch

        if max(piece.shape[2:]) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return piece.repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_where_there_is_little_room_pieces_are_smaller():
    """What does not fit at once is enlarged in smaller pieces, to the same picture."""
    import torch

    pixels = torch.rand(3, 300, 200, generator=torch.Generator().manual_seed(1))
    made = OwnUpscaler(Cramped(room=120)).enlarge(pixels)
    assert torch.equal(made, pixels.repeat_interleave(2, 1).repeat_interleave(2, 2))


@pytest.mark.parametrize("factor", [2, 3])
def test_where_there_is_no_room_ours_enlarges(own, caplog, factor):
    """A picture for which the card has no room is enlarged without it, and the log says so."""
    before = enlarge(png(), factor)
    own(OwnUpscaler(Cramped(room=0)))
    assert enlarge(png(), factor) == before
    assert "UPSCALER found no room to enlarge 20x12 pixels" in caplog.text


# -- with it: `pytest -m esrgan` ------------------------------------------------------------------


def tiny_esrgan(scale=4):
    """A real ESRGAN of two narrow blocks with weights of a seed, and its weights by name."""
    import torch
    from spandrel.architectures.ESRGAN import ESRGAN

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = ESRGAN(num_filters=8, num_blocks=2, scale=scale).eval()
    return network, network.state_dict()


@pytest.mark.esrgan
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_an_esrgan_file_enlarges(tmp_path, suffix):
    """What is made is what the network makes of the whole picture, and differs from ours."""
    import torch
    from safetensors.torch import save_file

    network, weights = tiny_esrgan()
    path = tmp_path / f"tiny.{suffix}"
    if suffix == "pth":
        torch.save({"params_ema": weights}, path)
    else:
        save_file(weights, path)
    upscaler = load(tmp_path, "cpu")
    assert upscaler.scale == 4
    pixels = torch.rand(3, 12, 20, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network(pixels[None])[0].clamp(0, 1)
    assert (upscaler.enlarge(pixels) - expected).abs().max() < 1e-5


@pytest.mark.esrgan
def test_pieces_meet_without_a_seam(tmp_path, monkeypatch):
    """A picture of several pieces is nearly the one that is enlarged as a whole."""
    import torch
    from safetensors.torch import save_file

    network, weights = tiny_esrgan()
    save_file(weights, tmp_path / "tiny.safetensors")
    monkeypatch.setattr("engine.own_upscaler.TILE", 32)
    pixels = torch.rand(3, 70, 50, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network(pixels[None])[0].clamp(0, 1)
    made = load(tmp_path, "cpu").enlarge(pixels)
    assert made.shape == expected.shape
    assert (made - expected).abs().max() < 1e-4


@pytest.mark.esrgan
@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_it_takes_the_place_of_ours_for_every_factor(tmp_path, own, factor):
    """Pictures become as large as is asked for, whatever the network's own factor."""
    from safetensors.torch import save_file

    before = enlarge(png(), factor)
    save_file(tiny_esrgan()[1], tmp_path / "tiny.safetensors")
    own(load(tmp_path, "cpu"))
    after = enlarge(png(), factor)
    assert size_of(after) == size_of(before) == (20 * factor, 12 * factor)
    one, other = (np.asarray(Image.open(io.BytesIO(each)), float) for each in (before, after))
    assert abs(one - other).max() > 1


@pytest.mark.esrgan
async def test_a_card_without_room_for_it_leaves_it_to_the_processor(
    tmp_path, monkeypatch, caplog, make_engine, own, paint_all, ask
):
    """An upscaler for which the card has no room works on the processor; painting goes on."""
    import spandrel
    import torch
    from safetensors.torch import save_file

    save_file(tiny_esrgan()[1], tmp_path / "tiny.safetensors")
    before, move, tried = enlarge(png(), 2), spandrel.ImageModelDescriptor.to, []

    def full(network, device):
        tried.append(device)
        if len(tried) == 2:  # the first is spandrel's own
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return move(network, device)

    monkeypatch.setattr(spandrel.ImageModelDescriptor, "to", full)
    engine = await make_engine(upscaler=tmp_path)
    *_, end = await paint_all(engine, 1, ask(pictures=1))
    assert end.pictures
    assert enlarge(png(), 2) != before
    assert tried[2:] == ["cpu"]
    assert "finds no room on cpu: it enlarges on the processor" in caplog.text


class Bad:
    """What a pickle runs when it is opened."""

    def __reduce__(self):
        return (print, ("run!",))


@pytest.mark.esrgan
def test_files_that_could_run_code_are_refused(tmp_path, capsys):
    """A .pth file with more than weights is refused, and nothing of it runs."""
    import torch

    torch.save({"params": tiny_esrgan()[1], "more": Bad()}, tmp_path / "bad.pth")
    with pytest.raises(ModelError, match="could run code when opened"):
        load(tmp_path / "bad.pth", "cpu")
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Bad()))
    with pytest.raises(ModelError, match="UPSCALER is"):
        load(tmp_path / "old.pth", "cpu")
    (tmp_path / "cut.safetensors").write_bytes(b"cut")
    with pytest.raises(ModelError, match="cannot be opened"):
        load(tmp_path / "cut.safetensors", "cpu")
    assert "run!" not in capsys.readouterr().out


@pytest.mark.esrgan
async def test_the_setting_reaches_the_engine(tmp_path, make_engine, own, paint_all, ask, picture):
    """With UPSCALER pictures are enlarged by that file; a damaged one stops the engine."""
    from safetensors.torch import save_file

    before = enlarge(png(), 2)
    path = tmp_path / "up"
    path.mkdir()
    save_file(tiny_esrgan()[1], path / "tiny.safetensors")
    engine = await make_engine(upscaler=path)
    await paint_all(engine, 1, ask(pictures=1))
    assert enlarge(png(), 2) != before
    (path / "tiny.safetensors").write_bytes(b"cut")
    engine = await make_engine(upscaler=path)
    *_, end = await paint_all(engine, 1, ask(pictures=1))
    assert "cannot be opened" in end.sentence
