"""Signs of MusicXML that stand between notes: chord symbols, tempos, dynamics, words, repeats; and those at a note."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from xml.sax.saxutils import escape, quoteattr

from ..core.chords import NO_CHORD, QUALITIES, UNKNOWN_CHORD, split_label
from ..core.notation import PEDALS, SIGNS_BEFORE, Clef, DoubleLine, Lyric, Mark, TempoMark, Text
from ..core.piece import Bar, Chord
from ..core.signatures import TICKS_PER_QUARTER, Key, fifths_of, name_at
from ..core.text import ZERO_WIDTH_SPACE, printable, with_curly_quotes
from .musicxml_kinds import Degree, kind_of
from .musicxml_names import (
    ARTICULATIONS,
    BAR_STYLES,
    CLEFS,
    DYNAMICS_ELEMENTS,
    FERMATAS,
    FINGERS,
    JUMP_SOUNDS,
    JUMP_WORDS,
    NO_JOG,
    ORNAMENTS,
    PEDAL_MARKS,
    SAME_MARKS,
    SPAN_ELEMENTS,
    TECHNICAL,
    TRILL_LINES,
)
from .musicxml_writer_rhythm import PLAIN_VALUES

PLACEMENTS = {"^": ' placement="above"', "_": ' placement="below"'}
_JUMP = re.compile(
    r"(d\.?\s*[cs]\.?|da\s*capo|d[ae]l\s*segno)([,.\s]*al\s*(fine|coda)\.?)?|(fine|(to\s*)?coda|segno)\.?",
    re.IGNORECASE,
)
_ALIGNMENTS = {"<": ' halign="right"', ">": ' halign="left"'}


def text_of(text: str) -> str:
    """Words as the content of an element."""
    return escape(printable(text))


def attribute_of(text: str) -> str:
    """Words as the value of an attribute, with its quotation marks."""
    return quoteattr(printable(text))


def direction(kind: str, offset: int = 0, placement: str = "", sound: str = "") -> str:
    """A `<direction>` of one or more `<direction-type>`s, `offset` ticks after where it stands."""
    shift = f"<offset>{offset}</offset>" if offset else ""
    said = f"<sound {sound}/>" if sound else ""
    return f"<direction{placement}>{kind}{shift}{said}</direction>\n"


def said_by(written: str, place: str) -> str:
    """A `<direction>` that names its voice or its staff."""
    before, sound, after = written.partition("<sound ")
    return f"{before}{place}{sound}{after}" if sound else written.replace("</direction>", f"{place}</direction>")


def words(text: str, alignment: str = "") -> str:
    """The `<direction-type>` of words over or under the staff."""
    return f"<direction-type><words{alignment}>{text_of(text)}</words></direction-type>"


def annotation(text: Text, offset: int) -> str:
    """Words at a place. Those that name a jump, which the piece does not have, hold a space without width, for
    MuseScore would jump; on reading it is gone.
    """
    said = text.text.strip()
    kinds = words(said, _ALIGNMENTS.get(text.placement, ""))
    if _JUMP.fullmatch(said):
        kinds = kinds.replace(f">{said[0]}", f">{said[0]}{ZERO_WIDTH_SPACE}")
    return direction(kinds, offset, PLACEMENTS.get(text.placement, ""))


def tempo(mark: TempoMark, beat: int, offset: int) -> str:
    """A tempo in the note value that it counts, or else in beats of `beat` ticks where these are a whole number a
    minute, or in quarter notes; words without one stand alone. One that is not printed has a blank for its words, since
    MuseScore prints the number of a `<sound>` without any.
    """
    kinds = words(mark.words) if mark.words else ""
    sound = "" if mark.tempo is None else f'tempo="{mark.tempo:.10g}"'
    if mark.is_silent:
        return direction(words(" "), offset, sound=sound)
    if mark.tempo is not None and (mark.beat or not mark.words):
        is_whole = (mark.tempo * TICKS_PER_QUARTER / beat).is_integer()
        value = PLAIN_VALUES.get(mark.beat or beat * is_whole) or PLAIN_VALUES[TICKS_PER_QUARTER]
        unit = f"<beat-unit>{value.type}</beat-unit>" + "<beat-unit-dot/>" * value.dots
        count = f"{mark.tempo * TICKS_PER_QUARTER / value.ticks:.6g}"
        kinds += f"<direction-type><metronome>{unit}<per-minute>{count}</per-minute></metronome></direction-type>"
    is_words_alone = mark.words and not sound
    return direction(kinds, offset, PLACEMENTS["^"] + ' directive="yes"' * bool(is_words_alone), sound)


def clef_change(name: Clef, staff: int, back: int = 0) -> str:
    """A clef that comes some ticks before what is written already ends; `<attributes>` cannot say an offset."""
    change = f"<attributes>{clef(name, staff)}</attributes>\n"
    duration = f"<duration>{back}</duration>"
    return f"<backup>{duration}</backup>\n{change}<forward>{duration}</forward>\n" if back else change


def clef(name: Clef, staff: int) -> str:
    """A clef, as the content of `<attributes>`; `staff` is its number, 0 in a part of one."""
    sign, line, octaves = CLEFS[name]
    change = f"<clef-octave-change>{octaves}</clef-octave-change>" if octaves else ""
    number = f' number="{staff}"' if staff else ""
    return f"<clef{number}><sign>{sign}</sign><line>{line}</line>{change}</clef>"


def dynamic(name: str, offset: int, is_sung: bool) -> str:
    """A dynamic such as "mf", under the staff, or over it where the words stand beneath."""
    kind = f"<direction-type><dynamics><{name}/></dynamics></direction-type>"
    return direction(kind, offset, PLACEMENTS["^" if is_sung else "_"])


def line(name: str, number: int, is_end: bool, offset: int, is_sung: bool) -> str:
    """The begin or the end of a hairpin, which stands as dynamics do, or an octave line."""
    element, begin, size = SPAN_ELEMENTS[name]
    says_size = f' size="{size}"' if size else ""
    kind = f'<{element} type="{"stop" if is_end else begin}"{says_size} number="{number}"/>'
    is_above = begin == "down" or (is_sung and not size)
    return direction(f"<direction-type>{kind}</direction-type>", offset, PLACEMENTS["^" if is_above else "_"])


def pedal(name: str, offset: int) -> str:
    """Where the pedal is pressed or released."""
    kind = next(kind for kind, names in PEDAL_MARKS.items() if names == (name,))
    sign = f'<direction-type><pedal type="{kind}" line="no" sign="yes"/></direction-type>'
    return direction(sign, offset, PLACEMENTS["_"])


def rehearsal(label: str) -> str:
    """The label of a part."""
    return direction(f"<direction-type><rehearsal>{text_of(label)}</rehearsal></direction-type>", 0, PLACEMENTS["^"])


def jumps(signs: Iterable[str], are_before: bool) -> str:
    """Those of a bar's jump signs that stand before it, or those after it."""
    found = []
    for sign in signs:
        if (sign in SIGNS_BEFORE) == are_before:
            kind = f"<direction-type><{sign}/></direction-type>" if are_before else words(JUMP_WORDS[sign])
            found.append(direction(kind, 0, PLACEMENTS["^"], JUMP_SOUNDS.get(sign) or JUMP_SOUNDS[sign[:4]]))
    return "".join(found)


