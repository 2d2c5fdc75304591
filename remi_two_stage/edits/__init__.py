"""Edits written into the file that a piece came from, so that all else in it stays as it was.

- `changes`     what has changed between two pieces: runs of written bars, bars that follow, voices that were added
- `abc`         into ABC text
- `musicxml`    into MusicXML
- `midi`        into MIDI files
"""
