"""A plan as a shell script that makes the container, with nothing but what every Debian has.

What is done, each step says itself (`shell`, `unshell`). Here is only the arrangement: the steps in their order, and
two shells that do them. The first reads the script and does the host's steps. The second is born by `process.clone`;
what is between `inside <<'INSIDE'` and `INSIDE` the first types into it, as a person would, and `ready` waits until it
has done all of that. At the end the second shell executes the program: so it is the one that becomes the container.

When the first ends, for whatever reason, it does what the steps up to there say would take them back, last first.
"""

from __future__ import annotations

from minidock.errors import one_line
from minidock.steps.shell import quoted
from minidock.steps.step import INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEAD = """\
#!/bin/bash
# {title}
#
# A container by hand: the steps of `minidock plan`, with Debian's own tools alone. Run it as root.
# It trusts the image more than minidock does: while the root is put together, links in it are followed.
# Steps for which Debian has no command say so, and are left out.
[ "$(id -u)" = 0 ] || {{ echo "$0: this needs root: sudo bash $0" >&2; exit 1; }}
set -e
unset INIT PRIV PID BORN CGROUP NEW_BRIDGES NEW_TABLE NEW_PARENT NEW_VXLAN  # whatever the caller means by these
JOIN=() UNSHARE=() UNDO=()
exec 3<&0 4>&1 1>&2            # the program's input and output; what the steps say goes to standard error

finish() {{                     # takes back what was done, last first
  code=$?; trap - EXIT; set +e
  for ((n = ${{#UNDO[@]}} - 1; n >= 0; n--)); do eval "${{UNDO[n]}}"; done
  exit $code
}}
trap finish EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; trap 'exit 129' HUP
inside() {{ cat >&7; }}          # types into the shell that becomes the container
ready() {{                      # waits until it has done all that was typed
  echo 'echo ready >&5' >&7; read -r answer <&6 || {{ wait "$BORN"; exit; }}
}}
"""
_TAIL = """
# The program runs; how it ends is how this ends.
wait "$BORN"
"""


def script(title: str, steps: Iterable[Step]) -> str:
    """The whole script. What is to be on disk beforehand may come first, as steps too."""
    blocks = [_HEAD.format(title=one_line(title))]
    for side, run in _runs(steps):
        text = "\n".join(_paragraph(number, step) for number, step in run)
        if side == INSIDE:
            mark = _mark(text)
            blocks.append(f"\ninside <<'{mark}'\n{text}{mark}\n")
        else:
            blocks.append(("\nready\n\n" if len(blocks) > 2 else "\n") + text)
    return "".join(blocks) + _TAIL


def _runs(steps: Iterable[Step]) -> Iterator[tuple[str, list[tuple[int, Step]]]]:
    """Steps of one side that follow each other, each with its number."""
    run: list[tuple[int, Step]] = []
    for number, step in enumerate(steps, 1):
        if run and run[-1][1].side != step.side:
            yield run[-1][1].side, run
            run = []
        run.append((number, step))
    if run:
        yield run[-1][1].side, run


def _paragraph(number: int, step: Step) -> str:
    """One step: what, why, and the commands. How to take it back is noted before: it may fail half-way."""
    lines = [f"# {number}. {one_line(f'{step.name}: {step.says()}')}", f"#    why: {one_line(step.why)} ({step.man})"]
    if undo := step.unshell():
        lines.append(f"UNDO+=({quoted(undo)})")
    return "\n".join([*lines, step.shell()]) + "\n"


def _mark(text: str) -> str:
    """A line that ends what is typed inside, and does not occur in it."""
    lines, mark = text.split("\n"), INSIDE.upper()
    while mark in lines:
        mark += "_"
    return mark
