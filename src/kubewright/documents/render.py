"""Text forms of documents: YAML, JSON and digests, always the same bytes for the same value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import yaml

from kubewright.fast_yaml import SafeDumper


def to_yaml(*documents: Mapping[str, Any]) -> str:
    """Return YAML documents in the order given, keys in their own order, without aliases."""
    return "---\n".join(yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=160) for document in documents)


def to_json(value: object) -> str:
    """Return indented JSON with a final newline, keys in their own order."""
    return json.dumps(value, indent=2) + "\n"


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def merged(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``extra`` over ``base``: objects are merged, all else (lists too) is replaced."""
    result = dict(base)
    for key, value in extra.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result


class _Dumper(SafeDumper):
    """A safe dumper that repeats equal values: readers of kubeadm's YAML do not expect anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (PyYAML's signature)
        return True
