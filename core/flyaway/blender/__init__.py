"""Running a real Blender from outside, and being told the truth about every frame."""

from flyaway.blender.run import BlenderFrame, BlenderRun, find_blender, render

__all__ = ["BlenderFrame", "BlenderRun", "find_blender", "render"]
