# SPDX-License-Identifier: Apache-2.0
"""Who a WIC is: tokens of scenarios 2 and 3 (W2-TOK-01 to -21, W2-ERR-11 to -19, -49), digest and AKA (W2-REG-20 to
-34), and that nothing of a refused or forged word reaches Mw (threats P5, P6, P7)."""
from harness import *
import aka
from oauth import *

FILE = {"name": ISSUER, "keys": JWKS, "audience": ["epcscf"],
        "pools": [{"wwsf_id": "visitors", "impus": ["sip:guest{1..100}@home1.example"]}]}
HTTPS = {"name": ISSUER, "keys": f"https://127.0.0.1:{HTTPS_PORT}/jwks", "ca_file": CA, "audience": ["epcscf"]}
OPAQUE = {"name": ISSUER, "introspection": f"https://127.0.0.1:{HTTPS_PORT}/introspect", "ca_file": CA,
          "client_file": CLIENT, "audience": ["epcscf"], "cache_s": 1}
VISITED = {"digest": "d.visited", "aka": "a.visited", "web": "w.visited", "pool": "p.visited"}
TNA = ('Digest username="alice_priv@home1.example", realm="home1.example", nonce="", uri="sip:home1.example", '
       'response="", integrity-protected="auth-done"')
WEB_ONLY = ["web", "pool"]


def conf(*issuers, **tokens):
    return {"tokens": {"issuers": list(issuers or [FILE]), **tokens}, "mw": {"visited_networks": VISITED}}


def register_request(auth, user="alice", cid=None, cseq=1, instance=None, extra="", expires=3600, contact=None, frm=None,
                     params=""):
    uri = f"sip:{user}@home1.example"
    contact = contact or (f'<sip:{user}@abc.invalid;transport=ws>;+sip.instance="<urn:uuid:{instance or user}>"'
                          f";reg-id=1{params}")
    lines = ([f"Authorization: {auth}"] if auth else []) + ([f"Expires: {expires}"] if expires is not None else [])
    return request("REGISTER", "sip:home1.example", cid=cid or "reg" + user, cseq=cseq, frm=f"<{frm or uri}>;tag=f1",
                   to=f"<{uri}>", contact=contact, extra="\n".join(lines) + "\n" + extra)


def grant(t, r, user="alice", seconds=3600):
    t.core.send(response(r, 200, "OK", f"Contact: <sip:{user}@abc.invalid;transport=ws>;expires={seconds}\n"
                         f"Service-Route: <sip:orig@home1.example;lr>\nP-Associated-URI: <sip:{user}@home1.example>"))


def sign_in(t, tok, w=None, user="alice", seconds=3600, **k):
    """Register with a token. @return the WebSocket, with .at_core: the REGISTER the core got"""
    w = w or t.ws()
    w.send(register_request(f"Bearer {tok}", user, **k))
    w.at_core = t.core.get("REGISTER")
    w.path = w.at_core.header("Path")
    grant(t, w.at_core, user, seconds)
    w.get(200)
    return w


def refused(t, w, message, status, error=None):
    """The WIC gets the status, and nothing reaches the core."""
    w.send(message)
    r = w.get(status)
    want = f'error="{error}"' if error else "error="
    if status == 401:
        check(r.headers("WWW-Authenticate") and (want in r.header("WWW-Authenticate")) == bool(error), r)
    t.core.none("REGISTER", 0.03)
    return r


def message(auth=None, method="MESSAGE", **k):
    return request(method, BOB, extra=f"Authorization: {auth}" if auth else "", body="hi", ctype="text/plain", **k)


# ---- scenario 2 -----------------------------------------------------------------------------------------

@case("a token registers in both spellings, and the core gets auth-done in its place", **conf())
def _(t):
    for n, (tok, form) in enumerate(((token(), "Bearer %s"), (token(key=RSA_KEY), 'Bearer access_token="%s"'),
                                     (token(), 'bearer  access_token="%s", username="alice_priv@home1.example"'))):
        w = t.ws()
        w.send(register_request(form % tok, cseq=n + 1))
        r = t.core.get("REGISTER")
        check(r.headers("Authorization") == [TNA], r)
        check(r.headers("P-Visited-Network-ID") == ['"w.visited"'], r)
        check("earer" not in r and not any(part in r for part in tok.split(".")), r)
        grant(t, r)
        w.get(200)
        check(tok.rsplit(".", 1)[1] not in t.log() and tok.rsplit(".", 1)[0] not in t.log(), "the token is logged")
    check(t.metrics()["token_valid"] == 3, "three tokens, three verdicts")


