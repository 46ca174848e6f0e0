"""Models come from the hub with word of how far they are; here the hub is a server of our own."""

import asyncio
import hashlib
import http.server
import json
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from engine import ModelError, Painted
from engine.fetch import describe
from engine.files import choose_files


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as huggingface.co does for one repository in a folder."""

    folder: Path

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if "/tree/" in path:
            return self.say([{"type": "file", **one} for one in self.files()])
        if path.startswith("/api/models/"):
            siblings = [{"rfilename": one["path"], "size": one["size"]} for one in self.files()]
            return self.say({"id": "easel/tiny", "sha": self.commit(), "siblings": siblings})
        return self.send(path.partition("/resolve/")[2].partition("/")[2])

    do_HEAD = do_GET  # noqa: N815

    def files(self):
        paths = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return [
            {
                "path": path.relative_to(self.folder).as_posix(),
                "size": path.stat().st_size,
                "oid": f"{number:040x}",
            }
            for number, path in enumerate(paths)
        ]

    def commit(self):
        return hashlib.sha1(repr(self.files()).encode()).hexdigest()  # noqa: S324

    def say(self, answer):
        self.body(json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def send(self, name):
        known = next((one for one in self.files() if one["path"] == name), None)
        if known is None:
            return self.send_error(404)
        data = (self.folder / name).read_bytes()
        return self.body(data, {"ETag": f'"{known["oid"]}"', "X-Repo-Commit": self.commit()})

    def body(self, data, headers):
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture
def hub(tiny_model, tmp_path, monkeypatch):
    """The folder that a hub of our own serves as the repository easel/tiny."""
    folder = shutil.copytree(tiny_model, tmp_path / "served")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (Hub,), {"folder": folder})
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    where = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", where)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    yield folder
    server.shutdown()
    server.server_close()


async def ready(engine):
    """Wait until everything is fetched and the default model is open."""
    while engine.stats().loading or engine.stats().fetching:
        await asyncio.sleep(0.01)


async def test_a_download_tells_how_far_it_is(hub, make_engine, paint_all, ask, monkeypatch):
    """A model is fetched once, with growing percents up to all of it, and then painted with;
    the next time the hub need not be there."""
    said = []
    monkeypatch.setattr("engine.engine.Engine._say", lambda _, sentence: said.append(sentence))
    engine = await make_engine(model="easel/tiny")
    assert engine.absent == {"tiny"}
    assert isinstance((await paint_all(engine, 1, ask()))[-1], Painted)
    percents = [int(line.split()[2].rstrip("%")) for line in said if "% of" in line]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    said.clear()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    again = await make_engine(model="easel/tiny")
    assert again.absent == frozenset()
    assert isinstance((await paint_all(again, 1, ask()))[-1], Painted)
    assert said == ["loading tiny"]
    card = again.models()[0]
    assert (card.family, card.width, card.default_steps) == ("sd1", 64, 4)


async def test_other_models_are_fetched_beside_the_painting(
    hub, make_engine, paint_all, ask, tiny_model
):
    """A model of MODELS is fetched while the default one paints; its jobs wait for it."""
    engine = await make_engine(model=str(tiny_model), models=(("far", "easel/tiny"),))
    jobs = paint_all(engine, 1, ask(model="far")), paint_all(engine, 2, ask())
    far, near = await asyncio.gather(*jobs)
    assert far[-1].pictures == near[-1].pictures
    await ready(engine)


async def test_a_wrong_file_of_the_hub_is_refused_by_name(hub, make_engine, paint_all, ask):
    """A page in the place of weights, or a pickle, is named and never opened."""
    weights = next((hub / "unet").glob("*.safetensors"))
    pickle = weights.rename(weights.with_suffix(".bin"))
    engine = await make_engine(model="easel/tiny")
    (end,) = await paint_all(engine, 1, ask())
    assert "easel/tiny has unet/diffusion_pytorch_model.bin only, a pickle" in end.sentence
    pickle.unlink()
    weights.write_text("<!doctype html> sign in to download" * 20)
    engine = await make_engine(model="easel/tiny")
    (end,) = await paint_all(engine, 1, ask())
    assert "diffusion_pytorch_model.safetensors is not a safetensors file" in end.sentence


def test_each_part_is_fetched_once_in_one_precision():
    """Of several files with the same weights one is taken; pickles and others' files are not."""
    index = {"_class_name": "P", "unet": ["diffusers", "U"], "safety_checker": ["s", "S"]}
    files = [
        "model_index.json",
        "README.md",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "safety_checker/model.safetensors",
        "whole.safetensors",
    ]
    full = choose_files("x", index, files, half=False)
    assert full == [
        "model_index.json",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/config.json",
    ]
    assert choose_files("x", index, files, half=True)[1].endswith("fp16.safetensors")
    parts = [f"unet/diffusion_pytorch_model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    assert choose_files("x", index, parts, half=True) == parts
    with pytest.raises(ModelError, match="a pickle"):
        choose_files("x", index, ["unet/diffusion_pytorch_model.bin"], half=False)


def test_how_far_it_is_can_be_read():
    """Sizes are in units that people use."""
    assert describe("xl", 5e8, 6.94e9) == "fetching xl: 7% of 6.9 GB"
    assert describe("xl", 3e6, 2e6) == "fetching xl: 100% of 2.0 MB"
