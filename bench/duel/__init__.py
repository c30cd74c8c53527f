# SPDX-License-Identifier: Apache-2.0
"""
./run bench duel: rtpengine in user space (one media thread) and eimsagw (one worker) make SRTP of the RTP of the same calls, on
the same veth pair, from the same load (w2gw-gen over af_packet, on CPU 1), in turns A B B A. All threads of either relay are
on CPU 0 alone. What counts is the highest rate with at most 0.1 % loss, and the relay's CPU time a packet: at one equal
rate, the highest clean one of rtpengine, and at each one's own highest.

CPU time is that of the relay's threads and of the CPU's ksoftirqd; on a kernel that accounts for interrupts apart
(IRQ_TIME_ACCOUNTING) also the soft interrupts of this CPU, which are else in the threads' time already.
"""
import contextlib
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys

CALLS = 200
KEYS = ("pps", "cpu_us_a_packet", "softirq_us_a_packet", "lost")


def own_ring(build, say):
    """Packets a second over its own ring."""
    from lib import programs     # pylint: disable=import-outside-toplevel
    from lib.machine import hugepages   # pylint: disable=import-outside-toplevel
    binary = os.path.join(build, "bench/fastpath/w2gw-bench")
    with hugepages(2400):
        rows = [programs.w2gw(binary, "t3", 2300, sessions=CALLS, seconds=1)["pps"] for _ in range(3)]
    say(f"eimsagw over its own ring: {statistics.median(rows) / 1e6:.2f} Mpps")
    return statistics.median(rows)


def accounts_interrupts_apart():
    for path, how in (("/proc/config.gz", gzip.open), (f"/boot/config-{platform.release()}", open)):
        with contextlib.suppress(OSError), how(path, "rt", encoding="utf-8") as f:
            return "CONFIG_IRQ_TIME_ACCOUNTING=y\n" in f.read()
    return False


def ksoftirqd(cpu):
    """@return a file descriptor of its schedstat"""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            if f.read().strip() == f"ksoftirqd/{cpu}":
                return os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)
    return os.open("/dev/zero", os.O_RDONLY)


def tidy(rows, is_apart):
    """@return series"""
    from lib import stats     # pylint: disable=import-outside-toplevel
    series = {}
    for kind in ("rtpengine", "eimsagw"):
        for where in ("top", "equal"):
            for r in rows[kind][where]:
                r["cpu_us_a_packet"] += r["softirq_us_a_packet"] if is_apart else 0
            series.update({f"{kind}.{where}.{key}": stats.summary([r[key] for r in rows[kind][where]]) for key in KEYS})
        series[f"{kind}.kib_a_call"] = stats.summary([rows[kind]["kib_a_call"]])
    return series


def words(rows, med, ring):
    text = [f"{CALLS} calls, RTP to SRTP (AES-CM, SHA1-80), 172 bytes, veth, CPU 0 alone for all of the relay:"]
    for kind in ("rtpengine", "eimsagw"):
        limited = " (more was not sent)" if any(r["limited_by_load"] for r in rows[kind]["top"]) else ""
        text.append(f"  {kind:10} {med[kind + '.top.pps'] / 1000:6.0f} kpps at most 0.1 % loss{limited}, "
                    f"{med[kind + '.top.cpu_us_a_packet']:.2f} us CPU a packet; at {rows['equal_pps'] / 1000:.0f} kpps {med[kind + '.equal.cpu_us_a_packet']:.2f} us, "
                    f"{med[kind + '.equal.lost']:.5f} lost; {med[kind + '.kib_a_call']:.0f} KiB a call")
    text.append(f"  eimsagw over its own ring {ring / 1000:.0f} kpps")
    return "\n".join(text)


def run(root, build, out_dir, options, say):
    from lib import programs     # pylint: disable=import-outside-toplevel
    from lib.machine import identity, steal_percent, ticks      # pylint: disable=import-outside-toplevel
    began, fd = ticks(), ksoftirqd(programs.WORKER_CPU)
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
            "/usr/bin/python3", os.path.join(root, "bench/duel/inside.py"), build, out_dir, str(CALLS), str(options.rounds or 2), str(fd)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=False, pass_fds=(fd,))
    if done.returncode:
        raise programs.BenchError(f"the duel ended with {done.returncode}; logs are in {out_dir}")
    rows = json.loads(done.stdout.strip().splitlines()[-1])
    ring = own_ring(build, say)
    series = tidy(rows, accounts_interrupts_apart())
    med = {k: v["median"] for k, v in series.items()}
    return {"name": "duel", "machine": identity(build), "steal_percent": steal_percent(began, ticks()), "series": series,
            "limited_by_load": {kind: [r["limited_by_load"] for r in rows[kind]["top"]] for kind in ("rtpengine", "eimsagw")},
            "results": {"duel.own_ring_pps_over_rtpengine": ring / med["rtpengine.top.pps"],
                        "duel.same_veth_cpu_over_rtpengine": med["eimsagw.equal.cpu_us_a_packet"] / med["rtpengine.equal.cpu_us_a_packet"],
                        "duel.same_veth_cpu_over_rtpengine_at_maximum":
                        med["eimsagw.top.cpu_us_a_packet"] / med["rtpengine.top.cpu_us_a_packet"],
                        "duel.rtpengine_pps": med["rtpengine.top.pps"], "duel.eimsagw_veth_pps": med["eimsagw.top.pps"],
                        "duel.rtpengine_kib_a_call": med["rtpengine.kib_a_call"], "duel.eimsagw_kib_a_call": med["eimsagw.kib_a_call"]},
            "text": words(rows, med, ring),
            "chart": {"title": "Packets a second of one core, RTP to SRTP, 172 bytes (thousands)", "columns": ["kpps"],
                      "rows": [("rtpengine, veth", med["rtpengine.top.pps"] / 1000), ("eimsagw, veth", med["eimsagw.top.pps"] / 1000),
                               ("eimsagw, own ring", ring / 1000)]}}
