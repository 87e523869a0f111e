"""Running a real Blender from outside, with a report of every frame."""

from flyaway.blender.run import BlenderFrame, BlenderRun, find_blender, render

__all__ = ["BlenderFrame", "BlenderRun", "find_blender", "render"]
