"""Going on with music that is there: extending it, writing bars of it anew, adding voices to it.

The weights are random, so everything that holds here holds by construction.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from tiny_models import TINY
from tunes import kesh_jig

from remi_two_stage.composing.composer import Composer
from remi_two_stage.composing.tasks import Extension, Rewriting, placed, voice_for, with_chords
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.chords import split_label
from remi_two_stage.core.codec import decode, encode, encode_ids
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.counterpoint_reader import leading_after
from remi_two_stage.core.errors import ChordError, RequestError
from remi_two_stage.core.excerpt import crop
from remi_two_stage.core.modeling_remi import TwoStageModel
from remi_two_stage.core.notation import Lyric, Mark, Span
from remi_two_stage.core.piece import Note, Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.ranges import VOICE_RANGES
from remi_two_stage.core.request import Request
from remi_two_stage.core.signatures import Key
from remi_two_stage.core.vocabulary import TOKEN_IDS
from remi_two_stage.edits.notation import with_new_notes
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

# A pick-up, a repeat that leads back into it, endings, a change of key, a bar that a repeat splits, chord symbols.
STRUCTURED = """X:1
T:Structured
R:jig
M:6/8
L:1/8
K:G
D|"G"GAB "D"dBG|"C"cde "D"d2 D|"G"GAB dBG|1 "D"AFD "G"G2 D:|2 "D"AFD "G"G2|:d|
K:D
"D"dfa "A7"gec|"D"dfa a2:|d|"D"def "A"edc|"D"d3- d2||
"""


@pytest.fixture(scope="module")
def composer() -> Composer:
    torch.manual_seed(3)
    config = TwoStageConfig(planner_config=BarPlannerConfig(**TINY), detail_config=DetailGeneratorConfig(**TINY))
    return Composer(TwoStageModel(config))


@pytest.fixture(scope="module")
def scores(tune_books: dict[str, list[Path]], music21_corpus: Path) -> list[Piece]:
    airs = [read_abc(path)[0] for path in (*tune_books["ryansMammoth"][:50:7], *tune_books["oneills1850"][:50:7])]
    return [*airs, read_abc(STRUCTURED)[0], read_score(music21_corpus / "bach" / "bwv66.6.mxl")[0]]


def reads_back(piece: Piece) -> bool:
    return read_abc(write_abc(piece))[0].note_list() == piece.note_list()


def test_an_extension_has_just_the_bars_asked_for_and_leaves_what_was_there(
    composer: Composer, scores: list[Piece]
) -> None:
    for number, piece in enumerate(scores):
        longer = composer.extend(piece, 1 + number % 5, seed=number)
        assert longer.bars[: len(piece.bars)] == piece.bars
        assert longer.bar_count == piece.bar_count + 1 + number % 5
        assert (longer.title, longer.voices, longer.style) == (piece.title, piece.voices, piece.style)
        assert all(bar.chords for bar in longer.bars[len(piece.bars) :])
        assert reads_back(longer)


def test_a_short_last_bar_is_completed_by_a_pick_up(composer: Composer) -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nG|cdec|GEDC|cccB|c2z|]")
    longer = composer.extend(piece, 4, seed=1)
    assert longer.bars[len(piece.bars)].is_pickup
    assert longer.bars[len(piece.bars)].length == piece.bars[0].length


def test_new_bars_are_in_the_key_before_them_as_it_was_spelled(composer: Composer) -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:D\nDFAd|GABA|[K:Gb]GBdB|c2G2|]")
    assert {bar.key for bar in composer.extend(piece, 2, seed=1).bars[4:]} == {Key("Gb")}


def test_a_long_piece_is_extended_from_its_end(composer: Composer, tune_books: dict[str, list[Path]]) -> None:
    piece = max(read_abc(tune_books["airdsAirs"][0]), key=lambda piece: piece.bar_count)
    assert piece.bar_count > 64
    longer = composer.extend(piece, 2, seed=1)
    assert longer.bar_count == piece.bar_count + 2
    rewritten = composer.rewrite(piece, (70, 71), seed=1)
    changed = [index for index, pair in enumerate(zip(piece.bars, rewritten.bars, strict=True)) if pair[0] != pair[1]]
    assert changed
    assert max(changed) - min(changed) <= 2


def test_what_stands_in_a_long_piece_is_what_its_end_is_extended_with(tune_books: dict[str, list[Path]]) -> None:
    """The Fox Chase goes from G to D and back: a window that starts in D is shown in D, its chords belong to G."""
    (book,) = (path for path in tune_books["oneills1850"] if path.name == "1801-1850.abc")
    (tune,) = (piece for piece in read_abc(book) if piece.title == "The Fox Chase")
    whole = with_chords(tune)
    shorter = replace(whole, bars=whole.bars[:-4])
    extension = Extension.of(shorter, 4)
    assert (str(shorter.key), str(extension.context.key)) == ("Gmaj", "Dmaj")
    seen = crop(whole, len(shorter.bars) - len(extension.context.bars), len(whole.bars))
    assert extension.result(encode_ids(seen)) == whole
    rewriting = Rewriting.of(whole, 100, 103)
    assert str(rewriting.window.key) == "Dmaj"
    assert rewriting.result(encode_ids(rewriting.window)) == whole


def test_rewritten_bars_are_new_and_all_others_stay(composer: Composer, scores: list[Piece]) -> None:
    for number, piece in enumerate(scores):
        first = 1 + number % piece.bar_count
        last = min(first + number % 4, piece.bar_count)
        new = composer.rewrite(piece, (first, last), seed=number)
        counted, changed = 0, set()
        for before, after in zip(piece.bars, new.bars, strict=True):
            counted += not before.is_pickup
            if after != before:
                changed.add(counted)
                assert replace(after, notes=before.notes) == before
        assert changed
        assert changed <= set(range(first, last + 1))
        assert reads_back(new)


def test_rewritten_bars_may_get_other_chords(composer: Composer) -> None:
    (piece,) = read_abc(STRUCTURED)
    new = composer.rewrite(piece, (2, 3), chords="Em | Am D7", seed=1)
    labels = [[chord.label for chord in bar.chords] for bar in new.bars]
    assert labels[2:4] == [["vi"], ["ii", "V7"]]
    assert labels[:2] + labels[4:] == [
        [chord.label for chord in bar.chords] for bar in (*piece.bars[:2], *piece.bars[4:])
    ]
    ending = composer.rewrite(piece, (7, 8), chords="IV | V", seed=1)
    assert [[chord.label for chord in bar.chords] for bar in ending.bars[8:11]] == [["IV"], ["V"], ["V"]]
    with pytest.raises(RequestError, match=r"the plan has 1 bar for 2; give as many, pick-ups left out"):
        composer.rewrite(piece, (2, 3), chords="Em")
    with pytest.raises(RequestError, match=r"the plan's bar 0 has a chord after the bar's end, which is 1/8 long"):
        composer.harmonize(piece, "I V | I | I | I | I | I | I | I | I | I | I | I")
    with pytest.raises(ChordError, match="there is no chord 'Xv'"):
        composer.rewrite(piece, (2, 3), chords="I | Xv")
    with pytest.raises(ChordError, match=r"^bar 7: there is no chord 'Hm7'"):
        composer.rewrite(piece, (7, 8), chords="Hm7 | IV")
    with pytest.raises(ChordError, match=r"^the plan ' ' has no bars"):
        composer.rewrite(piece, (7, 8), chords=" ")


@pytest.mark.parametrize("plan", [None, "inferred", "planned"])
def test_a_harmonised_melody_stays_note_for_note(composer: Composer, scores: list[Piece], plan: str | None) -> None:
    for number, piece in enumerate(scores[::3]):
        melody = piece.transpose(58 - min(note.pitch for bar in piece.bars for note in bar.notes[0]))
        full = composer.harmonize(melody, plan, seed=number)
        sung = [note[1:] for note in full.note_list() if note[0] == "S"]
        assert sung == [note[1:] for note in melody.note_list() if note[0] == melody.voices[0]]
        assert full.voices == ("S", "A", "T", "B")
        assert all(bar.chords for bar in full.bars)
        assert [replace(bar, notes=(), chords=()) for bar in full.bars] == [
            replace(bar, notes=(), chords=()) for bar in melody.bars
        ]
        for voice, _, _, pitch in full.note_list():
            assert VOICE_RANGES[voice][0] <= pitch <= VOICE_RANGES[voice][1]
        assert reads_back(full)


def test_a_melodys_own_chord_symbols_are_kept_and_a_given_plan_replaces_them(composer: Composer) -> None:
    (piece,) = read_abc(STRUCTURED)
    own = composer.harmonize(piece, seed=1)
    symbols = [[chord.label for chord in bar.chords] for bar in piece.bars]
    assert [labels for labels in ([chord.label for chord in bar.chords] for bar in own.bars)][1:5] == symbols[1:5]
    (waltz,) = read_abc("X:1\nM:3/4\nL:1/4\nK:D\ndef|gfe|d3|]")
    given = composer.harmonize(waltz, "D | A7 | Bm", voices=("S", "B"), seed=1)
    assert [bar.chords[0].label for bar in given.bars] == ["I", "V7", "vi"]
    assert given.voices == ("S", "B")
    in_another_key = Plan.parse("C | G7 | Am", meter=waltz.meter)
    assert [bar.chords[0].label for bar in composer.harmonize(waltz, in_another_key, seed=1).bars] == [
        "bVII",
        "IV7",
        "v",
    ]


def test_the_melody_takes_the_first_voice_that_can_sing_it(composer: Composer) -> None:
    (bass,) = read_abc("X:1\nM:4/4\nL:1/4\nK:F clef=bass\nF,,2C,2|F,,4|]")
    full = composer.harmonize(bass, seed=1)
    assert {note[0] for note in full.note_list()} >= {"B"}
    assert [note[1:] for note in full.note_list() if note[0] == "B"] == [note[1:] for note in bass.note_list()]


@pytest.mark.parametrize(
    ("notes", "way_out"),
    [
        ("G,8 b8", r"G3 to B5, .*; transpose it 4 semitones down, or name M, a melody of wider range, in place of S$"),
        ("c8 ^c'8", r"from C5 to C#6, .*; transpose it 1 semitone down, or name M"),
        ("c8 f'8", r"from C5 to F6, .*; transpose it 5 semitones down$"),
        ("G,8 a'8", r"; give fewer octaves$"),
    ],
)
def test_no_voice_sings_a_melody_beyond_its_range(notes: str, way_out: str) -> None:
    (melody,) = read_abc(f"X:1\nT:High\nM:2/4\nL:1/16\nK:C\n{notes}|]")
    with pytest.raises(RequestError, match=way_out):
        voice_for(melody, ("S", "A", "T", "B"))


@pytest.mark.parametrize(
    ("notes", "voice", "semitones"),
    [
        ("c8 c'8", "S", 0),
        ("G,8 b8", "A", -4),
        ("c8 ^c'8", "S", -1),
        ("c8 f'8", "S", -5),
        ("D,,8 C,,8", "B", 0),
        ("B,,,,8 C,,8", "B", 10),
    ],
)
def test_a_melody_moves_by_as_little_as_brings_it_into_a_range(notes: str, voice: str, semitones: int) -> None:
    (melody,) = read_abc(f"X:1\nT:High\nM:2/4\nL:1/16\nK:C\n{notes}|]")
    assert placed(melody, ("S", "A", "T", "B")) == (voice, semitones)
    assert voice_for(melody.transpose(semitones), (voice,)) == voice


def test_chords_are_planned_for_the_melodies_that_have_none_and_as_for_each_alone(composer: Composer) -> None:
    jig, bare = kesh_jig(), kesh_jig(with_chords=False)
    planned: list[int] = []

    def progress(stage: str, _begun: int, total: int) -> None:
        if stage == "plan":
            planned.append(total)

    full = composer.harmonize_batch([jig, bare], seed=1, progress=progress)
    assert {*planned} == {len(bare.bars)}
    assert len(planned) == 32 * len(bare.bars)
    assert [bar.chords for bar in full[0].bars] == [bar.chords for bar in jig.bars]
    assert full[1] == composer.harmonize(bare, seed=2)


def test_a_minor_melody_under_its_relative_majors_name_is_harmonised_in_minor() -> None:
    (melody,) = read_abc("X:1\nM:4/4\nL:1/4\nK:G\nEBBA|GFED|EFGA|B4|BBBA|GFED|EFGF|E4|]")
    full = Composer.from_pretrained().harmonize(melody, style="hymn", seed=1)
    assert full.key == Key("E", "min")
    assert split_label(full.bars[-1].chords[-1].label)[0] == 0
    assert full.bars[-1].notes[-1][-1].pitch % 12 == 4


def test_rewritten_bars_return_to_what_follows_and_keep_to_the_range_of_the_rest() -> None:
    """The last eighth of bar 4 of the Kesh Jig, before a bar that begins on its tonic."""
    jig = kesh_jig()
    prompt = Rewriting.of(jig, 2, 3).for_detail()
    sung = [note.pitch for index, bar in enumerate(jig.in_c().bars) if index not in (2, 3) for note in bar.notes[0]]
    goal = jig.in_c().bars[4].notes[0][0].pitch
    leading = leading_after("soft", prompt.kind, prompt.ids)
    assert leading is not None
    written = ["<voice=M>", "<RelPos=0>", "<Note-On=79>", "<Duration=72>"]
    written += ["<BarStart>", "<Chord_V>", "<voice=M>", "<RelPos=60>"]
    for token in written:
        leading.advance(TOKEN_IDS[token])
    pitches = range(min(sung) - 6, max(sung) + 7)
    costs = leading.costs([range(TOKEN_IDS[f"<Note-On={pitches[0]}>"], TOKEN_IDS[f"<Note-On={pitches[-1]}>"] + 1)])
    assert costs is not None
    cost = dict(zip(pitches, costs, strict=True))
    assert cost[goal] == cost[goal - 2] == cost[goal + 2] == 0
    assert 0 < cost[goal + 4] < cost[goal + 9]
    assert cost[min(sung) - 5] - cost[min(sung) - 4] > 1
    assert cost[max(sung) + 5] - cost[max(sung) + 4] > 1
    assert min(cost[min(sung) - 5], cost[max(sung) + 5]) >= 8  # no new note lies there


def test_new_notes_keep_the_lengths_of_the_tune() -> None:
    """At the start of bar 3 of the Kesh Jig."""
    jig = kesh_jig()
    prompt = Rewriting.of(jig, 2, 3).for_detail()
    leading = leading_after("soft", prompt.kind, prompt.ids)
    assert leading is not None

    for token in ("<voice=M>", "<RelPos=0>", "<Note-On=79>"):
        leading.advance(TOKEN_IDS[token])
    costs = leading.costs([range(TOKEN_IDS["<Duration=1>"], TOKEN_IDS["<Duration=72>"] + 1)])
    assert costs is not None
    stood = {note.duration for bar in jig.bars for note in bar.notes[0] if note.onset == 0}
    assert [cost == 0 for cost in costs] == [length in stood for length in range(1, 73)]


def test_a_melody_without_a_metre_ends_in_a_bar_longer_than_any_duration(composer: Composer) -> None:
    (hymn,) = read_abc("X:1\nM:none\nL:1/8\nK:F\nF2G2A2G2|A2G2F8|]")
    full = composer.harmonize(hymn, seed=1)
    assert full.bars[-1].length == 144
    assert [voice[-1].onset + voice[-1].duration for voice in full.bars[-1].notes] == [144] * 4
    assert [bar.notes[0] for bar in full.bars] == [bar.notes[0] for bar in hymn.bars]
    for seed in range(5):
        composer.realize(Plan.of(full), seed=seed)


def test_a_melody_too_high_for_its_singers_is_harmonised_in_another_key(composer: Composer) -> None:
    (high,) = read_abc("X:1\nT:High\nM:3/4\nL:1/4\nK:Eb\nedc|e'dB|e3|]")
    full = composer.harmonize(high, "Eb | Bb7 | Eb", voices=("S", "B"), seed=1)
    assert full.key == Key("C")
    assert [note[3] for note in full.note_list() if note[0] == "S"] == [note[3] - 3 for note in high.note_list()]
    assert [bar.chords[0].label for bar in full.bars] == ["I", "V7", "I"]


def test_a_melody_too_wide_for_its_singers_is_refused(composer: Composer) -> None:
    (melody,) = read_abc("X:1\nT:High\nM:2/4\nL:1/16\nK:C\nG,8 a'8|]")
    with pytest.raises(RequestError, match=r"'High' goes from G3 to A6, .*; give fewer octaves$"):
        composer.harmonize(melody, voices=("S", "A", "T", "B"))


def test_voices_sing_the_melodys_words_where_they_have_its_syllables() -> None:
    (hymn,) = read_abc("X:1\nM:4/4\nL:1/4\nK:G\nGABc|d2d2|cBAA|G4|]\nw:a b c d e f g h i j k")
    full = Composer.from_pretrained().harmonize(hymn, "G | D | Am D | G", style="chorale", seed=1)
    sung = 0
    for bar, given in zip(full.bars, hymn.bars, strict=True):
        assert bar.notation[0] == given.notation[0]
        syllables = {word.onset for word in given.notation[0]}
        for notes, words in zip(bar.notes[1:], bar.notation[1:], strict=True):
            assert words == (given.notation[0] if syllables <= {note.onset for note in notes} else ())
            sung += len(words)
    assert sung > 0


def test_without_named_voices_a_melody_that_nobody_sings_stays_a_part_of_its_own(composer: Composer) -> None:
    (fiddle,) = read_abc("X:1\nM:2/4\nL:1/8\nK:D\nA,DFA|dfad'|e'2d2|]")
    full = composer.harmonize(fiddle, seed=1)
    assert full.voices == ("M", "A", "T", "B")
    assert [note[1:] for note in full.note_list() if note[0] == "M"] == [note[1:] for note in fiddle.note_list()]


@pytest.mark.parametrize(
    ("bars", "message"),
    [
        ((9, 4), r"cannot rewrite the bars \(9, 4\); give the first and the last as two numbers, .* within 1 to 8"),
        ((0, 4), r"cannot rewrite the bars \(0, 4\)"),
        ((5, 9), r"cannot rewrite the bars \(5, 9\)"),
        (5, r"cannot rewrite the bars 5;"),
        ("58", r"cannot rewrite the bars '58'"),
    ],
)
def test_impossible_bars_are_refused(composer: Composer, bars: object, message: str) -> None:
    (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:C\ncd|ef|ga|bc|cd|ef|ga|bc|]")
    with pytest.raises(RequestError, match=message):
        composer.rewrite(piece, bars)


def test_impossible_requests_are_refused_before_any_work(composer: Composer) -> None:
    (piece,) = read_abc("X:1\nT:High\nM:2/4\nL:1/4\nK:C\nc'''d'''|")
    with pytest.raises(RequestError, match=r"'High' goes from C8 to D8, which no voice sings \(S A3 to C6, A D3 to"):
        composer.harmonize(piece)
    with pytest.raises(RequestError, match="there is no style 'polonaise'"):
        composer.harmonize(piece, style="polonaise")
    with pytest.raises(RequestError, match="cannot write 64 bars; ask for 1 to 63"):
        composer.extend(piece, 64)
    with pytest.raises(RequestError, match="cannot use a str as a piece; give a Piece"):
        composer.extend("X:1")
    with pytest.raises(RequestError, match="cannot write notes over a str; give a Plan"):
        composer.realize_batch(["I | V"])


def test_each_of_a_batch_is_what_it_would_be_alone(composer: Composer, scores: list[Piece]) -> None:
    requests = [Request("jig", "D", bars=3), Request("hymn", "Gmin", "3/4", 2), Request("reel", "A", bars=5)]
    batch = composer.compose_batch(requests, seed=7)
    alone = [composer.compose_batch([request], seed=7 + number)[0] for number, request in enumerate(requests)]
    assert batch == alone
    pieces = scores[:3]
    assert composer.extend_batch(pieces, 2, seed=3) == [composer.extend(p, 2, seed=3 + n) for n, p in enumerate(pieces)]
    assert composer.rewrite_batch(pieces, (2, 3), seed=3) == [
        composer.rewrite(piece, (2, 3), seed=3 + number) for number, piece in enumerate(pieces)
    ]


def test_notes_that_ring_into_rewritten_bars_keep_ringing(composer: Composer) -> None:
    (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:C\nc2-|c2-|cd|e2|]")
    new = composer.rewrite(piece, (2, 3), seed=1)
    assert new.bars[0] == piece.bars[0]
    first = next(note for note in new.note_list())
    assert first[1:3] == (Fraction(0), Fraction(5))
    assert decode(encode(new)).bar_count == 4


def test_a_bar_that_a_jump_plays_again_is_rewritten_once_and_sounds_so_every_time(composer: Composer) -> None:
    (plain,) = read_abc('X:1\nM:4/4\nL:1/4\nK:D\n|:"D"DFAd|"A"ceac:|"G"GBdB|"D"d4|"A"ABce|]')
    jumps = {3: ("fine",), 4: ("D.C.alfine",)}
    piece = replace(plain, bars=tuple(replace(bar, jumps=jumps.get(i, ())) for i, bar in enumerate(plain.bars)))
    played = piece.in_part_order()
    assert len(played.bars) == 9
    rewritten = composer.rewrite(piece, (1, 2), seed=1)
    assert rewritten.bars[2:] == piece.bars[2:]
    assert rewritten.bars[:2] != piece.bars[:2]
    assert [bar.jumps for bar in rewritten.bars] == [bar.jumps for bar in piece.bars]
    assert [bar.notes for bar in rewritten.in_part_order().bars[5:7]] == [bar.notes for bar in rewritten.bars[:2]]
    extended = composer.extend(piece, 2, seed=1)
    assert extended.bars[:5] == piece.bars
    assert [bar.jumps for bar in extended.bars[5:]] == [("coda",), ()]
    longer = extended.in_part_order()
    assert longer.bars[:9] == played.bars
    assert longer.bar_count == 11
    assert not any(bar.jumps for bar in longer.bars)
    harmonised = composer.harmonize(piece, seed=1)
    assert [bar.notes[0] for bar in harmonised.bars] == [bar.notes[0] for bar in piece.bars]
    assert [bar.notes[0] for bar in harmonised.in_part_order().bars] == [bar.notes[0] for bar in played.bars]


def test_an_order_of_parts_stays_where_bars_are_rewritten(composer: Composer) -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nP:ABA\nK:D\nP:A\nDFAd|ceac|\nP:B\nGBdB|d4|]")
    rewritten = composer.rewrite(piece, (1, 1), seed=1)
    assert rewritten.part_order == ("A", "B", "A")
    assert rewritten.bars[1:] == piece.bars[1:]
    assert rewritten.in_part_order().bars[4].notes == rewritten.bars[0].notes != piece.bars[0].notes


def test_a_continuation_is_a_further_part_of_an_order_of_parts(composer: Composer) -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nP:ABA\nK:D\nP:A\nDFAd|ceac|\nP:B\nGBdB|d4|]")
    extended = composer.extend(piece, 2, seed=1)
    assert extended.bars[:4] == piece.bars
    assert extended.part_order == ("A", "B", "A", "C")
    assert extended.playing_order()[:7] == [*piece.playing_order(), 4]


def test_what_a_reader_returns_for_one_tune_is_a_piece(composer: Composer) -> None:
    book = read_abc(STRUCTURED)
    assert composer.rewrite(book, (2, 3), seed=1) == composer.rewrite(book[0], (2, 3), seed=1)
    assert composer.extend(book, 1, seed=1) == composer.extend(book[0], 1, seed=1)
    assert composer.harmonize(book, seed=1) == composer.harmonize(book[0], seed=1)
    two = read_abc(STRUCTURED + "\nX:2\nT:Second\nK:C\nC|]\n")
    with pytest.raises(RequestError, match=r"2 tunes \(0 'Structured', 1 'Second'\); give one of them"):
        composer.extend(two, 1)


WITH_NOTATION = """X:1
M:4/4
L:1/4
K:C
!mf!CD(EF|G)A{c}!trill!Bc|(c!f!de)f|gf(ed|c4)|]
w:Oh my dar-ling oh my dar-ling Cle-men-tine _ thou art lost _ gone
"""


def sung(piece: Piece, index: int) -> list[tuple[int, str, str]]:
    (records,) = piece.bars[index].notation
    return [(each.onset, each.text, each.joint) for each in records if isinstance(each, Lyric)]


def test_what_is_written_beside_other_bars_stays_and_what_goes_is_counted() -> None:
    (piece,) = read_abc(WITH_NOTATION)
    two = (Note(0, 60, 48), Note(48, 62, 48))
    six = (*(Note(12 * onset, 62, 12) for onset in range(5)), Note(60, 62, 36))
    new = with_new_notes(piece, 1, [(two,), (six,)])
    assert [bar.notation for bar in new.bars[3:]] == [bar.notation for bar in piece.bars[3:]]
    assert set(new.bars[0].notation[0]) == set(piece.bars[0].notation[0])  # the slur still ends at the next bar's start
    assert sung(new, 1) == [(0, "oh", ""), (48, "my", "")]
    flowing = [(0, "dar", "-"), (12, "ling", ""), (24, "Cle", "-"), (36, "men", "-"), (48, "tine", "_"), (60, "", "_")]
    assert sung(new, 2) == flowing
    assert [each for each in new.bars[2].notation[0] if isinstance(each, Mark)] == [Mark(24, "f")]
    assert dict(new.losses) == {
        "a sign in a rewritten bar": 1,
        "grace notes in a rewritten bar": 1,
        "a slur or a hairpin in a rewritten bar": 1,
    }
    assert read_abc(write_abc(new))[0].bars[2].notation == new.bars[2].notation


def test_syllables_for_which_rewritten_bars_have_no_notes_go() -> None:
    (piece,) = read_abc(WITH_NOTATION)
    new = with_new_notes(piece, 1, [((Note(0, 60, 96),),), ((Note(0, 62, 96),),)])
    assert [sung(new, index) for index in (1, 2)] == [[(0, "oh", "")], [(0, "my", "")]]
    assert dict(new.losses)["a syllable in a rewritten bar"] == 5
    assert [bar.notation for bar in new.bars[3:]] == [bar.notation for bar in piece.bars[3:]]


def test_a_slur_out_of_a_rewritten_bar_begins_at_the_nearest_note() -> None:
    (piece,) = read_abc(WITH_NOTATION)
    new = with_new_notes(piece, 3, [((Note(0, 60, 60), Note(60, 62, 36)),)])
    assert [each for each in new.bars[3].notation[0] if isinstance(each, Span)] == [Span(60, "slur", 1, 0)]


def test_edits_of_songs_keep_their_words_and_names(composer: Composer) -> None:
    (piece,) = read_abc(
        "X:1\nT:Song\nC:Someone\nM:4/4\nL:1/4\nV:1 name=Voice\nK:C\nCDEF|GABc|c3z|]\nw:do re mi fa so la ti do do"
    )
    new = composer.rewrite(piece, (2, 2), seed=1)
    assert (new.metadata, new.instruments) == (piece.metadata, piece.instruments)
    assert [sung(new, index) for index in (0, 2)] == [sung(piece, index) for index in (0, 2)]
    longer = composer.extend(piece, 2, seed=1)
    assert [bar.notation for bar in longer.bars[:3]] == [bar.notation for bar in piece.bars]
    assert (longer.metadata, longer.instruments) == (piece.metadata, piece.instruments)