@case("what a WIC says of itself beside its token does not reach the core", **conf())
def _(t):
    w = t.ws()
    forged = ('Proxy-Authorization: Digest username="x", realm="r", nonce="n", uri="u", response="", '
              'integrity-protected="auth-done"\nProxy-Authorization: Bearer evilevilevilevil\n'
              "P-Visited-Network-ID: evil\nPath: <sip:evil@e>\nP-Charging-Vector: icid-value=evil\n"
              "P-Asserted-Identity: <sip:evil@home1.example>\nP-ASSERTED-IDENTITY : <sip:evil@home1.example>\n"
              "P-Served-User: <sip:evil@home1.example>\nP-Charging-Function-Addresses: ccf=evil\n"
              'P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp="1";np;x=evil2\nService-Route: <sip:evil@e>')
    w.send(register_request("Bearer " + token(), extra=forged))
    r = t.core.get("REGISTER")
    check(r.headers("Authorization") == [TNA] and not r.headers("Proxy-Authorization"), r)
    check("evil@" not in r and "evilevil" not in r and ";np" not in r and "icid-value=evil" not in r, r)
    check(r.headers("P-Visited-Network-ID") == ['"w.visited"'] and not r.headers("P-Asserted-Identity"), r)


@case("auth-done is not to be had without a token", **conf())
def _(t):
    w = t.ws()
    for auth in (TNA, TNA.replace("auth-done", "AUTH-DONE"), TNA.replace('"auth-done"', "auth-done"),
                 TNA.replace("integrity-protected", "Integrity-Protected")):
        w.send(register_request(auth, cid=fresh()))
        r = t.core.get("REGISTER")
        check("auth-done" not in r.lower() and "integrity" not in r.lower(), r)
        check(r.headers("P-Visited-Network-ID") == ['"d.visited"'], r)
        t.core.send(response(r, 403))
        w.get(403)
    w.send(register_request(f"{TNA}\nAuthorization: Bearer {token()}", cid=fresh()))
    w.get(400)
    t.core.none("REGISTER", 0.2)


@case("without a token, where one is needed: 401 with a challenge", **conf(
    scenarios=WEB_ONLY, authz_server="https://waf.example/authorize"))
def _(t):
    w = t.ws()
    for auth in (None, 'Digest username="alice", realm="home1.example", nonce="n", uri="sip:home1.example", response="r"'):
        r = refused(t, w, register_request(auth, cid=fresh()), 401)
        check(r.headers("WWW-Authenticate") ==
              ['Bearer realm="home1.example", scope="ims", authz_server="https://waf.example/authorize"'], r)


@case("a token that is not good: 401 invalid_token, and the core hears nothing", **conf())
def _(t):
    w = t.ws()
    good = token()
    head, body, sig = good.split(".")
    public = RSA_KEY.private.public_key().public_bytes(serialization.Encoding.PEM,
                                                       serialization.PublicFormat.SubjectPublicKeyInfo)
    bad = [token(life=-100), token(aud="another"), token(aud=None), token(iss="https://evil.example"), token(exp=None),
           token(nbf=int(time.time()) + 300), token(key=STRANGER), token(head={"kid": "new"}), token(head={"crit": ["x"]}),
           token(head={"typ": "secevent+jwt"}), unsigned(), hs256(public), hs256(json.dumps(RSA_KEY.jwk()).encode()),
           token(impi='a"b@home1.example'), token(impi="a\r\nX: y@h"), token(impi=None), token(impu=None),
           token(impu=["sip:a@b>;x"]), "opaque-token-of-nobody", f"{head}.{b64(json.dumps(claims('bob')).encode())}.{sig}",
           good[:-2], token(key=KEY, head={"alg": "RS256", "kid": "r1"})]
    for n, tok in enumerate(bad):
        r = refused(t, w, register_request(f"Bearer {tok}", cid=fresh()), 401, "invalid_token")
        check('scope="ims"' in r.header("WWW-Authenticate"), r)
    t.core.none("REGISTER", 0.3)
    check(t.metrics()["token_challenged_invalid"] == len(bad), t.metrics())


@case("Bearer credentials that are malformed: 400", **conf())
def _(t):
    w = t.ws()
    tok = token()
    for auth in ("Bearer", 'Bearer access_token=""', f'Bearer access_token="{tok}', f'Bearer x="{tok}"',
                 f'Bearer access_token="{tok}", access_token="{tok}"', f"Bearer {tok} {tok}", f'Bearer "{tok}"',
                 f"Bearer {tok},", 'Bearer access_token="a b"', "Bearer =", f"Bearer {tok}\nAuthorization: Bearer {tok}"):
        refused(t, w, register_request(auth, cid=fresh()), 400)


@case("a token outside of Authorization: 400", **conf())
def _(t):
    w = t.ws()
    tok = token()
    refused(t, w, register_request(f"Bearer {tok}", extra=f"Subject: {tok}"), 400)
    refused(t, w, register_request(f"Bearer {tok}", contact=f"<sip:alice@abc.invalid;transport=ws;t={tok}>"), 400)


