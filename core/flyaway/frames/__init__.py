"""Frames on disk: patterns (`patterns`), plates in (`read`), mattes out (`write`)."""

from flyaway.frames.patterns import FrameJob, plan_frames
from flyaway.frames.read import Plate, ReadOptions, read_plate
from flyaway.frames.write import WriteOptions, write_matte

__all__ = ["FrameJob", "Plate", "ReadOptions", "WriteOptions", "plan_frames", "read_plate", "write_matte"]
