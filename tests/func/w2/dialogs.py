# SPDX-License-Identifier: Apache-2.0
"""Calls of the rig in both directions, and requests inside them."""
from harness import *

WIC_CONTACT = "Contact: <sip:alice@abc.invalid;transport=ws>"
CORE_CONTACT = f"Contact: <{CORE_URI}>"
FROM_CORE = {"frm": f"<{BOB}>;tag=b1", "to": f"<{ALICE}>;tag=at", "contact": f"<{CORE_URI}>"}


def wic_200(w, i, **k):
    w.send(response(i, 200, "OK", WIC_CONTACT, tag="at", **{"body": WIC_SDP % "active", **k}))


def core_200(t, i, **k):
    t.core.send(response(i, 200, "OK", CORE_CONTACT, **{"body": CORE_SDP, **k}))


def in_dialog(method, cid, cseq=2, tag="ct", **k):
    """A request of the WIC that called out."""
    return request(method, CORE_URI, cid=cid, cseq=cseq, to=f"<{BOB}>;tag={tag}", **k)


def core_in_dialog(t, w, method, cid, cseq=2, **k):
    """A request of the core that called in."""
    return request(method, "sip:alice@abc.invalid;transport=ws", cid=cid, cseq=cseq, via=t.core.via,
                   **{**FROM_CORE, **k, "extra": f"Route: {w.path}\n" + k.get("extra", "")})


def call_out(t, w, cid):
    core_200(t, t.invite(w, cid))
    w.get(200)
    w.send(in_dialog("ACK", cid, 1))
    t.core.get("ACK")


def call_in(t, w, cid):
    i = t.invite_in(w, cid)
    wic_200(w, i)
    t.core.get(200)
    t.core.send(core_in_dialog(t, w, "ACK", cid, 1))
    w.get("ACK")
    return i


def ended(t, side, send, cause):
    """That side gets an ACK, and then one BYE with the cause."""
    side.get("ACK")
    bye = side.get("BYE")
    check(f"cause={cause}" in bye.header("Reason"), bye.header("Reason"))
    send(response(bye, 200, "OK"))
    t.metric("calls", 0)
    return bye


def offer_packages(t, *names):
    """The gateway comes anew, with these."""
    answer = t.mg.answer

    def with_packages(tid, ctx, body):
        if "AV=" in body and "PG" in body:
            t.mg.tx(f"MEGACO/3 [{LO}]:{MG_PORT}\nReply = {tid} {{ Context = - {{ AuditValue = ROOT {{ Packages {{ "
                    f"{', '.join(names)} }} }} }} }}")
            t.mg.note("packages")
        else:
            answer(tid, ctx, body)
    t.mg.answer = with_packages
    t.mg.register()
    t.mg.wait("packages")
    t.metric("iq_gateways_up", 1)
    t.mg.seen.clear()
