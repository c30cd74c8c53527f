# SPDX-License-Identifier: Apache-2.0
"""
./run bench signalling: epcscf with eimsagw against Kamailio's WebSocket edge with rtpengine in user space, in turns in one run: both
take SIP over WSS from the same browsers and SIP over UDP from the same core (w2gw-sigload is both), and relay WebRTC to RTP.

The edge has CPU 0 for all of its processes, the load CPU 1. Closed loop: so many registrations (two REGISTERs, digest) or
calls (INVITE to BYE's 200) at once as AT_A_TIME says; what counts is the edge's CPU time for each. Open loop: both at one
rate, half of the slower edge's; latency counts from when a job was due. The load reads each answer (a wrong or missing one is an
error), and the relay's own count of calls has to agree. Not in CPU time: eimsagw's worker, which has no packets to move.
"""
import json
import os
import resource
import subprocess
import sys

CONNECTIONS, CROWD, FILES_SPARE = 10000, 20000, 100
PARTS = {"register": "registrations", "call": "calls"}
NAMES = {"kamailio": "Kamailio + rtpengine", "w2gw": "epcscf + eimsagw"}


def tidy(rows):
    """@return series"""
    from lib import stats     # pylint: disable=import-outside-toplevel
    series = {}
    for kind in NAMES:
        for how, keys in (("closed", ("per_s", "edge_us")), ("open", ("edge_us", "p50_ms", "p99_ms"))):
            for what in PARTS:
                for key in keys:
                    values = [r[how][what][key] for r in rows[kind]["rounds"] if how in r]
                    series[f"{kind}.{how}.{what}.{key}"] = stats.summary(values)
        for part in rows[kind]["rounds"][0]["closed"]["call"]["cpu_us"]:
            series[f"{kind}.closed.call.{part}_us"] = stats.summary([r["closed"]["call"]["cpu_us"][part] for r in rows[kind]["rounds"]])
        if "tokens" in rows[kind]:
            series.update({f"{kind}.closed.token.{key}": stats.summary([r[key] for r in rows[kind]["tokens"]]) for key in ("per_s", "edge_us")})
        series.update({f"{kind}.{key}": stats.summary([value]) for key, value in rows[kind]["idle"].items()})
    series.update({f"overload.{key}": stats.summary([value]) for key, value in rows["overload"].items()})
    return series


def words(rows, med):
    text = [f"{'':36}{'a second':>9}{'us CPU':>8}{'a core-second':>15}   at {rows['rates']['register']:.0f} registrations, "
            f"{rows['rates']['call']:.0f} calls a second: p50 ms, p99 ms, us CPU"]
    for what, plural in PARTS.items():
        for kind, name in NAMES.items():
            at = f"{kind}.closed.{what}."
            text.append(f"  {plural if kind == 'kamailio' else '':14}{name:20}{med[at + 'per_s']:9.0f}{med[at + 'edge_us']:8.0f}"
                        f"{1e6 / med[at + 'edge_us']:15.0f}   " + "".join(
                            f"{med[f'{kind}.open.{what}.{key}']:10.{digits}f}" for key, digits in (("p50_ms", 2), ("p99_ms", 2), ("edge_us", 0))))
    text.append(f"Registrations with an access token (JWT, ES256, verified each time): epcscf {med['w2gw.closed.token.per_s']:.0f} a second, "
                f"{med['w2gw.closed.token.edge_us']:.0f} us CPU each")
    text.append("CPU of a call: " + "; ".join(
        ", ".join(f"{key.split('.')[-1][:-3]} {med[key]:.0f} us" for key in med
                  if key.startswith(f"{kind}.closed.call.") and key.split(".")[-1] not in ("per_s", "edge_us", "media_us")) for kind in NAMES)
        + f" (and {med['w2gw.closed.call.media_us']:.0f} us of eimsagw's worker waking up for nothing)")
    text.append("Idle WSS connections, KiB each without the kernel's: " + "; ".join(
        f"{name} {med[kind + '.wss_open_kib']:.1f}, registered {med[kind + '.wss_kib']:.1f} ({rows[kind]['idle']['connections']} of them, "
        f"{med[kind + '.opened_per_s']:.0f} opened a second)"
        for kind, name in NAMES.items()))
    text.append(f"{med['w2gw.crowd']:.0f} of them on epcscf, all registered: {med['w2gw.crowd_kib']:.1f} KiB each")
    text.append(f"Overload: {med['overload.offered_per_s']:.0f} calls a second offered, where it can do {med['overload.peak_per_s']:.0f}: "
                f"{med['overload.flood_per_s']:.0f} done, {100 * med['overload.goodput']:.0f} % of what is done at once the rate; none refused "
                f"that had begun; p99 {med['overload.p99_ms']:.0f} ms")
    return "\n".join(text)


def run(root, build, out_dir, options, say):
    from lib import programs     # pylint: disable=import-outside-toplevel
    from lib.machine import identity, steal_percent, ticks      # pylint: disable=import-outside-toplevel
    began = ticks()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - FILES_SPARE
    connections, crowd = min(CONNECTIONS, files), min(CROWD, files)
    if crowd < CROWD:
        say(f"a process may have {files + FILES_SPARE} files here: {crowd} connections, not {CROWD}")
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
            "/usr/bin/python3", os.path.join(root, "bench/signalling/inside.py"), build, out_dir, str(options.rounds or 3), str(connections), str(crowd)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=False)
    if done.returncode:
        raise programs.BenchError(f"signalling ended with {done.returncode}; logs are in {out_dir}/signalling-*")
    rows = json.loads(done.stdout.strip().splitlines()[-1])
    series = tidy(rows)
    med = {k: v["median"] for k, v in series.items()}
    ratio = {what: med[f"kamailio.closed.{what}.edge_us"] / med[f"w2gw.closed.{what}.edge_us"] for what in PARTS}
    at_rate = med["kamailio.open.call.edge_us"] / med["w2gw.open.call.edge_us"]
    return {"name": "signalling", "machine": identity(build), "steal_percent": steal_percent(began, ticks()), "series": series,
            "rates": rows["rates"],
            "results": {"signalling.reg_per_s": med["w2gw.closed.register.per_s"],
                        "signalling.reg_token_per_s": med["w2gw.closed.token.per_s"], "signalling.calls_per_s": med["w2gw.closed.call.per_s"],
                        "signalling.calls_over_kamailio": ratio["call"], "signalling.reg_over_kamailio": ratio["register"],
                        "signalling.calls_over_kamailio_at_rate": at_rate,
                        "signalling.wss_kib": med["w2gw.wss_kib"], "signalling.wss_connections": rows["connections"],
                        "signalling.wss_20k_kib": med["w2gw.crowd_kib"], "signalling.wss_20k_connections": med["w2gw.crowd"],
                        "signalling.overload_goodput": med["overload.goodput"], "signalling.overload_offered_per_s": med["overload.offered_per_s"],
                        "signalling.overload_p99_ms": med["overload.p99_ms"],
                        "signalling.reg_p50_ms": med["w2gw.open.register.p50_ms"], "signalling.reg_p99_ms": med["w2gw.open.register.p99_ms"],
                        "signalling.call_p50_ms": med["w2gw.open.call.p50_ms"], "signalling.call_p99_ms": med["w2gw.open.call.p99_ms"]},
            "text": words(rows, med),
            "chart": {"title": "Registrations and calls a second of CPU time", "columns": list(NAMES.values()),
                      "rows": [(plural, *(1e6 / med[f"{kind}.closed.{what}.edge_us"] for kind in NAMES)) for what, plural in PARTS.items()]}}
