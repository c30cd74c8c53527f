# SPDX-License-Identifier: Apache-2.0
"""A WAF for the tests: keys, tokens (JWT), and an https server with its key set and introspection."""
import atexit, base64, datetime, hashlib, hmac, http.server, ipaddress, json, os, shutil, ssl, tempfile, threading, time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

ISSUER = "https://waf.example"
HTTPS_PORT = 8443
DIR = tempfile.mkdtemp(prefix="w2gw-waf-")
atexit.register(shutil.rmtree, DIR, True)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n):
    return b64(n.to_bytes((n.bit_length() + 7) // 8, "big"))


class Key:
    """A signing key: "ES256" or "RS256"."""
    def __init__(self, kid, alg="ES256"):
        self.kid, self.alg = kid, alg
        self.private = ec.generate_private_key(ec.SECP256R1()) if alg == "ES256" else \
            rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwk(self):
        n = self.private.public_key().public_numbers()
        if self.alg == "RS256":
            return {"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256", "n": number(n.n), "e": number(n.e)}
        return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "alg": "ES256",
                "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))}

    def sign(self, data):
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


KEY, RSA_KEY, STRANGER = Key("k1"), Key("r1", "RS256"), Key("k1")


def claims(user="alice", life=3600, **more):
    now = int(time.time())
    c = {"iss": ISSUER, "aud": "epcscf", "sub": user, "iat": now, "exp": now + life, "jti": os.urandom(8).hex(),
         "scope": "openid ims", "impi": f"{user}_priv@home1.example", "impu": [f"sip:{user}@home1.example"],
         "waf_id": "waf1", "wwsf_id": "shop"}
    c.update(more)
    return {k: v for k, v in c.items() if v is not None}


def token(user="alice", key=KEY, head=None, **more):
    """A JWT. head: more header members, or a whole header with "alg"; claims as in claims()."""
    h = {"alg": key.alg, "kid": key.kid, "typ": "at+jwt", **(head or {})}
    signed = b64(json.dumps(h).encode()) + "." + b64(json.dumps(claims(user, **more)).encode())
    return signed + "." + b64(key.sign(signed.encode()))


def twin(tok):
    """The same token with the other signature ECDSA allows."""
    signed, sig = tok.rsplit(".", 1)
    raw = base64.urlsafe_b64decode(sig + "==")
    s = P256_ORDER - int.from_bytes(raw[32:], "big")
    return signed + "." + b64(raw[:32] + s.to_bytes(32, "big"))


def hs256(secret, **more):
    signed = b64(b'{"alg":"HS256","kid":"r1"}') + "." + b64(json.dumps(claims(**more)).encode())
    return signed + "." + b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


def unsigned(**more):
    return b64(b'{"alg":"none"}') + "." + b64(json.dumps(claims(**more)).encode()) + "."


def write(name, data):
    path = os.path.join(DIR, name)
    with open(path, "wb" if isinstance(data, bytes) else "w") as f:
        f.write(data)
    return path


def certificate(key, name):
    x = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    return (x509.CertificateBuilder().subject_name(x).issuer_name(x).public_key(key.public_key()).serial_number(7)
            .not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))


TLS_KEY = ec.generate_private_key(ec.SECP256R1())
CA = write("ca.pem", certificate(TLS_KEY, "waf").public_bytes(serialization.Encoding.PEM))
TLS = write("tls.key", TLS_KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                             serialization.NoEncryption()))
JWKS = write("jwks.json", json.dumps({"keys": [KEY.jwk(), RSA_KEY.jwk()]}))
CLIENT = write("client", "epcscf:s3cret\n")


class Waf(http.server.ThreadingHTTPServer):
    """https://127.0.0.1:8443: /jwks gives keys; /introspect answers by the dict active: token -> claims.
    asked: paths and bodies of the requests so far."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, keys=(KEY,)):
        self.keys, self.active, self.asked, self.status = list(keys), {}, [], 200
        self.event = threading.Condition()
        super().__init__(("127.0.0.1", HTTPS_PORT), Handler)
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(CA, TLS)
        self.socket = c.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def wait(self, n, timeout=5):
        """Wait until n requests have come."""
        with self.event:
            if not self.event.wait_for(lambda: len(self.asked) >= n, timeout):
                raise AssertionError(f"{len(self.asked)} of {n} requests within {timeout} s")

    def handle_error(self, request, client_address):
        pass

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a):
        pass

    def answer(self, body):
        with self.server.event:
            self.server.asked.append((self.path, body))
            self.server.event.notify_all()
        if self.path == "/jwks":
            out = {"keys": [k.jwk() for k in self.server.keys]}
        else:
            form = urllib.parse.parse_qs(body)
            ok = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"epcscf:s3cret").decode()
            c = self.server.active.get(form["token"][0])
            out = {"active": True, **c} if ok and c else {"active": False}
        data = json.dumps(out).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer("")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())
