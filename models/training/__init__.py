"""How released weights come to be. Not part of the wheel."""
