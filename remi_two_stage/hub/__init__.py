"""Models and tunes on the Hub."""
