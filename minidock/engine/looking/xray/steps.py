"""How a container came to be: the steps that were done, as `minidock explain` accounts for them."""

from __future__ import annotations

from minidock.engine.stepping import account

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.looking.xray.subject import Subject
    from minidock.jsonfile import Json


def read(subject: Subject) -> list[Json]:
    """In the order of its plan, those of both sides."""
    told = account.account(subject.engine, subject.row)["steps"]
    return [step for step in told if step["offset"] is not None]
