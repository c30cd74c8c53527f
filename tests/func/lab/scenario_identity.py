# SPDX-License-Identifier: Apache-2.0
"""Web authentication: the page signs in at the WAF of epcscf and registers at the real core by trusted node
authentication, in scenarios 2 and 3; refused tokens and forged words leave nothing on Mw (W2-TOK-01 to -20)."""
import asyncio
import base64
import json
import os
import secrets
import socket
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from . import call
from .core import CORE_IP, PCSCF_IP
from .gateway import ACCESS_V4, W2_PORT
from .scenarios import check
from .wsclient import Client



def access_token(browser):
    return browser.do("eval", code="window.phone.account.token")


def at_core(capture, words):
    """Those of the words that epcscf has said on Mw, by UDP or TCP."""
    said = b"".join(b"\n" + data for (src, _, dst, _), data in capture.streams().items() if src == PCSCF_IP and dst == CORE_IP)
    check(said.count(b"REGISTER sip:") > 2 and said.count(b"INVITE sip:") > 1, "nothing was captured")
    return [w for w in words if w.encode() in said]


async def raw_register(user, authorization, extra=(), instance=None):
    """A REGISTER of a WIC that is not our page. @return the status"""
    c = Client(f"wss://{ACCESS_V4}:{W2_PORT}/w2", user)
    await c.connect()
    try:
        contact = f'{c.contact};+sip.instance="<urn:uuid:{instance or c.instance}>";reg-id=1'
        m = await c.ask("REGISTER", f"sip:{c.domain}", f"raw-{secrets.token_hex(6)}", 1,
                        [f"From: <{c.aor}>;tag=t1", f"To: <{c.aor}>", f"Contact: {contact}", "Expires: 600",
                         *([f"Authorization: {authorization}"] if authorization else []), *extra], patience_s=10)
        return m.status
    finally:
        await c.ws.close()


def raw(*a, **k):
    return asyncio.run(raw_register(*a, **k))


def altered(token, **claims):
    """The token with other claims and its old signature."""
    head, body, sig = token.split(".")
    c = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    c.update(claims)
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(c).encode()).rstrip(b'=').decode()}.{sig}"


