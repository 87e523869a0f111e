"""Two of the three siblings need torch: without it the comparisons do not exist."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]
