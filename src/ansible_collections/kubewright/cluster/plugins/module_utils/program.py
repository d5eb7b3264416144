"""The program that a node's Python reads from its standard input: kubewright's node side, and one call of it.

This file's text is the program's beginning; the controller adds one line that calls :func:`main` with what it packed.
Nothing is written to the node's disk, and only the sources that the call needs travel. To compile them takes a node
longer than most calls take besides, so what Python makes of them is kept in memory until the node's next boot.
"""

from __future__ import annotations

import binascii
import gc
import hashlib
import importlib
import json
import os
import sys
import threading
import zlib
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
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


class _Source(SourceFileLoader):
    """A source that is at hand, whose compiled code Python keeps and finds as it does beside a file.

    The file's name has the source's digest, so that what is found there was made of this very source.
    """

    def __init__(self, name: str, source: str, folder: str) -> None:
        self._data = source.encode()
        digest = hashlib.sha256(self._data).hexdigest()
        super().__init__(name, "%s/%s-%s.py" % (folder, name[len(NODE_SIDE) + 1 :], digest[:32]))

    def path_stats(self, _path: str) -> dict[str, int]:
        """Return what compiled code is known by besides its name."""
        return {"mtime": 0, "size": len(self._data)}

    def get_data(self, path: str) -> bytes:
        """Return the source, or what is kept."""
        return self._data if path == self.path else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled code; it is made anew where what is kept is damaged."""
        try:
            code = super().get_code(fullname)
        except (EOFError, TypeError, ValueError):
            code = None
        return code or self.source_to_code(self._data, self.path)


class Sources:
    """Imports the node side from sources that are at hand: finder and loader as Python's import system has them.

    What is compiled is kept in ``folder``, if it has a name and is nobody else's to write to.
    """

    def __init__(self, sources: dict[str, str], folder: str = "") -> None:
        self._sources = sources
        self._folder = folder if folder and _is_own(folder) else ""
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
                exec(self._code(name), module.__dict__)
            except AttributeError as error:
                # Python takes this one, where a name is imported out of the module, for that the module has it not.
                self._begun.remove(name)
                raise ImportError("%s cannot be read: %s" % (name, error), name=name) from error
            except BaseException:
                self._begun.remove(name)
                raise
            module.__class__ = ModuleType

    def _code(self, name: str) -> CodeType:
        source = self.get_source(name)
        if self._folder and name.startswith(NODE_SIDE):
            return _Source(name, source, self._folder).get_code(name)
        code: CodeType = compile(source, _origin(name), "exec")
        return code

    def get_source(self, name: str) -> str:
        """Return a module's source; a package's is empty."""
        return self._sources.get(name, "")


def _is_own(folder: str) -> bool:
    """Whether a folder is there or can be made, and nobody else can put code there that this process would run."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return False
    return found.st_uid == os.geteuid() and found.st_mode & 0o170777 == 0o040700


def _origin(name: str) -> str:
    return "kubewright:%s" % name[len(NODE_SIDE) + 1 :] if name.startswith(NODE_SIDE) else name


def main(packed: bytes) -> None:
    """Make a call that was packed.

    Args:
        packed: its ``sources`` by module, its ``name``, ``arguments`` and whether to ``check``, and the folder where
            what is compiled of them is ``kept``, empty for nowhere.

    """
    # A call is short-lived: to look for garbage while a thousand Nodes are read takes a third of that, and finds none.
    gc.set_threshold(_ALLOCATIONS)
    call = json.loads(zlib.decompress(binascii.a2b_base64(packed)))
    sys.meta_path.insert(0, Sources(call["sources"], call["kept"]))
    importlib.import_module(NODE_SIDE + ".entry").run(call["name"], call["arguments"], check=call["check"])
