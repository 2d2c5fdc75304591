"""Edits written into the file that a piece came from, so that all else in it stays as it was.

- `changes`     what has changed between two pieces: runs of written bars, bars that follow, voices that were added
- `notation`    what stays beside the notes of bars that get new ones, and how much goes
- `files`       `edited_bytes` and `write_edited`: into a file of any format
- `abc`         into ABC text; `abc_places`, `abc_habits`, `abc_style`, `abc_voices`, `abc_file` are its parts
- `musicxml`    into MusicXML
- `midi`        into MIDI files
- `difference`  old and new bars side by side as text
"""
