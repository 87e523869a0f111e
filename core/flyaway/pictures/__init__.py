"""Pictures for people, and drawn plates: what review, evaluation, bench, batch and doctor share."""
