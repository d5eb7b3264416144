"""The program that a node's Python reads from its standard input: kubewright's node side, and one call of it.

This file's text is the program's beginning; the controller adds one line that calls :func:`main` with what it packed.
Nothing is written to the node's disk, and only the sources that the call needs travel.
"""

from __future__ import annotations

import binascii
import gc
import importlib
import json
import sys
import threading
import zlib
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Optional

_ALLOCATIONS = 50_000
"""After how many more objects garbage is looked for; Python's own number is 700."""

NODE_SIDE = "ansible_collections.kubewright.cluster.plugins.module_utils"


class _Unread(ModuleType):
    """A module whose source is run when something of it is first looked at: of all that travels, a call uses a part.

    Whoever looks while another thread runs the source waits until that is done.
    """

    def __getattribute__(self, name: str) -> Any:
        """Return an attribute; only what importing a module looks at itself is there before its source was run."""
        if not name.startswith("__"):
            ModuleType.__getattribute__(self, "__loader__").read(self)
        return ModuleType.__getattribute__(self, name)


class Sources:
    """Imports the node side from sources that are at hand: finder and loader as Python's import system has them."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources
        self._begun: set[str] = set()
        self._lock = threading.RLock()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Optional[ModuleSpec]:
        """Return where a module comes from: here if it is one of ours, or a package that has some."""
        is_package = "%s.__init__" % name in self._sources or any(key.startswith(name + ".") for key in self._sources)
        if not is_package and name not in self._sources:
            return None
        return ModuleSpec(name, self, origin=_origin(name), is_package=is_package)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        """Leave packages to Python; their sources are empty."""
        return _Unread(spec.name) if spec.name in self._sources else None

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module unread."""

    def read(self, module: ModuleType) -> None:
        """Run a module's source, once; from within it, what it has so far is there."""
        name = module.__name__
        with self._lock:
            if name in self._begun:
                return
            self._begun.add(name)
            try:
                exec(compile(self.get_source(name), _origin(name), "exec"), module.__dict__)
            except AttributeError as error:
                # Python takes this one, where a name is imported out of the module, for that the module has it not.
                self._begun.remove(name)
                raise ImportError("%s cannot be read: %s" % (name, error), name=name) from error
            except BaseException:
                self._begun.remove(name)
                raise
            module.__class__ = ModuleType

    def get_source(self, name: str) -> str:
        """Return a module's source; a package's is empty."""
        return self._sources.get(name, "")


def _origin(name: str) -> str:
    return "kubewright:%s" % name[len(NODE_SIDE) + 1 :] if name.startswith(NODE_SIDE) else name


def main(packed: bytes) -> None:
    """Make a call that was packed: its ``sources`` by module, its ``name``, ``arguments`` and whether to ``check``."""
    # A call is short-lived: to look for garbage while a thousand Nodes are read takes a third of that, and finds none.
    gc.set_threshold(_ALLOCATIONS)
    call = json.loads(zlib.decompress(binascii.a2b_base64(packed)))
    sys.meta_path.insert(0, Sources(call["sources"]))
    importlib.import_module(NODE_SIDE + ".entry").run(call["name"], call["arguments"], check=call["check"])
