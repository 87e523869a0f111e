"""The live model's tests need torch, which a light install does not have: without it they do not exist."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["test_live*.py"]
