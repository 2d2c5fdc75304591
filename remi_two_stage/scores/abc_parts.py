"""The order of parts that `P:` gives in the header of an ABC tune: "A(BC)2.A" (ABC standard 2.1, section 3.1.9)."""

from __future__ import annotations

import re

from ..core.errors import AbcSyntaxError

_MOST_PARTS = 500
_TOKEN = re.compile(r"(?P<part>[A-Za-z])(?P<plays>[0-9]*)|(?P<open>\()|\)(?P<group_plays>[0-9]*)")


def parse_part_order(text: str) -> tuple[str, ...]:
    """Labels in playing order: "A2(BC)2" is A A B C B C; brackets that are not closed end with the field.

    Raises:
        AbcSyntaxError: written out, the order is far longer than any music.
    """
    groups: list[list[str]] = [[]]
    for match in _TOKEN.finditer(text):
        if match["part"]:
            groups[-1] += _played([match["part"]], match["plays"])
        elif match["open"]:
            groups.append([])
        elif len(groups) > 1:
            group = groups.pop()
            groups[-1] += _played(group, match["group_plays"])
    order = [label for group in groups for label in group]
    return tuple(_played(order, ""))


def _played(labels: list[str], plays: str) -> list[str]:
    times = int(plays[:4] or 1)
    if len(labels) * times > _MOST_PARTS:
        raise AbcSyntaxError(f"the order of parts has more than {_MOST_PARTS} parts; write fewer repetitions in P:")
    return labels * times
