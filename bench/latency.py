# SPDX-License-Identifier: Apache-2.0
"""./run bench latency: what the worker adds at 10, 50 and 90 % of the rate it carries without loss, over a ring."""
import os

from lib import programs, search, stats
from lib.machine import identity, steal_percent, ticks

MEMORY_MB = 2300
SHARES = (0.1, 0.5, 0.9)
SESSIONS = 1000
KEYS = ("p50_us", "p99_us", "p999_us", "raw_p999_us", "max_us", "jitter_us")


def no_drop_rate(bench, say):
    """From the closed loop's rate downwards."""
    def lost(rate):
        return bench("t3", sessions=SESSIONS, seconds=1, pps=int(rate))["lost"]

    try:
        return search.no_drop_rate(lost, bench("t3", sessions=SESSIONS, seconds=1)["pps"], say)
    except search.SearchError as e:
        raise programs.BenchError(str(e)) from None


def at_shares(bench, rate, rounds, say):
    """@return (series by share and percentile, lines)"""
    series, lines = {}, []
    for share in SHARES:
        rows = [bench("t3", sessions=SESSIONS, seconds=2, pps=int(rate * share)) for _ in range(rounds)]
        med = {}
        for key in KEYS:
            series[f"{int(share * 100)}.{key}"] = one = stats.summary([r[key] for r in rows])
            med[key] = one["median"]
        lines.append(f"  {share:4.0%} of it: p50 {med['p50_us']:.1f} us, p99 {med['p99_us']:.1f} us, p99.9 {med['p999_us']:.1f} us "
                     f"(over everything {med['raw_p999_us']:.1f} us), largest {med['max_us']:.0f} us, "
                     f"jitter added {med['jitter_us']:.2f} us")
        say(lines[-1].strip())
    return series, lines


def run(root, build, out_dir, options, say):
    binary = os.path.join(build, "bench/fastpath/w2gw-bench")
    began, series, rates, lines = ticks(), {}, {}, []
    directions = ("protect", "unprotect") if options.full else ("protect",)
    for direction in directions:
        def bench(mode, direction=direction, **kw):
            return programs.w2gw(binary, mode, MEMORY_MB, suite="cm80", direction=direction, check=False, **kw)

        rate = rates[direction] = no_drop_rate(bench, say)
        lines.append(f"{direction}: no-drop rate {rate / 1e6:.2f} Mpps (172 bytes, AES-CM, {SESSIONS} sessions)")
        some, more = at_shares(bench, rate, options.rounds or 5, say)
        series.update({f"{direction}.{k}": v for k, v in some.items()})
        lines += more
    return {"name": "latency", "machine": identity(build), "steal_percent": steal_percent(began, ticks()), "series": series,
            "results": {"latency.no_drop_pps": rates["protect"], "latency.p50_us": series["protect.50.p50_us"]["median"],
                        "latency.p999_us": series["protect.50.p999_us"]["median"],
                        "latency.raw_p999_us": series["protect.50.raw_p999_us"]["median"],
                        "latency.jitter_us": series["protect.50.jitter_us"]["median"]},
            "text": "\n".join(lines + ["percentiles are medians over slices of 20 ms: a guest is taken its CPU away at times"]),
            "chart": {"title": "Time added (us) at a share of the no-drop rate, AES-CM/SHA1-80, 172 bytes", "columns": ["p50", "p99", "p99.9"],
                      "rows": [(f"{d} {share:.0%}", *(series[f"{d}.{int(share * 100)}.{k}"]["median"] for k in KEYS[:3]))
                               for d in directions for share in SHARES]}}
