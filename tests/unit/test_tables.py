"""Listings. The table of formats and lines is what the docker client (28.2) printed for the same three containers."""

from __future__ import annotations

import io
import sys
from itertools import pairwise
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.cli.tables import Listing, aligned, show, writer
from minidock.errors import MinidockError

PROJECT = Path(__file__).parents[2]
HEADERS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Labels": "LABELS",
    "Names": "NAMES",
    "Ports": "PORTS",
    "Size": "SIZE",
    "State": "STATE",
    "Status": "STATUS",
}
LISTING = Listing(HEADERS, ("ID", "Image", "Status", "Ports", "Names"))


def row(
    identity: str, name: str, image: str, status: str, ports: str, labels: dict[str, str], state: str
) -> dict[str, Any]:
    return {
        "ID": identity,
        "Names": name,
        "Image": image,
        "Status": status,
        "Ports": ports,
        "State": state,
        "Labels": ",".join(f"{key}={value}" for key, value in labels.items()),
        "Label": lambda key: labels.get(key, ""),
    }


ROWS = [
    row("0123456789ab", "web", "nginx:latest", "Up 2 hours", "0.0.0.0:8080->80/tcp", {"com.example": "yes"}, "running"),
    row("fedcba987654", "döb", "busybox", "Exited (0) 3 days ago", "", {}, "exited"),
    row("abc000000001", "a", "b", "Created", "", {"com.example": "<no>"}, "created"),
]

