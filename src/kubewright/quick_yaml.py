"""Have ansible-core read two large YAML files of its own from the user's cache, to the very same values.

Its options (``base.yml``) and the table of what its plugins have been renamed to are the same for as long as it is not
upgraded, and to parse them takes a fifth of a second of every run. What a text was parsed to is kept as JSON under the
digest of the text, which is read in a few thousandths. A cache that cannot be read or written costs that time only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kubewright.places import cache_directory

_LARGE = 20_000
"""Bytes of YAML from which on the cache is quicker than to parse it."""


@contextlib.contextmanager
def ansible_yaml_remembered() -> Iterator[None]:
    """Have it so while the block runs; what is imported of Ansible in it for the first time counts most."""
    from ansible.config.manager import ConfigManager  # noqa: PLC0415  slow to import
    from ansible.utils.collection_loader import _collection_finder as finder  # noqa: PLC0415

    read_file, parse = ConfigManager._read_config_yaml_file, finder._meta_yml_to_dict  # noqa: SLF001

    def read_options(manager: Any, path: Any) -> Any:
        name = os.fsdecode(path)
        if not Path(name).exists():
            return read_file(manager, path)  # for its error
        return remembered("options", Path(name).read_bytes(), lambda _text: read_file(manager, path))

    def parse_routing(text: bytes | str, content_id: Any) -> Any:
        data = text.encode() if isinstance(text, str) else text
        return remembered("routing", data, lambda _text: parse(text, content_id))

    ConfigManager._read_config_yaml_file, finder._meta_yml_to_dict = read_options, parse_routing  # noqa: SLF001
    try:
        yield
    finally:
        ConfigManager._read_config_yaml_file, finder._meta_yml_to_dict = read_file, parse  # noqa: SLF001


def remembered(kind: str, text: bytes, parse: Callable[[bytes], Any]) -> Any:
    """What a YAML text is parsed to, from the cache where it was parsed before.

    Args:
        kind: names the way that it is parsed, for the same text may be parsed to other values by another.
        text: the YAML.
        parse: parses it.

    Only values that JSON gives back as they were are kept. A damaged file is made anew.

    """
    if len(text) < _LARGE:
        return parse(text)
    path = cache_directory() / "yaml" / f"{kind}-{hashlib.sha256(text).hexdigest()}.json"
    try:
        return _read(path)
    except (OSError, ValueError):
        value = parse(text)
    with contextlib.suppress(OSError, TypeError, ValueError):
        _write(path, value)
    return value


def _read(path: Path) -> Any:
    """What is kept there.

    Raises:
        OSError: nothing is, or it cannot be read.
        ValueError: it is damaged.

    """
    digest, _, text = path.read_bytes().partition(b"\n")
    if hashlib.sha256(text).hexdigest().encode() != digest:
        raise ValueError(path)
    return json.loads(text)


def _write(path: Path, value: Any) -> None:
    """Keep a value, unless JSON would give back another: one with a key that is no text, for example.

    Raises:
        OSError: it cannot be written.
        TypeError, ValueError: JSON has no way to write it.

    """
    text = json.dumps(value, allow_nan=False).encode()
    if repr(json.loads(text)) != repr(value):
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
