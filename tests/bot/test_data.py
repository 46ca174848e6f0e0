"""The data folder: one bot at a time, files whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.data import DataFolder
from bot.errors import OperatorError

ROOT = str(Path(__file__).parents[2])


def test_a_second_bot_is_kept_out(tmp_path):
    """While one process holds the folder, another gets code 75; afterwards it may have it."""
    data = DataFolder(tmp_path / "data")
    other = DataFolder(tmp_path / "data")
    with data.lock():
        with pytest.raises(OperatorError, match="already running") as caught, other.lock():
            pass
        assert caught.value.code == 75
    with other.lock():
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_only_its_owner_looks_inside(tmp_path):
    """A new data folder, with what people wrote inside, is closed to others on the machine."""
    data = DataFolder(tmp_path / "new" / "data")
    with data.lock():
        assert stat.S_IMODE(data.root.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_the_lock_goes_with_the_process(tmp_path):
    """A killed bot leaves no lock behind."""
    script = (
        f"import sys, time; sys.path.insert(0, {ROOT!r})\n"
        "from pathlib import Path\nfrom bot.data import DataFolder\n"
        f"with DataFolder(Path({str(tmp_path)!r})).lock():\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    data = DataFolder(tmp_path)
    with pytest.raises(OperatorError, match="already running"), data.lock():
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with data.lock():
        pass


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    """A file where the folder should be is named with the remedy, code 78."""
    (tmp_path / "data").write_text("in the way")
    with (
        pytest.raises(OperatorError, match="cannot be written") as caught,
        DataFolder(tmp_path / "data").lock(),
    ):
        pass
    assert caught.value.code == 78


def test_pictures_are_where_the_store_says(tmp_path):
    """Names are made of numbers, relative names lead back to the files."""
    data = DataFolder(tmp_path)
    paths = data.write_pictures(12, [b"one", b"two"])
    assert [data.relative(path) for path in paths] == ["pictures/12/0.png", "pictures/12/1.png"]
    assert data.path("pictures/12/1.png").read_bytes() == b"two"
    assert data.relative(data.write_input(12, b"in")) == "inputs/12.png"
    assert not list(tmp_path.rglob("*.tmp"))


def test_painting_again_replaces(tmp_path):
    """Files of an attempt that died before its row was written are written over."""
    data = DataFolder(tmp_path)
    data.write_pictures(1, [b"old"])
    data.write_pictures(1, [b"new"])
    assert data.picture_path(1, 0).read_bytes() == b"new"


@pytest.mark.parametrize("file", ["../other", "/etc/passwd", "pictures/../../x"])
def test_no_name_leads_out_of_the_folder(tmp_path, file):
    """A name that points elsewhere is refused, whoever wrote it into the database."""
    with pytest.raises(ValueError, match="outside the data folder"):
        DataFolder(tmp_path / "data").path(file)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot sync folders")
def test_the_order_of_writes_is_durable(tmp_path, monkeypatch):
    """Each file is synced before it gets its name, and the folders after it."""
    calls: list[str] = []
    data = DataFolder(tmp_path)
    sync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        target = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        calls.append(f"fsync {target.name}")
        sync(descriptor)

    def note_replace(source: Path, target: Path) -> None:
        calls.append(f"replace {target.name}")
        replace(source, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to name what is synced")
    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    data.write_pictures(7, [b"one"])
    folders = ["fsync 7", "fsync pictures", f"fsync {tmp_path.name}"]
    assert calls == ["fsync 0.png.tmp", "replace 0.png", *folders]
