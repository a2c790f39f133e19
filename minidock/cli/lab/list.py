"""minidock lab list: which labs there are, and how far one is."""

from __future__ import annotations

import sys

from minidock.cli import tables
from minidock.cli.command import Command
from minidock.cli.lab_screens import LANGUAGE, write
from minidock.cli.listings import FORMAT
from minidock.engine.directories import data_root
from minidock.labs import catalog, words
from minidock.labs.course import PASSED, Course

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_COLUMNS = ("Name", "Title", "Minutes", "State")


def _list(arguments: Arguments) -> int:
    language, course = words.language(arguments.value("lang")), Course(data_root())
    phrases, form = words.Phrases(language), arguments.value("format")
    states = {name: course.state(name) for name in catalog.NAMES}
    rows = [
        {
            "Name": lab.name,
            "Title": words.Words(lab.name, language).title,
            "Minutes": str(lab.minutes),
            "State": phrases.say(f"state.{states[lab.name]}"),
        }
        for lab in catalog.everyone()
    ]
    headers = {column: phrases.say(f"column.{column.lower()}") for column in _COLUMNS}
    write("")
    tables.show(sys.stdout, rows, tables.Listing(headers, _COLUMNS, identity="Name"), form)
    if not form:
        ahead = next((name for name in catalog.NAMES if states[name] != PASSED), "")
        write("\n" + (phrases.say("list.next", name=ahead) if ahead else phrases.say("list.done")) + "\n")
    return 0


COMMAND = Command(
    "list",
    "[OPTIONS]",
    "List the labs, and how far you are",
    _list,
    flags=[FORMAT, LANGUAGE],
    most_words=0,
)
