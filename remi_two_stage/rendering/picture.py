"""`Picture`: rows of SVG under a heading, as one SVG, as PNG and as PDF pages.

Conventions
- Lengths are tenths of a millimetre, from the left and the top; paper is white whatever stands around it.
- PNG and PDF are made by typst (Apache-2.0), which brings its fonts and needs nothing from the system or the network.
- Letters are set in the reader's serif font; in PNG and PDF it is Libertinus, other scripts in the system's fonts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

from .extras import require

A4_WIDTH = 2100.0
MARGIN = 120.0
TITLE_SIZE = 75.0
_LETTER_WIDTH = 0.55  # mean, in font sizes
_PAGE_SHAPE = 297 / 210
_ROW_GAP = 50.0
_NUMBER_SIZE = 35
_MILLIMETRE = 10
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BROWSER_FONTS, _TYPST_FONTS = "Times, 'Times New Roman', 'Libertinus Serif', serif", "Libertinus Serif"


@dataclass(frozen=True, slots=True)
class Strip:
    """A strip of SVG elements, from its own top left corner, and its height."""

    content: str
    height: float


def xml_text(text: str) -> str:
    """Text on one line as XML can hold it, between tags and in attributes: control characters go."""
    return escape(" ".join(_NOT_IN_XML.sub(" ", text).split()))


def text_width(text: str, size: float) -> float:
    """About how wide a text is."""
    return _LETTER_WIDTH * size * len(text)


def fitted_text(text: str, size: float, width: float) -> tuple[str, float]:
    """The text and the font size, at most `size`, at which it should fit into a width; cut where it is far too long."""
    smallest = size / 2
    most = int(width / (_LETTER_WIDTH * smallest))
    text = text if len(text) <= most else text[: most - 1] + "…"
    return text, min(size, max(smallest, width / (_LETTER_WIDTH * max(1, len(text)))))


def title_lines(title: str, width: float) -> tuple[list[str], float]:
    """The title on as few lines as hold it, at most three, and their font size; lines are about equally long."""
    text = " ".join(title.split())
    for count, size in enumerate((TITLE_SIZE, 0.75 * TITLE_SIZE, 0.6 * TITLE_SIZE), 1):
        longest = int(width / (_LETTER_WIDTH * size))
        shortest = min(longest, max(1, -(-len(text) // count)))
        for letters in range(shortest, longest + 1):
            lines = wrap(text, letters, max_lines=count, placeholder="…")
            if lines and not lines[-1].endswith("…"):
                return lines, size
    return wrap(text, longest, max_lines=count, placeholder="…"), size


def title_row(title: str, width: float) -> Strip:
    """The title in the middle of a row, in bold; a row without height if there is no title."""
    lines, size = title_lines(title, width)
    texts = [
        f'<text x="{width / 2:.0f}" y="{number * 1.15 * size - 0.15 * size:.0f}" text-anchor="middle" '
        f'font-size="{size:.1f}" font-weight="bold">{xml_text(line)}</text>'
        for number, line in enumerate(lines, 1)
    ]
    return Strip("".join(texts), 1.15 * size * len(lines))


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows from top to bottom.

    Attributes:
        title: What the picture shows, for screen readers and as the document's title.
        rows: The heading first.
        width: Of the picture, with margins of `MARGIN`.
        definitions: SVG elements that the rows refer to, and their style.
    """

    title: str
    rows: tuple[Strip, ...]
    width: float = A4_WIDTH
    definitions: str = ""

    def svg(self) -> str:
        """All rows in one SVG document."""
        height = sum(row.height for row in self.rows) + _ROW_GAP * (len(self.rows) - 1) + 2 * MARGIN
        return self._document(self.rows, height)

    def pages(self) -> tuple[str, ...]:
        """An SVG document for each page in the proportions of A4, numbered where there are several."""
        height = self.width * _PAGE_SHAPE
        pages = list(self._pages(height - 2 * MARGIN))
        numbers = [f"{number} / {len(pages)}" for number in range(1, len(pages) + 1)] if len(pages) > 1 else [""]
        return tuple(self._document(rows, height, number) for rows, number in zip(pages, numbers, strict=True))

    def png(self, pixels_per_inch: float = 200.0) -> bytes:
        """The one SVG document as a PNG file.

        Raises:
            MissingExtraError: typst is not installed.
        """
        return _typeset([self.svg()], self.title, format="png", ppi=pixels_per_inch)

    def pdf(self) -> bytes:
        """The pages as a PDF file.

        Raises:
            MissingExtraError: typst is not installed.
        """
        return _typeset(self.pages(), self.title, format="pdf")

    def in_format(self, ending: str) -> bytes:
        """The picture as the bytes of an .svg, .png or .pdf file.

        Raises:
            MissingExtraError: typst is not installed, for PNG and PDF.
        """
        if ending == ".svg":
            return self.svg().encode()
        return self.png() if ending == ".png" else self.pdf()

    def _repr_svg_(self) -> str:
        return self.svg()

    def _pages(self, space: float) -> Iterator[tuple[Strip, ...]]:
        """As many rows a page as fit, at least one."""
        rows: list[Strip] = []
        height = 0.0
        for row in self.rows:
            if rows and height + row.height > space:
                yield tuple(rows)
                rows, height = [], 0.0
            rows.append(row)
            height += row.height + _ROW_GAP
        yield tuple(rows)

    def _document(self, rows: Sequence[Strip], height: float, number: str = "") -> str:
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
            f'width="{self.width / _MILLIMETRE:.1f}mm" height="{height / _MILLIMETRE:.1f}mm" '
            f'viewBox="0 0 {self.width:.0f} {height:.0f}" font-family="{_BROWSER_FONTS}" color="black">',
            f"<title>{xml_text(self.title)}</title><defs>{self.definitions}</defs>",
            f'<rect width="{self.width:.0f}" height="{height:.0f}" fill="white"/>',
        ]
        top = MARGIN
        for row in rows:
            parts.append(f'<g transform="translate({MARGIN:.0f}, {top:.1f})">{row.content}</g>')
            top += row.height + _ROW_GAP
        if number:
            place = f'x="{self.width / 2:.0f}" y="{height - MARGIN / 2:.0f}"'
            parts.append(f'<text {place} font-size="{_NUMBER_SIZE}" text-anchor="middle">{number}</text>')
        return "".join(parts) + "</svg>\n"


def _typeset(pages: Sequence[str], title: str, **options: Any) -> bytes:
    """The pages, each as large as its SVG document, in a format of typst."""
    require("typst", purpose="a PNG or PDF picture")
    import typst

    source = [
        "#set document(title: sys.inputs.title, date: none)",
        "#set page(width: auto, height: auto, margin: 0pt)",
        *(f'#page(image("{number}.svg", alt: sys.inputs.title))' for number in range(len(pages))),
    ]
    files = {"main.typ": "\n".join(source).encode()}
    for number, page in enumerate(pages):
        files[f"{number}.svg"] = page.replace(_BROWSER_FONTS, _TYPST_FONTS).encode()
    content: bytes = typst.compile(
        files, sys_inputs={"title": " ".join(_NOT_IN_XML.sub(" ", title).split())}, **options
    )
    return content