def signed(lab, token, **claims):
    """The token with other claims, signed anew by the WAF's own key."""
    head, body, _ = token.split(".")
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    with open(os.path.join(lab.cscf.dir, "waf-keys.json"), encoding="utf-8") as f:
        jwk = next(k for k in json.load(f)["keys"] if k["kid"] == kid)
    key = ec.derive_private_key(int.from_bytes(base64.urlsafe_b64decode(jwk["d"] + "=="), "big"), ec.SECP256R1())
    text = altered(token, jti=secrets.token_hex(8), **claims).rsplit(".", 1)[0]
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{text}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def register_from(source, visited):
    """A node that is not the P-CSCF vouches for alice at the core. @return the status it gets"""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.bind((source, 0))
    me = f"{source}:{s.getsockname()[1]}"
    s.sendto("\r\n".join([
        "REGISTER sip:home1.example SIP/2.0", f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70", "From: <sip:alice@home1.example>;tag=x", "To: <sip:alice@home1.example>",
        f"Call-ID: {secrets.token_hex(8)}", "CSeq: 1 REGISTER", f"Contact: <sip:alice@{me}>", "Expires: 600",
        'Authorization: Digest username="alice@home1.example", realm="home1.example", nonce="", uri="sip:home1.example", '
        'response="", integrity-protected="auth-done"', f'P-Visited-Network-ID: "{visited}"', "Content-Length: 0", "", ""]
    ).encode(), (CORE_IP, 5060))
    status = int(s.recv(65536).split()[1])
    s.close()
    return status


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start(phones=("bob",))
        mw = lab.capture("lo", "mw", f"port 5060 and host {CORE_IP}")
        lab.cscf.user("add", "alice", "--domain", "home1.example", password="alice-secret")
        with case("the_page_signs_in_and_registers_by_trusted_node_authentication"):
            browser = lab.browser(register=False)
            check(browser.sign_in("alice", "alice-secret") == "sip:alice@home1.example", "another identity")
            browser.registered()
            lab.core.proc.wait_line(r'core.register.ok user=alice .*visited="webrtc.home1.example"', 5)
            check(len(lab.core.bindings("alice")) == 1, lab.core.bindings("alice"))
            check(not browser.do("eval", code="window.phone.account.password || ''"), "the page has a SIP password")
        with case("calls_in_both_directions_in_scenario_2"):
            for result in (call.outgoing(lab, browser, lab.phones["bob"], 4), call.incoming(lab, browser, lab.phones["bob"], 4)):
                check(result["browser_heard"] and result["phone_heard"], result)
        with case("a_guest_gets_an_identity_of_the_pool"):
            guest = lab.browser("guest", register=False)
            impu = guest.sign_in()
            guest.registered()
            user = impu.split(":")[1].split("@")[0]
            lab.core.proc.wait_line(rf'core.register.ok user={user} .*visited="webrtc.home1.example"', 5)
            check(user.startswith("guest") and len(lab.core.bindings(user)) == 1, impu)
        with case("calls_in_both_directions_in_scenario_3"):
            for result in (call.outgoing(lab, guest, lab.phones["bob"], 4),
                           call.incoming(lab, guest, lab.phones["bob"], 4, user=user)):
                check(result["browser_heard"] and result["phone_heard"], result)
        with case("refused_tokens_and_forged_words_reach_no_core"):
            token, mark = access_token(browser), lab.cscf.counters()["token_misused"]
            thief, forged = "thief", altered(token, impu=["sip:carol@home1.example"])
            done = ('Digest username="carol@home1.example", realm="home1.example", nonce="", uri="sip:home1.example", '
                    'response="", integrity-protected="auth-done"')
            check(raw("alice", f"Bearer {token}", instance=thief) == 403, "a stolen token")
            check(raw("carol", f"Bearer {token}") == 403, "a token for somebody else")
            check(raw("carol", f"Bearer {forged}") == 401, "a token with other claims")
            check(raw("alice", f"Bearer {altered(token, exp=1 << 33)}") == 401, "a token made longer")
            check(raw("guest9", f"Bearer {altered(access_token(guest), impu=['sip:guest9@home1.example'])}") == 401, "pool")
            check(raw("alice", "Bearer") == 400, "no token")
            expired = signed(lab, token, exp=int(time.time()) - 3600)
            foreign = signed(lab, token, aud="https://elsewhere.example")
            check(raw("alice", f"Bearer {expired}") == 401, "an expired token")
            check(raw("alice", f"Bearer {foreign}") == 401, "a token for another audience")
            other = "guest20" if user != "guest20" else "guest19"
            check(raw(other, f"Bearer {signed(lab, access_token(guest))}") == 403, "an IMPU of the pool that is not the guest's")
            check(raw("guest21", f"Bearer {signed(lab, access_token(guest))}") == 403, "an IMPU outside the pool")
            check(raw("carol", done, ["P-Asserted-Identity: <sip:carol@home1.example>",
                                      'P-Visited-Network-ID: "webrtc.home1.example"']) == 401, "forged auth-done")
            check(lab.cscf.counters()["token_misused"] == mark + 4, "four tokens were misused")
            check(not lab.core.bindings("carol"), "carol is registered")
        with case("the_core_believes_nobody_else"):
            check(register_from(CORE_IP, "webrtc.home1.example") == 401, "another address is believed")
        mw.stop()
        with case("nothing_of_it_is_on_mw"):
            words = ["Bearer", "thief", f"sip:{other}@", "sip:guest21@",
                     *(p for t in (token, forged, expired, foreign) for p in t.split(".")[1:])]
            check(not at_core(mw, words), at_core(mw, words))
            check(not at_core(mw, ["P-Asserted-Identity: <sip:carol"]), "carol is asserted")
            tna = [d for s, _, _, _, d in mw.udp_payloads() if s == PCSCF_IP and b"auth-done" in d]
            check(tna and all(b'username="alice@' in d or b'username="guest' in d for d in tna), f"{len(tna)} auth-done")
            check(all(d.count(b"\r\nAuthorization:") == 1 for d in tna), "more than one Authorization")
