"""A file that is in order, but of a kind that is not read."""


class NotSupportedError(Exception):
    """A feature of a format that is not read or written; the message names it.

    It is no damage: whoever opens the file tells users "X is not supported".
    """

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.hint = hint
