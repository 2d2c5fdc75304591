"""Bars that are written anew become others, also where the tune says the old ones again; tunes that go on close, and
chords that are typed are not contradicted.
"""

from itertools import pairwise

from tunes import kesh_jig

from remi_two_stage.composing.composer import Composer
from remi_two_stage.composing.tasks import Rewriting
from remi_two_stage.core.chords import contradicted
from remi_two_stage.core.features import contents, last_note
from remi_two_stage.core.replaced_bars import ReplacedBars
from remi_two_stage.core.vocabulary import IDS
from remi_two_stage.scores.abc_reader import read_abc

# All bars of the first part come again in the second one, so that the music around a bar says it.
TWICE = """X:1
T:Twice
R:reel
M:4/4
L:1/8
K:D
"D"d2fd Adfd|"G"g2bg "A"e2ag|"D"fdAd "A"cdec|"D"d2f2 d4|"D"d2fd Adfd|"G"g2bg "A"e2ag|"D"fdAd "A"cdec|"D"d2f2 d4|]
"""


def test_a_single_bar_that_comes_again_can_become_another() -> None:
    (tune,) = read_abc(TWICE)
    composer = Composer.from_pretrained()
    edited = [(number, composer.rewrite(tune, (number, number), seed=seed)) for number in (2, 3) for seed in range(5)]
    same = sum(contents(piece.bars[number - 1]) == contents(tune.bars[number - 1]) for number, piece in edited)
    assert same < len(edited)


def test_the_old_bar_is_followed_as_long_as_the_new_one_says_it() -> None:
    prompt = Rewriting.of(kesh_jig(), 1, 2).for_detail()
    first, second = map(list, prompt.replaced)
    pitches = IDS["Note-On"]
    replaced = ReplacedBars(prompt.replaced)
    wanted: list[int] = []
    for token in first:
        wanted += replaced.following()
        replaced.advance(token)
    assert wanted == [token for token in first if token in pitches][1:]  # the first note may stay
    replaced.advance(IDS["structure"][-1])
    begin = next(at for at, token in enumerate(second) if token in pitches)
    for token in (*second[:begin], second[begin] + 1, *second[begin + 1 :]):
        assert not replaced.following()
        replaced.advance(token)


def test_what_follows_a_tune_ends_on_its_tonic() -> None:
    (tune,) = read_abc(TWICE)
    composer = Composer.from_pretrained()
    ends = [last_note(composer.extend(tune, bars=4, seed=seed)) for seed in range(24)]
    assert sum(end is not None and end[1].pitch % 12 == tune.key.pitch_class for end in ends) >= 18


def test_typed_chords_are_not_contradicted_by_the_key() -> None:
    composer = Composer.from_pretrained()
    plan = "C | A7 | D7 | G7 | C | C7 | F Fm | C"
    against = altered = 0
    for piece in (composer.realize(plan, key="C", style="air", seed=seed) for seed in range(6)):
        for bar in piece.bars:
            ends = [*(chord.onset for chord in bar.chords), bar.length]
            for chord, (begin, end) in zip(bar.chords, pairwise(ends), strict=True):
                if wrong := contradicted(chord.label, piece.key):
                    sung = {note.pitch % 12 for note in bar.notes[0] if begin <= note.onset < end}
                    altered += bool(sung)
                    against += bool(wrong & sung)
    assert altered >= 20
    assert against <= 0.15 * altered
