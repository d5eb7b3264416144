"""What ansible-core keeps in module-level values, set for the time of a load and put back."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kubewright.errors import BadInputError
from kubewright.inventory.values import message_of, origin_of_error

NOBODY = "/"
"""Name of a host that stands for any host of its groups; none can have it, for it is a path."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

_UNPARSED = ("Unable to parse ", " as an inventory source")
_NOISE = ("Invalid characters were found in group names",)  # Kubespray's older spellings have hyphens


class Warnings:
    """What Ansible would have printed as warnings during a load; those about unreadable sources become errors."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._failures: list[tuple[str, BaseException]] = []  # what is told, which names the plugin, and why
        self._unparsed: list[tuple[str, dict[str, BaseException]]] = []

    @property
    def texts(self) -> tuple[str, ...]:
        """Warnings that say something of the inventory, each once."""
        return tuple(dict.fromkeys(text for text in self._texts if not text.startswith(_NOISE)))

    def warning(self, msg: str, *_args: object, **_keywords: object) -> None:
        """Take the place of ``Display.warning``."""
        text = str(msg)
        if text.startswith(_UNPARSED[0]) and text.endswith(_UNPARSED[1]):
            path = text.removeprefix(_UNPARSED[0]).removesuffix(_UNPARSED[1])
            # What the source's plugins told came just before.
            self._unparsed.append((path, dict(self._failures)))
            self._failures.clear()
        else:
            self._texts.append(text)

    def error_as_warning(self, msg: str | None, exception: BaseException, **_more: object) -> None:
        """Take the place of ``Display.error_as_warning``, by which plugins tell why they cannot read a source."""
        self._failures.append((str(msg), exception))

    def refuse_unparsed(self, sources: Sequence[str]) -> None:
        """Raise for a source that no plugin could read, given itself or directly in a given folder.

        Deeper files, as in an ``artifacts`` folder beside the inventory, are nobody's inventory.

        Raises:
            BadInputError: with what the plugin said that the file's name speaks for.

        """
        given = {Path(source).absolute() for source in sources}
        for text, failures in self._unparsed:
            path = Path(text).absolute()
            if path in given or (path.parent in given and path.is_file()):
                raise _unparsed_error(text, failures)


@contextlib.contextmanager
def captured_warnings() -> Iterator[Warnings]:
    """Keep Ansible's warnings instead of printing them."""
    from ansible.utils.display import Display  # noqa: PLC0415  slow to import

    display, warnings = Display(), Warnings()  # Display is a singleton that all of Ansible's modules hold
    display.warning, display.error_as_warning = warnings.warning, warnings.error_as_warning
    try:
        yield warnings
    finally:
        del display.warning, display.error_as_warning


@contextlib.contextmanager
def command_line_options(options: dict[str, Any]) -> Iterator[None]:
    """Give ansible-core the options that its own command line would have set.

    It keeps them in a module-level value and caches what it makes of ``-e`` on a function; both are put back, so that
    loads do not see each other's.
    """
    from ansible.module_utils.common.collections import ImmutableDict  # noqa: PLC0415
    from ansible.parsing.vault import VaultSecretsContext  # noqa: PLC0415
    from ansible.plugins.loader import init_plugin_loader  # noqa: PLC0415
    from ansible.utils.collection_loader import AnsibleCollectionConfig  # noqa: PLC0415
    from ansible.utils.vars import load_extra_vars, load_options_vars  # noqa: PLC0415

    from ansible import context  # noqa: PLC0415

    before = context.CLIARGS
    cached = load_extra_vars.__dict__.get("extra_vars"), load_options_vars.__dict__.get("options_vars")
    secrets = VaultSecretsContext.current(optional=True)
    context.CLIARGS = ImmutableDict(options)
    VaultSecretsContext._current = None  # noqa: SLF001  ansible-core sets it once a process; a library loads often
    load_extra_vars.extra_vars, load_options_vars.options_vars = None, None
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader()
    try:
        yield
    finally:
        context.CLIARGS = before
        VaultSecretsContext._current = secrets  # noqa: SLF001
        load_extra_vars.extra_vars, load_options_vars.options_vars = cached


