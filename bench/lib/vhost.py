# SPDX-License-Identifier: Apache-2.0
"""T4: generator and gateway in two processes, joined by two vhost-user ports (generator) and virtio-user ones (gateway)."""
import contextlib
import json
import os
import subprocess
import tempfile
import time

from .programs import FIRST, OTHER_CPU, WORKER_CPU, BenchError

GATE_MAC = "02:00:00:00:00:01"
START_S, STOP_S = 60, 20


def _wait(what, is_there, proc, log):
    end = time.monotonic() + START_S
    while not is_there():
        if proc.poll() is not None or time.monotonic() > end:
            with open(log, encoding="utf-8", errors="replace") as f:
                raise BenchError(f"{what}: {f.read()[-400:]}")
        time.sleep(0.02)


def _has(path, text):
    with open(path, encoding="utf-8", errors="replace") as f:
        return text in f.read()


@contextlib.contextmanager
def _started(argv, log, **how):
    with open(log, "w", encoding="utf-8") as err, subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=err, text=True, **how) as p:
        try:
            yield p
        finally:
            if p.poll() is None:
                p.kill()


def _row(proc, text, log):
    try:
        return json.loads(text.strip().splitlines()[-1])
    except (IndexError, ValueError):
        with open(log, encoding="utf-8", errors="replace") as f:
            raise BenchError(f"{proc.args[len(FIRST)]} ended with {proc.returncode}: {f.read()[-400:]}") from None


def run(build, memory_mb, *, suite="cm80", sessions=100, engine="burst", **options):
    """One run; options by the long names below. @return the generator's row, with the gateway's as row["gate"]"""
    flags = {"direction": "-d", "size": "-z", "burst": "-b", "seconds": "-t", "pps": "-R", "junk": "-J", "traffic": "-k",
             "ahead": "-A", "window": "-w"}
    both = ["-s", suite, "-n", str(sessions)]
    eal = ["--no-pci", "--no-telemetry", "--log-level=4", "--in-memory", "--single-file-segments"]
    with tempfile.TemporaryDirectory(prefix="w2gw-t4-") as work:
        sock = [os.path.join(work, side) for side in ("access", "core")]
        log = [os.path.join(work, name) for name in ("gen.log", "gate.log")]
        gen = [*FIRST, os.path.join(build, "bench/gen/w2gw-gen"), "--lcores", f"0@{OTHER_CPU}", "-m", str(memory_mb // 2), *eal]
        gate = [*FIRST, os.path.join(build, "bench/gen/w2gw-gate"), "--lcores", f"0@{OTHER_CPU},1@{WORKER_CPU}", "-m", str(memory_mb // 2), *eal]
        for i in range(2):
            gen += ["--vdev", f"net_vhost{i},iface={sock[i]}"]
            gate += ["--vdev", f"net_virtio_user{i},path={sock[i]},mac={GATE_MAC},queue_size=1024"]
        gen += ["--", "-g", *both]
        for key, value in options.items():
            gen += [flags[key], str(value)]
        with _started(gen, log[0], stdin=subprocess.PIPE) as g:
            _wait("w2gw-gen", lambda: all(os.path.exists(s) for s in sock), g, log[0])
            with _started([*gate, "--", "-e", engine, *both], log[1]) as t:
                _wait("w2gw-gate", lambda: _has(log[1], "w2gw-gate ready"), t, log[1])
                row = _row(g, g.communicate("\n", timeout=300)[0], log[0])
                t.terminate()
                row["gate"] = _row(t, t.communicate(timeout=STOP_S)[0], log[1])
    if row["wrong"]:
        raise BenchError(f"{' '.join(gen)}: wrong packets: {row}")
    return row
