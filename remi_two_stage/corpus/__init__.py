"""Corpora to training data: labelled tunes, splits by melody, datasets of both stages, packed rows."""
