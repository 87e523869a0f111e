"""Every key that a job file may say, and what kind of value it takes."""

from __future__ import annotations

from dataclasses import fields

from flyaway.batch.job import Shot
from flyaway.controls import Controls
from flyaway.frames.options import WriteOptions

WRITE = {field.name for field in fields(WriteOptions)} - {"output"}
OUTPUT_KEYS = {"path", "kind", "format"} | WRITE
CONTROLS = {field.name for field in fields(Controls)} | {"choke"}
MASKS = ("garbage", "core", "raw")
SHOT_KEYS = ({field.name for field in fields(Shot)} - {"finish"}) | CONTROLS | {*MASKS, "subject"}
# How the models are run: one choice for all shots.
RUN_KEYS = {"device", "engine", "threads"}
JOB_KEYS = {"name", "tokens", "defaults", "shots"} | RUN_KEYS
INTEGERS = {"chunk", "handles"}
SWITCHES = {"coarse_only", "stills", "crop", "premultiplied", "unknown", "invert"}
FRACTIONS = CONTROLS - {"invert"}
OUTPUT_FRACTIONS, SHOT_FRACTIONS = {"despill_strength"}, {"steadiness"}
