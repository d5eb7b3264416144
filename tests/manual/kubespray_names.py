"""Make ``settings/data/kubespray.tsv`` from a checkout of Kubespray: run by hand when Kubespray has a new release.

``python -m tests.manual.kubespray_names CHECKOUT > src/kubewright/settings/data/kubespray.tsv``, where CHECKOUT is a
clone with tags (its work tree is not read). What is written are facts about names: the kind of value, the first and
last minor release that had the name, whether the sample inventory mentions it, and the default where it is a plain one.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import yaml

from kubewright.settings.kubespray import load

OLDEST = (2, 10)
"""The first minor release that is looked at; a name that it has may be older."""
_FOLDERS = ("roles", "inventory", "tests", "contrib")
_DEFAULTS = re.compile(r"roles/.*/defaults/.*\.ya?ml")
_SAMPLE = re.compile(r"inventory/sample/group_vars/.*\.ya?ml")
_CASES = re.compile(r"tests/files/[^/]*\.ya?ml")
_MENTIONED = re.compile(r"^(?:# ?)?([a-z_][a-z0-9_]*):(?:\s|$)", re.MULTILINE)
_KINDS = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list", dict: "mapping"}


class FilesLoader(yaml.CSafeLoader):
    """YAML with Ansible's tags, whose values are not wanted."""


FilesLoader.add_multi_constructor("!", lambda _loader, _suffix, _node: "{{ }}")


@dataclass
class _Name:
    first: str
    last: str
    kinds: set[str] = field(default_factory=set)
    default: str = ""
    sample: bool = False


def main(checkout: str) -> None:
    """Write the table to standard output."""
    releases = [(release, dict(_files(checkout, revision))) for release, revision in _releases(checkout)]
    names: dict[str, _Name] = {}
    for release, texts in releases:
        _read(names, release, texts)
    unseen = load().keys() - names.keys()  # names that only templates read, from an earlier table
    for release, texts in releases:
        _read_words(names, release, texts, unseen)
    newest = releases[-1][0]
    for name, entry in sorted(names.items()):
        kind = entry.kinds.pop() if len(entry.kinds) == 1 else "any"
        last = "" if entry.last == newest else entry.last
        print(name, kind, entry.first, last, "sample" if entry.sample else "", entry.default, sep="\t")


def _releases(checkout: str) -> Iterator[tuple[str, str]]:
    """Yield minor releases with the newest tag of each, and at the end what will be the next one."""
    newest: dict[tuple[int, int], tuple[int, str]] = {}
    for tag in _git(checkout, "tag").decode().split():
        if match := re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)", tag):
            minor, patch = (int(match[1]), int(match[2])), int(match[3])
            if minor >= OLDEST:
                newest[minor] = max(newest.get(minor, (-1, "")), (patch, tag))
    for release in sorted(newest):
        yield f"{release[0]}.{release[1]}", newest[release][1]
    last = max(newest)
    yield f"{last[0]}.{last[1] + 1}", "HEAD"


def _files(checkout: str, revision: str) -> Iterator[tuple[str, str]]:
    present = _git(checkout, "ls-tree", "--name-only", revision).decode().split()
    archive = _git(checkout, "archive", revision, *(folder for folder in _FOLDERS if folder in present))
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            if member.isfile() and member.size < 1_000_000 and (content := files.extractfile(member)):
                yield member.name, content.read().decode(errors="replace")


def _read(names: dict[str, _Name], release: str, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        if _SAMPLE.fullmatch(path):
            for name in _MENTIONED.findall(text):
                _seen(names, name, release).sample = True
        if _DEFAULTS.fullmatch(path) or _SAMPLE.fullmatch(path) or _CASES.fullmatch(path):
            for name, value in _values(text):
                _note(_seen(names, name, release), value, default=bool(_DEFAULTS.fullmatch(path)))


def _read_words(names: dict[str, _Name], release: str, texts: dict[str, str], unseen: AbstractSet[str]) -> None:
    words = set(re.findall(r"\w+", "\n".join(texts.values())))
    for name in unseen & words:
        _seen(names, name, release)


def _seen(names: dict[str, _Name], name: str, release: str) -> _Name:
    entry = names.setdefault(name, _Name(release, release))
    if entry.last != release:
        entry.last, entry.sample, entry.default = release, False, ""
    return entry


def _values(text: str) -> Iterator[tuple[str, Any]]:
    try:
        for document in yaml.load_all(text, Loader=FilesLoader):
            if isinstance(document, dict):
                yield from ((str(name), value) for name, value in document.items())
    except yaml.YAMLError:
        return  # a template of a file of variables


def _note(entry: _Name, value: Any, *, default: bool) -> None:
    """Remember the kind of a value, and the value if it is a plain default."""
    templated = isinstance(value, str) and ("{{" in value or "{%" in value)
    if value is None or templated:
        return
    entry.kinds.add(_KINDS.get(type(value), "text"))
    plain = isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= 60) or value in ([], {})
    if default:
        entry.default = json.dumps(value) if plain and "\n" not in str(value) else ""


def _git(checkout: str, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", checkout, *arguments], check=True, capture_output=True).stdout


if __name__ == "__main__":
    main(sys.argv[1])