@case("a token without the IMS scope, or for somebody else: 403", **conf())
def _(t):
    w = t.ws()
    refused(t, w, register_request("Bearer " + token(scope="openid")), 403)
    refused(t, w, register_request("Bearer " + token("bob"), cid=fresh()), 403)
    refused(t, w, register_request("Bearer " + token(), frm="sip:bob@home1.example", cid=fresh()), 403)
    refused(t, w, register_request(f'Bearer access_token="{token()}", username="bob_priv@home1.example"', cid=fresh()), 403)
    # RFC 3261 19.1.4: host without case, the default spelling of the rest
    w.send(register_request("Bearer " + token(impu=["SIP:alice@HOME1.example", "tel:+1555"]), cid=fresh()))
    t.core.get("REGISTER")


@case("the registration does not outlive the token", **conf(min_life_s=60))
def _(t):
    w = t.ws()
    w.send(register_request("Bearer " + token(life=300), params=";expires=7200", extra=""))
    r = t.core.get("REGISTER")
    check(295 <= int(r.header("Expires")) <= 300, r)
    check(295 <= int(re.search(r";expires=(\d+)", r.header("Contact")).group(1)) <= 300, r)
    t.core.send(response(r, 423, "Interval Too Brief", "Min-Expires: 600"))
    check(not w.get(403).headers("Min-Expires"), "it is not the WIC that asked for so little")     # W2-REG-44
    w.send(register_request("Bearer " + token(life=300), expires=None, cid=fresh()))
    r = t.core.get("REGISTER")
    check(295 <= int(r.header("Expires")) <= 300, r)
    t.core.send(response(r, 403))
    w.send(register_request("Bearer " + token(life=3600), expires=100, cid=fresh()))
    r = t.core.get("REGISTER")
    check(r.header("Expires") == "100", r)
    t.core.send(response(r, 423, "Interval Too Brief", "Min-Expires: 600"))
    check(w.get(423).header("Min-Expires") == "600", "that was the WIC's own wish")
    refused(t, w, register_request("Bearer " + token(life=50), cid=fresh()), 401, "invalid_token")   # W2-TOK-14


@case("at the end of the token the registration ends, at the core too", **conf(min_life_s=1))
def _(t):
    w = sign_in(t, token(life=3))
    r = t.core.get("REGISTER", 10)
    check(r.header("Expires") == "0" and "auth-done" in r.header("Authorization"), r)
    check(r.header("Authorization") == TNA and r.headers("P-Visited-Network-ID") == ['"w.visited"'], r)
    t.core.send(response(r, 200))
    t.metric("reg_bindings", 0)
    w.send(message())
    w.get(403)


def killed(t):
    t.metric("state_pending", 0)
    t.restart(signal.SIGKILL)


@case("after a kill the rules of the token hold: strict, its end, who de-registers (W2-TOK-03, -13)",
      **conf(min_life_s=1, strict=True))
def _(t):
    sign_in(t, token(life=3600))
    sign_in(t, token("bob", life=4), user="bob")
    killed(t)
    w = sign_in(t, token(), cseq=2)
    w.send(message())
    w.get(401)              # strict, and no digest either
    refused(t, w, register_request(None, cseq=3), 401)
    r = t.core.get("REGISTER", 10)      # of bob, who did not come back in the life of his token
    check("sip:bob@" in r.header("To") and r.header("Expires") == "0" and "auth-done" in r.header("Authorization"), r)
    check(r.headers("P-Visited-Network-ID") == ['"w.visited"'], r)
    t.core.send(response(r, 200))
    t.metric("reg_bindings", 1)


@case("after a kill a call for help still needs no token, and nothing else is open to it (W2-EMG-02)",
      **conf(strict=True), emergency={"numbers": ["112"], "ecscf": f"{LO}:{CORE_PORT}"})
def _(t):
    w = sign_in(t, token())
    w.send(request("INVITE", "urn:service:sos", cid="h", body=WIC_SDP % "actpass"))
    t.core.send(response(t.core.get("INVITE"), 200, "OK", f"Contact: <{CORE_URI}>", body=CORE_SDP))
    w.get(200)
    t.mg.method = "Disconnected, Reason = 900"
    killed(t)
    w = sign_in(t, token(), cseq=2)
    w.send(request("INFO", CORE_URI, cid="h", cseq=2, to=f"<{BOB}>;tag=ct"))
    check(t.core.get("INFO").header("Call-ID") == "h")
    w.send(message())
    w.get(401)


