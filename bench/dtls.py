# SPDX-License-Identifier: Apache-2.0
"""
./run bench dtls: handshakes a second of the service core against what OpenSSL's primitives would allow, in turns in one run;
then what a storm of handshakes does to media.

The ceiling is 1 / (sign + verify + key pair + derivation), ECDSA P-256 and X25519, each of the four measured by
w2gw-bench-dtls with EVP: the same clock (CPU time of the thread), CPU and niceness as the handshakes. `openssl speed`, which has
no key pairs, is run once to show that the other three are what it measures.

The storm on two CPUs: the worker has CPU 0; CPU 1 is shared, half and half, by the generator and the storm, which is in the
service core's place. The generator takes no times while the storm has its CPU. As a second case the storm shares the
worker's CPU, as on a host that has not given the worker a CPU of its own; it gives way then, as the service core does.
"""
import contextlib
import json
import os
import subprocess

import latency
from lib import programs, stats
from lib.machine import identity, steal_percent, ticks

ROLES = ("client", "server")
COSTS = ("sign_s", "verify_s", "keygen_s", "derive_s")
DRIFT, TRIES = 0.03, 3
SECONDS = "0.6"
MEMORY_MB, SESSIONS = 2300, 1000
STORMS = {"storm": programs.OTHER_CPU, "shared": programs.WORKER_CPU}


def pinned(cpu, argv):
    return [*programs.FIRST, "taskset", "-c", str(cpu), *argv]


