"""Words that come from files, made harmless: they may hold whatever steers a terminal or breaks a format."""


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
