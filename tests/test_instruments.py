"""Who plays a piece: what can be asked for, what every format says of it, and which staves belong together."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from abc2midi import agrees, needs_abc2midi

from remi_two_stage import Piece, RequestError, engrave, read_abc, read_score, wav_bytes, with_instrument, write_abc
from remi_two_stage.cli import main
from remi_two_stage.core.instruments import INSTRUMENTS, StaffGroup, staff_groups
from remi_two_stage.core.notation import Instrument
from remi_two_stage.core.signatures import Key
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import midi_bytes
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

REEL = (
    "X:1\nT:The Silver Spear\nR:reel\nM:4/4\nL:1/8\nK:D\n"
    "A|:FA (3AAA BAFA|dfed BcdA|FA (3AAA BAFA|dfed B2 dA:|\n|:dffe dfbf|afef dfed|BA (3AAA BAFA|dfed B2 dA:|\n"
)


@pytest.fixture(scope="module")
def reel() -> Piece:
    (piece,) = read_abc(REEL)
    return piece


@pytest.fixture
def chorale(music21_corpus: Path) -> Piece:
    (piece,) = read_score(music21_corpus / "bach" / "bwv66.6.mxl")
    return piece


@pytest.fixture
def trio(music21_corpus: Path) -> Piece:
    """Clara Schumann's piano trio: violin, violoncello and the two staves of the piano."""
    (piece,) = read_score(music21_corpus / "schumann_clara" / "opus17" / "movement3.xml")
    return piece


def test_an_instrument_has_its_name_and_its_program_of_general_midi(reel: Piece) -> None:
    asked = {name: with_instrument(reel, name).instruments for name in INSTRUMENTS}
    assert asked == {
        "fiddle": (Instrument("Fiddle", "", 40),),
        "flute": (Instrument("Flute", "", 73),),
        "whistle": (Instrument("Whistle", "", 78),),
        "piano": (Instrument("Piano", "", 0),),
        "choir": (Instrument("Soprano", "", 52),),
        "organ": (Instrument("Organ", "", 19),),
        "guitar": (Instrument("Guitar", "", 24),),
        "strings": (Instrument("Violin", "", 40),),
    }
    assert with_instrument(reel, "flute").note_list() == reel.note_list()
    with pytest.raises(RequestError, match="the instrument is 'bagpipes'; choose one of fiddle, flute, whistle, piano"):
        with_instrument(reel, "bagpipes")


@pytest.mark.parametrize(
    ("name", "players"),
    [
        ("choir", ["Soprano", "Alto", "Tenor", "Bass"]),
        ("strings", ["Violin I", "Violin II", "Viola", "Violoncello"]),
        ("flute", ["Flute I", "Flute II", "Flute III", "Flute IV"]),
        ("organ", ["Organ"] * 4),
    ],
)
def test_four_voices_are_shared_out_and_come_back_from_every_format(
    name: str, players: list[str], chorale: Piece
) -> None:
    played = with_instrument(chorale, name)
    assert [player.name for player in played.instruments] == players
    (from_abc,) = read_abc(write_abc(played))
    for again in (from_abc, read_musicxml(musicxml_bytes(played)), parse_midi(midi_bytes(played))):
        assert again.voices == chorale.voices
        assert [(player.name, player.program) for player in again.instruments] == [
            (player.name, player.program) for player in played.instruments
        ]
        assert again.note_list() == chorale.note_list()


def test_strings_have_their_clefs(chorale: Piece) -> None:
    played = with_instrument(chorale, "strings")
    header = [line.split()[1] for line in write_abc(played).splitlines() if line.startswith("V:")]
    assert header == ["clef=treble", "clef=treble", "clef=alto", "clef=bass"]
    signs = [clef.findtext("sign") for clef in ElementTree.fromstring(musicxml_bytes(played)).iter("clef")]
    assert signs == ["G", "G", "C", "F"]


