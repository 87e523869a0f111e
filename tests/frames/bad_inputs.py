"""A corpus of bad inputs, made by code: what a night of renders, copies and attacks leaves on a disk.

`python -m tests.frames.bad_inputs` reads each and writes docs/bad-inputs.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.frames.bad_cases import Case, cases

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "bad-inputs.md"
# What one bad file may cost whoever reads it.
MEMORY_BYTES, SECONDS = 6 << 30, 120


# Runs in a process of its own: a crash is a result, and memory is limited. One line of JSON a file.
READER = """
import json, os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
from flyaway import FlyawayError
from flyaway.frames import read_plate
from flyaway.frames.movie import is_movie
from flyaway.plate import as_display
for line in sys.stdin:
    path = os.fsdecode(bytes.fromhex(line.strip()))
    try:
        plate = read_plate(path, frame=1 if is_movie(path) else None)
        pixels, encoding = plate.for_matting()
        as_display(pixels, encoding)
        outcome = ["read", "; ".join(plate.notes), type(plate).__name__]
    except FlyawayError as error:
        outcome = ["refused", str(error), type(error).__name__]
    except BaseException as error:
        outcome = ["raised", repr(error), type(error).__name__]
    print(json.dumps(outcome), flush=True)
"""


def read_all(paths: list[Path]) -> list[list[str]]:
    """What became of each file: [outcome, words, class]; a process that dies is a result too."""
    results: list[list[str]] = []
    while len(results) < len(paths):
        rest = paths[len(results) :]
        done = subprocess.run(
            [sys.executable, "-c", READER, str(MEMORY_BYTES)],
            input="".join(os.fsencode(path).hex() + "\n" for path in rest),
            capture_output=True,
            text=True,
            timeout=SECONDS * 4,
            check=False,
        )
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        results += answers
        if len(answers) < len(rest):
            results.append(["crashed", f"exit code {done.returncode}: {done.stderr[-300:]}", ""])
    return results


HEAD = """# Bad inputs

{count} bad files, made by code, read in a process that may use {memory} GB. *refused*: an error that
names the file; a run goes on with the next frame. *read*: there is a plate in it, and what is odd is said. No
file crashes the reader, hangs it, or leaves it with a bare library error.

`python -m tests.frames.bad_inputs` made this page; `pytest tests/frames/test_bad_inputs.py` holds it to the
truth, and runs `flyaway matte` over the whole folder."""


def table(rows: list[tuple[str, Case, list[str]]], folder: Path) -> str:
    """The page, from what was found."""
    text = [HEAD.format(count=len(rows), memory=MEMORY_BYTES >> 30)]
    group = ""
    for now, case, (outcome, words, _) in rows:
        if now != group:
            group = now
            text += [f"\n## {group}\n", "| file | what it is | result | in words |", "|---|---|---|---|"]
        reason = (
            words.replace(f"{folder}/{case.name}: ", "").replace("frame 1, ", "").replace(str(folder), "")
        )
        cells = (f"`{shown(case.name)}`", case.what, outcome, clipped(reason) or "–")
        text.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(text) + "\n"


def shown(name: str) -> str:
    """A name as text that no terminal or page takes for anything else."""
    escaped = "".join(map(_printable, name))
    return escaped if len(escaped) <= 200 else escaped[:40] + "…"


def _printable(character: str) -> str:
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    sound = character.isprintable() and character != "`"
    return character if sound else character.encode("unicode_escape").decode()


def clipped(words: str) -> str:
    return words if len(words) <= 150 else words[:149] + "…"


def build(folder: Path) -> list[tuple[str, Case]]:
    """Make the corpus in an empty folder."""
    found = cases()
    for _, case in found:
        case.make(folder / case.name)
    return found


def main() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = build(folder)
        results = read_all([folder / case.name for _, case in found])
        rows = [(group, case, result) for (group, case), result in zip(found, results, strict=True)]
        TABLE.write_text(table(rows, folder), encoding="utf-8")
        wrong = [(case.name, result) for _, case, result in rows if result[0] not in case.expected]
        print(f"{len(rows)} files", *wrong, sep="\n")


if __name__ == "__main__":
    main()
