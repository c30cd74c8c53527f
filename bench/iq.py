# SPDX-License-Identifier: Apache-2.0
"""
./run bench iq: calls a second set up and taken down on the service core: Add, Modify, Subtract of two terminations each, over
UDP on loopback, decoded, executed in the tables and at the workers, encoded. No media and no DTLS handshake: `plain` makes ports, ICE
credentials and flows, `dtls` also a TLS session for each call, as every call of a browser has it.

The service core has CPU 0 for itself; the controller that asks and the worker, which only takes and gives back flows, share
CPU 1. The times are those of single transactions, with WINDOW of them on the way: by Little's law p50 is about WINDOW / rate.
"""
import json
import os
import socket
import subprocess
import tempfile

from lib import programs, stats
from lib.machine import identity, steal_percent, ticks

SECONDS, WINDOW, CODEC_ROUNDS = 2, 16, 3000
CASES = ("plain", "dtls")
CONFIG = """
eal: {{lcores: "0@{service},1@{worker}", memory_mb: 512, file_prefix: "w2gwbenchiq{pid}"}}
max_contexts: 1000
# a port rests for 3 s before it comes again: 25,000 pairs an address are 33,000 calls a second
ports: [{{name: p0, device: "net_null0,no-rx=1"}}, {{name: p1, device: "net_null1,no-rx=1"}}]
realms:
  - {{name: access, port: p0, addresses: [{access}], media_ports: "10000-59999"}}
  - {{name: core, port: p1, addresses: [{core}], media_ports: "10000-59999"}}
iq: {{bind: "127.0.0.1:{port}", controllers: ["127.0.0.1:{controller}"]}}
log: {{level: warn}}
"""


def free_ports(n):
    held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(n)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def addresses(network):
    return ", ".join(f'"{network}.{n}/24"' for n in range(10, 14))


def measured(build, case, kept):
    port, controller = free_ports(2)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(CONFIG.format(service=programs.WORKER_CPU, worker=programs.OTHER_CPU, pid=os.getpid(), port=port,
                              controller=controller, access=addresses("192.0.2"), core=addresses("10.20.0")))
        f.flush()
        load = subprocess.Popen([*programs.FIRST, "taskset", "-c", str(programs.OTHER_CPU),
                                 os.path.join(build, "bench/iq/w2gw-bench-iq"), str(port), str(controller), str(SECONDS), str(WINDOW),
                                 case, kept], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with subprocess.Popen([*programs.FIRST, os.path.join(build, "dataplane/eimsagw"), "-c", f.name],
                              stderr=subprocess.PIPE, text=True) as gateway:
            try:
                out, err = load.communicate(timeout=60)
                if load.returncode:
                    raise programs.BenchError(f"{case}: {err.strip()}")
            finally:
                load.kill()
                gateway.terminate()
                gateway.communicate(timeout=20)
    return json.loads(out)


def said(name, *argv):
    done = subprocess.run([*programs.FIRST, "taskset", "-c", str(programs.WORKER_CPU), *map(str, argv)], capture_output=True, text=True,
                          check=False, timeout=120)
    if done.returncode:
        raise programs.BenchError(f"{name}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def codecs(root, build, kept):
    """Microseconds a message of a call, ours and megaco's."""
    row = json.loads(said("codec", os.path.join(build, "bench/iq/w2gw-bench-iq-codec"), kept, CODEC_ROUNDS))
    erlang = float(said("erlang-megaco", "escript", os.path.join(root, "tests/func/oracle/oracle.escript"), "time", kept, CODEC_ROUNDS // 10))
    return {**row, "erlang_us": erlang, "parse_over_erlang": erlang / row["parse_us"], "decode_over_erlang": erlang / row["decode_us"]}


def run(root, build, out_dir, options, say):
    began, values = ticks(), {}
    kept = os.path.join(out_dir, "iq-call.messages")
    for i in range(options.rounds or 5):
        for case in CASES:
            row = measured(build, case, kept)
            say(f"round {i + 1}, {case}: {row['cycles_per_s']:.0f} calls/s, p99 {row['p99_us']:.0f} us")
            for key, value in row.items():
                values.setdefault(f"{case}.{key}", []).append(value)
        row = codecs(root, build, kept)
        say(f"round {i + 1}, codec: parse {row['parse_us']:.1f} us, megaco {row['erlang_us']:.0f} us")
        for key, value in row.items():
            values.setdefault(f"codec.{key}", []).append(value)
    series = {k: stats.summary(v) for k, v in values.items()}
    med = {k: v["median"] for k, v in series.items()}
    text = [f"  {case:8} {med[f'{case}.cycles_per_s']:8.0f} calls/s  {med[f'{case}.transactions_per_s']:8.0f} transactions/s"
            f"  p50 {med[f'{case}.p50_us']:6.0f} us  p99 {med[f'{case}.p99_us']:6.0f} us" for case in CASES]
    text.append(f"  codec, a message of a call: parse {med['codec.parse_us']:.1f} us, print {med['codec.print_us']:.1f}, decode "
                f"{med['codec.decode_us']:.1f}, encode {med['codec.encode_us']:.1f}; erlang-megaco decodes in {med['codec.erlang_us']:.0f}")
    return {"name": "iq", "machine": identity(build), "steal_percent": steal_percent(began, ticks()), "series": series,
            "results": {"iq.parse_over_erlang": med["codec.parse_over_erlang"], "iq.decode_over_erlang": med["codec.decode_over_erlang"],
                        "iq.parse_us": med["codec.parse_us"], "iq.print_us": med["codec.print_us"], "iq.cycles_per_s": med["plain.cycles_per_s"], "iq.p50_us": med["plain.p50_us"],
                        "iq.p99_us": med["plain.p99_us"], "iq.dtls_cycles_per_s": med["dtls.cycles_per_s"]},
            "text": "\n".join([f"One service core, {WINDOW} transactions on the way:", *text])}