def test_a_piano_has_a_brace_and_other_players_a_bracket(trio: Piece) -> None:
    assert staff_groups(trio) == [
        StaffGroup(range(2), "bracket", is_joined=True),
        StaffGroup(range(2, 4), "brace", is_joined=True),
    ]
    assert "%%score [V1 | V2] {V3 | V4}\n" in write_abc(trio, overlays=True)
    assert "| (V4 V4layer2)}\n" in write_abc(trio)
    parts = ElementTree.fromstring(musicxml_bytes(trio)).find("part-list")
    assert parts is not None
    assert [symbol.text for symbol in parts.iter("group-symbol")] == ["bracket"]
    assert [group.get("type") for group in parts.iter("part-group")] == ["start", "stop"]
    assert [part.text for part in parts.iter("part-name")] == ["Violin", "Cello", "Piano"]  # of two staves
    again = read_musicxml(musicxml_bytes(trio))
    assert [player.name for player in again.instruments] == ["Violin", "Cello", "Piano", "Piano"]


def test_the_staves_of_a_piano_are_joined_in_pictures() -> None:
    music = "V:1\nc4 d4|e8|\nV:2\nC,,4 G,,4|C,,8|\n"
    (piece,) = read_abc(f"X:1\nM:4/4\nL:1/8\nK:C\n{music}")
    strings, piano = (engrave(with_instrument(piece, name)).svg() for name in ("strings", "piano"))
    assert strings.count(">Violin<") == strings.count(">Violoncello<") == piano.count(">Piano<") == 1
    assert 'class="grpSym"><path' in piano
    assert 'class="grpSym"><use' in strings


def test_singers_have_a_bracket_and_bar_lines_of_their_own(chorale: Piece) -> None:
    assert staff_groups(chorale) == [StaffGroup(range(4), "bracket", is_joined=False)]
    assert staff_groups(with_instrument(chorale, "strings")) == [StaffGroup(range(4), "bracket", is_joined=True)]
    assert "%%score [S A T B]\n" in write_abc(chorale)
    assert "%%score {S | A | T | B}\n" in write_abc(with_instrument(chorale, "organ"))


def test_a_piano_has_two_staves_for_any_number_of_voices(chorale: Piece) -> None:
    played = with_instrument(chorale, "piano")
    assert played.voices == ("V1", "V2")
    assert staff_groups(played) == [StaffGroup(range(2), "brace", is_joined=True)]
    assert "%%score {V1 | V2}\n" in write_abc(played, overlays=True)
    assert "%%score {(V1 V1layer2) | (V2 V2layer2)}\n" in write_abc(played)
    hands = {"S": "V1", "A": "V1", "T": "V2", "B": "V2"}
    struck = {(hands[voice], *note) for voice, *note in chorale.note_list()}
    assert sorted(played.note_list()) == sorted(struck)
    for again in (*read_abc(write_abc(played)), read_musicxml(musicxml_bytes(played)), parse_midi(midi_bytes(played))):
        assert again.note_list() == played.note_list()
        assert [player.name for player in again.instruments] == ["Piano", "Piano"]
    bars = [replace(bar, notes=bar.notes[:3], notation=()) for bar in chorale.bars]
    trebles = with_instrument(replace(chorale, voices=("S", "A", "T"), bars=tuple(bars), instruments=()), "piano")
    assert [bar.notes[1] for bar in trebles.bars] == [bar.notes[2] for bar in chorale.bars]


def test_numbered_voices_are_called_so_and_come_back(trio: Piece) -> None:
    unnamed = replace(trio, instruments=())
    parts = ElementTree.fromstring(musicxml_bytes(unnamed)).iter("part-name")
    assert [part.text for part in parts] == ["Voice 1", "Voice 2", "Voice 3", "Voice 4"]
    assert b"\xff\x03\x07Voice 2" in midi_bytes(unnamed)
    for again in (read_musicxml(musicxml_bytes(unnamed)), parse_midi(midi_bytes(unnamed))):
        assert (again.voices, again.instruments) == (unnamed.voices, ())


def test_a_quartet_is_called_as_its_players(music21_corpus: Path) -> None:
    (quartet,) = read_score(music21_corpus / "haydn" / "opus74no1" / "movement3.mxl")
    players = with_instrument(quartet, "strings").instruments
    assert [(player.name, player.program) for player in players] == [
        ("Violin I", 40), ("Violin II", 40), ("Viola", 41), ("Violoncello", 42),
    ]  # fmt: skip


