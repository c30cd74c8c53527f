#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of either end at each step of a call (threat Q4): the other one cleans up or the call goes on; then ports, flows and
contexts are at their base line."""
from pair import *

CONTACT = f"Contact: <{CORE_URI}>"
TO = f"<{BOB}>;tag=ct"
MEMORY_MB = 8       # what one who lives may have grown by in the end
PATIENCE_S = 60     # after a kill all is as it was within that


def offered(t, w, cid):
    """Add is on its way."""
    w.send(request("INVITE", BOB, cid=cid, body=WIC % "actpass"))


def reserved(t, w, cid):
    """Add is done, the core has the INVITE."""
    return t.invite(w, cid)


def ringing(t, w, cid):
    i = reserved(t, w, cid)
    t.core.send(response(i, 180, "Ringing", CONTACT))
    w.get(180)
    return i


def early(t, w, cid):
    i = reserved(t, w, cid)
    t.core.send(response(i, 183, "Progress", CONTACT, body=CORE))
    w.get(183)
    return i


def answering(t, w, cid):
    """The second Modify is on its way, or not even that."""
    i = early(t, w, cid)
    t.core.send(response(i, 200, "OK", CONTACT, body=CORE))


def answered(t, w, cid):
    answering(t, w, cid)
    w.get(200)


def acknowledged(t, w, cid):
    answered(t, w, cid)
    w.send(request("ACK", CORE_URI, cid=cid, to=TO))
    t.core.get("ACK")


def reoffered(t, w, cid):
    """A second offer is at the core."""
    acknowledged(t, w, cid)
    w.send(request("INVITE", CORE_URI, cid=cid, cseq=2, to=TO, body=WIC % "actpass"))
    return t.core_get("INVITE", cid, 2)


def reanswered(t, w, cid):
    i = reoffered(t, w, cid)
    t.core.send(response(i, 200, "OK", CONTACT, body=CORE))
    w.get(200)


def renewed(t, w, cid):
    reanswered(t, w, cid)
    w.send(request("ACK", CORE_URI, cid=cid, cseq=2, to=TO))
    t.core.get("ACK")


def leaving(t, w, cid):
    """BYE is at the core, Subtract on its way or there."""
    renewed(t, w, cid)
    w.send(request("BYE", CORE_URI, cid=cid, cseq=3, to=TO))
    t.core.get("BYE")


def over(t, w, cid):
    renewed(t, w, cid)
    hang_up(t, w, cid, 3)


STEPS = (offered, reserved, ringing, early, answering, answered, acknowledged, reoffered, reanswered, renewed, leaving, over)


def memory_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) / 1024


def at_base_line(t, end):
    t.metric("iq_contexts", 0, left(end))
    for key in ("contexts", "terminations", "flows", "ports_in_use"):
        t.mg.wait_for("summary", key, 0, left(end))


def agree(t, end):
    """Both ends have the same contexts, and the gateway is in service."""
    t.metric("iq_gateways_up", 1, left(end))
    until(lambda: t.metrics()["iq_contexts"] == (t.mg.ask("summary") or {}).get("contexts"), "both ends agree", left(end))


def left(end):
    return max(end - time.monotonic(), 0.1)


@case("the controller is killed at each of twelve steps of a call", **pair("udp", control={"audit_s": 1}))
@dissected(IQ_PORT, 100)
def _(t):
    before, longest = None, 0
    for step in STEPS:
        w = t.register()
        step(t, w, step.__name__)
        end = time.monotonic() + PATIENCE_S
        t.restart()
        agree(t, end)
        if t.metrics()["iq_contexts"]:      # answered, and kept
            hang_up(t, t.register(), step.__name__, 9)
        at_base_line(t, end)
        longest = max(longest, time.monotonic() - end + PATIENCE_S)
        before = before or memory_mb(t.mg.p.pid)
    print(f"     all was as before {longest:.1f} s after a kill at the latest", flush=True)
    check(memory_mb(t.mg.p.pid) < before + MEMORY_MB, f"eimsagw has grown from {before} to {memory_mb(t.mg.p.pid)} MB")


@case("the gateway is killed at each of twelve steps of a call", **pair("udp", control={"audit_s": 1}))
@dissected(IQ_PORT, 100)
def _(t):
    before, longest = None, 0
    for step in STEPS:
        w = t.register()
        step(t, w, step.__name__)
        end = time.monotonic() + PATIENCE_S
        t.mg.kill()
        t.mg.start()
        t.mg.wait_for("summary", "registered", 1, left(end))
        agree(t, end)
        t.metric("calls", 0, left(end))
        at_base_line(t, end)
        longest = max(longest, time.monotonic() - end + PATIENCE_S)
        before = before or t.rss_mb()
    print(f"     all was as before {longest:.1f} s after a kill at the latest", flush=True)
    check(t.rss_mb() < before + MEMORY_MB, f"epcscf has grown from {before} to {t.rss_mb()} MB")


run()
