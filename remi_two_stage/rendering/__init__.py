"""`Piece` -> something to see or hear."""