def harmony(chord: Chord, home: Key, key: Key, offset: int) -> str:
    """A chord symbol in a bar in `key` of a piece whose first key is `home`; empty for a chord that is not known."""
    shift = f"<offset>{offset}</offset>" if offset else ""
    if chord.label == UNKNOWN_CHORD:
        return ""
    if chord.label == NO_CHORD:
        root = '<root><root-step text="">C</root-step></root>'
        return f'<harmony>{root}<kind text="N.C.">none</kind>{shift}</harmony>\n'
    parts = split_label(chord.label)
    assert parts is not None  # only the two labels above have no parts
    suffix = QUALITIES[parts[1]].name_suffix
    if chord.symbol is None:
        root, _, bass = chord.name(home, key).partition("/")
        root = root.removesuffix(suffix)
    else:
        suffix, root = chord.symbol.suffix, name_at(chord.symbol.root)
        bass = "" if chord.symbol.bass is None else name_at(chord.symbol.bass)
    name, degrees = kind_of(suffix, parts[1])
    kind = f"<kind text={attribute_of(suffix)}>{name}</kind>"
    slash = f"<bass>{_named('bass', bass)}</bass>" if bass else ""
    return (
        f"<harmony><root>{_named('root', root)}</root>{kind}{slash}{''.join(map(_degree, degrees))}{shift}</harmony>\n"
    )


def _degree(degree: Degree) -> str:
    kind, value, alteration = degree
    return (
        f'<degree print-object="no"><degree-value>{value}</degree-value><degree-alter>{alteration}</degree-alter>'
        f"<degree-type>{kind}</degree-type></degree>"
    )


def _named(what: str, name: str) -> str:
    alteration = fifths_of(name) - fifths_of(name[0])
    alter = f"<{what}-alter>{alteration // 7}</{what}-alter>" if alteration else ""
    return f"<{what}-step>{name[0]}</{what}-step>{alter}"


def at_note(marks: Iterable[Mark]) -> str:
    """The marks at a note, as the content of `<notations>`, in their order; those between notes are none of them."""
    elements = [_element(SAME_MARKS.get(mark.name, mark.name)) for mark in marks]
    grouped = groupby(elements, key=itemgetter(0))
    contents = [(group, "".join(content for _, content in held)) for group, held in grouped]
    return "".join(f"<{group}>{content}</{group}>" if group else content for group, content in contents)


