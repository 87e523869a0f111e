"""In our program's place where no pixels matter: a "matte" says which plate it is of, and by what words."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def frame_list(text: str) -> list[int]:
    """`1-9x2,20`."""
    frames: list[int] = []
    for item in text.split(","):
        first, last, step = re.fullmatch(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?", item).groups()
        frames += range(int(first), int(last or first) + 1, int(step or 1))
    return frames


def main(words: list[str]) -> int:
    """`flyaway matte SOURCE -o TARGET --frames=… …`."""
    source, target = words[1], words[words.index("-o") + 1]
    ranges = [word.partition("=")[2] for word in words if word.startswith("--frames=")]
    code = 0
    print(json.dumps({"event": "start", "model": "stub", "device": "cpu"}), flush=True)
    for frame in frame_list(ranges[0]) if ranges else [None]:
        plate = Path(source if frame is None else source % frame)
        entry = {"event": "frame", "frame": frame, "status": "written", "seconds": {"all": 0.1}}
        if plate.is_file():
            matte = Path(target if frame is None else target % frame)
            matte.parent.mkdir(parents=True, exist_ok=True)
            matte.write_text(json.dumps([plate.read_text(), words]))
        else:
            entry.update(status="failed", error=f"{plate} is missing")
            code = 2
        print(json.dumps(entry), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
