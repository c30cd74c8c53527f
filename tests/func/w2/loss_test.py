# SPDX-License-Identifier: Apache-2.0
"""Media lost in mid-call (W2-ICE-12): the core is held, the WIC restarts ICE, the call goes on or is released."""
from dialogs import *

SHORT = {"media": {"consent_grace_s": 2}}
LONG = {"media": {"consent_grace_s": 60}}
ANEW = WIC_SDP.replace("Yx3d", "Zx4e") % "passive"   # the role it has


def event(t, what, stream=1):
    """The gateway tells something of the access side."""
    t.mg.tx(f"MEGACO/3 [{LO}]:{MG_PORT}\nTransaction = {random.randrange(1, 1 << 30)} {{ Context = {t.mg.ctx} {{ Notify = ip/1/a/{t.mg.ctx} "
            f"{{ ObservedEvents = 1 {{ 20261122T11000000:{what} {{ Stream = {stream} }} }} }} }} }}")


def lose(t):
    event(t, "xwrtc/consent")
    t.metric("call_media_lost", 1)


def come_back(t):
    t.mg.tx(f"MEGACO/3 [{LO}]:{MG_PORT}\nTransaction = {random.randrange(1, 1 << 30)} {{ Context = {t.mg.ctx} {{ Notify = ip/1/a/{t.mg.ctx} "
            f"{{ ObservedEvents = 1 {{ 20261122T11000000:xwrtc/ice {{ Stream = 1, res = selected }} }} }} }} }}")