SHOWN = [
    (
        "table {{.ID}}\\t{{.Image}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}",
        [
            "CONTAINER ID   IMAGE          STATUS                  PORTS                  NAMES",
            "0123456789ab   nginx:latest   Up 2 hours              0.0.0.0:8080->80/tcp   web",
            "fedcba987654   busybox        Exited (0) 3 days ago                          döb",
            "abc000000001   b              Created                                        a",
        ],
    ),
    (
        "tablex{{.ID}}",
        ["xCONTAINER ID", "x0123456789ab", "xfedcba987654", "xabc000000001"],
    ),
    (
        " {{.ID}} ",
        ["0123456789ab", "fedcba987654", "abc000000001"],
    ),
    (
        "table {{.ID}}\\t{{.Names}}",
        ["CONTAINER ID   NAMES", "0123456789ab   web", "fedcba987654   döb", "abc000000001   a"],
    ),
    (
        "table {{.ID}}\\n{{.Names}}\\t{{.Image}}",
        [
            "CONTAINER ID",
            "NAMES     IMAGE",
            "0123456789ab",
            "web       nginx:latest",
            "fedcba987654",
            "döb       busybox",
            "abc000000001",
            "a         b",
        ],
    ),
    (
        "{{.ID}}\\t{{.Names}}\\n",
        ["0123456789ab\tweb", "", "fedcba987654\tdöb", "", "abc000000001\ta", ""],
    ),
    (
        "{{.ID}}\t{{.Names}}",
        ["0123456789ab\tweb", "fedcba987654\tdöb", "abc000000001\ta"],
    ),
    (
        "table {{.Names}}\\t",
        ["NAMES     ", "web       ", "döb       ", "a         "],
    ),
    (
        "table {{.Names}}\\t\\t{{.ID}}",
        [
            "NAMES               CONTAINER ID",
            "web                 0123456789ab",
            "döb                 fedcba987654",
            "a                   abc000000001",
        ],
    ),
    (
        "table {{upper .Names}} {{.Image}}",
        ["NAMES IMAGE", "WEB nginx:latest", "DÖB busybox", "A b"],
    ),
    (
        'table {{json .Names}}\\t{{truncate .Image 3}}\\t{{join (split .Image ":") "-"}}',
        [
            "NAMES     IMAGE     IMAGE",
            '"web"     ngi       nginx-latest',
            '"döb"     bus       busybox',
            '"a"       b         b',
        ],
    ),
    (
        "table {{if .Ports}}{{.Ports}}\\t{{end}}{{.Names}}",
        ["PORTS                  NAMES", "0.0.0.0:8080->80/tcp   web", "döb", "a"],
    ),
    (
        'table {{if .Label "com.example"}}{{.Ports}}\\t{{end}}{{.Names}}',
        ["PORTS                  NAMES", "0.0.0.0:8080->80/tcp   web", "döb", "          a"],
    ),
    (
        'table {{.Label "com.example"}}\\t{{.Labels}}\\t{{.State}}',
        [
            "example   LABELS             STATE",
            "yes       com.example=yes    running",
            "                             exited",
            "<no>      com.example=<no>   created",
        ],
    ),
    (
        'table {{.Label "a.b_c-d"}}\\t{{pad .ID 1 1}}|',
        [
            "b c d      CONTAINER ID |",
            "           0123456789ab |",
            "           fedcba987654 |",
            "           abc000000001 |",
        ],
    ),
    (
        'table {{printf "%.3s" .ID}}\\t{{len .Names}}',
        ["CON       5", "012       3", "fed       4", "abc       1"],
    ),
    (
        '{{.Label "com.example"}}|{{.Label "x"}}|',
        ["yes||", "||", "<no>||"],
    ),
    (
        "{{json .Ports}}",
        ['"0.0.0.0:8080->80/tcp"', '""', '""'],
    ),
    (
        "xyz",
        ["xyz", "xyz", "xyz"],
    ),
    (
        "table xyz",
        ["xyz", "xyz", "xyz", "xyz"],
    ),
    (
        "table a\\tb{{.Names}}",
        ["a         bNAMES", "a         bweb", "a         bdöb", "a         ba"],
    ),
    (
        "{{println .Names}}",
        ["web", "", "döb", "", "a", ""],
    ),
    (
        "table {{len .ID}}",
        ["12", "12", "12", "12"],
    ),
    (
        "table {{lower .ID}}\\t{{title .Names}}",
        ["CONTAINER ID   NAMES", "0123456789ab   Web", "fedcba987654   Döb", "abc000000001   A"],
    ),
    (
        "table {{.Names}}:{{.Image}}\\t{{.State}}\\t{{.Status}}",
        [
            "NAMES:IMAGE        STATE     STATUS",
            "web:nginx:latest   running   Up 2 hours",
            "döb:busybox        exited    Exited (0) 3 days ago",
            "a:b                created   Created",
        ],
    ),
    (
        'table {{range split .Image ":"}}{{.}}\\t{{end}}|',
        ["", "nginx     latest    |", "busybox   |", "b         |"],
    ),
    (
        "{{.ID}}",
        ["0123456789ab", "fedcba987654", "abc000000001"],
    ),
]


def shown(form: str = "", rows: list[dict[str, Any]] = ROWS, *, quiet: bool = False) -> list[str]:
    out = io.StringIO()
    show(out, rows, LISTING, form, quiet=quiet)
    assert out.getvalue() == "" or out.getvalue()[-1] == "\n"
    return out.getvalue().split("\n")[:-1]


@pytest.mark.parametrize(("form", "lines"), SHOWN)
def test_a_format_prints_the_lines_that_the_docker_client_prints(form: str, lines: list[str]) -> None:
    assert shown(form) == lines


USUAL = [
    "CONTAINER ID   IMAGE          STATUS                  PORTS                  NAMES",
    "0123456789ab   nginx:latest   Up 2 hours              0.0.0.0:8080->80/tcp   web",
    "fedcba987654   busybox        Exited (0) 3 days ago                          döb",
    "abc000000001   b              Created                                        a",
]


@pytest.mark.parametrize("form", ["", "table", " table "])
def test_the_usual_table_has_the_usual_columns(form: str) -> None:
    assert shown(form) == USUAL


def test_a_listing_of_nothing_is_the_line_of_headers() -> None:
    assert shown(rows=[]) == ["CONTAINER ID   IMAGE     STATUS    PORTS     NAMES"]
    assert shown("table {{.ID}}\\t{{.Names}}", rows=[]) == ["CONTAINER ID   NAMES"]
    assert shown("{{.ID}}", rows=[]) == []
    assert shown(rows=[], quiet=True) == []


