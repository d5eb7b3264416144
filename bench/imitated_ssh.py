"""Stands for the program ``ssh`` where only the controller is measured: no host is reached, answers are from files.

Copied as a program beside a folder ``answers``. It reads what would run on the host, and prints
``answers/CALL.json``, or of that the answer in check mode or of one action: ``CALL-check.json``,
``run_lock-acquire.json``. The call that keeps the lock goes on until nobody reads its output any more.
"""

import base64
import json
import re
import sys
import time
import zlib
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
    given = json.loads(zlib.decompress(base64.b64decode(_one(r'^main\(b"(.*)"\)$', payload))))
    call = given["name"]
    action = str(given["arguments"].get("action", "check" if given["check"] else ""))
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{sys.argv[-2]} {call} {action}\n")
    named = HERE / "answers" / f"{call}-{action}.json"
    answer = named if named.exists() else HERE / "answers" / f"{call}.json"
    while action == "keep":
        print(flush=True)
        time.sleep(1)
    # The controller compares clocks.
    print("kubewright:" + answer.read_text().replace('"NOW"', str(time.time())))


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        sys.exit(f"no call of kubewright's was found: {text[:200]!r}")
    return found.group(1)


if __name__ == "__main__":
    main()
