# SPDX-License-Identifier: Apache-2.0
"""The machine and the libraries: what they are (results of two are never compared), hugepages, steal time."""
import contextlib
import json
import os
import platform
import re
import subprocess

PAGES = "/proc/sys/vm/nr_hugepages"
MOUNT = "/dev/hugepages"


def _said(*argv):
    """First line a program prints, or "unknown"."""
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def _ipsec_mb(build):
    """Version of the library the worker is linked with; it has no pkg-config file in Debian 12."""
    try:
        libraries = subprocess.run(["ldd", os.path.join(build, "bench/fastpath/w2gw-bench")], stdout=subprocess.PIPE, text=True,
                                   check=True).stdout
        path = re.search(r"libIPSec_MB\S* => (\S+)", libraries)[1]
    except (OSError, subprocess.CalledProcessError, TypeError):
        return "unknown"
    return os.path.realpath(path).rpartition(".so.")[2]


def _build_type(build):
    try:
        with open(os.path.join(build, "meson-info/intro-buildoptions.json"), encoding="utf-8") as f:
            options = {o["name"]: o["value"] for o in json.load(f)}
    except OSError:
        return "unknown"
    return " ".join(str(options.get(k)) for k in ("buildtype", "optimization", "b_lto", "b_sanitize"))


def identity(build):
    """What has to be equal in two runs that are compared."""
    with open("/proc/cpuinfo", encoding="ascii") as f:
        model = next((row.split(":", 1)[1].strip() for row in f if row.startswith("model name")), "unknown")
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "dpdk": _said("pkg-config", "--modversion", "libdpdk"), "openssl": _said("openssl", "version"), "ipsec_mb": _ipsec_mb(build),
            "build": _build_type(build)}


def ticks():
    """(all, stolen) since boot."""
    with open("/proc/stat", encoding="ascii") as f:
        v = [int(x) for x in f.readline().split()[1:]]
    return sum(v[:8]), v[7]


def steal_percent(before, after):
    total = after[0] - before[0]
    return 100.0 * (after[1] - before[1]) / total if total else 0.0


@contextlib.contextmanager
def in_front():
    """
    Niceness counts within a session only where the kernel groups processes by session (sched_autogroup_enabled): another
    session's jobs took the worker's CPU for 8 ms at a time in spite of nice -20. So the session as a whole is put in front.
    W2GW_BENCH_POLITE=1 leaves the others their share.
    """
    path = "/proc/self/autogroup"
    had = None
    try:
        if not os.environ.get("W2GW_BENCH_POLITE"):
            with open(path, encoding="ascii") as f:
                had = f.read().split()[-1]
            _write(path, "-20")
    except OSError:
        had = None      # a kernel without it
    try:
        yield
    finally:
        if had is not None:
            _write(path, had)


def _write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


@contextlib.contextmanager
def hugepages(megabytes):
    """Enough pages of 2 MB for a run, and as before afterwards."""
    with open(PAGES, encoding="ascii") as f:
        had = int(f.read())
    mounted = any(row.split()[1] == MOUNT for row in open("/proc/mounts", encoding="utf-8"))
    try:
        if not mounted:
            os.makedirs(MOUNT, exist_ok=True)
            subprocess.run(["mount", "-t", "hugetlbfs", "nodev", MOUNT], check=True)
        _write(PAGES, str(max(had, megabytes // 2)))
        yield
    finally:
        if not mounted:
            subprocess.run(["umount", MOUNT], check=False)
        _write(PAGES, str(had))
