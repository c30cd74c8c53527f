# SPDX-License-Identifier: Apache-2.0
"""A software USIM and the HSS side of it: Milenage (TS 35.206), Digest AKA (RFC 3310, RFC 4169)."""
import base64, hashlib, hmac, os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def aes(key, block):
    e = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return e.update(block) + e.finalize()


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def rotate(block, bits):
    n = bits // 8
    return block[n:] + block[:n]


class Milenage:
    def __init__(self, k, opc):
        self.k, self.opc = k, opc

    def out(self, temp, bits, c):
        return xor(aes(self.k, xor(rotate(xor(temp, self.opc), bits), bytes(15) + bytes([c]))), self.opc)

    def temp(self, rand):
        return aes(self.k, xor(rand, self.opc))

    def f1(self, rand, sqn, amf):
        """(MAC-A, MAC-S)"""
        in1 = (sqn + amf) * 2
        o = xor(aes(self.k, xor(self.temp(rand), rotate(xor(in1, self.opc), 64))), self.opc)
        return o[:8], o[8:]

    def f2345(self, rand):
        """(RES, CK, IK, AK)"""
        t = self.temp(rand)
        o2 = self.out(t, 0, 1)
        return o2[8:], self.out(t, 32, 2), self.out(t, 64, 4), o2[:6]

    def f5star(self, rand):
        return self.out(self.temp(rand), 96, 8)[:6]


class Hss:
    """Makes vectors."""
    def __init__(self, m):
        self.m, self.sqn = m, 32

    def vector(self):
        """(nonce, RES, CK, IK)"""
        rand, amf = os.urandom(16), b"\x80\0"
        sqn = self.sqn.to_bytes(6, "big")
        self.sqn += 32
        res, ck, ik, ak = self.m.f2345(rand)
        autn = xor(sqn, ak) + amf + self.m.f1(rand, sqn, amf)[0]
        return base64.b64encode(rand + autn).decode(), res, ck, ik

    def resync(self, nonce, auts):
        """Takes the SQN of the USIM over. @return is the AUTS genuine?"""
        rand, auts = base64.b64decode(nonce)[:16], base64.b64decode(auts)
        sqn = xor(auts[:6], self.m.f5star(rand))
        if self.m.f1(rand, sqn, bytes(2))[1] != auts[6:]:
            return False
        self.sqn = int.from_bytes(sqn, "big") + 32
        return True


class Usim:
    def __init__(self, m):
        self.m, self.sqn = m, 0

    def answer(self, nonce):
        """("ok", RES, CK, IK) or ("auts", AUTS)."""
        raw = base64.b64decode(nonce)
        rand, autn = raw[:16], raw[16:32]
        res, ck, ik, ak = self.m.f2345(rand)
        sqn, amf = xor(autn[:6], ak), autn[6:8]
        assert self.m.f1(rand, sqn, amf)[0] == autn[8:], "the network is not genuine"
        if int.from_bytes(sqn, "big") <= self.sqn:
            mine = self.sqn.to_bytes(6, "big")
            return "auts", base64.b64encode(xor(mine, self.m.f5star(rand)) + self.m.f1(rand, mine, bytes(2))[1]).decode()
        self.sqn = int.from_bytes(sqn, "big")
        return "ok", res, ck, ik


def akav2_password(res, ik, ck):
    """RFC 4169 3 with the hash of AKAv2-SHA-256."""
    return base64.b64encode(hmac.new(res + ik + ck, b"http-digest-akav2-password", hashlib.sha256).digest())


def digest_response(user, realm, password, method, uri, nonce):
    def h(data):
        return hashlib.sha256(data).hexdigest().encode()
    a1 = h(f"{user}:{realm}:".encode() + password)
    return h(a1 + b":" + nonce.encode() + b":" + h(f"{method}:{uri}".encode())).decode()
