"""What a model is worth, measured offline: reconstruction, obedience, retrieval, form."""