@case("after a kill an IMPU of the pool still belongs to its instance (W2-TOK-08)", **conf())
def _(t):
    guest = dict(user="guest7", seconds=600)
    claim = dict(wwsf_id="visitors", impi="guest7_priv@home1.example")
    sign_in(t, token("guest7", **claim), instance="mine", **guest)
    killed(t)
    refused(t, t.ws(), register_request("Bearer " + token("guest7", **claim), "guest7", instance="other", cid=fresh()), 403)
    w = sign_in(t, token("guest7", **claim), instance="mine", cseq=2, **guest)
    check(w.at_core.headers("P-Visited-Network-ID") == ['"p.visited"'], w.at_core)


@case("a registration whose issuer is not taken any more ends with the restart", **conf())
def _(t):
    sign_in(t, token())
    t.metric("state_pending", 0)
    t.conf["tokens"]["issuers"] = [{**FILE, "name": "https://another.example"}]
    with open(f"{t.dir}/c.yaml", "w") as f:
        json.dump(t.conf, f)
    t.restart(signal.SIGKILL)
    check(t.core.get("REGISTER").header("Expires") == "0", "the core is told")
    t.metric("reg_bindings", 0)


# ---- one connection, one user -----------------------------------------------------------------------------

@case("a stolen token is of no use on a second connection, in no spelling", **conf())
def _(t):
    tok = token()
    w = sign_in(t, tok)
    thief = t.ws()
    for stolen in (tok, twin(tok)):
        refused(t, thief, register_request(f"Bearer {stolen}", instance="thief", cid=fresh()), 403)
        refused(t, thief, register_request(f"Bearer {stolen}", contact="<sip:x@y.invalid;transport=ws>", cid=fresh()), 403)
    thief.send(message(f"Bearer {tok}"))
    thief.get(403)
    bob = sign_in(t, token("bob"), user="bob")
    bob.send(message(f"Bearer {tok}", frm="<sip:bob@home1.example>;tag=1"))
    bob.get(403)
    t.core.none("MESSAGE", 0.2)
    check(t.metrics()["token_misused"] == 5, t.metrics())
    w2 = sign_in(t, tok, cid="again")          # the same instance is back
    check(w.closed() == 1000, "the old socket is closed")
    w2.send(message(f"Bearer {tok}"))
    t.core.get("MESSAGE")


@case("a new token has to be of the same user", **conf())
def _(t):
    w = sign_in(t, token())
    refused(t, w, register_request("Bearer " + token("bob"), "bob"), 403)
    refused(t, w, register_request("Bearer " + token("bob", impu=["sip:alice@home1.example"]), cseq=2), 403)
    sign_in(t, token(), w, cseq=3)
    check(w.at_core.headers("Authorization") == [TNA], w.at_core)


@case("a user with a token does not go on without, by digest", **conf())
def _(t):
    w = sign_in(t, token())
    refused(t, w, register_request(None, cseq=2), 401)
    refused(t, w, register_request('Digest username="alice_priv@home1.example", realm="home1.example", nonce="n", '
                                   'uri="sip:home1.example", response="r"', cseq=3), 401)


# ---- scenario 3 --------------------------------------------------------------------------------------------

def guest(n, impu=None, **k):
    return token(f"guest{n}", wwsf_id="visitors", impu=[impu or f"sip:guest{n}@home1.example"], **k)


@case("a visitor gets an IMPU of the pool, alone", **conf())
def _(t):
    w = sign_in(t, guest(7), user="guest7")
    check(w.at_core.headers("P-Visited-Network-ID") == ['"p.visited"'], w.at_core)
    check('username="guest7_priv@home1.example"' in w.at_core.header("Authorization"), w.at_core)
    other = t.ws()
    refused(t, other, register_request("Bearer " + guest(7), "guest7", instance="other", cid=fresh()), 403)
    for n, impu in ((101, None), (8, "sip:alice@home1.example"), (8, "sip:guest8@evil.example")):
        user = (impu or f"sip:guest{n}@x").split(":")[1].split("@")[0]
        refused(t, other, register_request("Bearer " + guest(n, impu), user, cid=fresh()), 403)
    sign_in(t, guest(7), w, user="guest7", cseq=2)
    w.send(register_request("Bearer " + guest(7), "guest7", cseq=3, expires=0, contact="*"))
    r = t.core.get("REGISTER")
    t.core.send(response(r, 200))
    w.get(200)
    sign_in(t, guest(7), other, user="guest7", instance="other", cid=fresh())     # given back


@case("two devices may share an IMPU of the pool where that is allowed", **conf(share_pool=True))
def _(t):
    sign_in(t, guest(7), user="guest7")
    sign_in(t, guest(7), user="guest7", instance="other", cid=fresh())


@case("an IMPU of the pool is given back when the core refuses", **conf())
def _(t):
    w = t.ws()
    w.send(register_request("Bearer " + guest(7), "guest7"))
    t.core.send(response(t.core.get("REGISTER"), 403))
    w.get(403)
    sign_in(t, guest(7), user="guest7", instance="other", cid=fresh())


