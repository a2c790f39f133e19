"""The OCI runtime: one container from one bundle. create, start, exec, kill, delete, state."""
