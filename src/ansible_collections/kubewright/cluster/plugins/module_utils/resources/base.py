"""What every resource type has: *find* (what is there), *diff* (what would change) and *apply* (change it).

Check mode is find and diff without apply, so that what is shown is what is done.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, frozen, mutable
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import Entry, Manifest
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.rendering import Rendered
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import Store, Wanted


@frozen
class Change:
    """One resource's difference between what is there and what should be.

    ``action`` is ``create``, ``update`` or ``remove``; ``before`` and ``after`` are short JSON values without secrets;
    ``summary`` is one line for people; ``diff`` is a unified diff for what is text, else empty. ``path`` is the file it
    is about, where it is one.
    """

    id: str
    type: str
    action: str
    before: Any
    after: Any
    summary: str
    diff: str = ""
    path: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as the module reports it."""
        return {
            "id": self.id,
            "type": self.type,
            "action": self.action,
            "before": self.before,
            "after": self.after,
            "summary": self.summary,
            "diff": self.diff,
            "path": self.path,
        }


@frozen
class Known:
    """An image that containerd has: its digest, and whether it is pinned."""

    digest: str
    pinned: bool


@frozen
class Images:
    """Containerd's images by reference; none when it did not answer.

    ``whole`` is false where it may have others.
    """

    answered: bool
    known: dict[str, Known] = field(default_factory=dict)
    whole: bool = True


@mutable
class Context:
    """What resources work with: the machine, what was put on it, where artifacts come from; ``warnings`` gathers.

    ``images`` is filled by the first image resource (see :mod:`.image`). ``kubeadm`` is YAML for ``kubeadm init`` that
    says what this node's part of the cluster is configured by, empty where the document has none; ``patches`` has
    kubeadm's patch files by name as the document has them, None for one that it no longer has. ``rendered`` is filled
    by the first resource that asks kubeadm; ``objects_too`` says that it is asked for the cluster's objects with it, of
    the same configuration. ``replaced`` are the programs that this call replaces: what they say before that counts for
    nothing, and what they say afterwards was not in the plan.
    """

    system: System
    manifest: Manifest
    store: Store
    warnings: list[str] = field(default_factory=list)
    images: Optional[Images] = None
    kubeadm: str = ""
    patches: dict[str, Optional[str]] = field(default_factory=dict)
    rendered: Optional[Rendered] = None
    objects_too: bool = False
    replaced: set[str] = field(default_factory=set)

    def warn(self, text: str) -> None:
        """Report a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)


class Resource(abc.ABC):
    """One resource of a node document on this node."""

    type: ClassVar[str]
    removable: ClassVar[bool] = False
    """Whether what is in the manifest and no longer in the document is taken away (:mod:`.removal`)."""

    def __init__(self, spec: dict[str, Any], context: Context) -> None:
        self.spec = spec
        self.context = context
        self.system = context.system
        self.id = str(spec["id"])

    def need(self, key: str) -> Any:
        """Return a key that the type requires.

        Raises:
            NodeError: the document has not got it.

        """
        try:
            return self.spec[key]
        except KeyError:
            raise NodeError("resource %s" % self.id, "has no %r" % key, "", BAD_INPUT) from None

    @property
    def restarts(self) -> list[str]:
        """Units that a change of this resource restarts."""
        return list(self.spec.get("restarts", []))

    @property
    def entry(self) -> Entry:
        """What the manifest remembers of this resource."""
        return self.context.manifest.entry(self.id, self.type)

    def remember(self, **details: Any) -> None:
        """Have the manifest remember this resource as it is now."""
        if self.restarts:
            details["restarts"] = self.restarts
        self.context.manifest.remember(self.id, self.type, **details)

    def change(self, action: str, before: Any, after: Any, summary: str, *, diff: str = "", path: str = "") -> Change:
        """Return a change of this resource."""
        return Change(self.id, self.type, action, before, after, summary, diff, path)

    def paths(self) -> list[str]:
        """Return the paths that it writes."""
        return [str(self.spec["path"])] if "path" in self.spec else []

    def programs(self) -> list[str]:
        """Return the paths of programs that it installs."""
        return []

    def replaces(self, change: Change) -> list[str]:
        """Return the paths of programs that a change gives another content."""
        del change
        return []

    def wanted(self) -> list[Wanted]:
        """Return the artifacts that applying it needs."""
        return []

    @abc.abstractmethod
    def find(self) -> Any:
        """Return what is there, as a JSON value in the type's own terms."""

    @abc.abstractmethod
    def diff(self, found: Any) -> Optional[Change]:
        """Return what applying would change of what was found; None where nothing."""

    @abc.abstractmethod
    def apply(self, change: Change) -> None:
        """Make the change and remember it. Applying again after a kill at any moment completes it."""

    def adopt(self, found: Any) -> None:
        """Remember what is already as it should be, so that it is known when it is no longer wanted."""
        del found
        self.remember(**self.details())

    def details(self) -> dict[str, Any]:
        """Return what the manifest remembers of the resource as it is now on the node."""
        return {}
