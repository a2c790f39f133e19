"""What containers are made of at this moment: `xray`. One file for each facility of the kernel, plain data from each.

Nothing is changed and nothing is written down. What the state says is used to name things; all else is asked of the
kernel. A container may end at any time: whatever can no longer be read is named in `missing`, with the reason.
"""
