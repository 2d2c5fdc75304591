"""Files and other libraries' scores to and from `Piece`, and the chords heard in them; no torch."""
