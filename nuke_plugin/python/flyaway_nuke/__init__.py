"""Flyaway in Nuke: the bake node beside Nuke, its panel, and the live node."""
