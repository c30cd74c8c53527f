# SPDX-License-Identifier: Apache-2.0
"""
./run bench video: packets of 1200 bytes with RTCP feedback between them, through the worker on one core (T1) and on two over a
ring (T3), against the ciphers alone (T0), in turns in one run.
"""
import os

from lib import programs, stats
from lib.machine import identity, steal_percent, ticks

MEMORY_MB = 2300
SUITES_QUICK, SUITES_FULL = ("cm80", "gcm128"), ("cm80", "cm32", "gcm128", "gcm256")
SESSIONS = 1000


def one_round(bench, series, suite, direction, rounds):
    """T0 before and after: the smaller one, that nobody took the CPU from."""
    name = f"{suite}.{direction}"
    crypto = programs.crypto_only(suite, direction, "video")
    alone = bench("t1", suite=suite, direction=direction, rounds=rounds)
    ring = bench("t3", suite=suite, direction=direction, seconds=1)
    crypto = min(crypto, programs.crypto_only(suite, direction, "video"))
    for key, value in (("t0", crypto), ("t1", alone["cycles"]), ("over_crypto", crypto / alone["cycles"]), ("t1pps", alone["pps"]),
                       ("t3pps", ring["pps"]), ("t3lost", ring["lost"] / ring["sent"])):
        series.setdefault(f"{key}.{name}", []).append(value)


def run(root, build, out_dir, options, say):
    """@return the document: machine, series, results, chart"""
    binary = os.path.join(build, "bench/fastpath/w2gw-bench")
    rounds, began, series = 200 if options.full else 60, ticks(), {}
    cases = [(s, d) for s in (SUITES_FULL if options.full else SUITES_QUICK) for d in ("protect", "unprotect")]

    def bench(mode, **kw):
        return programs.w2gw(binary, mode, MEMORY_MB, size="video", sessions=SESSIONS, **kw)

    for i in range(options.rounds or (5 if options.full else 3)):
        say(f"round {i + 1}")
        for suite, direction in cases:
            one_round(bench, series, suite, direction, rounds)
    med = {key: stats.summary(values) for key, values in series.items()}
    lines = [f"{'1200 bytes, 5 % RTCP':24}{'T0 cycles':>10}{'T1 cycles':>10}{'T0/T1':>7}{'T1 Mpps':>9}{'Gbit/s':>8}{'T3 Mpps':>9}"]
    results, chart = {}, []
    for suite, direction in cases:
        n = f"{suite}.{direction}"
        m = {key: med[f"{key}.{n}"]["median"] for key in ("t0", "t1", "over_crypto", "t1pps", "t3pps")}
        lines.append(f"{n:24}{m['t0']:10.0f}{m['t1']:10.0f}{m['over_crypto']:7.2f}{m['t1pps'] / 1e6:9.2f}"
                     f"{m['t1pps'] * 1200 * 8 * 0.95 / 1e9:8.1f}{m['t3pps'] / 1e6:9.2f}")
        results[f"video.over_crypto.{n}"] = m["over_crypto"]
        chart.append((n, m["t0"], m["t1"]))
    results["video.over_crypto"] = min(results.values())    # of the worst suite and direction
    return {"name": "video", "machine": identity(build), "steal_percent": steal_percent(began, ticks()), "series": med,
            "results": results, "text": "\n".join(lines),
            "chart": {"title": "Cycles a video packet (less is better)", "columns": ["crypto alone", "fast path"], "rows": chart}}
