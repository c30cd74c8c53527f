# SPDX-License-Identifier: Apache-2.0
"""Median, MAD, and the rule of what counts as a change."""
import json
import statistics

MOVED_MADS, MOVED_SHARE = 3, 0.02


def summary(values):
    m = statistics.median(values)
    return {"median": m, "mad": statistics.median(abs(v - m) for v in values), "n": len(values), "values": values}


def refusal(old, name, machine):
    """Why a JSON document is not to be compared with a run; None when it is."""
    if old.get("name") != name:
        return f"not compared, that file is of the benchmark {old.get('name')}"
    was = old.get("machine", {})
    differ = [f"{k}: {was.get(k)} / {machine.get(k)}" for k in sorted({*was, *machine}) if was.get(k) != machine.get(k)]
    return f"not compared, another machine or other libraries ({', '.join(differ)})" if differ else None


def compare(old, new):
    """Two JSON documents of one benchmark on one machine; @return lines"""
    rows = []
    for key, now in new["series"].items():
        was = old["series"].get(key)
        if not was:
            continue
        delta = now["median"] - was["median"]
        noise = MOVED_MADS * max(now["mad"], was["mad"])
        if abs(delta) > noise and abs(delta) > MOVED_SHARE * abs(was["median"]):
            share = f" ({100 * delta / was['median']:+.1f} %)" if was["median"] else ""
            rows.append(f"{key}: {was['median']:.4g} -> {now['median']:.4g}{share}")
    return rows or ["nothing moved beyond the noise"]


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)
