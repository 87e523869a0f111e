"""Run by a Nuke with a GUI: Flyaway in the toolbar and among the panels. Nothing heavy is imported here."""

from flyaway_nuke import panel

import nuke

_menu = nuke.toolbar("Nodes").addMenu("Flyaway", icon="flyaway_26.png")
_menu.addCommand("PortraitMatte (live)", "nuke.createNode('PortraitMatte')", icon="flyaway_26.png")
_menu.addCommand("Bake", "from flyaway_nuke.bake import node; node.create()")
_menu.addCommand("Bakes panel", "from flyaway_nuke import panel; panel.show()")
_menu.addCommand("Relink bakes...", "from flyaway_nuke.bake import node; node.relink_nodes()")
_menu.addCommand("Check set-up", "from flyaway_nuke.bake import node; node.check()")
_menu.addCommand("Build the live model...", "from flyaway_nuke import cat; cat.build_from_menu()")
_menu.addCommand("Test this installation...", "from flyaway_nuke import selftest; selftest.show()")
panel.register()
