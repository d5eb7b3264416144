"""Stands for the program ``ssh`` where only the controller is measured: no host is reached, answers are from files.

Copied as a program beside a folder ``answers``. It reads the module that Ansible would run on the host, and prints
``answers/MODULE.json``, or of that the answer in check mode or of one action: ``MODULE-check.json``,
``run_lock-keep.json``. The call of ``run_lock`` that keeps the lock goes on until nobody reads its output any more.
"""

import json
import re
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Answer one call."""
    command = " ".join(sys.argv)
    if "-O" in sys.argv:
        return
    if became := re.search(r"BECOME-SUCCESS-\w+", command):
        print(became.group(), flush=True)
    payload = sys.stdin.read()
    module = _one(r"^ansible_module='kubewright\.cluster\.(\w+)'", payload)
    arguments = json.loads(_one(r"^params='(.*)',$", payload).encode().decode("unicode_escape"))["ANSIBLE_MODULE_ARGS"]
    action = str(arguments.get("action", "check" if arguments["_ansible_check_mode"] else ""))
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{sys.argv[-2]} {module} {action}\n")
    named = HERE / "answers" / f"{module}-{action}.json"
    answer = named if named.exists() else HERE / "answers" / f"{module}.json"
    while action == "keep":
        print(flush=True)
        time.sleep(1)
    # The controller compares clocks.
    print(answer.read_text().replace('"NOW"', str(time.time())))


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        sys.exit(f"no module of kubewright's was called: {text[:200]!r}")
    return found.group(1)


if __name__ == "__main__":
    main()
