"""Run by every Nuke (14 to 17) that has this folder on its plug-in path, with a GUI or without."""

import nuke

for _folder in ("gizmos", "icons", "Cattery/Flyaway", "python"):
    nuke.pluginAddPath(f"./{_folder}")
