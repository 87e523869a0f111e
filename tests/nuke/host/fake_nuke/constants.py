"""The constants of the fake `nuke`."""

from __future__ import annotations

from typing import Any

CONSTANTS: dict[str, Any] = {
    "ALL": 1,
    "NODIR": 2,
    "INPUTS": 1,
    "HIDDEN_INPUTS": 2,
    "EXPRESSIONS": 4,
    "STARTLINE": 0x1000,
    "ENDLINE": 0x2000,
    "INVISIBLE": 0x400,
    "DISABLED": 0x80,
    "NO_ANIMATION": 0x100,
    "DO_NOT_WRITE": 0x200,
    "ALWAYS_SAVE": 0x20000,
    "READ_ONLY": 0x10000000,
    "TO_SCRIPT": 1,
    "TO_VALUE": 2,
    "WRITE_ALL": 8,
    "WRITE_USER_KNOB_DEFS": 16,
    "TABBEGINGROUP": 1,
    "TABENDGROUP": -1,
    "TABBEGINCLOSEDGROUP": 2,
    "THREADS": 4,
    "NUM_CPUS": 4,
    "EXE_PATH": "/usr/local/Nuke/Nuke",
    "rawArgs": ["Nuke"],
    "untitled": "Untitled",
}
