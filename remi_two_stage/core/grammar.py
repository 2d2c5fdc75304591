"""Which token may follow: the grammar of all sequences, as a reader that is fed one token at a time.

    globals = [<Style=>] <time=> <key=> [<Tonic=>] [<Tempo=>] [<Bars=>] <voice=v>+
    header  = [<PhraseStart>] [<RepeatStart>] <Ending=n>* [<time=>] [<key=>] <BarStart>
              [<PickUp=>|<BarLen=>] <Chord_X> [<Bass=>] (<RelPos=> <Chord_Y> [<Bass=>])*
    footer  = [<EndingEnd>] [<RepeatEnd>]
    bar     = header (<voice=v> (<RelPos=> [<Dynamics=>] (<Note-On=> <Duration=>+ [<Velocity=>])+)*)+ footer
    full    = <BOS> globals bar* <EOS>
    plan    = <BOS> globals (header footer)* <EOS>
    detail  = <BOS> globals (header footer)* <Detail> bar* <EOS>            every bar's header and footer are the plan's
    infilling = <BOS> globals (header footer)* <After> bar* <Detail> bar* <EOS>
    melody  = <BOS> globals <Context> bar* <Detail> (header footer)* <EOS>

In "infilling" the plan's later bars have their notes already: `<After>` stands where these begin, and the bars after
`<Detail>` are those before it. In "melody" the bars after `<Context>` hold the first voice alone over `<Chord_unk>`,
and the plan after `<Detail>` is theirs but for the chords.

The rules below are written as coroutines that read like these lines: each `yield` offers what may come and receives
what came. Up to `strict_from` the reader accepts whatever music was written so; from there on it offers only what a
well-made score should have, so that any choice, even a random one, ends in a valid piece with exactly the bars that
`<Bars=>` asks for (`grammar_structure.py` says how).

A `Choice` is a tuple of ranges of token ids. Positions are metrical ticks in the bar, pitches MIDI numbers in the
key of the tokens (C).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from .errors import GrammarError, RequestError
from .grammar_harmony import LastNote, basses_of, closing_chords, is_closing, last_note, other_chords
from .grammar_structure import (
    BAR_LEN,
    BAR_START,
    ENDING,
    ENDING_END,
    REPEAT_END,
    REPEAT_START,
    TIME,
    Choice,
    Structure,
    only,
    ring_limits,
    values,
)
from .grammar_voices import LINES, SoundingNotes, place_in_score
from .piece import beats_after
from .signatures import MODES, shift_from_c
from .vocabulary import (
    AFTER,
    BOS,
    CONTEXT,
    DETAIL,
    EOS,
    IDS,
    MAX_DURATION,
    STYLES,
    TOKENS,
    token_id,
    token_names,
)
from .voices import MELODY

SequenceKind = Literal["full", "plan", "detail", "infilling", "melody"]
Steps = Generator[Choice, int, int]
"""A rule: offers choices, receives tokens, and returns the first token that belongs to the next rule."""

CHORD, BASS, VOICE, STYLE = (IDS[family] for family in ("Chord", "Bass", "voice", "Style"))
TONIC, TEMPO, BARS = (IDS[family] for family in ("Tonic", "Tempo", "Bars"))
REL_POS, NOTE_ON, DURATION, VELOCITY, DYNAMICS = (
    IDS[family] for family in ("RelPos", "Note-On", "Duration", "Velocity", "Dynamics")
)
_UNKNOWN_CHORD = token_id("Chord", "unk")
_KNOWN_CHORD = range(CHORD.start, _UNKNOWN_CHORD)
_NAMED_STYLE = range(STYLE.start, STYLE.start + len(STYLES))
_KEYS_ON_C = only(*(token_id("key", f"C{mode}") for mode in MODES))
_MELODY = token_id("voice", MELODY)
_TONES_OF_CLOSE = (0, 3, 4, 7)
"""Semitones above the tonic of a melody's last note over which a plan ends on the tonic's chord."""
_UNLIMITED = 1 << 30
_KIND_MARKS: dict[int, SequenceKind] = {AFTER: "infilling", CONTEXT: "melody", DETAIL: "detail"}


@dataclass(slots=True)
class PlannedBar:
    """A bar of the plan as tokens, with what its notes have to respect (ticks)."""

    header: list[int] = field(default_factory=list)
    footer: list[int] = field(default_factory=list)
    offset: int = 0
    length: int = 0
    beat_length: int = 0

    @property
    def begins_section(self) -> bool:
        """Whether no note may ring into this bar."""
        return any(token == REPEAT_START or token in ENDING for token in self.header)


class Grammar:
    """Reads one sequence and always knows what may come next.

    Args:
        kind: Which kind of sequence is read.
        strict_from: Number of tokens that are given; what follows is being composed and offered strictly. In
            "infilling" and "melody" sequences that is after `<Detail>`.
        given_voice: For each bar after `<Detail>`, the tokens that the first voice has to sing, its `<voice=>` left
            out; none if it is composed as the others are.

    Attributes:
        allowed: What may come next; empty after `<EOS>`.
        position: How many tokens have been read.
        plan: The bars' headers and footers read so far (after `<Detail>`: the whole plan).
        pitch_shift: Semitones from the tokens' pitch to the sounding one, by `<Tonic=>`; voice ranges hold for the
            latter.
    """

    def __init__(
        self,
        kind: SequenceKind = "full",
        strict_from: int | None = None,
        given_voice: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.kind = kind
        self.strict_from = strict_from
        self.pitch_shift = 0
        self.given_voice = given_voice
        self.position = 0
        self.plan: list[PlannedBar] = []
        self._key = _KEYS_ON_C[0].start
        self._voices: list[int] = []
        self._last_pitch: int | None = None
        self._sounding = SoundingNotes(())
        self._structure = Structure()
        self._section_end = EOS
        self._is_context = False
        self._steps = self._sequence()
        self.allowed: Choice = next(self._steps)

    @property
    def is_strict(self) -> bool:
        """Whether the next token is composed and not given."""
        return self.strict_from is not None and self.position >= self.strict_from

    @property
    def is_finished(self) -> bool:
        """Whether `<EOS>` has been read."""
        return not self.allowed

    def forced(self) -> int | None:
        """The next token if there is only one, else None."""
        choice = [ids for ids in self.allowed if ids]
        return choice[0].start if len(choice) == 1 and len(choice[0]) == 1 else None

    def advance(self, token: int) -> None:
        """Read one token id.

        Raises:
            GrammarError: it may not stand here; the message names what may.
        """
        if not any(token in ids for ids in self.allowed):
            names = token_names()
            came = names[token] if 0 <= token < len(names) else f"the id {token}"
            raise GrammarError(
                f"{came} may not stand here; allowed: {_describe(self.allowed) or 'nothing, the piece has ended'}",
                position=self.position,
            )
        self.position += 1
        try:
            self.allowed = self._steps.send(token)
        except StopIteration:
            self.allowed = ()

    def _sequence(self) -> Steps:
        yield only(BOS)
        token = yield from self._globals()
        if self.kind == "full":
            return (yield from self._full_bars(token, EOS))
        if self.kind == "plan":
            return (yield from self._plan_bars(token, EOS))
        if self.kind == "melody":
            return (yield from self._melody())
        yield from self._plan_bars(token, AFTER if self.kind == "infilling" else DETAIL)
        planned = len(self.plan)
        if self.kind == "infilling":
            token = yield self._header_choice()
            yield from self._full_bars(token, DETAIL)
        return (yield from self._detail_bars(planned))

    def _globals(self) -> Steps:
        token = yield (_NAMED_STYLE if self.is_strict else STYLE, TIME)
        if token in STYLE:
            token = yield (TIME,)
        self._structure.set_meter(token)
        self._key = self._structure.key = yield _KEYS_ON_C
        token = yield (TONIC, TEMPO, BARS, VOICE)
        if token in TONIC:
            self.pitch_shift = shift_from_c(token - TONIC.start)
            token = yield (TEMPO, BARS, VOICE)
        if token in TEMPO:
            token = yield (BARS, VOICE)
        if token in BARS:
            self._structure.total = int(TOKENS[token][1])
            token = yield (VOICE,)
        while token in VOICE:
            self._voices.append(token)
            others = () if self.is_strict else tuple(range(v, v + 1) for v in VOICE if v not in self._voices)
            token = yield (*others, *(only(CONTEXT) if self.kind == "melody" else self._header_choice()))
        self._sounding = SoundingNotes(self._voices)
        return token

    def _header_choice(self) -> Choice:
        return self._structure.header_choice(self.is_strict, self._sounding.is_ringing())

    def _header(self, token: int, follow: Choice | None) -> Steps:
        """Read a bar's header from `token` on; `follow` may come after its first chord (None: what follows a bar of
        a plan).
        """
        structure, bar = self._structure, PlannedBar()
        self.plan.append(bar)
        structure.begin_bar()
        while token != BAR_START:
            bar.header.append(token)
            structure.read_header(token)
            token = yield self._header_choice()
        bar.header.append(token)
        length_choice, may_be_full = structure.length_choice(self.is_strict)
        closes = structure.is_at_last_bar
        chords = self._chord_choice(closes and structure.length <= structure.beat_length)
        token = yield (*length_choice, *(chords if may_be_full else ()))
        if token not in CHORD:
            bar.header.append(token)
            structure.read_length(token)
            closes = closes and token in BAR_LEN
            token = yield self._chord_choice(closes and structure.length <= structure.beat_length)
        bar.offset, bar.length, bar.beat_length = structure.offset, structure.length, structure.beat_length
        structure.count_bar()
        return (yield from self._chords(bar, token, follow, closes and follow is None))

    def _chord_choice(self, closes: bool) -> Choice:
        """`closes`: the piece ends on this chord."""
        if self._is_context:
            return only(_UNKNOWN_CHORD)
        if self.is_strict:
            return closing_chords(self._key) if closes else (_KNOWN_CHORD,)
        return (CHORD,)

    def _chords(self, bar: PlannedBar, token: int, follow: Choice | None, closes: bool) -> Steps:
        """Read a bar's chords from `token` on; `closes`: the piece ends with the last of them, on the tonic."""
        position = bar.offset
        while True:
            bar.header.append(chord := token)
            basses = basses_of(chord, self._key, closes, self.is_strict)
            token = yield (*basses, *self._after_chord(bar, position, chord, follow, closes))
            if token in BASS:
                bar.header.append(token)
                token = yield self._after_chord(bar, position, chord, follow, closes)
            if token not in REL_POS:
                return token
            bar.header.append(token)
            position = token - REL_POS.start
            following = self._chord_choice(closes and not self._chord_positions(bar, position))
            token = yield other_chords(following, chord) if self._is_plain else following

    @property
    def _is_plain(self) -> bool:
        """Whether chords of a lone voice are composed, which do not come twice running."""
        return self.is_strict and self._voices == [_MELODY]

    def _after_chord(self, bar: PlannedBar, position: int, chord: int, follow: Choice | None, closes: bool) -> Choice:
        """What may follow a chord and its bass: further chords of the bar, and what follows where it may end so."""
        is_closed = closes and is_closing(chord, self._key)  # one more on the last beat would be the same
        further = self._chord_positions(bar, position)[: -1 if is_closed and self._is_plain else None]
        must_go_on = further and closes and self.is_strict and not is_closed
        return further if must_go_on else (*further, *(self._after_bar(ringing=False) if follow is None else follow))

    def _chord_positions(self, bar: PlannedBar, last: int) -> Choice:
        """Positions of a further chord: anywhere later in given music, on later beats in composed music."""
        end, beat = bar.offset + bar.length, bar.beat_length
        if self._is_context:
            return ()
        if not self.is_strict:
            return (values("RelPos", 0, range(last + 1, end)),)
        return only(*(REL_POS.start + position for position in beats_after(last, end, beat)))

    def _after_bar(self, ringing: bool) -> Choice:
        """What may follow a bar's content or footer: (more) footer, the next header, the end of the section."""
        # Given music may have left what no strict rule leads out of.
        return self._bar_end_choice(ringing, self.is_strict) or self._bar_end_choice(ringing, strict=False)

    def _bar_end_choice(self, ringing: bool, strict: bool) -> Choice:
        structure = self._structure
        footer = structure.footer_choice(strict, ringing)
        if not structure.may_leave_bar(strict):
            return footer
        header = structure.header_choice(strict, ringing) if structure.may_go_on(self.is_strict) else ()
        may_end = self._section_end == AFTER or (structure.may_end(strict) and not ringing)
        return (*footer, *header, *(only(self._section_end) if may_end else ()))

    def _footer(self, token: int) -> Steps:
        while token in (ENDING_END, REPEAT_END):
            self.plan[-1].footer.append(token)
            self._structure.read_footer(token)
            token = yield self._after_bar(self._sounding.is_ringing())
        return token

    def _plan_bars(self, token: int, end: int) -> Steps:
        self._section_end = end
        while token != end:
            token = yield from self._header(token, None)
            token = yield from self._footer(token)
        return token

    def _full_bars(self, token: int, end: int) -> Steps:
        self._section_end = end
        while token != end:
            token = yield from self._header(token, only(self._voices[0]))
            bar = self.plan[-1]
            ring = bar.length if self.is_strict else _UNLIMITED
            token = yield from self._voices_of_bar(bar, ring, None)
            token = yield from self._footer(token)
        return token

    def _melody(self) -> Steps:
        del self._voices[1:]
        self._is_context = True
        token = yield self._header_choice()
        yield from self._full_bars(token, DETAIL)
        self._is_context = False
        context, self.plan = self.plan, []
        following = [bar.header[0] for bar in context[1:]] + [EOS]
        yield only(context[0].header[0])
        is_closed = self._last_pitch is not None and self._last_pitch % 12 in _TONES_OF_CLOSE
        for index, (bar, next_token) in enumerate(zip(context, following, strict=True), 1):
            self.plan.append(replace(bar, header=bar.header[:-1]))
            for token in bar.header[1:-1]:
                yield only(token)
            tail = [*bar.footer, next_token]
            closes = is_closed and index == len(context)
            token = yield self._chord_choice(closes and not self._chord_positions(bar, bar.offset))
            yield from self._chords(self.plan[-1], token, only(tail[0]), closes)
            for token in tail[1:]:
                yield only(token)
        return EOS

    def _detail_bars(self, planned: int) -> Steps:
        """Read the first `planned` bars of the plan with their notes."""
        self._sounding = SoundingNotes(self._voices)
        lengths = [bar.length for bar in self.plan]
        ends = [bool(bar.footer) or following.begins_section for bar, following in pairwise(self.plan)] + [True]
        # What is composed rings neither into bars that have their notes already nor into the last one, which closes.
        later = self.plan[1:planned]
        closing = [*(end or following.offset > 0 for end, following in zip(ends, later, strict=False)), True]
        if self.kind == "detail":
            closing[-2:-1] = [True] * (planned > 1)
        given, composed = ring_limits(lengths, ends), ring_limits(lengths[:planned], closing)
        following = [bar.header[0] for bar in self.plan[1:planned]] + [EOS]
        yield only(self.plan[0].header[0])
        for index, next_token in enumerate(following):
            bar = self.plan[index]
            for token in (*bar.header[1:], self._voices[0]):
                yield only(token)
            tail = [*bar.footer, next_token]
            ring = (composed if self.is_strict else given)[index]
            closes = self.kind == "detail" and index + 1 == planned
            yield from self._voices_of_bar(bar, ring, only(tail[0]), self._given_at(index, planned), closes)
            for token in tail[1:]:
                yield only(token)
        return EOS

    def _given_at(self, index: int, planned: int) -> Sequence[int] | None:
        if self.given_voice is None:
            return None
        if len(self.given_voice) != planned:
            raise RequestError(f"the given voice has {len(self.given_voice)} bars, the plan {planned}; give as many")
        return self.given_voice[index]

    def _voices_of_bar(
        self,
        bar: PlannedBar,
        ring: int,
        follow: Choice | None,
        given: Sequence[int] | None = None,
        closes: bool = False,
    ) -> Steps:
        """Read the voices of a bar, the first voice's token being read already; `follow` comes after the last one
        (None: what follows a bar), `given` is what the first one sings, and `closes` tells whether the piece ends here.
        """
        token = self._voices[0]
        for index, voice in enumerate(self._voices):
            is_last = index + 1 == len(self._voices)
            after = follow if is_last else only(self._voices[index + 1])
            if index == 0 and given is not None and after is not None:
                token = yield from self._given_voice(given, after)
            else:
                last = self._last_note(bar, voice) if closes else None
                token = yield from self._voice(bar, voice, ring, after, last)
        self._sounding.end_bar(bar.length)
        return token

    def _last_note(self, bar: PlannedBar, voice: int) -> LastNote | None:
        """What a voice that is a line may end on, if this is the last bar."""
        if voice not in LINES:
            return None
        is_alone, lowest = len(self._voices) == 1, max(self._voices, key=place_in_score)
        is_bass = not is_alone and voice == lowest
        return last_note(bar.header, bar.offset, bar.offset + bar.length, bar.beat_length, is_bass, is_alone)

    def _given_voice(self, tokens: Sequence[int], follow: Choice) -> Steps:
        for token in tokens:
            yield only(token)
        return (yield follow)

    def _voice(
        self, bar: PlannedBar, voice: int, ring: int, follow: Choice | None, final: LastNote | None = None
    ) -> Steps:
        """`final`: what the voice's last note may be, if it ends the piece here."""
        sounding, end, position = self._sounding.of[voice], bar.offset + bar.length, bar.offset - 1

        def onward(lowest: int | None = None) -> Choice:
            onset, free = position - bar.offset, self._sounding.first_free(voice, self.is_strict)
            notes = () if lowest is None or free > onset else self._pitches(voice, lowest, onset)
            first = max(position + 1, bar.offset + free)
            after = self._after_bar(self._sounding.is_ringing(bar.length)) if follow is None else follow
            if final is None or not self.is_strict:
                return (*notes, values("RelPos", 0, range(first, end)), *after)
            further = final.onsets(first)
            held = [(position, pitch, sounds - onset) for pitch, sounds in sounding.items() if sounds > onset]
            is_met = any(final.is_met(*note) for note in held) or not further
            return (*notes, further, *(after if is_met else ()))

        is_tunes_pickup = bar.offset and len(self._voices) == 1 and self.is_strict and not sounding
        token = yield only(REL_POS.start + bar.offset) if is_tunes_pickup else onward()  # it begins with a note
        while token in REL_POS:
            position = token - REL_POS.start
            onset = position - bar.offset
            pitches = self._pitches(voice, 0, onset)
            if final is not None and self.is_strict:
                pitches = final.pitches(position, pitches)
            token = yield (DYNAMICS, *pitches)
            if token in DYNAMICS:
                token = yield pitches
            while token in NOTE_ON:
                pitch, sounds, limit = token - NOTE_ON.start, 0, ring - onset
                self._last_pitch = pitch
                if final is None or not self.is_strict:
                    token = yield (values("Duration", 1, range(1, limit + 1)),)
                else:
                    token = yield final.durations(position, pitch, limit)
                while token in DURATION:
                    last = token - DURATION.start + 1
                    sounds += last
                    sounding[pitch] = onset + sounds
                    self._sounding.note_how_many(voice, onset, self.is_strict)
                    more = range(1, limit - sounds + 1) if last == MAX_DURATION else range(0)
                    token = yield (values("Duration", 1, more), VELOCITY, *onward(pitch + 1))
                if token in VELOCITY:
                    token = yield onward(pitch + 1)
        return token

    def _pitches(self, voice: int, lowest: int, onset: int) -> Choice:
        return self._sounding.pitches(voice, lowest, onset, self.pitch_shift if self.is_strict else None)


def _describe(choice: Choice) -> str:
    names = token_names()
    spans = [ids for ids in choice if len(ids)]
    return ", ".join(
        names[ids.start] if len(ids) == 1 else f"{names[ids.start]} to {names[ids.stop - 1]}" for ids in spans[:12]
    )


def check_grammar(token_ids: Sequence[int], kind: SequenceKind) -> None:
    """Check a whole sequence.

    Raises:
        GrammarError: at the first token that may not stand where it does, or when the sequence stops before `<EOS>`.
    """
    grammar = Grammar(kind)
    for token in token_ids:
        grammar.advance(token)
    if not grammar.is_finished:
        raise GrammarError(
            f"the sequence stops before <EOS>; next may come {_describe(grammar.allowed)}", position=len(token_ids)
        )


def form_of(token_ids: Sequence[int]) -> SequenceKind:
    """Which kind a sequence is, by the first of `<After>`, `<Context>` and `<Detail>`; without them it is "full" where
    voices follow the first bar's start, else "plan".
    """
    for token, kind in _KIND_MARKS.items():
        if token in token_ids:
            return kind
    bars = token_ids[token_ids.index(BAR_START) :] if BAR_START in token_ids else []
    return "full" if any(token in VOICE for token in bars) else "plan"