# ---- the core does not believe us ----------------------------------------------------------------------------

CHALLENGE = 'WWW-Authenticate: Digest realm="home1.example", nonce="n", algorithm=MD5'


@case("the core challenges all the same: 403, an alarm, and no challenge for the WIC", **conf())
def _(t):
    w = t.ws()
    w.send(register_request("Bearer " + token()))
    t.core.send(response(t.core.get("REGISTER"), 401, extra=CHALLENGE))
    check(not w.get(403).headers("WWW-Authenticate"), "the challenge is not passed on")
    t.log_wait(r"error.*tna\.refused")
    sign_in(t, token(), w, cseq=2)
    w.send(message())
    t.core.send(response(t.core.get("MESSAGE"), 407, extra=CHALLENGE.replace("WWW-", "Proxy-")))
    check(not w.get(403).headers("Proxy-Authenticate"), "nor here")
    i = t.invite(w, "c1")
    t.core.send(response(i, 407, extra=CHALLENGE.replace("WWW-", "Proxy-")))
    check(not w.get(403).headers("Proxy-Authenticate"), "nor for a call")
    check(t.metrics()["tna_refused"] == 3, t.metrics())
    t.core.none("REGISTER", 0.2)


@case("the status for it can be 500", **conf(core_challenge=500))
def _(t):
    w = t.ws()
    w.send(register_request("Bearer " + token()))
    t.core.send(response(t.core.get("REGISTER"), 401, extra=CHALLENGE))
    w.get(500)


@case("cores that want it so get auth-done without empty parameters, and the names of WAF and WWSF", **conf(
    omit_empty=True, waf_header="X-WAF-Identity", wwsf_header="X-WWSF-Identity"))
def _(t):
    w = sign_in(t, token())
    check(w.at_core.header("Authorization") == TNA.replace(' nonce="",', "").replace(' response="",', ""), w.at_core)
    check((w.at_core.headers("X-WAF-Identity"), w.at_core.headers("X-WWSF-Identity")) == (["waf1"], ["shop"]), w.at_core)


# ---- every request -------------------------------------------------------------------------------------------

@case("a token in another request is checked and stripped", **conf())
def _(t):
    tok = token()
    w = sign_in(t, tok)
    for auth in (f"Bearer {tok}", f'Bearer access_token="{token()}"', None):
        w.send(message(auth))
        m = t.core.get("MESSAGE")
        check(not m.headers("Authorization") and "eyJ" not in m, m)
        t.core.send(response(m, 200))
        w.get(200)
    check(t.metrics()["token_cache_hits"] == 1, "the verdict on the first is remembered")
    for tok, status in ((token(life=-100), 401), (token(key=STRANGER), 401), (token("bob"), 403),
                        (token(scope="x"), 403)):
        w.send(message(f"Bearer {tok}"))
        w.get(status)
    t.core.none("MESSAGE", 0.2)


@case("strict: no request without a token, but ACK, CANCEL and BYE", **conf(strict=True))
def _(t):
    tok = token()
    w = sign_in(t, tok)
    w.send(message())
    check("error" not in w.get(401).header("WWW-Authenticate"), "none was presented")
    w.send(request("INVITE", BOB, branch="i1", cid="c1", extra=f"Authorization: Bearer {tok}", body=WIC_SDP % "actpass"))
    i = t.core.get("INVITE")
    check("eyJ" not in i, i)
    t.core.send(response(i, 180, "Ringing"))
    w.get(180)
    w.send(request("CANCEL", BOB, branch="i1", cid="c1"))
    w.get(200)
    t.core.get("CANCEL")
    t.core.send(response(i, 487))
    w.get(487)
    w.send(request("BYE", BOB, cid="c9", to=f"<{BOB}>;tag=ct"))
    check(w.recv().status in (481, 200), "BYE is not challenged")
    w.send(message(f"Bearer {tok}"))
    t.core.get("MESSAGE")


# ---- keys by https -------------------------------------------------------------------------------------------

@case("keys out of reach: 503 with Retry-After, never open; then they come", **conf(HTTPS, refetch_s=1, timeout_s=2))
def _(t):
    w = t.ws()
    r = refused(t, w, register_request("Bearer " + token()), 503)
    check(int(r.header("Retry-After")) > 0, r)
    waf = Waf()
    waf.wait(1, 10)
    until(lambda: t.metrics()["token_keys_fetched"] >= 1, "keys fetched")
    sign_in(t, token(), w, cid=fresh())
    waf.close()
    sign_in(t, token(), w, cid=fresh(), cseq=2)     # the keys are known