def test_tracks_of_midi_are_called_as_people_call_them(chorale: Piece, reel: Piece) -> None:
    def tracks(piece: Piece) -> list[bytes]:
        return [track[track.index(b"\xff\x03") + 3 :][: track[track.index(b"\xff\x03") + 2]] for track in (
            midi_bytes(piece).split(b"MTrk")[2:]
        )]  # fmt: skip

    assert tracks(chorale) == [b"Soprano", b"Alto", b"Tenor", b"Bass"]
    assert tracks(reel) == [b"Melody"]
    assert tracks(with_instrument(reel, "whistle")) == [b"Whistle"]
    assert parse_midi(midi_bytes(reel)).instruments == ()
    assert parse_midi(midi_bytes(with_instrument(reel, "whistle"))).instruments == (Instrument("Whistle", "", 78),)


@needs_abc2midi
def test_abc2midi_plays_the_instruments(chorale: Piece, tmp_path: Path) -> None:
    (tmp_path / "strings.abc").write_text(write_abc(with_instrument(chorale, "strings")), encoding="utf-8")
    subprocess.run(
        ["abc2midi", tmp_path / "strings.abc", "-o", tmp_path / "strings.mid", "-silent"], check=True, timeout=30
    )
    played = parse_midi((tmp_path / "strings.mid").read_bytes())
    assert [player.program for player in played.instruments] == [40, 40, 41, 42]


def test_guitars_sound_as_a_guitar_and_others_as_a_piano(reel: Piece) -> None:
    sounds = {
        name: np.frombuffer(wav_bytes(with_instrument(reel, name), sample_rate=8000)[44:], "<i2")
        for name in ("guitar", "piano", "fiddle")
    }
    assert np.array_equal(sounds["fiddle"], sounds["piano"])
    assert not np.array_equal(sounds["guitar"], sounds["piano"])


def test_a_file_is_converted_for_an_instrument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "reel.abc").write_text(REEL, encoding="utf-8")
    wanted = [str(tmp_path / "reel.abc"), str(tmp_path / "reel.musicxml"), "--instrument", "fiddle"]
    assert main(["render", *wanted]) == 0
    (piece,) = read_score(tmp_path / "reel.musicxml")
    assert piece.instruments == (Instrument("Fiddle", "", 40),)
    assert main(["render", *wanted[:-1], "kazoo"]) != 0
    assert "'kazoo' is not one of 'fiddle', 'flute', 'whistle', 'piano'" in capsys.readouterr().err


CLARINET = """<score-partwise version="4.0"><part-list>
<score-part id="P1"><part-name>Flute</part-name></score-part>
<score-part id="P2"><part-name>Clarinet in B flat</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions><key><fifths>-1</fifths></key></attributes>
<note><pitch><step>F</step><octave>5</octave></pitch><duration>4</duration></note></measure></part>
<part id="P2"><measure number="1"><attributes><divisions>1</divisions><key><fifths>1</fifths></key>
<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>
<note><pitch><step>C</step><alter>1</alter><octave>5</octave></pitch><duration>4</duration></note></measure></part>
</score-partwise>"""


def test_instruments_that_transpose_keep_their_part_in_musicxml() -> None:
    piece = read_musicxml(CLARINET.encode())
    assert [player.transposition for player in piece.instruments] == [0, -2]
    assert [pitch for _, _, _, pitch in piece.note_list()] == [77, 71]
    written = musicxml_bytes(piece)
    clarinet = ElementTree.fromstring(written).findall("part")[1]
    assert [clarinet.findtext(f".//{what}") for what in ("fifths", "chromatic", "diatonic", "step", "alter")] == [
        "1", "-2", "-1", "C", "1",
    ]  # fmt: skip
    again = read_musicxml(written)
    assert (again.bars, again.instruments) == (piece.bars, piece.instruments)


