#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of either end at each step of a call (threat Q4): the other one cleans up or the call goes on; then ports, flows and
contexts are at their base line."""
from pair import *

CONTACT = f"Contact: <{CORE_URI}>"


def reserved(t, w, i, cid):
    """Add is done, the core has the INVITE."""


def early(t, w, i, cid):
    t.core.send(response(i, 183, "Progress", CONTACT, body=CORE))
    w.get(183)


def answered(t, w, i, cid):
    early(t, w, i, cid)
    t.core.send(response(i, 200, "OK", CONTACT, body=CORE))
    w.get(200)


def acknowledged(t, w, i, cid):
    answered(t, w, i, cid)
    w.send(request("ACK", CORE_URI, cid=cid, to=f"<{BOB}>;tag=ct"))
    t.core.get("ACK")


def leaving(t, w, i, cid):
    """BYE is at the core, Subtract on its way or there."""
    acknowledged(t, w, i, cid)
    w.send(request("BYE", CORE_URI, cid=cid, cseq=2, to=f"<{BOB}>;tag=ct"))
    t.core.get("BYE")


def over(t, w, i, cid):
    acknowledged(t, w, i, cid)
    hang_up(t, w, cid)


STEPS = (reserved, early, answered, acknowledged, leaving, over)


def at_base_line(t):
    t.metric("iq_contexts", 0, 20)
    for key in ("contexts", "terminations", "flows", "ports_in_use"):
        t.mg.wait_for("summary", key, 0, 20)


def agree(t):
    """Both ends have the same contexts, and the gateway is in service."""
    t.metric("iq_gateways_up", 1, 30)
    until(lambda: t.metrics()["iq_contexts"] == (t.mg.ask("summary") or {}).get("contexts"), "both ends agree", 20)


@case("the controller is killed at each of six steps of a call", **pair("udp", control={"audit_s": 1}))
def _(t):
    for step in STEPS:
        w = t.register()
        step(t, w, t.invite(w, step.__name__), step.__name__)
        t.restart()
        agree(t)
        if t.metrics()["iq_contexts"]:      # answered, and kept
            hang_up(t, t.register(), step.__name__)
        at_base_line(t)


@case("the gateway is killed at each of six steps of a call", **pair("udp", control={"audit_s": 1}))
def _(t):
    for step in STEPS:
        w = t.register()
        step(t, w, t.invite(w, step.__name__), step.__name__)
        t.mg.kill()
        t.mg.start()
        t.mg.wait_for("summary", "registered", 1, 20)
        agree(t)
        t.metric("calls", 0, 20)
        at_base_line(t)


run()
