"""What MIDI files of other programs say beside their notes is read or counted: words, chord names, pedals, rights."""

import pytest

from remi_two_stage.core.errors import ScoreFormatError
from remi_two_stage.core.notation import Lyric
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import (
    COPYRIGHT,
    END_OF_TRACK,
    LYRIC,
    MARKER,
    TEXT,
    TRACK_NAME,
    chunk,
    meta_event,
    midi_bytes,
    variable_length,
)

QUARTER = 480
Event = tuple[int, bytes]
"""(time, message)."""


def said(kind: int, *texts: tuple[int, str]) -> list[Event]:
    return [(time, meta_event(kind, text.encode())) for time, text in texts]


def scale(channel: int = 0, pitches: tuple[int, ...] = (60, 62, 64, 65)) -> list[Event]:
    return [
        (QUARTER * (index + released), bytes([(0x80 if released else 0x90) | channel, pitch, 64]))
        for index, pitch in enumerate(pitches)
        for released in (0, 1)
    ]


def read(*tracks: list[Event]) -> Piece:
    chunks = []
    for events in tracks:
        content, now = b"", 0
        for time, message in sorted(
            [*events, (4 * QUARTER, meta_event(END_OF_TRACK, b""))], key=lambda event: event[0]
        ):
            content += variable_length(time - now) + message
            now = time
        chunks.append(chunk(b"MTrk", content))
    header = b"".join(number.to_bytes(2, "big") for number in (1, len(tracks), QUARTER))
    return parse_midi(chunk(b"MThd", header) + b"".join(chunks))


def syllables(piece: Piece, voice: int = 0) -> list[str]:
    notation = piece.bars[0].notation[voice]
    return [f"{record.onset // 24}:{record.text}{record.joint}" for record in notation if isinstance(record, Lyric)]


class TestLyrics:
    @pytest.mark.parametrize(
        ("texts", "expected"),
        [
            (["A-", "le-", "lu-", "ia"], ["0:A-", "1:le-", "2:lu-", "3:ia"]),
            (["Oh ", "come ", "a", "ll "], ["0:Oh", "1:come", "2:a-", "3:ll"]),
            (["/Oh", " come", "\\a", "ll"], ["0:Oh", "1:come", "2:a-", "3:ll"]),
            (["Oh\r", "come", "-", "_"], ["0:Oh", "1:come"]),
        ],
    )
    def test_syllables(self, texts: list[str], expected: list[str]) -> None:
        events = said(LYRIC, *((index * QUARTER, text) for index, text in enumerate(texts)))
        piece = read(scale(), events + scale(1))
        assert (syllables(piece, 1), piece.bars[0].notation[0], piece.losses) == (expected, (), ())

    def test_a_track_of_words_alone_belongs_to_the_voice_that_sings_them(self) -> None:
        events = said(LYRIC, (0, "Come"), (QUARTER, "in"), (QUARTER * 5 // 2, "now"))
        piece = read(events, scale(1, (48,)), scale())
        assert syllables(piece, 1) == ["0:Come", "1:in"]
        assert dict(piece.losses) == {"a syllable without a note": 1}

    def test_karaoke_has_its_words_as_texts(self) -> None:
        heading = said(TEXT, (0, "@KMIDI KARAOKE FILE"), (0, "@LENGL"), (0, "@TMy Song"), (0, "@TJane Doe"))
        sung = ["\\Twin", "kle, ", "/lit", "tle"]
        words = said(TEXT, *((index * QUARTER, text) for index, text in enumerate(sung)))
        piece = read(said(TRACK_NAME, (0, "x")) + heading, said(TRACK_NAME, (0, "Words")) + words, scale())
        assert (piece.title, piece.metadata, piece.losses) == ("My Song", (("C", "Jane Doe"),), ())
        assert syllables(piece) == ["0:Twin-", "1:kle,", "2:lit-", "3:tle"]

    def test_texts_of_other_files_are_no_words(self) -> None:
        piece = read(said(TEXT, (0, "played"), (QUARTER, "live")) + said(TEXT, (QUARTER, "@Tx")) + scale())
        assert (piece.title, syllables(piece) if piece.bars[0].notation else []) == ("", [])

    def test_what_is_sung_comes_back(self) -> None:
        (song,) = read_abc(
            "X:1\nM:4/4\nL:1/4\nV:S\nV:A\nK:C\n[V:S] |: c d e2 | f2 z2 :| c4 |]\nw: Al-le-lu- ia! A-men_\n"
            "w: Sing to the Lord! * \n[V:A] |: C4 | C2 z2 :| C4 |]\nw: O now men\n"
        )
        again = parse_midi(midi_bytes(song))
        assert not again.losses
        sung = [
            [record.text + record.joint for bar in again.bars for record in bar.notation[voice]] for voice in (0, 1)
        ]
        assert sung == ["Al- le- lu- ia! Sing to the Lord! A-".split(), "O now O now men".split()]


class TestMarkers:
    def test_chord_names_come_back(self) -> None:
        (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:D\n"D"DFAF|"Em7/B"EG"A7"AG|]')
        again = parse_midi(midi_bytes(piece))
        assert [bar.chords for bar in again.bars] == [bar.chords for bar in piece.bars]
        assert not again.losses

    @pytest.mark.parametrize("names", [("Verse", "Chorus"), ("A", "B", "A", "C"), ("A",), ("G", "Coda")])
    def test_names_of_sections_are_counted(self, names: tuple[str, ...]) -> None:
        piece = read(said(MARKER, *((index * QUARTER, name) for index, name in enumerate(names))), scale())
        assert not piece.bars[0].chords
        assert dict(piece.losses) == {"a marker": len(names)}


def test_rights_are_kept() -> None:
    piece = read(said(COPYRIGHT, (0, "© 1999 A. Smith")) + said(TRACK_NAME, (0, "Air")) + said(TEXT, (0, "x")), scale())
    assert (piece.title, piece.metadata) == ("Air", (("Z", "abc-copyright © 1999 A. Smith"),))


def test_pedals_and_bends_are_counted() -> None:
    pedal = [(time, bytes([0xB0, 64, value])) for time, value in ((0, 127), (5, 90), (480, 0), (960, 64), (1000, 0))]
    bends = [(time, bytes([0xE0, 0, value])) for time, value in ((0, 64), (1, 70), (2, 80), (900, 64))]
    assert dict(read(scale() + pedal + bends).losses) == {"a pedal mark": 2, "a pitch bend": 1}


def test_percussion_alone_is_called_so() -> None:
    with pytest.raises(ScoreFormatError, match="no pitched notes, only percussion; choose one with a melody"):
        read(scale(9))