def _element(name: str) -> tuple[str, str]:
    """The group of a mark, empty for one that stands by itself, and its element."""
    if name in FERMATAS:
        return "", f'<fermata type="{FERMATAS[name]}"/>'
    if name == "arpeggio":
        return "", "<arpeggiate/>"
    if name in ORNAMENTS:
        return "ornaments", f"<{ORNAMENTS[name]}/>\n"  # MuseScore 3 passes over what stands right behind a mordent
    if name in TRILL_LINES:
        return "ornaments", TRILL_LINES[name]
    if name == "turnx":
        return "ornaments", '<turn slash="yes"/>'
    if name in TECHNICAL:
        return "technical", f"<{TECHNICAL[name]}/>"
    if name in FINGERS:
        return "technical", f"<fingering>{name}</fingering>"
    if name in ARTICULATIONS:
        return "articulations", f"<{ARTICULATIONS[name]}/>"
    return "articulations", f"<other-articulation>{text_of(name)}</other-articulation>"


def unseen(names: Iterable[str]) -> str:
    """What another voice of the staff shows, as the content of `<notations>`."""
    return "".join(f'<other-notation type="single" print-object="no">{name}</other-notation>' for name in names)


def is_between(mark: Mark) -> bool:
    """Whether a mark stands between notes: a dynamic or the pedal."""
    return mark.name in DYNAMICS_ELEMENTS or mark.name in PEDALS


def lyrics(
    syllables: Iterable[Lyric], open_words: set[int], placement: str = "", verses_before: int = 0
) -> Iterator[str]:
    """The syllables at a note; `open_words` has the verses that are within a word, and is kept up to date. Other voices
    of the staff have `verses_before`, below which these stand.
    """
    for syllable in sorted(syllables, key=lambda lyric: lyric.verse):
        name = f' name="{syllable.verse}"' if verses_before else ""
        number = f'<lyric number="{syllable.verse + verses_before}"{name}{placement}>'
        if not syllable.text:
            yield f'{number}<extend type="continue"/></lyric>'
            continue
        was_open, is_open = syllable.verse in open_words, syllable.joint == "-"
        place = {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}
        (open_words.add if is_open else open_words.discard)(syllable.verse)
        extend = '<extend type="start"/>' if syllable.joint == "_" else ""
        text = f"<syllabic>{place[was_open, is_open]}</syllabic><text>{_syllable_of(syllable.text)}</text>"
        yield f"{number}{text}{extend}</lyric>"


def _syllable_of(text: str) -> str:
    """A syllable as the content of an element. A straight quotation mark, by which LilyPond's musicxml2ly fails, is a
    curly one before a space without width; on reading it is straight again.
    """
    return with_curly_quotes(text_of(text))


def hidden_ending(kind: str, play: int | None) -> str:
    """The begin or the stop of an ending that is not marked in the piece, for some players go wrong without it."""
    return f'<ending number="{play}" type="{kind}" print-object="no"/>' if play else ""


def left_barline(bar: Bar, begins_repeat: bool, unmarked: int | None) -> str:
    """The barline before a bar: the begin of an ending, which may be for the pass `unmarked`, or of a repeat."""
    style = "<bar-style>heavy-light</bar-style>" if begins_repeat else ""
    ending = f'<ending number="{", ".join(map(str, bar.endings))}" type="start"/>' if bar.endings else ""
    ending = ending or hidden_ending("start", unmarked)
    repeat = '<repeat direction="forward"/>' if begins_repeat else ""
    inside = style + ending + repeat
    return f'<barline location="left">{inside}</barline>\n' if inside else ""


def ending_stop(passes: tuple[int, ...], bar: Bar, goes_on: bool) -> str:
    """Where the bracket of an ending stops, after a bar; the ending itself may go on to the end of the piece."""
    kind = "stop" if bar.repeat_end else "discontinue"
    length = f' end-length="{NO_JOG}"' if goes_on else ""
    return f'<ending number="{", ".join(map(str, passes))}" type="{kind}"{length}/>'


def right_barline(bar: Bar, ending: str, double_line: DoubleLine, plays: int) -> str:
    """The barline after a bar, which may be double, with the stop of an ending, if any; `plays` is how often what comes
    before a repeat is played in all: once, where the repeat is not followed.
    """
    line = BAR_STYLES["|]" if bar.repeat_end else double_line]
    style = f"<bar-style>{line}</bar-style>" if line else ""
    times = f' times="{plays}"' if plays != 2 else ""
    repeat = f'<repeat direction="backward"{times}/>' if bar.repeat_end else ""
    inside = style + ending + repeat
    return f'<barline location="right">{inside}</barline>\n' if inside else ""