@contextlib.contextmanager
def variables_made_quickly() -> Iterator[None]:
    """Have ansible-core make hosts' variables without what takes most of the time in a large inventory.

    For each host it lists the folders of all connection plugins, to leave out facts by their names, also where it has
    no facts; it asks all plugins again for the variables of the same groups; it looks for four files of its name in
    ``host_vars``, be that as empty as it may; and it tells a dozen lines of debugging to whoever has put himself in
    their way, also where nobody wants to see them.
    """
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415  slow to import
    from ansible.vars import manager  # noqa: PLC0415

    find = DataLoader.find_vars_files
    clean, from_sources, from_path = (
        manager.clean_facts,
        manager.get_vars_from_inventory_sources,
        manager.get_vars_from_path,
    )
    manager.clean_facts = functools.partial(_if_any, clean)
    manager.get_vars_from_inventory_sources = _once_for_groups(from_sources)
    manager.get_vars_from_path = _once_for_groups(from_path)
    DataLoader.find_vars_files = _found_in_listings(find)
    if not manager.C.DEFAULT_DEBUG:
        manager.display.debug = _tell_nobody
    try:
        yield
    finally:
        manager.clean_facts, manager.get_vars_from_inventory_sources, manager.get_vars_from_path = (
            clean,
            from_sources,
            from_path,
        )
        DataLoader.find_vars_files = find
        vars(manager.display).pop("debug", None)


def _if_any(clean: Callable[[Any], Any], facts: dict[str, Any]) -> Any:
    return clean(facts) if facts else {}


def _once_for_groups(read: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Ask for the variables of the same groups once; what is asked with a host among them is asked each time.

    Of :data:`NOBODY` nothing is asked: a plugin that looks hosts up elsewhere would not find it.
    """
    from ansible.inventory.group import Group  # noqa: PLC0415

    known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def reading(loader: Any, where: Any, entities: Sequence[Any], stage: str) -> dict[str, Any]:
        if any(entity.name == NOBODY for entity in entities):
            return {}
        if not all(isinstance(entity, Group) for entity in entities):
            return read(loader, where, entities, stage)
        key = (str(where), stage, *(entity.name for entity in entities))
        if key not in known:
            known[key] = read(loader, where, entities, stage)
        return known[key]

    return reading


def _found_in_listings(find: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Look for the files of a name only where the folder's listing has one.

    A name that paths may expand, such as ``~a``, is left to Ansible, and so is a folder that may be entered but not
    listed. There are file systems that do not tell the cases of letters apart.
    """
    from ansible import constants  # noqa: PLC0415

    listings: dict[str, frozenset[str] | None] = {}

    def finding(loader: Any, path: str, name: str, *more: Any, **options: Any) -> list[str]:
        if more or options or not _PLAIN_NAME.fullmatch(name):
            return find(loader, path, name, *more, **options)
        if path not in listings:
            listings[path] = _listing(path)
        listing = listings[path]
        if listing is None:
            return find(loader, path, name)
        endings = ("", *(f".{ending.removeprefix('.')}" for ending in constants.YAML_FILENAME_EXTENSIONS))
        return find(loader, path, name) if any((name + ending).casefold() in listing for ending in endings) else []

    return finding


def _listing(path: str) -> frozenset[str] | None:
    try:
        return frozenset(name.casefold() for name in os.listdir(path))  # noqa: PTH208  names are all that is wanted
    except OSError:
        return None


def _tell_nobody(*_arguments: object, **_keywords: object) -> None:
    pass


def _unparsed_error(path: str, failures: dict[str, BaseException]) -> BadInputError:
    """Tell the failure of the plugin that the file's name speaks for: each that looked at the file has its own."""
    wanted = "'yaml'" if Path(path).suffix in (".yml", ".yaml", ".json") else "'ini'"
    told = [failure for text, failure in failures.items() if wanted in text] or list(failures.values())
    reason = message_of(told[0]) if told else "no inventory plugin can read it"
    # Which plugin's error knows the line differs; the longest origin is the most exact.
    subject = max((path, *(origin_of_error(failure) for failure in failures.values())), key=len)
    return BadInputError(subject, f"not an inventory: {reason}", "Correct the file, or name the inventory with -i")
