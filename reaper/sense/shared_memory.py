"""How much memory processes hold, with what they share with others counted in shares (PSS, proc_pid_smaps(5)).

The sum of the resident sizes of a shell and ten copies of a program counts the C library eleven times, though their end
frees it at most once. smaps_rollup (Linux 4.14) has the shares. It waits for mmap_lock, so it is read in a thread that
can be abandoned, for at most LOOK_SEC in all. stat, which has the resident size, does not take that lock (do_task_stat
in fs/proc/array.c reads counters; in tests/host/test_explain.py a process's smaps_rollup waits, and its stat does not).

Not by psutil: memory_full_info() of 5.8 (EL 9, Debian 11) reads smaps, of which a user can make 50 MiB for each process
(vm.max_map_count), and the daemon's memory is bounded. smaps_rollup always has 1 KiB.
"""

from __future__ import annotations

from collections.abc import Iterable

from reaper import kernel_text, procfs
from reaper.decide.session.model import Holding
from reaper.sense.aside import Aside, IsOver

# For all processes of a session, before the first signal of its end. One takes 0.2 to 1 ms (Linux 6.18).
LOOK_SEC = 0.1
MOST_PROCESSES = 1024
_MOST_BYTES = 4096
_KIB = b" kB"


def read(pid: int) -> int | None:
    """Returns the bytes that a process holds; None if it is gone or not ours to read. May wait for its user."""
    try:
        text = kernel_text.read_unnoted(f"{procfs.PROC}/{pid}/smaps_rollup", _MOST_BYTES)
    except OSError:
        return None
    value = kernel_text.field(text or b"", b"Pss") or b""
    kib = kernel_text.number(value[: -len(_KIB)]) if value.endswith(_KIB) else None
    return None if kib is None else kib * 1024


_aside = Aside()  # one for the process: while a read waits, nothing else is read


def weigh(holding: Holding, look_sec: float = LOOK_SEC, aside: Aside = _aside) -> Holding:
    """Returns what processes hold, with the memory that they share in shares, as far as that can be read in time."""
    found = _read_all([process.pid for process, _ in holding.each[:MOST_PROCESSES]], look_sec, aside)
    weighed = [
        (process, usage._replace(rss_bytes=found.get(process.pid, usage.rss_bytes))) for process, usage in holding.each
    ]
    return holding._replace(each=tuple(weighed))


def _read_all(pids: Iterable[int], look_sec: float, aside: Aside) -> dict[int, int]:
    found: dict[int, int] = {}

    def work(is_over: IsOver) -> None:
        for pid in pids:
            held = read(pid)
            if is_over():
                return
            if held is not None:
                found[pid] = held

    aside.do(work, look_sec)
    return dict(found)
