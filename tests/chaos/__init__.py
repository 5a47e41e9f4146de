"""Attacks on the laws: kills, faults, rival writers, clocks, full disks, damaged files.

One oracle, which knows nothing of lakefall, judges what they leave behind. `make chaos` attacks for
minutes, `make test` for seconds; docs/reliability.md says which law each attack is on.
"""
