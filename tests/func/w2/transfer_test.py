# SPDX-License-Identifier: Apache-2.0
"""Transfers (RFC 3515, RFC 3891): Call-ID and tags are the same on both legs, so Refer-To and Replaces name the same dialog on both.
Forks that end (RFC 6228), and CANCEL that crosses what ends its INVITE."""
from dialogs import *


def fragment(t, w, text, cseq, cid="c1", state="active;expires=60"):
    """A NOTIFY of the core about the transfer reaches the WIC as it is."""
    t.core.send(request("NOTIFY", "sip:alice@abc.invalid;transport=ws", cid=cid, cseq=cseq, via=t.core.via, frm=f"<{BOB}>;tag=ct",
                        to=f"<{ALICE}>;tag=a1", contact=f"<{CORE_URI}>", body=text, ctype="message/sipfrag;version=2.0",
                        extra=f"Route: {w.path}\nEvent: refer\nSubscription-State: {state}"))
    n = w.get("NOTIFY")
    check(n.body == text and n.header("Subscription-State") == state and "sipfrag" in n.header("Content-Type"), n)
    w.send(response(n, 200))
    check(t.core.get(200).header("CSeq") == f"{cseq} NOTIFY", "NOTIFY")


@case("a WIC transfers blindly: REFER with our identity of it, NOTIFYs, BYE; the call goes on meanwhile (W2-SIP-82)")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    w.send(in_dialog("REFER", "c1", extra=f"Refer-To: <sip:carol@home1.example>\nReferred-By: <{ALICE}>\nP-Asserted-Identity: <sip:mallory@x.example>"))
    r = t.core.get("REFER")
    check(r.header("Refer-To") == "<sip:carol@home1.example>" and r.header("Referred-By") == f"<{ALICE}>", r)
    check(r.headers("P-Asserted-Identity") == [f"<{ALICE}>"] and r.start.startswith(f"REFER {CORE_URI} "), r)
    t.core.send(response(r, 202, "Accepted", CORE_CONTACT))
    w.get(202)
    fragment(t, w, "SIP/2.0 100 Trying\r\n", 1)
    check(t.metrics()["calls"] == 1, "a REFER has ended the call")
    fragment(t, w, "SIP/2.0 200 OK\r\n", 2, state="terminated;reason=noresource")
    w.send(in_dialog("BYE", "c1", 3))
    t.core.send(response(t.core.get("BYE"), 200))
    w.get(200)
    t.metric("calls", 0)


@case("a WIC transfers with consultation: Replaces inside Refer-To names the dialog the core knows, whoever called (RFC 3891)")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    call_in(t, w, "c2")
    seen = {}
    for d in t.show("dialogs"):
        seen[d["call_id"]] = (d["w2_tag"], d["core_tag"])
    check(seen == {"c1": ("a1", "ct"), "c2": ("at", "b1")}, seen)
    to = "<sip:carol@home1.example?Replaces=c2%3Bto-tag%3Db1%3Bfrom-tag%3Dat>"
    w.send(in_dialog("REFER", "c1", extra=f"Refer-To: {to}"))
    r = t.core.get("REFER")
    check(r.header("Refer-To") == to, r)
    t.core.send(response(r, 202, "Accepted", CORE_CONTACT))
    w.get(202)
    # the other party has called the third: both calls are ended by the core
    t.core.send(core_in_dialog(t, w, "BYE", "c2", 2))
    w.send(response(w.get("BYE"), 200))
    t.core.get(200)
    t.metric("calls", 1)


@case("the core moves the WIC: REFER to it, INVITE with Replaces to it and of it; the replaced call ends, the new one has its own media")
def _(t):
    w = t.register()
    call_in(t, w, "c1")
    t.core.send(core_in_dialog(t, w, "REFER", "c1", 2, extra="Refer-To: <sip:carol@home1.example?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>\n"
                               f"Referred-By: <{BOB}>"))
    r = w.get("REFER")
    check(r.header("Refer-To").endswith("from-tag%3D2>") and r.header("Referred-By") == f"<{BOB}>", r)
    w.send(response(r, 202, "Accepted", WIC_CONTACT))
    t.core.get(202)
    i = t.invite(w, "c2", extra=f"Replaces: x;to-tag=1;from-tag=2\nReferred-By: <{BOB}>\nRequire: replaces", uri="sip:carol@home1.example")
    check(i.header("Replaces") == "x;to-tag=1;from-tag=2" and i.header("Require") == "replaces", i)
    core_200(t, i)
    w.get(200)
    contexts = {d["context"] for d in t.show("calls")}
    i = t.invite_in(w, "c3", extra="Replaces: c1;to-tag=at;from-tag=b1\nRequire: replaces")
    check(i.header("Replaces") == "c1;to-tag=at;from-tag=b1" and i.header("Require") == "replaces", i)
    wic_200(w, i)
    t.core.get(200)
    w.send(request("BYE", CORE_URI, cid="c1", cseq=1, frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1"))
    check(t.core.get("BYE").header("Call-ID") == "c1", "the replaced call")
    t.metric("calls", 2)
    check(len(contexts | {d["context"] for d in t.show("calls")}) == 3, "a call has the media of another")


@case("199 ends an early dialog: its place is another's, and the WIC is told (W2-SIP-38, RFC 6228)", mw={"t1_ms": 400})
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    for n in range(1, 13):
        t.core.send(response(i, 183, "Progress", f"Require: 100rel\nRSeq: {n}\n{CORE_CONTACT}", tag=f"f{n}", body=CORE_SDP.replace("30100", f"3{n}100"[:5])))
        p = t.core.get("PRACK")
        check(p.header("To").endswith(f";tag=f{n}"), p)
        t.core.send(response(p, 200))
        w.get(183)
        t.core.send(response(i, 199, "Early Dialog Terminated", "Reason: SIP;cause=486", tag=f"f{n}"))
        check(w.get(199).header("To").endswith(f";tag=f{n}"), "199")
    core_200(t, i, tag="f13", body=CORE_SDP.replace("30100", "30900"))
    check("m=audio 40000" in w.get(200).body, "no answer")
    check("m=audio 30900" in t.mg.wait("mod")[2], "not where the answer is")


@case("CANCEL waits for a provisional answer, and ends the call; one that comes behind the 200 changes nothing (W2-SIP-40)")
def _(t):
    w = t.register()
    w.send(request("INVITE", BOB, branch="i1", cid="c1", body=WIC_SDP % "actpass"))
    i = t.core_get("INVITE", "c1")
    w.send(request("CANCEL", BOB, branch="i1", cid="c1", extra='Reason: SIP;cause=200;text="Call completed elsewhere"'))
    check(w.get(200).header("CSeq") == "1 CANCEL", "CANCEL")
    t.core.none("CANCEL", 0.2)
    t.core.send(response(i, 180, "Ringing", CORE_CONTACT))
    c = t.core.get("CANCEL")
    check("completed elsewhere" in c.header("Reason"), c)
    t.core.send(response(c, 200))
    t.core.send(response(i, 487, "Request Terminated"))
    w.get(487)
    t.metric("calls", 0)
    t.metric("iq_contexts", 0)
    w.send(request("INVITE", BOB, branch="i2", cid="c2", body=WIC_SDP % "actpass"))
    core_200(t, t.core_get("INVITE", "c2"))
    w.get(200)
    w.send(request("CANCEL", BOB, branch="i2", cid="c2"))
    w.get(200)
    t.core.none("CANCEL", 0.2)
    w.send(in_dialog("ACK", "c2", 1))
    t.core.get("ACK")
    check(t.metrics()["calls"] == 1, "a late CANCEL has ended the call")


run()
