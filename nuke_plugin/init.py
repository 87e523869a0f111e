"""Run by every Nuke that has this folder on its plug-in path, with a GUI or without."""

import nuke

for _folder in ("gizmos", "icons", "python"):
    nuke.pluginAddPath(f"./{_folder}")
