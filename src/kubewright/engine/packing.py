"""Pack a call of the node side into one program, which a node's Python reads from its standard input.

Ansible's own way packs its module library along: to pack that takes the controller longer than most of our calls take,
and to load it takes a node as long as all of ours. The node side uses none of it.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import zlib
from pathlib import Path
from typing import Any

import kubewright

NODE_SIDE = "ansible_collections.kubewright.cluster.plugins.module_utils"
FOLDER = Path(kubewright.__file__).parent.parent.joinpath(*NODE_SIDE.split("."))
MARK = "kubewright:"
"""What the line of a program's output begins with that holds the answer; ``entry.MARK`` of the node side."""
COMPILED = "/run/kubewright-python"
"""Where a node keeps what it compiled: in memory, and gone with the next boot."""
# Not tied to the beginning of a line: a pattern that begins with a word is looked for ten times as fast.
_IMPORT = re.compile(rf"from {re.escape(NODE_SIDE)}([.\w]*) import (?:\(([^)]*)\)|(.*))")


def program(name: str, arguments: dict[str, Any], *, check: bool, kept: str = "") -> bytes:
    """The program that makes a call and prints its answer on the line that begins with :data:`MARK`.

    Args:
        name: the call's.
        arguments: what it takes.
        check: whether it only says what it would do.
        kept: a folder of the node in which what is compiled of the sources is kept, empty for nowhere.

    """
    call = {"sources": _sources(name), "name": name, "arguments": arguments, "check": check, "kept": kept}
    packed = base64.b64encode(zlib.compress(json.dumps(call).encode(), level=1)).decode()
    return f'{(FOLDER / "program.py").read_text()}\n\nmain(b"{packed}")\n'.encode()


def answer_in(output: str) -> dict[str, Any] | None:
    """The answer in what a program printed; None where it did not come so far."""
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    value: dict[str, Any] | None = json.loads(lines[-1].removeprefix(MARK)) if lines else None
    return value


@functools.cache
def _sources(name: str) -> dict[str, str]:
    """By module name the sources that a call may import, wherever in a source that stands."""
    found: dict[str, str] = {}
    waiting = ["entry", f"calls.{name}"]
    seen = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        path = FOLDER / f"{module.replace('.', '/')}.py"
        if not path.is_file():
            continue
        source = found[f"{NODE_SIDE}.{module}"] = path.read_text()
        for package, several, one in _IMPORT.findall(source):
            names = [part.split(" as ")[0].strip() for part in re.sub("#.*", "", several or one).split(",")]
            # What is imported may be modules of a package, or names of a module.
            waiting += [package.lstrip("."), *(f"{package}.{each}".lstrip(".") for each in names)]
    return found
