"""A call's program has all that the call imports, runs on a Python that knows nothing of us, and says what failed."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import calls, entry
from ansible_collections.kubewright.cluster.plugins.module_utils.program import Sources
from kubewright.engine import packing
from kubewright.engine.packing import answer_in, program

NAMES = sorted(path.stem for path in packing.FOLDER.glob("calls/*.py") if path.stem != "__init__")
IMPORT_ALL = """
import importlib, json, sys
{program}
sources = json.load(open({sources!r}))
sys.meta_path.insert(0, Sources(sources))
for name in sources:
    # Read it.
    getattr(importlib.import_module(name), "any", None)
    # Imports within functions too.
    for line in sources[name].splitlines():
        if line.strip().startswith("from ansible_collections.") and line.startswith(" ") and "(" not in line:
            exec(line.strip())
"""


def python(text: str | bytes, *, folder: Path) -> subprocess.CompletedProcess[str]:
    """Give a Python without our packages a program, in a folder of the test."""
    given = text if isinstance(text, str) else text.decode()
    return subprocess.run(
        [sys.executable, "-I", "-S", "-"], input=given, capture_output=True, text=True, cwd=folder, check=False
    )


def test_both_sides_know_the_answers_line() -> None:
    assert entry.MARK == packing.MARK
    assert calls.__name__ == f"{packing.NODE_SIDE}.calls"


@pytest.mark.parametrize("name", NAMES)
def test_has_what_the_call_imports(name: str, tmp_path: Path) -> None:
    sources = tmp_path / "sources.json"
    sources.write_text(json.dumps(packing._sources(name)))
    text = (packing.FOLDER / "program.py").read_text()
    beginning = text.replace("from __future__ import annotations\n", "")
    done = python(IMPORT_ALL.format(program=beginning, sources=str(sources)), folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_small_call_does_not_have_all() -> None:
    assert len(packing._sources("keep_snapshot")) < len(list(packing.FOLDER.rglob("*.py"))) / 2


class TestProgram:
    def test_answers_on_a_line_of_its_own(self, tmp_path: Path) -> None:
        done = python(program("probe", {"ports": []}, check=False), folder=tmp_path)
        found = answer_in(f"Welcome!\nkubewright: told by the message of the day{done.stdout}Good bye\n")
        assert found is not None
        assert found["facts"]["python"] == sys.version.split()[0]
        assert done.stderr == ""

    def test_files_where_it_is_started_are_not_imported(self, tmp_path: Path) -> None:
        (tmp_path / "json.py").write_text("raise SystemExit('another json')")
        (tmp_path / "binascii.py").write_text("raise SystemExit('another binascii')")
        assert answer_in(python(program("probe", {}, check=False), folder=tmp_path).stdout) is not None

    def test_characters_of_every_language_arrive(self, tmp_path: Path) -> None:
        document = {"format": "ключ 鍵 \u2028 \\ '", "resources": []}
        done = python(program("converge", {"document": document}, check=True), folder=tmp_path)
        found = answer_in(done.stdout)
        assert found is not None
        assert found["failed"]
        assert "ключ 鍵" in found["msg"]

    def test_what_nobody_expected_is_told_by_python(self, tmp_path: Path) -> None:
        done = python(program("converge", {"document": {"format": 1, "resources": [5]}}, check=True), folder=tmp_path)
        assert done.returncode == 1
        assert answer_in(done.stdout) is None
        assert 'File "kubewright:convergence"' in done.stderr

    def test_no_answer_in_other_output(self) -> None:
        assert answer_in("") is None
        assert answer_in("nothing of kubewright:\n{}\n") is None


class TestKept:
    """What a node compiled is kept in memory, and used where it is sound and nobody else's."""

    @staticmethod
    def asked(tmp_path: Path, kept: Path) -> Any:
        done = python(program("probe", {"ports": []}, check=False, kept=str(kept)), folder=tmp_path)
        assert done.returncode == 0, done.stderr
        found = answer_in(done.stdout)
        assert found is not None
        return found["facts"]["python"]

    @staticmethod
    def files(kept: Path) -> dict[Path, tuple[int, bytes]]:
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept.rglob("*") if path.is_file()}

    def test_is_made_once(self, tmp_path: Path) -> None:
        kept = tmp_path / "a" / "kept"
        version = self.asked(tmp_path, kept)
        first = self.files(kept)
        assert {path.name.partition("-")[0] for path in first} >= {"entry", "calls.probe", "process"}
        assert kept.stat().st_mode & 0o777 == 0o700
        assert self.asked(tmp_path, kept) == version
        assert self.files(kept) == first

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param(lambda data: b"", id="empty"),
            pytest.param(lambda data: data[:10], id="no head"),
            pytest.param(lambda data: data[:40], id="cut"),
            pytest.param(lambda data: data[:16] + b"\xff" * 50, id="no code"),
            pytest.param(lambda data: b"\0\0\0\0" + data[4:], id="another Python's"),
            pytest.param(lambda data: data[:12] + b"\1\1\1\1" + data[16:], id="another size"),
        ],
    )
    def test_damage_is_no_trouble(self, tmp_path: Path, damage: Any) -> None:
        kept = tmp_path / "kept"
        version = self.asked(tmp_path, kept)
        for path in self.files(kept):
            path.write_bytes(damage(path.read_bytes()))
        assert self.asked(tmp_path, kept) == version

    @pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o755])
    def test_a_folder_that_others_reach_is_not_used(self, tmp_path: Path, mode: int) -> None:
        kept = tmp_path / "kept"
        kept.mkdir()
        kept.chmod(mode)
        self.asked(tmp_path, kept)
        assert self.files(kept) == {}

    def test_nor_is_a_link_or_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir(mode=0o700)
        (tmp_path / "link").symlink_to(tmp_path / "other")
        (tmp_path / "file").write_text("")
        for name in ("link", "file"):
            self.asked(tmp_path, tmp_path / name)
        assert self.files(tmp_path / "other") == {}

    def test_another_source_has_other_code(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        values = []
        for source in ("x = 1", "x = 2", "x = 1"):
            space: dict[str, Any] = {}
            finder = Sources({f"{packing.NODE_SIDE}.any": source}, str(tmp_path / "kept"))
            exec(finder._code(f"{packing.NODE_SIDE}.any"), space)
            values.append(space["x"])
        assert values == [1, 2, 1]
        assert len(self.files(tmp_path / "kept")) == 2


NAME = "kubewright_read_late"
READ = """
ours = {name: module for name, module in sys.modules.items() if name.startswith(NODE_SIDE + ".")}
print(" ".join(name.rpartition(".")[2] for name, module in ours.items() if type(module) is not _Unread))
"""


class Given:
    """Sources by name that can be imported while a test runs, and how often each was run."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.barrier = threading.Event()
        self._sources: dict[str, str] = {}
        self.finder = Sources(self._sources)

    def module(self, source: str) -> Any:
        """The module of a source, imported."""
        self._sources[NAME] = f"import {__name__} as test; test.given.runs.append(__name__)\n{source}"
        return importlib.import_module(NAME)


given: Given


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No sources, and none imported afterwards."""
    global given  # noqa: PLW0603  the sources reach it by this name
    given = Given()
    monkeypatch.setattr(sys, "meta_path", [given.finder, *sys.meta_path])
    yield
    sys.modules.pop(NAME, None)


class TestReading:
    def test_a_source_is_run_when_it_is_looked_at_and_once(self) -> None:
        module = given.module("x = 5")
        assert module.__name__ == NAME
        assert not hasattr(module, "__path__")
        assert given.runs == []
        assert (module.x, module.x, type(module)) == (5, 5, ModuleType)
        assert given.runs == [NAME]

    def test_what_it_has_not_is_no_attribute(self) -> None:
        module = given.module("x = 5")
        assert not hasattr(module, "y")
        assert module.x == 5

    def test_one_that_fails_fails_whenever_it_is_looked_at(self) -> None:
        module = given.module("x = 1\nraise OSError('no')")
        for _ in range(2):
            with pytest.raises(OSError, match="no"):
                _ = module.x
        assert given.runs == [NAME, NAME]

    def test_one_that_misses_an_attribute_says_which(self) -> None:
        given.module("import os\nx = os.nowhere")
        with pytest.raises(ImportError, match=r"kubewright_read_late cannot be read: .*nowhere"):
            exec(f"from {NAME} import x")
        assert not hasattr(os, "nowhere")

    def test_it_may_look_at_itself(self) -> None:
        module = given.module("import sys\nx = 1\ny = sys.modules[__name__].x + 1")
        assert module.y == 2

    def test_other_threads_wait_until_it_is_whole(self) -> None:
        module = given.module("def f():\n    return late\ntest.given.barrier.wait(0.2)\nlate = 7")
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: module.f(), range(4)))
        assert answers == [7] * 4
        assert given.runs == [NAME]

    def test_a_comparison_reads_nothing_of_what_speaks_with_the_cluster(self, tmp_path: Path) -> None:
        call = program("converge", {"document": {"format": 1, "resources": []}}, check=True).decode()
        done = python(call + READ, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        read = set(done.stdout.splitlines()[-1].split())
        assert "convergence" in read
        assert not read & {
            "clusterstate",
            "etcd",
            "https",
            "kubeapi",
            "nodeready",
            "plainyaml",
            "serving",
            "staticpods",
        }
