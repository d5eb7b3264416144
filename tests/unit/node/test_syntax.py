"""Node-side code runs on Python 3.9 and with nothing but the standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[3] / "src/ansible_collections/kubewright/cluster/plugins"
SOURCES = sorted(PLUGINS.glob("module_utils/**/*.py"))


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "only absolute imports are packed"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PLUGINS)))
class TestNodeSide:
    def test_parses_as_python_3_9(self, path: Path) -> None:
        tree = ast.parse(path.read_text(), feature_version=(3, 9))
        assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Match, ast.TryStar))]

    def test_annotations_are_never_evaluated(self, path: Path) -> None:
        """``X | None`` in an annotation is then no error on 3.9."""
        text = path.read_text()
        assert not text.strip() or "from __future__ import annotations" in text

    def test_imports_the_standard_library_only(self, path: Path) -> None:
        ours = "ansible_collections.kubewright.cluster.plugins.module_utils"
        for name in imported(ast.parse(path.read_text())):
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or name.startswith(ours)
