"""Who may import whom, and what the repository promises of itself."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("bot", "engine")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
WEIGHTY = {"torch", "diffusers", "transformers", "safetensors", "accelerate"}
SQL = {"bot.database", "bot.door", "bot.ledger", "bot.store"}
NO_DISCORD = {"flags", "jobs", "queue", "store", "runner", "settings", "errors", "grid", "data"} | {
    "database",
    "absent",
    "effort",
    "grammar",
    "parameters",
    "readers",
    "door",
    "shelf",
    "belongings",
    "preferences",
    "habits",
    "estate",
    "bundle",
    "pace",
    "waiting",
    "disk",
    "keeper",
    "control",
    "operate",
}


def module_name(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, everywhere: bool = True) -> Iterator[str]:
    """Yield each imported module; without `everywhere` only what is imported at import time."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_keep_the_rules_of_the_house(path):
    """No source file imports what its room may not."""
    name, found = module_name(path), set(imports(path))
    tops = {module.split(".")[0] for module in found}
    room = name.split(".")[0]
    if room == "engine":
        assert not tops & {"bot", "discord", "aiosqlite", "sqlite3"}
    if room == "bot":
        assert not tops & WEIGHTY
        assert not {module for module in found if module.startswith("engine.")} - public_face()
    if name.removeprefix("bot.") in NO_DISCORD:
        assert "discord" not in tops
    if name not in SQL and not name.startswith(("bot.playground", "bot.migrations")):
        assert not tops & {"aiosqlite", "sqlite3"}
    if name != "bot.__main__" and not name.startswith("bot.playground"):
        assert not any(module.startswith("bot.playground") for module in found)
    if not name.startswith("engine.training"):
        assert not any(module.startswith("engine.training") for module in found)


def public_face() -> set[str]:
    """Return the names that `from engine import …` may bring."""
    source = ast.parse((ROOT / "engine/__init__.py").read_text())
    for node in source.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {f"engine.{name}" for name in ast.literal_eval(node.value)}
    raise AssertionError("engine/__init__.py has no __all__")


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_only_the_settings_read_the_environment(path):
    """`os.environ` stands in bot/settings.py and nowhere else."""
    if module_name(path) != "bot.settings":
        tree = ast.parse(path.read_text())
        written = {  # setting a variable for a library is no reading
            id(target.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Subscript)
        }
        read = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and id(node) not in written
        }
        assert not read & {"environ", "getenv"}


def test_no_circles():
    """No module of ours imports itself through others."""
    names = {module_name(path) for path in SOURCES}
    graph = {
        module_name(path): {found for found in imports(path, everywhere=False) if found in names}
        for path in SOURCES
    }
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name not in done:
            for following in graph[name] - {name.rpartition(".")[0]}:
                walk(following, (*trail, name))
            done.add(name)

    for name in graph:
        walk(name, ())


@pytest.mark.parametrize("module", ["bot", "engine", "bot.supervisor", "bot.__main__", "bot.flags"])
def test_importing_loads_no_torch(module):
    """The bot's half and the engine's public face load neither torch nor diffusers."""
    code = f"import {module}, sys; print(sorted({WEIGHTY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout.strip() == "[]", run.stderr


def test_the_parent_loads_no_discord():
    """The supervising parent stays small: no discord, no torch, no database."""
    code = "import bot.__main__, sys; print({'discord', 'aiohttp', 'torch'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout.strip() == "set()", run.stderr


def test_torchvision_is_absent():
    """Nothing installs torchvision, whose import fails beside the CPU build of torch."""
    assert importlib.util.find_spec("torchvision") is None


def test_every_dependency_is_pinned_and_explained():
    """Each dependency has an exact version and a row with its reason in the README."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    readme = (ROOT / "README.md").read_text()
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    for line in project["dependencies"] + extras:
        name, exact, _ = line.partition("==")
        assert exact, f"{line} is not pinned"
        assert re.search(
            rf"^\| \W*{re.escape(name)}\W* \|", readme, re.MULTILINE | re.IGNORECASE
        ), name


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_no_pickle_and_no_remote_code(path):
    """No source file can run code from a weight file or a repository."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"torch.load", "eval", "exec", "yaml.load"}
            for keyword in node.keywords:
                assert keyword.arg not in {"custom_pipeline"}
                on = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                assert not (on and keyword.arg in {"trust_remote_code", "shell"})
    assert not set(imports(path)) & {"pickle", "dill", "marshal", "shelve"}


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_files_stay_readable(path):
    """Every module says what it owns, and none is longer than 400 lines."""
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "no docstring"
    assert len(text.splitlines()) <= 400


@pytest.mark.parametrize(
    "command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]
)
def test_the_tools_are_content(command):
    """ruff and mypy --strict find nothing."""
    run = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
