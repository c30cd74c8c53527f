# SPDX-License-Identifier: Apache-2.0
"""Access tokens as a WAF gives them out (JWT of RFC 9068, ES256), and the key set epcscf verifies them by."""
import base64
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER, AUDIENCE, LIFE_S = "https://waf.example", "edge", 3600


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def write(key_file, token_file, users, each):
    """A key set; a file for w2gw-sigload -t: the number of users, then a token a line, of each user in turn."""
    key, now = ec.generate_private_key(ec.SECP256R1()), int(time.time())
    n = key.public_key().public_numbers()
    with open(key_file, "w", encoding="ascii") as f:
        json.dump({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256", "x": b64(n.x.to_bytes(32, "big")),
                             "y": b64(n.y.to_bytes(32, "big"))}]}, f)
    head = b64(json.dumps({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}).encode())
    with open(token_file, "w", encoding="ascii") as f:
        f.write(f"{users}\n")
        for i in range(users * each):
            user = f"web{i % users}"
            claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + LIFE_S, "jti": str(i), "scope": "openid ims",
                      "client_id": "wic", "impi": f"{user}@home1.example", "impu": [f"sip:{user}@home1.example"], "waf_id": "waf1",
                      "wwsf_id": "shop"}
            signed = f"{head}.{b64(json.dumps(claims).encode())}"
            r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
            f.write(f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}\n")
