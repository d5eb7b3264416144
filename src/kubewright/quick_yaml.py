"""Have ansible-core read YAML of its own from the user's cache, to the very same values.

Its options (``base.yml``), the table of what its plugins have been renamed to and what its plugins say of their options
are the same for as long as it is not upgraded, and to parse them takes a third of a second of every run. What a text
was parsed to is kept as JSON under the digest of the text, which is read in a few thousandths. A cache that cannot be
read or written costs that time only.
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

import yaml

from kubewright.places import cache_directory

_LARGE = 1_000
"""Bytes of YAML from which on the cache is quicker than to parse it."""
_TEMPLATES = ("{{", "{%", "{#")


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
        # It reads Ansible's options when it is imported, and says what is wrong with them.
        import ansible.cli  # noqa: F401, PLC0415
        from ansible.plugins import loader  # noqa: PLC0415
        from ansible.utils import plugin_docs  # noqa: PLC0415

        loader.yaml = plugin_docs.yaml = _YamlOfPlugins()
        try:
            yield
        finally:
            loader.yaml = plugin_docs.yaml = yaml
    finally:
        ConfigManager._read_config_yaml_file, finder._meta_yml_to_dict = read_file, parse  # noqa: SLF001


class _YamlOfPlugins:
    """Stands for the module ``yaml`` where Ansible reads what a plugin says of itself."""

    def __getattr__(self, name: str) -> Any:
        return getattr(yaml, name)

    @staticmethod
    def load(stream: Any, Loader: Any) -> Any:  # noqa: N803  the module's own
        """What :func:`yaml.load` gives, but for the tags that say where in the text a value stands.

        Only what a plugin has in its code is trusted to be a template, and nothing else is remembered.
        """
        from ansible._internal._datatag._tags import TrustedAsTemplate  # noqa: PLC0415  slow to import

        if not isinstance(stream, str) or not TrustedAsTemplate.is_tagged_on(stream):
            return yaml.load(stream, Loader=Loader)
        value = remembered("plugin", stream.encode(), lambda _text: yaml.load(stream, Loader=Loader))
        return _trusted(value, TrustedAsTemplate()) if any(mark in stream for mark in _TEMPLATES) else value


def _trusted(value: Any, trust: Any) -> Any:
    """The same value, with its templates tagged as what they are: written by the one who wrote the plugin."""
    if isinstance(value, dict):
        return {key: _trusted(each, trust) for key, each in value.items()}
    if isinstance(value, list):
        return [_trusted(each, trust) for each in value]
    return trust.tag(value) if isinstance(value, str) and any(mark in value for mark in _TEMPLATES) else value


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
