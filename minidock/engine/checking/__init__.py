"""`system check`: whether all that is there fits together, and how to make it fit again.

What minidock knows is in three places: the state database, directories on disk, and the kernel (processes,
cgroups). Each verb changes them in an order that leaves, if it is killed at any moment, something that can be told
from what is whole. These modules look for it, each at one kind of thing. What they find are Findings
(finding.py); inspection.py asks them all, and repairs.

Other commands run at the same time. So what looks wrong is looked at again where nobody can be changing it: in a
transaction of the state, or while holding the lock that a maker would have. What a living process is at is
never a finding.
"""
