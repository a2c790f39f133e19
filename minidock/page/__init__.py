"""The face for browsers: one page that draws what `xray` has found, whole in itself, or served and kept current.

Everything on it is made by Python as HTML and SVG. Texts that come from containers are hostile, so there is one way to
write a text (markup.py), and it escapes. The page allows itself its own style and script, by their digests, and nothing
else: what slipped through could still not be executed, nor reach anything.
"""
