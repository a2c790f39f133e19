"""What is remembered, as SQL: the tables, and every change of them that there ever was.

The version of a database is a number in its header (PRAGMA user_version): how many of these changes it has
had. A database of an older minidock is brought up to date when it is opened. So a change that was released is
never edited: a new one is added at the end.

Times are nanoseconds since 1970. What only ever travels as a whole, such as the options of a container, is JSON.
"""

from __future__ import annotations

_FIRST = """
CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    image TEXT NOT NULL,               -- as it was asked for
    image_id TEXT NOT NULL,            -- sha256:…, what that meant at the time
    command TEXT NOT NULL,             -- JSON: the command line that it comes to, entrypoint first
    options TEXT NOT NULL,             -- JSON: all that was asked for, see engine/options.py
    status TEXT NOT NULL,              -- created starting running paused restarting removing exited dead
    owner TEXT NOT NULL DEFAULT '',    -- the process that answers for it while it is not at rest
    pid INTEGER NOT NULL DEFAULT 0,    -- of its program, as the host counts
    exit_code INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',    -- why it could not be started, or how it was lost
    oom_killed INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0,
    restarts INTEGER NOT NULL DEFAULT 0,
    stop_asked INTEGER NOT NULL DEFAULT 0,  -- 1: to be stopped, 2: to be started again after, 4: killed; no restart
                                       -- policy is stronger; 3: ended since the machine goes down
    health TEXT NOT NULL DEFAULT ''    -- JSON: Docker's State.Health; nothing: no check
) STRICT;

CREATE TABLE volumes (
    name TEXT PRIMARY KEY,
    driver TEXT NOT NULL,
    created INTEGER NOT NULL,
    labels TEXT NOT NULL,              -- JSON
    options TEXT NOT NULL,             -- JSON: -o type=, device=, o=
    anonymous INTEGER NOT NULL         -- nobody gave it a name
) STRICT;

-- Which container has which volume. A volume cannot go while a container has it, and this sees to it.
CREATE TABLE uses (
    container TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    volume TEXT NOT NULL REFERENCES volumes (name),
    anonymous INTEGER NOT NULL,        -- it came without a name, and goes with the container where that is asked for
    unfilled INTEGER NOT NULL,         -- what the image has in its place is still to be copied into it
    PRIMARY KEY (container, volume)
) STRICT, WITHOUT ROWID;
CREATE INDEX users ON uses (volume);

CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,                -- container, volume, image
    action TEXT NOT NULL,              -- create, start, die …
    actor TEXT NOT NULL,               -- an id or a name
    attributes TEXT NOT NULL           -- JSON
) STRICT;

-- The newest are enough: who follows events reads them as they come.
CREATE TRIGGER forget AFTER INSERT ON events WHEN new.number % 100 = 0
BEGIN
    DELETE FROM events WHERE number <= new.number - 5000;
END;
"""

_NETWORKS = """
CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    driver TEXT NOT NULL,              -- bridge, macvlan, ipvlan, overlay; host and null for those two alone
    created INTEGER NOT NULL,
    builtin INTEGER NOT NULL,          -- bridge, host and none, which everybody has
    internal INTEGER NOT NULL,         -- no way out, and none in
    attachable INTEGER NOT NULL,
    ipv6 INTEGER NOT NULL,
    labels TEXT NOT NULL,              -- JSON
    options TEXT NOT NULL,             -- JSON: the driver's, -o
    ipam TEXT NOT NULL                 -- JSON: a list of {subnet, gateway, ip_range, aux}, IPv4 and IPv6
) STRICT;

-- A container in a network. The addresses are given out at each start and are the container's while it is active:
-- nobody has to give them back, and nobody can forget to.
CREATE TABLE endpoints (
    container TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    network TEXT NOT NULL,             -- its id. One that no active container is in may go, and its name be another's
    id TEXT NOT NULL,                  -- of this endpoint, 64 digits
    slot INTEGER NOT NULL,             -- 0 is eth0
    wishes TEXT NOT NULL,              -- JSON: engine/options.py's NetworkRequest
    ipv4 TEXT NOT NULL DEFAULT '',
    ipv6 TEXT NOT NULL DEFAULT '',
    mac TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (container, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX connected ON endpoints (network);

-- Ports of the host that lead to an active container.
CREATE TABLE published (
    container TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    protocol TEXT NOT NULL,            -- tcp, udp, sctp
    host TEXT NOT NULL,                -- an address of the host; 0.0.0.0 or :: for all of that kind
    host_port INTEGER NOT NULL,
    port INTEGER NOT NULL,             -- of the container
    address TEXT NOT NULL,             -- of the container
    PRIMARY KEY (container, protocol, host, host_port)
) STRICT, WITHOUT ROWID;
"""

_BUILDS = """
-- What a step of a build came to, by the digest of all that it depended on.
CREATE TABLE build_cache (
    key TEXT PRIMARY KEY,
    layer TEXT NOT NULL,               -- JSON: its diff id, and the descriptor of its blob; null: no file changed
    parts TEXT NOT NULL,               -- JSON: what the key was made of, each by itself
    place TEXT NOT NULL,               -- which step of which Dockerfile it was the last time
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    size INTEGER NOT NULL              -- bytes of the layer
) STRICT;
CREATE INDEX build_places ON build_cache (place, used);

-- Digests of files, as long as the kernel says that they were not touched.
CREATE TABLE build_files (
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;
"""

CHANGES = (_FIRST, _NETWORKS, _BUILDS)
