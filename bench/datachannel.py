# SPDX-License-Identifier: Apache-2.0
"""
./run bench datachannel: SCTP packets of data channels that the worker relays, opened with one leg's keys and sealed with the
other's, against the ciphers alone (T0, both operations) and against usrsctp to usrsctp over OpenSSL's DTLS, in turns in one run;
associations as the gateway ends them, against the same usrsctp; the memory of 10,000 of these.
"""
import json
import os
import subprocess

from lib import programs, stats
from lib.machine import identity, steal_percent, ticks

SIZES = (100, 1200)
SUITES = ("gcm128", "gcm256")
PAIRS_FEW, PAIRS_MANY = 50, 5000        # 100 and 10,000 associations
MEMORY_MB = 1200
SECONDS = "1"
ASSOCIATIONS = 10000


def row_of(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    if done.returncode:
        raise programs.BenchError(f"{' '.join(argv)}: {done.stdout.strip()[-200:]} {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def relay(binary, size, pairs, suite, rounds):
    return row_of([*programs.FIRST, binary, "--lcores", f"0@{programs.WORKER_CPU}", "--no-pci", "--no-telemetry", "-m", str(MEMORY_MB),
                   "--file-prefix", f"w2gwdata{os.getpid()}", "--huge-unlink=always", "--log-level=3", "--", "relay", str(size), str(pairs),
                   suite[3:], "cpu", str(rounds)])


def alone(binary, *words):
    return row_of([*programs.FIRST, "taskset", "-c", str(programs.WORKER_CPU), binary, *words])


def crypto(suite, size):
    """T0 of a packet: cycles of one operation each way on as many bytes."""
    # 12 bytes are of a header there, and none of them ciphered
    return sum(programs.crypto_only(suite, direction, size + 12, ops=500000) for direction in ("unprotect", "protect"))


def one_round(binary, add, rounds, say):
    for size in SIZES:
        for suite in SUITES:
            t0, row = crypto(suite, size), relay(binary, size, PAIRS_FEW, suite, rounds)
            t0 = min(t0, crypto(suite, size))
            add(f"t0.{suite}.{size}", t0)
            add(f"relay.{suite}.{size}", row["cycles"])
            add(f"pps.{suite}.{size}", row["pps"])
            add(f"over_crypto.{suite}.{size}", t0 / row["cycles"])
        theirs = alone(binary, "usrsctp", str(size), SECONDS)["pps"]
        ended = alone(binary, "terminated", str(size), SECONDS)["pps"]
        add(f"usrsctp.{size}", theirs)
        mine = relay(binary, size, PAIRS_FEW, "gcm128", rounds)["pps"]
        add(f"over_usrsctp.{size}", mine / theirs)
        add(f"terminated.{size}", ended)
        add(f"terminated_over_usrsctp.{size}", ended / theirs)
        add(f"many.{size}", relay(binary, size, PAIRS_MANY, "gcm128", rounds)["pps"])
        say(f"{size} bytes: relay {mine / 1e6:.2f} Mpps, usrsctp {theirs / 1e3:.0f} kpps, terminated {ended / 1e3:.0f} kpps")


def run(root, build, out_dir, options, say):
    binary = os.path.join(build, "bench/datachannel/w2gw-bench-data")
    began, values = ticks(), {}
    for _ in range(options.rounds or 5):
        one_round(binary, lambda name, v: values.setdefault(name, []).append(v), 50, say)
    values["kib_per_assoc"] = [alone(binary, "memory", str(ASSOCIATIONS))["kib"]]
    series = {k: stats.summary(v) for k, v in values.items()}
    med = {k: v["median"] for k, v in series.items()}
    text = ["SCTP packets relayed on one core, 100 associations (10,000 in brackets), against the ciphers alone and usrsctp:"]
    for size in SIZES:
        for suite in SUITES:
            text.append(f"  {size:5} bytes {suite}: {med[f'pps.{suite}.{size}'] / 1e6:.2f} Mpps, "
                        f"{med[f'pps.{suite}.{size}'] * size * 8 / 1e9:.2f} Gbit/s, {med[f'relay.{suite}.{size}']:.0f} cycles a packet, "
                        f"{med[f't0.{suite}.{size}']:.0f} of the ciphers alone: {med[f'over_crypto.{suite}.{size}']:.2f}")
        text.append(f"  {size:5} bytes, 10,000 associations: {med[f'many.{size}'] / 1e6:.2f} Mpps; usrsctp over OpenSSL "
                    f"{med[f'usrsctp.{size}'] / 1e6:.3f} Mpps: {med[f'over_usrsctp.{size}']:.1f} times as many; "
                    f"terminated {med[f'terminated.{size}'] / 1e6:.3f} Mpps: {med[f'terminated_over_usrsctp.{size}']:.2f} of it")
    text.append(f"  {ASSOCIATIONS} associations that end here: {med['kib_per_assoc']:.0f} KiB each, with DTLS")
    return {"name": "datachannel", "machine": identity(build), "steal_percent": steal_percent(began, ticks()), "series": series,
            "results": {"datachannel.relay_over_crypto.100": med["over_crypto.gcm128.100"],
                        "datachannel.relay_over_crypto.1200": med["over_crypto.gcm128.1200"],
                        "datachannel.relay_over_usrsctp": med["over_usrsctp.1200"],
                        "datachannel.terminated_over_usrsctp": med["terminated_over_usrsctp.1200"],
                        "datachannel.kib_per_assoc": med["kib_per_assoc"],
                        "datachannel.relay_pps.100": med["pps.gcm128.100"], "datachannel.relay_pps.1200": med["pps.gcm128.1200"],
                        "datachannel.relay_gbps.1200": med["pps.gcm128.1200"] * 1200 * 8 / 1e9},
            "text": "\n".join(text),
            "chart": {"title": "SCTP packets of 1200 bytes a second and core", "columns": ["Mpps"],
                      "rows": [("relay", med["pps.gcm128.1200"] / 1e6), ("usrsctp over OpenSSL", med["usrsctp.1200"] / 1e6), ("terminated", med["terminated.1200"] / 1e6)]}}
