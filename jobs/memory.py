"""What the system itself says about memory: nothing here guesses."""

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def oom_kills(cgroup=CGROUP, membership=MEMBERSHIP):
    """How many processes of our control group the kernel has ended because memory ran out; None where it doesn't say.

    Linux counts them for every group (`memory.events` of version 2, `memory.oom_control` of version 1), whether the
    group's own limit was reached or the machine's.
    """
    for path in _counters(cgroup, membership):
        try:
            counts = dict(line.split() for line in path.read_text().splitlines())
        except (OSError, ValueError):
            continue
        if "oom_kill" in counts:
            return int(counts["oom_kill"])
    return None


def _counters(cgroup, membership):
    """Where the count of our group may stand, the likeliest first. In a container the group is the root."""
    try:
        groups = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in groups:
        if not controllers:
            yield cgroup / path.lstrip("/") / "memory.events"
            yield cgroup / "memory.events"
        elif "memory" in controllers.split(","):
            yield cgroup / "memory" / path.lstrip("/") / "memory.oom_control"
            yield cgroup / "memory" / "memory.oom_control"
