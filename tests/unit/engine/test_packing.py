"""A call's program has all that the call imports, runs on a Python that knows nothing of us, and says what failed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import calls, entry
from kubewright.engine import packing
from kubewright.engine.packing import answer_in, program

NAMES = sorted(path.stem for path in packing.FOLDER.glob("calls/*.py") if path.stem != "__init__")
IMPORT_ALL = """
import importlib, json, sys
{program}
sources = json.load(open({sources!r}))
sys.meta_path.insert(0, Sources(sources))
for name in sources:
    importlib.import_module(name)
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