def is_dir(body, direction):
    return [l for l in body.split("\r\n") if l in ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")] == [f"a={direction}"]


def held(t, cseq):
    """The core's re-INVITE that holds. @return it, not answered"""
    i = t.core.get("INVITE")
    check(i.header("CSeq") == f"{cseq} INVITE" and is_dir(i.body, "inactive") and "ice" not in i.body and i.header("Contact"), i)
    return i


def agree(t, i, direction):
    core_200(t, i, body=CORE_SDP + f"a={direction}\n")
    a = t.core.get("ACK")
    check(a.header("CSeq").split()[0] == i.header("CSeq").split()[0] and not a.body, a)


def restarted(w, cseq):
    """The re-INVITE that asks the WIC for other credentials. @return it, not answered"""
    i = w.get("INVITE")
    check(i.header("CSeq") == f"{cseq} INVITE" and "a=ice-ufrag:efgh" in i.body and "a=setup:actpass" in i.body and
          is_dir(i.body, "sendrecv"), i)
    return i


@case("consent is lost: the core is held, the WIC restarts ICE, and when it is back the core hears it; CSeq of both go on",
      gateway=Restarting, **LONG)
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    lose(t)
    agree(t, held(t, 2), "inactive")
    i = restarted(w, 1)
    check("ice-ufrag:$" in t.mg.wait("mod")[2], t.mg.seen)
    t.mg.seen.clear()
    w.send(response(i, 200, "OK", WIC_CONTACT, body=ANEW))
    check(w.get("ACK").header("CSeq") == "1 ACK", "ACK")
    check("a=ice-ufrag:Zx4e" in t.mg.wait("mod")[2], "the gateway does not know the WIC's")
    t.core.none("INVITE", 0.2)
    come_back(t)
    i = t.core.get("INVITE")
    check(i.header("CSeq") == "3 INVITE" and is_dir(i.body, "sendrecv"), i)
    agree(t, i, "sendrecv")
    t.metric("call_media_recovered", 1)
    w.send(in_dialog("INVITE", "c1", 2, body=ANEW.replace("passive", "actpass")))
    i = t.core.get("INVITE")
    numbered = i.header("CSeq")
    check(numbered == "4 INVITE", numbered)
    core_200(t, i)
    ok = w.get(200)
    check(ok.header("CSeq") == "2 INVITE" and "a=ice-ufrag:efgh" in ok.body and "a=setup:active" in ok.body, ok)
    w.send(in_dialog("ACK", "c1", 2))
    check(t.core.get("ACK").header("CSeq") == "4 ACK", "ACK")
    t.core.send(request("INFO", "sip:alice@abc.invalid;transport=ws", cid="c1", cseq=1, via=t.core.via, frm=f"<{BOB}>;tag=ct",
                        to=f"<{ALICE}>;tag=a1", contact=None, extra=f"Route: {w.path}"))
    m = w.get("INFO")
    check(m.header("CSeq") == "2 INFO", m)
    w.send(response(m, 200))
    check(t.core.get(200).header("CSeq") == "1 INFO", "the core's own number")
    t.metric("calls", 1)


@case("a called WIC; the media come back before anybody was asked: the hold is taken back", gateway=Restarting, **LONG)
def _(t):
    w = t.register()
    call_in(t, w, "c1")
    lose(t)
    i = held(t, 1)
    come_back(t)
    t.log_wait(r"iq\.event .*xwrtc/ice")
    agree(t, i, "inactive")
    i = t.core.get("INVITE")
    check(i.header("CSeq") == "2 INVITE" and is_dir(i.body, "sendrecv"), i)
    agree(t, i, "sendrecv")
    w.none("INVITE", 0.2)
    t.core.send(core_in_dialog(t, w, "BYE", "c1", 2))
    check(w.get("BYE").header("CSeq") == "2 BYE", "nobody has used the core's numbers")


@case("nobody comes back within the grace: BYE to both with a Reason, the record has the time of the loss", gateway=Restarting,
      records={"file": "/tmp/w2gw-loss.cdr"}, **SHORT)
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    lose(t)
    agree(t, held(t, 2), "inactive")
    restarted(w, 1)
    for side, cseq in ((t.core, 3), (w, 2)):
        bye = side.get("BYE", 6)
        check("cause=503" in bye.header("Reason") and "media path lost" in bye.header("Reason"), bye)
        check(bye.header("CSeq") == f"{cseq} BYE", bye)
        side.send(response(bye, 200))
    t.metric("calls", 0)
    t.mg.wait("sub")
    record = until(lambda: [json.loads(l) for l in open("/tmp/w2gw-loss.cdr") if '"why":"media path lost"' in l], "the record")[-1]
    check(record["answer"] <= record["lost"] < record["end"], record)
    os.unlink("/tmp/w2gw-loss.cdr")


@case("core and WIC refuse, or are busy: the grace is all there is, and the session stays as it was (W2-SIP-34)", gateway=Restarting, **LONG)
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    lose(t)
    t.core.send(response(held(t, 2), 488, "Not Acceptable Here"))
    w.send(response(restarted(w, 1), 491, "Request Pending"))
    w.get("ACK")
    come_back(t)
    t.metric("call_media_recovered", 1)
    t.core.none("INVITE", 0.2)  # it was never held
    w.send(in_dialog("INVITE", "c1", 2, body=WIC_SDP % "actpass"))
    i = t.core.get("INVITE")
    event(t, "xwrtc/consent")  # in the middle of an offer
    t.metric("call_media_lost", 2)
    core_200(t, i)
    w.get(200)
    t.core.none("INVITE", 0.2)
    check(t.metrics()["calls"] == 1, "released")


@case("the WIC is at another socket and offers by itself: its offer goes through, and the core is not asked twice", gateway=Restarting, **LONG)
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    lose(t)
    i = held(t, 2)
    w.send(in_dialog("INVITE", "c1", 2, body=WIC_SDP.replace("Yx3d", "Qq11") % "actpass"))
    w.get(491)  # for the moment
    agree(t, i, "inactive")
    restarted(w, 1)  # lost with the old socket
    w.send(in_dialog("INVITE", "c1", 3, body=WIC_SDP.replace("Yx3d", "Qq11") % "actpass"))
    i = t.core.get("INVITE")
    check(i.header("CSeq") == "4 INVITE" and is_dir(i.body, "sendrecv"), i)
    core_200(t, i)
    check("a=ice-ufrag:efgh" in w.get(200).body, "no credentials")
    come_back(t)
    t.metric("call_media_recovered", 1)
    t.core.none("INVITE", 0.2)
    check(t.metrics()["calls"] == 1, "released")


run()
