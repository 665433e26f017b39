"""Control groups: what Linux calls the groups of processes that containers are made of.

- :mod:`~paddle_otel.hardware.cgroups.membership`: in which groups this process is, and the folders they are seen in.
- :mod:`~paddle_otel.hardware.cgroups.limits`: the limits on memory and CPUs along the way to the root.
- :mod:`~paddle_otel.hardware.cgroups.container`: which of the groups is the container.

Version 2, version 1 and machines that have both are read. A group beyond what is mounted here cannot be seen; its
limits are unknown then.
"""
