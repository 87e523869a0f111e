"""A job on disk, small, with the released weights: farms start processes of their own."""

from __future__ import annotations

import numpy as np
import pytest

JOB = """
name = "night"
[[shots]]
name = "sh010"
source = "plates/p.####.exr"
outputs = ["out/{shot}/m.####.exr"]
chunk = 3
"""


@pytest.fixture
def job_file(tmp_path, write_plate, astronaut):
    """Seven frames of a head, 1001…1007, each a little darker than the last."""
    head = (astronaut[:160, 130:290] / 255.0).astype(np.float32) ** 2.2
    (tmp_path / "plates").mkdir()
    for number in range(7):
        write_plate(tmp_path / "plates" / f"p.{1001 + number}.exr", head * (1 - number * 0.05))
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    return path


@pytest.fixture
def mattes(tmp_path):
    """The names of the mattes on disk."""
    return lambda: sorted(path.name for path in (tmp_path / "out" / "sh010").glob("*.exr"))
