"""Dockerfiles that people have, with their contexts: what is built of them is compared with what Docker builds.

Only what Docker's older builder can read stands here, since that is Debian's.
"""

from __future__ import annotations

import io
import tarfile
from typing import NamedTuple


class Case(NamedTuple):
    """A context: files by their names, a Dockerfile among them; and flags of `build`."""

    files: dict[str, bytes | str]
    flags: str = ""
    modes: dict[str, int] = {}


def _archive(kind: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=f"w:{kind}") as archive:  # type: ignore[call-overload] # the mode is built
        for name, text in (("inner/one", b"1"), ("inner/two", b"22")):
            entry = tarfile.TarInfo(name)
            entry.size, entry.uid, entry.gid, entry.mode = len(text), 7, 8, 0o640
            archive.addfile(entry, io.BytesIO(text))
    return made.getvalue()


CASES: dict[str, Case] = {
    "a command": Case({"Dockerfile": "FROM busybox\nCMD echo hello\n"}),
    "a command in JSON": Case({"Dockerfile": 'FROM busybox\nENTRYPOINT ["echo"]\nCMD ["a", "b c"]\n'}),
    "an entrypoint takes the command of the base away": Case({"Dockerfile": "FROM busybox\nENTRYPOINT echo\n"}),
    "variables": Case(
        {
            "Dockerfile": "FROM busybox\nENV A=1 B=\"two words\" C='$A'\nENV A=2 D=$A E=${B:-x} F=${G:-x} H=${A:+y}\n"
            "ENV OLD style of it\nRUN env | grep -E '^[A-H]=|OLD' | sort > /env\n"
        }
    ),
    "escapes": Case(
        {"Dockerfile": 'FROM busybox\nENV A=a\\ b B="a\\"b" C=\'a\\b\' D=\\$A\nRUN echo "$A|$B|$C|$D" > /e\n'}
    ),
    "another escape character": Case(
        {"Dockerfile": "# escape=`\nFROM busybox\nRUN echo a > /a && `\n    echo b > /b\n"}
    ),
    "comments between lines": Case(
        {
            "Dockerfile": "# a\n"
            "FROM busybox\n"
            "RUN echo 1 > /a && \\\n"
            "# between\n"
            "\n"
            "  echo 2 > /b\n"
            "   # indented\n"
            "RUN echo '# no' > /c\n"
        }
    ),
    "arguments": Case(
        {
            "Dockerfile": "ARG TAG=latest\nFROM busybox:$TAG\nARG A\nARG B=b\nARG C=$B-c\nARG TAG\n"
            'RUN echo "$A $B $C $TAG $D" > /a\nENV B=env\nARG B=late\nRUN echo "$B" > /b\nLABEL b=$B c=${C}\n'
        },
        "--build-arg A=1 --build-arg C=3",
    ),
    "stages": Case(
        {
            "Dockerfile": "FROM busybox AS one\nRUN mkdir -p /x/y && echo 1 > /x/y/z && echo 2 > /x/w\n"
            "FROM busybox AS unused\nRUN echo 3 > /unused\n"
            "FROM one AS three\n"
            "RUN echo 4 > /x/v\n"
            "FROM busybox\n"
            "COPY --from=one /x /from-name\n"
            "COPY --from=2 /x/v /from-number\n"
        }
    ),
    "a target": Case(
        {
            "Dockerfile": "FROM busybox AS one\n"
            "RUN echo 1 > /a\n"
            "FROM one AS two\n"
            "RUN echo 2 > /a\n"
            "FROM two\n"
            "RUN echo 3 > /a\n"
        },
        "--target two",
    ),
    "from scratch": Case({"Dockerfile": 'FROM scratch\nCOPY a /\nCOPY d /d\nCMD ["/a"]\n', "a": "A", "d/e": "E"}),
    "copies": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "COPY a /\n"
            "COPY a /b\n"
            "COPY a /c/\n"
            "COPY a b /d/\n"
            "COPY dir /e\n"
            "COPY dir/ /f/\n"
            "COPY dir /g/h/i\n"
            'COPY ["with space", "/w s/"]\nWORKDIR /work\nCOPY a .\nCOPY dir .\nCOPY a sub/x\nCOPY . /all/\n',
            "a": "A",
            "b": "B",
            "dir/x": "X",
            "dir/y/z": "Z",
            "with space": "W",
        },
        modes={"a": 0o755, "dir/x": 0o600},
    ),
    "wildcards": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "COPY *.txt /t/\n"
            "COPY f?o /q/\n"
            "COPY [ab].c /c/\n"
            "COPY d*/x /x/\n"
            "COPY d* /dirs/\n",
            **{
                name: name
                for name in ("1.txt", "2.txt", "3.md", "foo", "f1o", "fooo", "a.c", "b.c", "d.c", "d1/x", "d2/y")
            },
        }
    ),
    "owners": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "RUN echo 'me:x:7:8::/:/bin/sh' >> /etc/passwd; printf 'us:x:9:\\n"
            "me:x:7:\\n"
            "' >> /etc/group\n"
            "COPY --chown=5:6 a /n\nCOPY --chown=me a /u\nCOPY --chown=me:us d /d\nCOPY --chown=1 d /e/\n",
            "a": "A",
            "d/x": "X",
        }
    ),
    "links and modes": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "COPY . /c/\n"
            "RUN ln -s /c/a /l; ln /c/a /h; chmod 4755 /c/a; mkfifo /p; chown 3:4 /c/d\n",
            "a": "A",
            "d/x": "X",
        }
    ),
    "archives": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "ADD plain.tar /p/\n"
            "ADD gz.tar.gz /g/\n"
            "ADD bz.tar.bz2 /b\n"
            "ADD xz.tar.xz /x\n"
            "ADD no.tar /n/\n"
            "ADD a /a\nCOPY plain.tar /kept/\n",
            "plain.tar": _archive(""),
            "gz.tar.gz": _archive("gz"),
            "bz.tar.bz2": _archive("bz2"),
            "xz.tar.xz": _archive("xz"),
            "no.tar": "no archive at all",
            "a": "A",
        }
    ),
    "ignored files": Case(
        {
            "Dockerfile": "FROM busybox\nCOPY . /all/\nCOPY keep/ /keep/\n",
            ".dockerignore": "# comment\n*.log\n!keep.log\n**/secret\nbuild/**\n!build/out\nDockerfile\n",
            **{name: name for name in ("a", "a.log", "keep.log", "secret", "x/secret", "x/y/secret", "x/ok")},
            **{name: name for name in ("build/a", "build/out", "keep/b.log", "keep/c")},
        }
    ),
    "working directories": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "WORKDIR /a\n"
            "WORKDIR b\n"
            "ENV D=c\n"
            "WORKDIR $D/../d\n"
            "RUN pwd > /where\n"
            "WORKDIR /new/one\n"
        }
    ),
    "users": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "RUN echo 'me:x:1234:1234::/home/me:/bin/sh' >> /etc/passwd; mkdir -p /home/me; chown 1234:1234 /home/me\n"
            "USER me\n"
            "RUN id > /tmp/id; echo $HOME >> /tmp/id\n"
            "WORKDIR /home/me/w\nUSER 99:98\nRUN id -u > /tmp/id2\nCOPY a /a\n",
            "a": "A",
        }
    ),
    "volumes": Case(
        {"Dockerfile": 'FROM busybox\nRUN mkdir /v && echo 1 > /v/a\nVOLUME /v /w\nVOLUME ["/x y"]\nRUN echo 2 > /b\n'}
    ),
    "what only the configuration knows": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "MAINTAINER somebody\n"
            "EXPOSE 80 53/udp 8000-8002\n"
            'LABEL a=1 "b c"=\'d e\' f="g\\\n'
            'h"\n'
            "STOPSIGNAL SIGUSR1\n"
            'HEALTHCHECK --interval=5s --timeout=1m --retries=2 CMD ["true"]\n'
            'SHELL ["/bin/ash", "-ec"]\n'
            "CMD echo x\n"
        }
    ),
    "no health check": Case({"Dockerfile": "FROM busybox\nHEALTHCHECK CMD true\nHEALTHCHECK NONE\n"}),
    "triggers": Case(
        {
            "Dockerfile": "FROM busybox AS base\nONBUILD RUN echo 1 > /triggered\nONBUILD COPY a /a\nONBUILD ENV T=1\n"
            "FROM base\nRUN test -f /triggered\n",
            "a": "A",
        }
    ),
    "another shell": Case(
        {"Dockerfile": 'FROM busybox\nSHELL ["/bin/sh", "-c", "echo $0 > /s; eval $1", "zero"]\nRUN echo 1 > /a\n'}
    ),
    "files that go": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "RUN mkdir -p /d/e && echo 1 > /d/e/f && echo 2 > /g\n"
            "RUN rm -r /d/e /g && mkdir /d/e && echo 3 > /d/e/h\n"
            "RUN rm -r /d && echo 4 > /d\n"
        }
    ),
    "over what is there": Case(
        {
            "Dockerfile": "FROM busybox\n"
            "RUN mkdir /d && echo old > /d/x && ln -s /d /l && chmod 700 /d\n"
            "COPY d /d\n"
            "COPY d /l/in/\n"
            "COPY x /d/x\n",
            "d/x": "new",
            "d/y": "Y",
            "x": "newer",
        }
    ),
    "labels of a build": Case({"Dockerfile": "FROM busybox\nLABEL a=1 b=2\n"}, "--label b=3 --label c=4"),
    "another Dockerfile": Case(
        {"sub/Other": "FROM busybox\nCOPY a /a\n", "a": "A", "Dockerfile": "NONSENSE\n"}, "-f sub/Other"
    ),
}