def measured(binary, role):
    done = subprocess.run(pinned(programs.WORKER_CPU, [binary, role, SECONDS]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        raise programs.BenchError(f"{binary} {role}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def openssl_speed():
    """@return seconds: sign, verify, derive"""
    done = subprocess.run(pinned(programs.WORKER_CPU, ["openssl", "speed", "-mr", "-seconds", "1", "ecdsap256", "ecdhx25519"]),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    rows = {r.split(":")[0]: r.split(":") for r in done.stdout.splitlines() if r.startswith("+F")}
    return 1 / float(rows["+F4"][3]), 1 / float(rows["+F4"][4]), 1 / float(rows["+F5"][3])


def one_round(binary):
    """Primitives, client, server, primitives. @return (costs, handshakes a second by role, did the machine drift)"""
    for _ in range(TRIES):
        before = measured(binary, "primitives")
        rates = {role: measured(binary, role)["per_s"] for role in ROLES}
        after = measured(binary, "primitives")
        costs = {key: (before[key] + after[key]) / 2 for key in COSTS}
        moved = abs(sum(before[k] for k in COSTS) - sum(after[k] for k in COSTS)) / sum(costs.values())
        if moved <= DRIFT:
            return costs, rates, False
    return costs, rates, True


def against_ceiling(binary, rounds, say):
    """@return (series, words about drift)"""
    values = {}
    drifted = 0
    for i in range(rounds):
        costs, rates, moved = one_round(binary)
        drifted += moved
        ceiling = 1 / sum(costs.values())
        row = {"ceiling": ceiling, **rates, **{f"over.{r}": rates[r] / ceiling for r in ROLES},
               **{key[:-2] + "_us": 1e6 * costs[key] for key in COSTS}}
        for key, value in row.items():
            values.setdefault(key, []).append(value)
        say(f"round {i + 1}: ceiling {ceiling:.0f}/s, as client {rates['client']:.0f}/s, as server {rates['server']:.0f}/s")
    return values, [f"in {drifted} rounds the primitives moved by more than {DRIFT:.0%} in each of {TRIES} tries"] if drifted else []


@contextlib.contextmanager
def storm(binary, cpu, rows):
    """Handshakes without a pause; how many there were is appended to rows."""
    how = ["give-way"] if cpu == programs.WORKER_CPU else []
    with subprocess.Popen(pinned(cpu, [binary, "server", "3600", *how]), stdout=subprocess.PIPE, text=True) as p:
        try:
            yield
        finally:
            p.terminate()
            rows.append(json.loads(p.communicate(timeout=20)[0])["handshakes"])


def media(bench, rate):
    row = bench("t3", sessions=SESSIONS, seconds=1, pps=int(rate))
    return {"media_loss": row["lost"] / row["sent"], "p99_us": row["p99_us"], "p999_us": row["p999_us"], "sent": row["sent"]}


def under_storm(build, binary, rounds, say):
    """@return (series by case, offered rate, lines)"""
    def bench(mode, **kw):
        return programs.w2gw(os.path.join(build, "bench/fastpath/w2gw-bench"), mode, MEMORY_MB, direction="protect", check=False, **kw)

    lines, values, done = [], {}, {case: [] for case in STORMS}
    try:
        no_drop = latency.no_drop_rate(bench, say)
    except programs.BenchError:
        no_drop = bench("t3", sessions=SESSIONS, seconds=1)["pps"]
        lines.append("no rate was without loss: half of the closed loop's rate is offered")
    for _ in range(rounds):
        rows = {"quiet": media(bench, no_drop / 2)}
        for case, cpu in STORMS.items():
            with storm(binary, cpu, done[case]):
                rows[case] = media(bench, no_drop / 2)
        for case, row in rows.items():
            for key, value in row.items():
                values.setdefault(f"{case}.{key}", []).append(value)
    for case, where in (("quiet", "no storm"), ("storm", "storm on the service core's CPU"), ("shared", "storm on the worker's CPU")):
        m = {key: stats.summary(values[f"{case}.{key}"])["median"] for key in ("media_loss", "p99_us", "p999_us")}
        count = f", {stats.summary(done[case])['median']:.0f} handshakes meanwhile" if case in done else ""
        lines.append(f"  {where:32} loss {m['media_loss']:.5f}, p99 {m['p99_us']:.1f} us, p99.9 {m['p999_us']:.1f} us{count}")
    return values, no_drop / 2, lines


def run(root, build, out_dir, options, say):
    binary = os.path.join(build, "bench/dtls/w2gw-bench-dtls")
    began = ticks()
    values, words = against_ceiling(binary, options.rounds or 5, say)
    speed = openssl_speed()
    offered, offered_pps, lines = under_storm(build, binary, options.rounds or 3, say)
    values.update(offered)
    series = {k: stats.summary(v) for k, v in values.items()}
    med = {k: v["median"] for k, v in series.items()}
    us = [f"{name} {med[name + '_us']:.1f}" for name in ("sign", "verify", "keygen", "derive")]
    text = [f"OpenSSL's primitives alone (us: {', '.join(us)}) would allow {med['ceiling']:.0f} handshakes a second on this core;",
            f"the service core does {med['client']:.0f} as DTLS client and {med['server']:.0f} as server.",
            f"`openssl speed` on the same CPU: sign {1e6 * speed[0]:.1f}, verify {1e6 * speed[1]:.1f}, derive {1e6 * speed[2]:.1f} us.",
            *words, f"Media over a ring at {offered_pps / 1e6:.2f} Mpps, half of the no-drop rate:", *lines]
    return {"name": "dtls", "machine": identity(build), "steal_percent": steal_percent(began, ticks()), "series": series,
            "results": {"dtls.over_openssl": min(med["over.client"], med["over.server"]), "dtls.ceiling_per_s": med["ceiling"],
                        "dtls.handshakes_per_s": min(med["client"], med["server"]),
                        "dtls.quiet_p99_us": med["quiet.p99_us"], "dtls.storm_p99_us": med["storm.p99_us"],
                        "dtls.quiet_media_loss": med["quiet.media_loss"], "dtls.storm_media_loss": med["storm.media_loss"],
                        "dtls.storm_shared_p99_us": med["shared.p99_us"], "dtls.storm_shared_media_loss": med["shared.media_loss"]},
            "text": "\n".join(text),
            "chart": {"title": "DTLS handshakes a second of one core", "columns": ["handshakes/s"],
                      "rows": [("primitives alone", med["ceiling"]), ("as client", med["client"]), ("as server", med["server"])]}}
