"""`easel bench` measures what it says, and its bars are kept."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.bench.report import Bar, bars_of_load

ROOT = Path(__file__).parents[3]
EASEL = [sys.executable, "-m", "bot"]


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """The launch regime of the tiny preset, opened once."""
    import torch

    from engine.bench.load import make_kinds
    from engine.bench.presets import PRESETS, open_preset
    from engine.bench.trials import Bench

    preset = PRESETS["launch"]
    model = open_preset(preset, torch.device("cpu"))
    return Bench(preset, model, make_kinds(preset, tmp_path_factory.mktemp("bench")))


def test_a_trace_is_the_same_at_every_load(trial):
    """A seed gives the same jobs in the same order, whatever the gaps between them."""
    from engine.bench.load import make_trace

    one, other = (make_trace(trial.preset, trial.kinds, 20, gap, 5) for gap in (0.0, 3.0))
    assert [task.request for task in one] == [task.request for task in other]
    assert {task.arrives_s for task in one} == {0.0}
    assert other[-1].arrives_s > other[0].arrives_s > 0


def test_all_servers_paint_the_same_pictures(trial):
    """Whoever serves a trace, its pictures equal plain diffusers' to 1e-5."""
    from engine.bench.trials import SERVERS, measure_difference

    runs = trial.run(0.0, 6, 1, SERVERS)
    for name, run in runs.items():
        assert all(task.ends_s >= task.first_s >= task.arrives_s for task in run.tasks), name
    assert measure_difference(runs["easel"].tasks, runs["fifo"].tasks) <= 1e-5


def test_plain_diffusers_stays_plain(trial):
    """What the hub changes in the layers of Easel's U-Net is not in those it is compared with."""
    from engine.prompt_attention import PromptAttention

    trial.run(0.0, 1, 1, ["easel"])
    eased = {
        name: any(
            isinstance(layer, PromptAttention) for layer in model.text_to_image.unet.modules()
        )
        for name, model in (("own", trial.model), ("plain", trial.plain), ("tuned", trial.tuned))
    }
    assert eased == {"own": True, "plain": False, "tuned": False}
    own, plain = (model.text_to_image.unet for model in (trial.model, trial.plain))
    assert own.conv_in.weight.data_ptr() == plain.conv_in.weight.data_ptr()


def test_another_load_is_told_from_one_run(trial):
    """First come, first served takes as long for a job at any load; only the waiting differs."""
    tasks = trial.run(0.0, 5, 2, ["fifo"])["fifo"].tasks
    told = trial.replay(tasks, 100.0, 2)
    took = [task.ends_s - task.begins_s for task in tasks]
    assert [task.latency_s for task in told] == pytest.approx(took)
    assert told[0].request == tasks[0].request


def test_a_load_is_a_part_of_what_served_the_burst(trial):
    """At load 0.5 the jobs of a trace come in twice the time that a burst of them took."""
    from engine.bench.load import gap_at

    tasks = trial.run(0.0, 5, 2, ["tuned"])["tuned"].tasks
    took = sum(task.ends_s - task.begins_s for task in tasks)
    assert len(tasks) * gap_at(0.5, tasks) == pytest.approx(2 * took, rel=0.02)


def test_promises_beside_speed(trial):
    """Exact is bit for bit, a cancel wastes no step, and a known prompt is not encoded again."""
    from engine.bench.trials import check_exact, count_encodings, measure_cancel

    assert check_exact(trial, jobs=4)
    assert measure_cancel(trial) <= 1
    assert count_encodings(trial) == 0


def test_nine_ask_as_often_as_told_while_a_hundred_are_painted(trial):
    """In a rush one painter asks a hundred times at once, nine `turns` times each, spread out."""
    from engine.bench.load import make_rush

    alone_s = dict.fromkeys((kind.name for kind in trial.kinds), 1.0)
    for turns in (1, 3):
        tasks = make_rush(trial.preset, trial.kinds, alone_s, 4, turns)
        others = Counter(task.painter for task in tasks if task.arrives_s)
        assert others == {f"painter {number}": turns for number in range(9)}
        assert len(tasks) == 100 + 9 * turns
        assert tasks[-1].arrives_s <= 60


def test_jain_and_medians_are_what_they_say():
    """Equal shares are 1, one for all 1/n; the median goes number by number."""
    from engine.bench.measure import jain, middle

    assert jain([2.0, 2.0, 2.0]) == pytest.approx(1)
    assert jain([1.0, 0.0, 0.0, 0.0]) == pytest.approx(0.25)
    found = middle([{"a": {"b": 1.0}}, {"a": {"b": 9.0}}, {"a": {"b": 2.0}}])
    assert found == {"a": {"b": 2.0}}


def test_bars_compare_with_the_better_of_the_plain_ones():
    """FIFO is the better of plain and tuned, in speed and in latency."""
    slow, fast = dict.fromkeys(("images_s",), 10.0), dict.fromkeys(("images_s",), 20.0)
    servers = {"fifo": slow, "tuned": fast, "shortest": slow, "easel": {"images_s": 30.0}}
    over_fifo, over_shortest = bars_of_load("launch", "burst", servers)
    assert (over_fifo.value, over_fifo.holds) == (1.5, True)
    assert over_shortest.value == 3.0
    assert bars_of_load("compute", "burst", servers) == [over_shortest]
    assert not Bar("at most", 2.0, 1.0).holds


def test_the_plot_shows_every_load_and_server(tmp_path):
    """The picture has a row for each regime and the colours of all servers."""
    from PIL import Image

    from engine.bench.plot import COLOURS, FIELDS, draw_plot

    servers = {name: dict.fromkeys(FIELDS, 1.0 + place) for place, name in enumerate(COLOURS)}
    found = {"regime": "launch", "device": "a card", "loads": {"burst": servers, "0.9": servers}}
    draw_plot([found], tmp_path / "one.png")
    draw_plot([found, found], tmp_path / "two.png")
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.height > one.height
        colours = {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in two.getcolors(1 << 20)}
    assert colours >= set(COLOURS.values())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--preset", "huge"], "huge"), (["--loads", "often"], "often"), (["--jobs", "1"], "--jobs")],
)
def test_a_wrong_option_is_a_sentence(arguments, word):
    """What cannot be measured is refused at once, with the word that is wrong."""
    run = subprocess.run(
        [sys.executable, "-m", "engine.bench", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert run.returncode == 2
    assert word in run.stderr


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_bars_are_kept():
    """The launch regime keeps every bar of burst and load 0.9 (minutes)."""
    run = subprocess.run(
        [*EASEL, "bench", "--regime", "launch", "--loads", "burst,0.9", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=2900,
    )
    (found,) = json.loads(run.stdout)["regimes"]
    assert not [bar for bar in found["bars"] if not bar["holds"]]
