from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

FILES = Path(__file__).parent / "files"

Golden = Callable[[str, Mapping[str, str]], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares texts, by file name, with all files of a folder; with --update-golden writes them."""
    update = request.config.getoption("--update-golden", default=False)

    def compare(folder: str, texts: Mapping[str, str]) -> None:
        directory = FILES / folder
        if update:
            _write(directory, texts)
        found = {path.name: path.read_text(encoding="utf-8") for path in directory.iterdir()}
        differences = [
            line
            for name in sorted({*found, *texts})
            for line in difflib.unified_diff(
                found.get(name, "").splitlines(),
                texts.get(name, "").splitlines(),
                f"golden/{name}",
                f"made/{name}",
                lineterm="",
            )
        ]
        assert not differences, "\n".join([*differences, "If this is meant: pytest tests/golden --update-golden"])

    return compare


def _write(directory: Path, texts: Mapping[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        path.unlink()
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
