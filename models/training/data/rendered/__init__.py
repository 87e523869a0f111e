"""People drawn by code: a whole-body model, made-up clothes and hair, light of panoramas; exact alpha."""
