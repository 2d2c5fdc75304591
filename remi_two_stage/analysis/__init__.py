"""What is heard in a `Piece`."""
