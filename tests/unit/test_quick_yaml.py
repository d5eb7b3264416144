"""What is read from the cache is what ansible-core reads; a cache that cannot be used costs time only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubewright import quick_yaml
from kubewright.quick_yaml import remembered

PROGRAM = """
import sys
if sys.argv[1] == "quickly":
    from kubewright.quick_yaml import ansible_yaml_remembered
    quickly = ansible_yaml_remembered()
    quickly.__enter__()
from ansible.cli import CLI
from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible.plugins import loader
from ansible.plugins.loader import init_plugin_loader
from ansible import constants
from ansible.utils.collection_loader import _collection_finder
init_plugin_loader()
routing = _collection_finder._get_collection_metadata("ansible.builtin")
names = sorted(set(constants.config.get_configuration_definitions()) - {"DEFAULT_LOCAL_TMP"})  # another one each time
options = {name: constants.config.get_config_value_and_origin(name) for name in names}
plugins = ("become", "cache", "callback", "connection", "inventory", "lookup", "shell", "vars")
for kind in plugins:
    list(getattr(loader, kind + "_loader").all(class_only=True))


def templates(value):
    if isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from templates(each)
    elif isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#")):
        yield value, TrustedAsTemplate.is_tagged_on(value)


definitions = constants.config._plugins
print(repr((constants.config._base_defs, routing, options, definitions, list(templates(definitions)))))
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(quick_yaml, "_LARGE", 1)
    return tmp_path / "cache" / "yaml"


def read(way: str, cache: Path) -> str:
    """Ansible's options with their definitions, and its table of names, read in a process of its own."""
    environment = {**os.environ, "KUBEWRIGHT_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    return done.stdout


def test_the_very_values_of_ansible(tmp_path: Path) -> None:
    slowly = read("slowly", tmp_path)
    assert "plugin_routing" in slowly
    assert "control_path_dir" in slowly
    assert ", True)" in slowly[-200:]
    assert not list(tmp_path.iterdir())
    assert read("quickly", tmp_path) == slowly
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "yaml").iterdir()}
    assert {path.name.partition("-")[0] for path in kept} == {"options", "plugin", "routing"}
    assert read("quickly", tmp_path) == slowly
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "yaml").iterdir()} == kept


def test_is_parsed_once(cache: Path) -> None:
    parsed: list[bytes] = []

    def parse(text: bytes) -> dict[str, str]:
        parsed.append(text)
        return {"a": text.decode()}

    for _ in range(3):
        assert remembered("options", b"one", parse) == {"a": "one"}
    assert remembered("options", b"two", parse) == {"a": "two"}
    assert remembered("routing", b"one", parse) == {"a": "one"}
    assert parsed == [b"one", b"two", b"one"]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda text: b"", id="empty"),
        pytest.param(lambda text: text[:-3], id="cut"),
        pytest.param(lambda text: text.replace(b"one", b"two"), id="another value"),
        pytest.param(lambda text: text + b" ", id="longer"),
        pytest.param(lambda text: b"\xff" * 100, id="no text"),
    ],
)
def test_a_damaged_file_is_made_anew(cache: Path, damage: object) -> None:
    assert callable(damage)
    remembered("options", b"one", lambda text: {"a": text.decode()})
    (kept,) = cache.iterdir()
    sound = kept.read_bytes()
    kept.write_bytes(damage(sound))
    assert remembered("options", b"one", lambda text: {"a": text.decode()}) == {"a": "one"}
    assert kept.read_bytes() == sound


@pytest.mark.parametrize(
    "value", [{1: "a"}, {"a": (1, 2)}, {"a": b"b"}, {"a": {1, 2}}, {"a": float("nan")}, {None: 1}, {True: 1}]
)
def test_what_json_would_change_is_not_kept(cache: Path, value: object) -> None:
    for _ in range(2):
        assert remembered("options", b"text", lambda _text: value) is value
    assert not cache.exists() or list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("KUBEWRIGHT_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(quick_yaml, "_LARGE", 1)
    assert remembered("options", b"text", lambda _text: {"a": 1}) == {"a": 1}


def test_small_texts_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEWRIGHT_CACHE", str(tmp_path))
    assert remembered("options", b"{}", json.loads) == {}
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_an_interrupted_write(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_path: Path, _target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        remembered("options", b"text", lambda _text: {"a": 1})
    assert list(cache.iterdir()) == []