# a mount namespace whose name server is the test
OUR_DNS = ["unshare", "--mount", "sh", "-c", "f=$(mktemp) && printf 'nameserver 127.0.0.1\\noptions timeout:20 attempts:1\\n' > $f && "
           'mount --bind $f /etc/resolv.conf && rm $f && exec "$@"', "sh"]


@case("a name server that does not answer: 503 in time, nobody else waits, and the process ends when it is asked to",
      wrapper=OUR_DNS, **conf({**OPAQUE, "introspection": "https://waf.example/introspect"}, timeout_s=1))
def _(t):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns:
        dns.bind((LO, 53))
        w, other = t.ws(), t.register(user="carol")
        w.send(register_request("Bearer opaque-token-1"))
        dns.settimeout(5)
        check(dns.recv(1000), "no question")
        other.send(message(frm="<sip:carol@home1.example>;tag=1"))
        t.core.get("MESSAGE")
        check(w.get(503, 5).header("Retry-After"), "no Retry-After")
        for n in range(2):
            x = t.ws()
            x.send(register_request("Bearer opaque-token-2", cid=fresh()))
            check(dns.recv(1000), "no question")
            if n == 0:
                x.close()       # who asked is gone
        other.send(message(frm="<sip:carol@home1.example>;tag=1"))
        t.core.get("MESSAGE", 3)        # and the process is stopped while one is asked


@case("an unknown kid asks for the keys once, not each time", **conf(HTTPS, refetch_s=3600, negative_s=1))
def _(t):
    waf = None
    w = t.ws()
    until(lambda: t.metrics()["token_keys_failed"] >= 1, "nobody is there at the start")
    refused(t, w, register_request("Bearer " + token()), 503)
    check(t.metrics()["token_keys_failed"] == 1, "not asked again within refetch_s")


@case("rotation: the new key is fetched when it is needed, the old one counts no more", **conf(HTTPS, refetch_s=1))
def _(t):
    waf = Waf()
    until(lambda: t.metrics()["token_keys_fetched"] >= 1, "keys fetched")
    w = sign_in(t, token())
    new = Key("k2")
    waf.keys = [new]
    before = len(waf.asked)
    until(lambda: asked_again(t, new, before, waf), "the new key", 10)
    old = t.ws()
    refused(t, old, register_request("Bearer " + token("carol"), "carol"), 401, "invalid_token")
    waf.close()


def asked_again(t, new, before, waf):
    """Register bob with the new key; within refetch_s of the last fetch that is refused."""
    x = t.ws()
    x.send(register_request("Bearer " + token("bob", key=new), "bob", cid=fresh(), instance=fresh()))
    r = x.recv(0.3)
    if r and r.status == 401:
        return False
    m = t.core.get("REGISTER")
    t.core.send(response(m, 403))
    return len(waf.asked) == before + 1


@case("a key server with another certificate is not believed", **conf({**HTTPS, "ca_file": ""}, refetch_s=1))
def _(t):
    waf = Waf()
    until(lambda: t.metrics()["token_keys_failed"] >= 1, "the certificate is refused")
    refused(t, t.ws(), register_request("Bearer " + token()), 503)
    check(not waf.asked, waf.asked)
    waf.close()


# ---- introspection -------------------------------------------------------------------------------------------

@case("opaque tokens are asked about, once in a while, and revoked ones end the registration", **conf(OPAQUE))
def _(t):
    waf = Waf()
    waf.active["opaque/token+1=="] = claims()
    w = sign_in(t, "opaque/token+1==")
    check(w.at_core.headers("Authorization") == [TNA], w.at_core)
    w.send(message("Bearer opaque/token+1=="))
    t.core.send(response(t.core.get("MESSAGE"), 200))
    w.get(200)
    refused(t, t.ws(), register_request("Bearer unknown-token-2", cid=fresh()), 401, "invalid_token")
    check([p for p, _ in waf.asked] == ["/introspect"] * 2, waf.asked)
    check("opaque%2Ftoken%2B1%3D%3D" in waf.asked[0][1], waf.asked)
    waf.active.clear()
    until(lambda: revoked(t, w), "the cached answer ends", 10)
    check(w.closed() == 1008, "the socket is closed for policy")
    r = t.core.get("REGISTER")
    check(r.header("Expires") == "0" and r.header("Authorization") == TNA, r)
    t.metric("reg_bindings", 0)
    waf.close()


def revoked(t, w):
    """One more request with the token. @return was it refused?"""
    w.send(message("Bearer opaque/token+1=="))
    while True:
        m = t.core.recv(0.05)
        if m and m.is_a("MESSAGE"):
            t.core.send(response(m, 200))
        r = w.recv(0.05)
        if r:
            return r.status == 401


