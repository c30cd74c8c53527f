# SPDX-License-Identifier: Apache-2.0
"""Many calls on sanitizer builds: in sequence, at once, then everything counted (three-way audit)."""
import asyncio
import os
import re
import time

from .gateway import ACCESS_V4, W2_PORT
from .proc import wait_until
from .scenario_calls import same
from .scenarios import check
from .wsclient import Client

URL = f"wss://{ACCESS_V4}:{W2_PORT}/w2"
AT_ONCE = 20
SEQUENCE = 200
REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer")


async def one_call(client, hold_s):
    call = await client.call("bob", patience_s=30)
    await asyncio.wait_for(call.connected.wait(), 30)
    if hold_s:
        await asyncio.sleep(hold_s)
    status = await call.bye()
    check(status == 200, f"BYE gave {status}")


async def in_sequence(count):
    client = Client(URL, "web1")
    await client.connect()
    try:
        check(await client.register() == 200, "REGISTER failed")
        for _ in range(count):
            await one_call(client, 0)
    finally:
        await client.close()


async def at_once(lab, count):
    clients = [Client(URL, f"web{i + 1}") for i in range(count)]
    seen = []

    async def look():
        await asyncio.sleep(3)
        seen.append(lab.audit())
    try:
        for client in clients:
            await client.connect()
            check(await client.register() == 200, "REGISTER failed")
        results = await asyncio.gather(*(one_call(c, 6) for c in clients), look(), return_exceptions=True)
        bad = [r for r in results if isinstance(r, BaseException)]
        check(not bad, f"{len(bad)} of {count} failed: {bad[:1]!r}")
    finally:
        await asyncio.gather(*(c.close() for c in clients), return_exceptions=True)
    return seen[0]


def no_report(lab):
    for part in (lab.agw, lab.cscf):
        found = [line for line in part.proc.lines() if REPORT.search(line)]
        check(not found, f"{part.name}: {found[:2]}")


def run(setting):
    case, kind = setting.cases.case, setting.cases.group.partition("-")[2]
    build = f"{setting.build}-{kind}"
    with setting.lab(build=build) as lab:
        if kind == "tsan":  # ThreadSanitizer and DPDK's lcores do not go together: epcscf only
            lab.agw.binary = os.path.join(setting.build, "dataplane/eimsagw")
        lab.start(phones=())
        lab.phone("bob", record=False, max_calls=64)
        base = lab.base_line()
        with case(f"{SEQUENCE}_calls_in_sequence"):
            began = time.monotonic()
            asyncio.run(in_sequence(SEQUENCE))
            print(f"NOTE {SEQUENCE} calls in {time.monotonic() - began:.0f} s", flush=True)
            lab.wait_idle()
        with case(f"{AT_ONCE}_calls_at_once_are_the_same_in_all_three_views"):
            calls_, at_epcscf, at_gateway, flows = asyncio.run(at_once(lab, AT_ONCE))
            check(calls_ == at_epcscf == at_gateway, f"calls {calls_}, contexts {at_epcscf} and {at_gateway}")
            check(calls_ == AT_ONCE and flows >= 2 * AT_ONCE, f"{calls_} calls, {flows} flows")
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same({**base, "ports_in_use": 0}, lab.base_line()), 40)
        with case("no_report_and_no_leak"):
            no_report(lab)
            status = lab.stop()
            no_report(lab)
            check(not any(status.values()), f"exit status {status}")
