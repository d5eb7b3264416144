"""Stands for the program ``ssh`` where only the controller is measured: no host is reached, answers are from files.

Copied as a program beside a folder ``answers``. It reads what Ansible would run on the host, and prints
``answers/CALL.json``, or of that the answer in check mode or of one action: ``CALL-check.json``,
``run_lock-acquire.json``. The call that keeps the lock goes on until nobody reads its output any more.
"""

import ast
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
    given = json.loads(ast.literal_eval(_one(r"^params=(.*),$", payload)))["ANSIBLE_MODULE_ARGS"]
    (call,) = (name for name in given if not name.startswith("_ansible_"))
    action = str(given[call].get("action", "check" if given["_ansible_check_mode"] else ""))
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{sys.argv[-2]} {call} {action}\n")
    named = HERE / "answers" / f"{call}-{action}.json"
    answer = named if named.exists() else HERE / "answers" / f"{call}.json"
    while action == "keep":
        print(flush=True)
        time.sleep(1)
    # The controller compares clocks.
    print(answer.read_text().replace('"NOW"', str(time.time())))


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        sys.exit(f"no call of kubewright's was found: {text[:200]!r}")
    return found.group(1)


if __name__ == "__main__":
    main()
