"""create, start, kill, delete: the states of a container, and what each verb refuses."""

from __future__ import annotations

from tests.integration.bundles import Bundle


def test_a_bundle_runs_and_its_exit_code_is_ours(bundle: Bundle) -> None:
    done = bundle.script("echo hello; exit 7").run()
    assert (done.returncode, done.stdout) == (7, "hello\n")
