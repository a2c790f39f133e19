"""What a container's program has written: kept by its monitor, and read again by `minidock logs`.

Read settings.py and drivers.py first (which ways to keep it there are), then writer.py (from output to lines),
json_file.py and local.py (how lines look in a file), rotation.py and packing.py (how files give way to new ones). The
other way round: reading.py, files.py, following.py.
"""