@case("introspection out of reach or out of order: 503, not remembered", **conf(OPAQUE))
def _(t):
    w = t.ws()
    refused(t, w, register_request("Bearer opaque-token-1", cid=fresh()), 503)
    waf = Waf()
    waf.active["opaque-token-1"] = claims()
    waf.status = 500
    refused(t, w, register_request("Bearer opaque-token-1", cid=fresh()), 503)
    waf.status = 200
    sign_in(t, "opaque-token-1", w, cid=fresh())
    waf.close()


@case("an INVITE given up while its token is asked about calls nobody", **conf(OPAQUE, timeout_s=10))
def _(t):
    waf = Waf()
    waf.active["opaque-token-1"] = claims()
    w = sign_in(t, "opaque-token-1")
    waf.close()
    mute = socket.create_server((LO, HTTPS_PORT))
    w.send(request("INVITE", BOB, branch="i1", cid="c1", extra="Authorization: Bearer opaque-token-2",
                   body=WIC_SDP % "actpass"))
    c, _ = mute.accept()
    w.send(request("CANCEL", BOB, branch="i1", cid="c1"))
    w.get(200)
    w.get(487)
    c.close()
    t.core.none("INVITE", 0.3)
    mute.close()


@case("a WIC that goes while its token is asked about leaves nothing behind", **conf({**OPAQUE, "cache_s": 60}, timeout_s=2))
def _(t):
    mute = socket.create_server((LO, HTTPS_PORT))       # takes the connection and says nothing
    w = t.ws()
    w.send(register_request("Bearer opaque-token-1"))
    c, _ = mute.accept()
    w.close()
    t.metric("sip_transactions", 0)
    t.metric("w2_connections", 0)
    t.core.none("REGISTER", 0.2)
    c.close()
    mute.close()


@case("a token in the handshake registers nobody", **conf(scenarios=WEB_ONLY))
def _(t):
    tok = token()
    w = t.ws(head=HEAD.replace(b"\r\n\r\n", f"\r\nCookie: access_token={tok}\r\nAuthorization: Bearer {tok}\r\n\r\n".encode()))
    refused(t, w, register_request(None), 401)
    check(t.metrics()["token_valid"] == 0, "it was not even looked at")


# ---- who may how -----------------------------------------------------------------------------------------------

@case("ways to register by origin", **{**conf(scenarios=["digest"], access=[
    {"origin": "https://shop.example", "scenarios": ["web"]}]), "w2": {"origins": ["https://shop.example"]}})
def _(t):
    shop = t.ws(head=HEAD.replace(b"\r\n\r\n", b"\r\nOrigin: https://shop.example\r\n\r\n"))
    native = t.ws()
    refused(t, native, register_request("Bearer " + token()), 403)
    refused(t, shop, register_request(None), 401)
    refused(t, shop, register_request("Bearer " + guest(7), "guest7"), 403)
    sign_in(t, token(), shop, cid=fresh())
    native.send(register_request(None, "bob"))
    t.core.get("REGISTER")


@case("no token is taken where no issuer is configured")
def _(t):
    refused(t, t.ws(), register_request("Bearer " + token()), 403)


@case("before registration only REGISTER, whatever the request says", **conf())
def _(t):
    w = t.ws()
    for method in ("MESSAGE", "SUBSCRIBE", "INVITE", "OPTIONS", "PUBLISH", "REFER", "INFO", "NOTIFY", "BYE", "FOO"):
        w.send(message(f"Bearer {token()}", method))
        w.get(403)
    t.core.none(None, 0.3)


# ---- scenario 1 ------------------------------------------------------------------------------------------------

def digest(user="alice", response='"r"', algorithm=None, nonce="n", more=""):
    return (f'Digest username="{user}", realm="home1.example", nonce="{nonce}", uri="sip:home1.example", '
            f"response={response}" + (f", algorithm={algorithm}" if algorithm else "") + more)


def integrity(r):
    m = re.search(r'integrity-protected="([^"]*)"', r.header("Authorization"))
    return m and m.group(1)


@case("digest: tls-pending until this connection is bound to the user, then tls-yes", **conf())
def _(t):
    w = t.ws()
    for n, (auth, want) in enumerate(((None, None), (digest(response='""'), None), (digest(), "tls-pending"),
                                      (digest(more=', integrity-protected="tls-yes"'), "tls-pending"))):
        w.send(register_request(auth, cseq=n + 1))
        r = t.core.get("REGISTER")
        check(integrity(r) == want and r.headers("P-Visited-Network-ID") == ['"d.visited"'], r)
        t.core.send(response(r, 401, extra=CHALLENGE) if n < 3 else response(
            r, 200, extra="Contact: <sip:alice@abc.invalid;transport=ws>;expires=3600\nService-Route: <sip:s@h;lr>"))
        r = w.get(401 if n < 3 else 200)
        check(n == 3 or "WWW-Authenticate: " + r.header("WWW-Authenticate") == CHALLENGE, r)     # W2-REG-21
    w.send(register_request(digest(), cseq=9))
    check(integrity(t.core.get("REGISTER")) == "tls-yes", "bound")
    w.send(register_request(digest(response='""'), cseq=10))
    check(integrity(t.core.get("REGISTER")) == "tls-yes", "bound, and nothing answered yet")
    other = t.ws()
    other.send(register_request(digest(), cseq=11))
    check(integrity(t.core.get("REGISTER")) == "tls-pending", "another connection is not bound")


