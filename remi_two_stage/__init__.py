"""Two-stage symbolic music: a chord plan a person can read and edit, then notes that follow it."""
