"""Words on their way to people: those that come from files, made harmless, for they may hold whatever steers a terminal
or breaks a format; and numbers of things.
"""


def printable(text: str) -> str:
    """The text on one line, without control characters and half characters, which no format takes and which steer
    terminals.
    """
    if text.isprintable():
        return text
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


def visible(text: str) -> str:
    """The text with every character but line breaks visible: control characters as `\\x1b`, also those that turn the
    direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode() for sign in text
    )


def counted(number: int, thing: str) -> str:
    """A number of things: `1 bar`, `8 bars`, `1,200 bars`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