@case("AKA over TLS: tls-connected, keys stay with the gateway, a lost SQN is found again", **conf())
def _(t):
    m = aka.Milenage(os.urandom(16), os.urandom(16))
    hss, usim, w = aka.Hss(m), aka.Usim(m), t.ws()
    usim.sqn = 1 << 30          # ahead of the HSS: the first challenge has to fail
    auth, cseq = digest(response='""', algorithm="AKAv2-SHA-256", nonce=""), 1
    for step in ("first", "resync", "answer"):
        w.send(register_request(auth, cseq=cseq))
        r = t.core.get("REGISTER")
        check(integrity(r) == "tls-connected" and r.headers("P-Visited-Network-ID") == ['"a.visited"'], r)
        sent = r.header("Authorization")
        if step == "resync":
            check(hss.resync(nonce, re.search(r'auts="([^"]*)"', sent).group(1)), "the AUTS arrives as it was made")
        if step == "answer":
            want = aka.digest_response("alice", "home1.example", aka.akav2_password(res, ik, ck), "REGISTER",
                                       "sip:home1.example", nonce)
            check(f'response="{want}"' in sent, "the response arrives as it was made")
            t.core.send(response(r, 200, extra="Contact: <sip:alice@abc.invalid;transport=ws>;expires=3600\n"
                                 "Service-Route: <sip:s@h;lr>"))
            w.get(200)
            return
        nonce, res, ck, ik = hss.vector()
        t.core.send(response(r, 401, extra=f'WWW-Authenticate: Digest realm="home1.example", nonce="{nonce}", '
                             f'algorithm=AKAv2-SHA-256, ik="{ik.hex()}",CK = {ck.hex()}, qop="auth"'))
        r = w.get(401)
        check(r.headers("WWW-Authenticate") == [f'Digest realm="home1.example", nonce="{nonce}", '
                                                'algorithm=AKAv2-SHA-256, qop="auth"'], r)
        check(ik.hex() not in r and ck.hex() not in r, r)
        kind, *rest = usim.answer(nonce)
        cseq += 1
        if kind == "auts":
            auth = digest(response='""', algorithm="AKAv2-SHA-256", nonce=nonce, more=f', auts="{rest[0]}"')
        else:
            made = aka.digest_response("alice", "home1.example", aka.akav2_password(rest[0], rest[2], rest[1]),
                                       "REGISTER", "sip:home1.example", nonce)
            auth = digest(response=f'"{made}"', algorithm="AKAv2-SHA-256", nonce=nonce)


@case("other AKA algorithms are refused, and IPsec is never claimed", **conf())
def _(t):
    w = t.ws()
    for algorithm in ("AKAv1-MD5", "AKAv2-MD5", "akav1-md5"):
        refused(t, w, register_request(digest(algorithm=algorithm, more=', integrity-protected="yes"'), cid=fresh()), 403)


@case("other AKA algorithms where the operator takes them", **conf(aka_algorithms=["AKAv1-MD5"]))
def _(t):
    w = t.ws()
    w.send(register_request(digest(algorithm="AKAv1-MD5", more=', integrity-protected="yes"')))
    check(integrity(t.core.get("REGISTER")) == "tls-connected", "not yes")
    refused(t, w, register_request(digest(algorithm="AKAv2-SHA-256"), cid=fresh()), 403)


@case("the core's challenge of a digest user is passed on, and nobody answers it for him", **conf())
def _(t):
    w = t.register()
    w.send(message())
    t.core.send(response(t.core.get("MESSAGE"), 407, extra=CHALLENGE.replace("WWW-", "Proxy-")))
    check("Proxy-Authenticate: " + w.get(407).header("Proxy-Authenticate") == CHALLENGE.replace("WWW-", "Proxy-"), "same")
    m = t.invite_in(w, "c1")
    w.send(response(m, 407, extra=CHALLENGE.replace("WWW-", "Proxy-")))
    check(not t.core.get(407).headers("Proxy-Authenticate"), "a WIC challenges nobody (threat P6)")
    t.core.none("MESSAGE", 0.2)
    none(w, "INVITE", 0.2, "WIC")


run()
