"""The files of a container: its tree as a whole, copied in and out, compared, exported, made an image."""
