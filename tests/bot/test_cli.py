"""The command line: `easel imagine`, `easel doctor` and the words for wrong use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def easel(tmp_path, tiny_model):
    """Run `easel` in an empty folder with a tiny real model; return the finished process."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            capture_output=True,
            text=True,
            timeout=110,
            cwd=tmp_path,
            env={
                **{k: v for k, v in os.environ.items() if k != "DISCORD_TOKEN"},
                "PYTHONPATH": str(ROOT),
                "MODEL": str(tiny_model),
                "DEVICE": "cpu",
                "THREADS": "1",
                "COLUMNS": "100",
                **environment,
            },
        )

    return run


def test_imagine_writes_a_grid_and_its_tiles(easel, tmp_path):
    """`easel imagine` writes the grid and four tiles, and `--json` says what was painted."""
    run = easel("imagine", "a red apple --seed 7 --steps 3", "--out", "apple.png", "--json")

    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert {name: said[name] for name in ("prompt", "seed", "steps", "grid")} == {
        "prompt": "a red apple", "seed": 7, "steps": 3, "grid": "apple.png",
    }  # fmt: skip
    assert said["tiles"] == [f"apple-{k}.png" for k in (1, 2, 3, 4)]
    for name in said["tiles"]:
        with Image.open(tmp_path / name) as tile:
            assert tile.size == (said["width"], said["height"])
    with Image.open(tmp_path / "apple.png") as whole:
        assert whole.size == (2 * said["width"], 2 * said["height"])
        assert "Seed: 7" in whole.info["parameters"]


def test_the_same_seed_is_the_same_file(easel, tmp_path):
    """Two runs with one seed write the same tiles, byte for byte."""
    for name in ("one.png", "two.png"):
        assert easel("imagine", "a fox --seed 3 --steps 2", "--out", name).returncode == 0

    for k in (1, 2, 3, 4):
        assert (tmp_path / f"one-{k}.png").read_bytes() == (tmp_path / f"two-{k}.png").read_bytes()


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a fox --seed -1", ["--seed", "-1", "0", "4294967295"]),
        ("a fox --steps many", ["--steps", "many"]),
        ("a fox --ar 0:3", ["--ar", "0:3"]),
        ("a fox --sede 3", ["--sede", "--seed"]),
        ("  --seed 3", ["nothing to paint"]),
    ],
)
def test_a_bad_flag_exits_2_and_names_it(easel, prompt, words):
    """A prompt that cannot be painted exits 2 with a sentence: what was given, what is allowed."""
    run = easel("imagine", prompt)

    assert run.returncode == 2
    assert all(word.lower() in run.stderr.lower() for word in words), run.stderr
    assert "Traceback" not in run.stderr


def test_a_file_that_is_no_png_is_refused_before_painting(easel, tmp_path):
    """`--out` takes a .png file and says so."""
    run = easel("imagine", "a fox", "--out", "fox.jpg")

    assert (run.returncode, list(tmp_path.iterdir())) == (2, [])
    assert ".png" in run.stderr


def test_doctor_says_one_line_for_each_thing(easel):
    """`easel doctor` exits 0 where nothing would stop the bot, with a line for each check."""
    run = easel("doctor")

    assert run.returncode == 0, run.stdout + run.stderr
    for word in ("python", "torch", "model", "described", "token", "data folder", "database"):
        assert any(word in line for line in run.stdout.splitlines()), word


def test_doctor_names_what_would_stop_the_bot(easel, tmp_path):
    """`easel doctor` exits 1 with the remedy when the model or the database cannot be used."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "easel.sqlite3").write_bytes(b"no database at all" * 100)

    run = easel("doctor", MODEL="/no/such/folder.safetensors")

    assert run.returncode == 1
    failing = [line for line in run.stdout.splitlines() if line.startswith("✘")]
    assert len(failing) == 2, run.stdout
    assert "folder.safetensors" in run.stdout
    assert "easel.sqlite3" in run.stdout


def test_doctor_warns_of_a_token_that_others_may_read(easel, tmp_path):
    """A .env that others on the machine may read is named, with the command that mends it."""
    (tmp_path / ".env").write_text("DISCORD_TOKEN=secret\n")
    (tmp_path / ".env").chmod(0o644)

    run = easel("doctor")

    assert "chmod 600" in run.stdout
    assert "secret" not in run.stdout + run.stderr


def test_help_names_every_command(easel):
    """`easel --help` lists what easel can do."""
    run = easel("--help")

    assert run.returncode == 0
    assert all(word in run.stdout for word in ("imagine", "doctor", "train", "--port", "--data"))


def test_a_wrong_setting_is_one_sentence(easel):
    """A setting that cannot be used exits 78 with one line that names it."""
    run = easel("doctor", THREADS="many")

    assert run.returncode == 78
    assert run.stderr.count("\n") == 1
    assert "THREADS" in run.stderr


def test_the_operator_bans_while_the_bot_stands_still(easel, tmp_path):
    """`easel admin` bans, lists and unbans, and refuses what makes no sense with a sentence."""
    assert easel("admin", "ban", "80351110224678912", "--reason", "spam").returncode == 0
    assert easel("admin", "bans").stdout.strip() == "80351110224678912 spam"
    assert easel("admin", "unban", "80351110224678912").returncode == 0
    assert easel("admin", "bans").stdout.strip() == "nobody"
    assert "unban: user 80351110224678912" in easel("admin", "audit").stdout
    twice = easel("admin", "unban", "80351110224678912")
    assert twice.returncode == 2
    assert "look at BANNED" in twice.stderr
    assert "is no id" in easel("admin", "ban", "0").stderr


def test_a_running_bot_keeps_its_database(easel, tmp_path):
    """`easel admin` does not open a database that a running bot holds; the exit code is 75."""
    from bot.data import DataFolder

    with DataFolder(tmp_path / "data").lock():
        runs = [easel("admin", "ban", "80351110224678912"), easel("drain")]
    for run in runs:
        assert run.returncode == 75
        assert "does not answer" in run.stderr
