"""ControlNets lead a painting by the edges of another picture."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.control_folder import ControlFolder
from engine.edges import draw_canny, draw_scribble
from engine.errors import PaintError
from engine.models import open_model
from engine.pictures import open_control
from engine.pipelines import paint


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@pytest.fixture(scope="module", params=["sd15", "sdxl", "embedded"])
def model(request, family_source, tmp_path_factory, write_control):
    """A model of each family with ControlNets `my-canny` and `depth`."""
    folder = tmp_path_factory.mktemp("controls")
    model = open_model(family_source(request.param), "cpu", controls=folder)
    for name in ("my-canny", "depth"):
        write_control(model.text_to_image.unet, folder / name)
    return model


@pytest.fixture
def photo(tmp_path):
    """A picture of a bright disc on dark ground."""
    picture = Image.new("RGB", (64, 64), (30, 40, 50))
    ImageDraw.Draw(picture).ellipse((16, 16, 47, 47), fill=(220, 200, 180))
    picture.save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


@pytest.fixture
def old(tmp_path):
    """A picture to start from and a mask for it."""
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(tmp_path / "old.png")
    Image.linear_gradient("L").resize((64, 64)).save(tmp_path / "mask.png")
    return {"image": str(tmp_path / "old.png"), "strength": 0.8}, str(tmp_path / "mask.png")


@pytest.mark.parametrize("start", ["text", "picture", "mask"])
def test_a_control_picture_leads_every_kind_of_job(model, ask, photo, old, start):
    """Control changes the picture, more with more scale; each tile is as painted alone."""
    more = {"model": model.card.name}
    if start != "text":
        more |= old[0]
    if start == "mask":
        more["mask"] = old[1]
    control = {"control": photo, "control_kind": "My-Canny"}
    grid = paint(model, ask(pictures=2, **more, **control), quietly)
    alone = paint(model, ask(pictures=1, seed=8, **more, **control), quietly)
    assert (grid[1] - alone[0]).abs().max() < 1e-5
    free = paint(model, ask(pictures=1, seed=8, **more), quietly)
    weak = paint(model, ask(pictures=1, seed=8, control_scale=0.01, **more, **control), quietly)
    assert (alone - free).abs().mean() > (weak - free).abs().mean() > 0


def test_a_photograph_becomes_edges_where_the_kind_asks(ask, photo):
    """Canny and scribble draw the photograph; what is ready or of another kind stays."""
    given = np.array(Image.open(photo))

    def control(**fields):
        return np.array(open_control(ask(control=photo, **fields)))

    assert set(np.unique(control(control_kind="sd15-canny"))) == {0, 255}
    assert set(np.unique(control(control_kind="Scribble"))) == {0, 255}
    assert np.array_equal(control(control_kind="depth"), given)
    assert np.array_equal(control(control_kind="canny", control_ready=True), given)


def test_canny_draws_thin_closed_outlines(photo):
    """The disc is one thin ring where its edge is, and nothing else."""
    edges = np.array(draw_canny(Image.open(photo)))[..., 0] > 0
    rows, columns = np.nonzero(edges)
    radius = np.hypot(rows - 31.5, columns - 31.5)
    assert radius.min() > 13
    assert radius.max() < 18
    assert 80 <= edges.sum() <= 150
    angles = np.sort(np.arctan2(rows - 31.5, columns - 31.5))
    assert np.diff(angles).max() < 0.2
    assert not np.array(draw_canny(Image.new("RGB", (64, 64), "grey"))).any()
    faint = Image.new("RGB", (64, 64), (100, 100, 100))
    ImageDraw.Draw(faint).rectangle((20, 20, 40, 40), fill=(104, 104, 104))
    assert not np.array(draw_canny(faint)).any()


def test_scribbles_are_thick_lines_white_on_black(photo):
    """A photograph gives thick outlines; a drawing on white paper is turned round as it is."""
    lines = np.array(draw_scribble(Image.open(photo)))[..., 0] > 0
    assert lines.sum() > 1.5 * (np.array(draw_canny(Image.open(photo)))[..., 0] > 0).sum()
    assert not lines[28:36, 28:36].any()
    paper = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(paper).line((5, 5, 60, 50), fill="black", width=3)
    drawn = np.array(draw_scribble(paper))
    assert np.array_equal(drawn > 0, np.array(paper) < 128)
    assert not np.array(draw_scribble(Image.new("RGB", (64, 64), "grey"))).any()


def test_unknown_and_wrong_controls_are_sentences(model, ask, photo, tmp_path, write_control):
    """A ControlNet that is not there, damaged, or of another model is told by its name."""
    name = model.card.name

    def draw(kind):
        request = ask(model=name, pictures=1, control=photo, control_kind=kind)
        return paint(model, request, quietly)

    with pytest.raises(PaintError, match="no ControlNet cany here; there is my-canny"):
        draw("cany")
    with pytest.raises(PaintError, match="no other either"):
        ControlFolder(None).find("canny")
    folder = model.controls._folder._folders[-1]
    from diffusers import UNet2DConditionModel

    other = dict(model.text_to_image.unet.config, cross_attention_dim=16)
    write_control(UNet2DConditionModel.from_config(other), folder / "other")
    (folder / "cut").mkdir(exist_ok=True)
    for path in (folder / "depth").iterdir():
        (folder / "cut" / path.name).write_bytes(
            path.read_bytes()[: -9 if "safe" in path.name else None]
        )
    with pytest.raises(PaintError, match="ControlNet other does not fit this model"):
        draw("other")
    with pytest.raises(PaintError, match="ControlNet cut are damaged"):
        draw("cut")
    assert set(ControlFolder(folder).names()) == {"my-canny", "depth", "other", "cut"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"control": "a.png"}, "belong together"),
        ({"control_kind": "canny"}, "belong together"),
        ({"control": "a", "control_kind": "canny", "control_scale": 0}, "control_scale must be"),
        ({"control": "a", "control_kind": "canny", "tile": True}, "do not go together"),
    ],
)
def test_control_fields_are_checked(ask, fields, words):
    """A request with half a control is refused when it is made."""
    with pytest.raises(ValueError, match=words):
        ask(**fields)


def test_a_scribble_leads_by_what_knows_lines(tmp_path, open_tiny, write_control):
    """Where nothing is there for scribbles, a net for edges is led by one, drawn as a scribble; of
    the same name in two folders the first counts."""
    unet = open_tiny.text_to_image.unet
    own, others = tmp_path / "own", tmp_path / "others"
    write_control(unet, own / "canny")
    write_control(unet, others / "Canny")
    folder = ControlFolder(others, None).after(str(own))
    assert (folder.names(), folder.find("canny")) == (("canny",), own / "canny")
    assert (folder.find("scribble"), folder.kind("Scribble")) == (own / "canny", "scribble")
    assert (folder.kind("can"), ControlFolder(None).after("").names()) == ("canny", ())
    write_control(unet, others / "my-scribble")
    assert (folder.find("scribble"), folder.kind("scribble")) == (
        others / "my-scribble",
        "my-scribble",
    )
