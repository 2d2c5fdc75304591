"""The voices of one part, on one staff or several, as the measures of MusicXML.

Conventions
- The layers of the voices of a part have numbers of their own: of two voices the first has 1, 3 and 5, the second 2, 4
  and 6. So the number of a layer says whose it is.
- Where several voices of a staff sound, the stems of the upper ones go up. Rests that they share stand once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.abc_spelling import BarNames
from ..core.instruments import staves_of
from ..core.piece import Piece
from .musicxml_writer_beside import OpenSpans, Place, beside_of
from .musicxml_writer_measure import VoiceWriter
from .musicxml_writer_pitches import show_accidentals
from .musicxml_writer_stems import stem_of


class PartWriter:
    """Writes the bars of the voices of a part, which must be asked for in order.

    Args:
        names: Of the notes of all voices of the piece, bar by bar.
    """

    def __init__(self, piece: Piece, voices: range, names: Sequence[Sequence[BarNames]]) -> None:
        self._bars = piece.bars
        self.staves = staves_in(piece, voices)
        self._open_spans, part = OpenSpans(), {piece.voices[voice]: voice for voice in voices}
        self._writers = []
        for number, staff in enumerate(self.staves, 1):
            shown = number if len(self.staves) > 1 else 0
            places = [Place(voice + 1 - voices.start, len(voices), shown, _stem(voice, staff), part) for voice in staff]
            self._writers.append(
                [
                    VoiceWriter(piece, voice, names[voice], place, beside, self._open_spans)
                    for voice, place, beside in zip(staff, places, beside_of(piece, staff), strict=True)
                ]
            )

    def notes(self, index: int) -> str:
        """The content of the measure of bar `index`: notes, rests, and signs that stand between them."""
        backup = f"<backup><duration>{self._bars[index].length}</duration></backup>\n"
        for writer in (writer for writers in self._writers for writer in writers):
            writer.begin_spans(index)
        written = [text for writers in self._writers for text in _of_staff(writers, index) if text]
        self._open_spans.close(index)
        return backup.join(written)


def staves_in(piece: Piece, voices: range) -> list[range]:
    """The voices on each staff of a part."""
    staves = (range(max(staff.start, voices.start), min(staff.stop, voices.stop)) for staff in staves_of(piece))
    return [staff for staff in staves if staff]


def _of_staff(writers: Sequence[VoiceWriter], index: int) -> list[str]:
    opened = [writer.open(index) for writer in writers]
    show_accidentals([note for voice in opened for note in voice.struck()], opened[0].bar.key)
    has_stems = sum(voice.sounds for voice in opened) > 1
    rests: set[tuple[int, int]] = set()
    return [writer.written(voice, has_stems, rests) for writer, voice in zip(writers, opened, strict=True)]


def _stem(voice: int, staff: range) -> str:
    """Where the stems of a voice go that shares its staff."""
    return stem_of(voice - staff.start, len(staff)) if len(staff) > 1 else ""