SCORE = """X:1
T:Trio
M:3/4
L:1/8
%%score [V1 | V2 | V3]
V:V1 clef=treble transpose=-2 name="Clarinet in B flat"
V:V2 clef=treble name="Flute"
V:V3 clef=bass transpose=-12 name="Double Bass"
K:D
[V:V1] "D"d2 f2 a2 | "G"g4 {^g}^g2 | [K:G] "D"a2 b2 a2 | "D"f6 |]
V:V2
[K:C] c2 e2 g2 | f4 ^f2 | [K:F] g2 a2 g2 | e6 |]
V:V3
[K:C] C,2 E,2 G,2 | F,6 | [K:F] C,6 | C,6 |]
"""


def test_players_read_their_parts_in_abc_as_in_musicxml() -> None:
    (piece,) = read_abc(SCORE)
    assert [player.transposition for player in piece.instruments] == [-2, 0, -12]
    assert [(voice, pitch) for voice, onset, _, pitch in piece.note_list() if not onset] == [
        ("V1", 72), ("V2", 72), ("V3", 36),
    ]  # fmt: skip
    assert write_abc(piece) == SCORE
    again = read_musicxml(musicxml_bytes(piece))
    assert (again.bars, again.instruments) == (piece.bars, piece.instruments)
    assert write_abc(again) == SCORE
    (clarinet,) = read_abc(write_abc(read_musicxml(CLARINET.encode())))
    assert (clarinet.instruments[1].transposition, clarinet.note_list()[1][3], clarinet.key) == (-2, 71, Key("F"))
    assert "V:V2\n[K:G] ^c8 |]" in write_abc(clarinet)


def test_octaves_that_save_commas_are_no_instruments() -> None:
    (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nV:1 octave=-1 transpose=-2\nK:D\nfe|d2|]\n")
    assert [player.transposition for player in piece.instruments] == [-2]
    assert "F2 E2 | D4 |]" in write_abc(piece)
    (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:D octave=-1\nfe|d2|]\n")
    assert not piece.instruments


def test_a_terminal_shows_what_sounds() -> None:
    (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:D transpose=-2\nfe|d2|]\n")
    assert "e2 d2 | c4 |]" in str(piece)


@needs_abc2midi
def test_abc2midi_plays_parts_where_they_sound(tmp_path: Path) -> None:
    (piece,) = read_abc(SCORE)
    assert agrees(piece, write_abc(piece), tmp_path)


@pytest.mark.parametrize(
    ("change", "signatures"),
    [("", [1, 1]), ("<attributes><key><fifths>-3</fifths></key></attributes>", [1, 1, 3, 3])],
)
def test_pictures_show_transposing_parts_as_written_while_the_key_stays(change: str, signatures: list[int]) -> None:
    """One flat and one sharp; or else one flat and then three in both parts."""
    measure = f'<measure number="2">{change}<note><rest measure="yes"/><duration>4</duration></note></measure></part>'
    picture = engrave(read_musicxml(CLARINET.replace("</part>", measure).encode())).svg()
    keys = picture.split('class="keySig"')[1:]
    assert [key.split('class="measure')[0].count('class="keyAccid"') for key in keys] == signatures


def test_the_page_finds_notes_of_transposing_parts_where_they_sound() -> None:
    (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:D transpose=-2\nfe|d2|]\n")
    picture = engrave(piece, note_ids=True).svg()
    assert re.findall(r'id="note-(\d+-\d+)-', picture) == ["0-76", "24-74", "48-72"]
    assert picture.split('class="keySig"')[1].split('class="meterSig"')[0].count('class="keyAccid"') == 2


def test_the_octave_of_a_tenor_is_that_of_its_clef() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nV:T clef=treble-8\nK:C\n[V:T]c4|]\n")
    source = musicxml_bytes(piece).replace(b"<step>C</step><octave>4", b"<step>C</step><octave>5")
    source = source.replace(
        b"</clef></attributes>", b"</clef><transpose><chromatic>-12</chromatic></transpose></attributes>"
    )
    again = read_musicxml(source)
    assert again.note_list() == piece.note_list()
    assert not again.instruments