def test_another_usual_table_has_other_columns() -> None:
    out = io.StringIO()
    show(out, ROWS[:1], LISTING.with_columns("Names", "State"))
    assert out.getvalue() == "NAMES     STATE\nweb       running\n"


@pytest.mark.parametrize("form", ["", "table"])
def test_quiet_prints_ids_alone(form: str) -> None:
    assert shown(form, quiet=True) == ["0123456789ab", "fedcba987654", "abc000000001"]


def test_a_template_is_stronger_than_quiet() -> None:
    assert shown("{{.Names}}", quiet=True) == ["web", "döb", "a"]


@pytest.mark.parametrize("form", ["json", "{{json .}}"])
def test_json_is_a_line_for_each_row_with_its_fields_in_order(form: str) -> None:
    last = (
        '{"ID":"abc000000001","Image":"b","Labels":"com.example=\\u003cno\\u003e","Names":"a","Ports":"",'
        '"State":"created","Status":"Created"}'
    )
    assert len(shown(form)) == 3
    assert shown(form)[-1] == last


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ("{{.ID", "failed to parse template: template: :1: unclosed action"),
        ("table {{.ID", "failed to parse template: template: :1: unclosed action"),
        (
            "{{.Foo}}",
            'failed to execute template: template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type row',
        ),
        (
            "{{.Labels.foo}}",
            'failed to execute template: template: :1:9: executing "" at <.Labels.foo>: '
            "can't evaluate field foo in type string",
        ),
    ],
)
def test_a_format_that_does_not_fit_prints_nothing_but_an_error(form: str, complaint: str) -> None:
    out = io.StringIO()
    with pytest.raises(MinidockError) as error:
        show(out, ROWS, LISTING, form)
    assert error.value.message == complaint
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("form", "calls"), [("", 0), ("table", 0), ("{{.ID}}", 0), ("table {{.ID}}", 0), ("{{.Size}}", 1), ("json", 1)]
)
def test_what_is_expensive_is_found_out_only_if_it_is_shown(form: str, calls: int) -> None:
    called: list[str] = []

    def size() -> str:
        called.append("size")
        return "5B"

    lines = shown(form, [{**ROWS[0], "Size": size}])
    assert len(called) == calls
    assert ("5B" in lines[-1]) == bool(calls)


def test_rows_that_come_one_by_one_are_written_one_by_one() -> None:
    write = writer(LISTING, "{{.Names}}\\t{{.State}}")
    assert [write(member) for member in ROWS[:2]] == ["web\trunning", "döb\texited"]


def test_text_that_is_no_utf_8_can_still_be_printed() -> None:
    broken = {**ROWS[0], "Names": b"a\xffb".decode(errors="surrogateescape")}
    for form in ("", "{{.Names}}", "json", "table {{.Names}}"):
        assert "a\ufffdb" in "".join(shown(form, [broken]))


@given(st.lists(st.lists(st.text("abé", min_size=1, max_size=14), min_size=1, max_size=4), max_size=6))
def test_cells_of_one_column_begin_at_one_place_and_never_touch(table: list[list[str]]) -> None:
    lines = aligned("\n".join("\t".join(cells) for cells in table))
    begins = []
    for cells, line in zip(table, lines, strict=False):
        assert line.split() == cells
        begins.append(line.index(cells[1], len(cells[0])) if len(cells) > 1 else 0)
    for above, below in pairwise(begins):
        assert above == below or not above or not below


def test_the_usual_table_does_not_load_the_template_engine() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from minidock.cli import tables; "
    code += "tables.show(sys.stderr, [{'ID': 'a'}], tables.Listing({'ID': 'ID'}, ['ID'])); print(*sys.modules)"
    found = run([sys.executable, "-I", "-S", "-c", code, str(PROJECT)], capture_output=True, text=True, check=True)
    assert found.stderr == "ID\na\n"
    assert not [name for name in found.stdout.split() if name.startswith("minidock.cli.templates")]