REFUSED: dict[str, Case] = {
    "an unknown instruction": Case({"Dockerfile": "FROM busybox\nFOO bar\n"}),
    "nothing": Case({"Dockerfile": ""}),
    "no base": Case({"Dockerfile": "RUN true\n"}),
    "a missing file": Case({"Dockerfile": "FROM busybox\nCOPY nosuch /\n"}),
    "a file outside of the context": Case({"Dockerfile": "FROM busybox\nCOPY ../x /\n"}),
    "no Dockerfile": Case({"a": "A"}),
    "a command that fails": Case({"Dockerfile": "FROM busybox\nRUN exit 3\n"}),
    "a command that is not there": Case({"Dockerfile": 'FROM busybox\nRUN ["/nosuch"]\n'}),
    "several files to one": Case({"Dockerfile": "FROM busybox\nCOPY a b /c\n", "a": "A", "b": "B"}),
    "a stage that is not there": Case({"Dockerfile": "FROM busybox\nCOPY --from=7 /a /\n"}),
    "a target that is not there": Case({"Dockerfile": "FROM busybox\n"}, "--target nosuch"),
    "an empty base": Case({"Dockerfile": "ARG X\nFROM $X\n"}),
    "an unknown user": Case({"Dockerfile": "FROM busybox\nCOPY --chown=nosuch a /\n", "a": "A"}),
}
