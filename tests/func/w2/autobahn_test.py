#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 6455 against the WebSocket of epcscf, after the case list of the Autobahn test suite (the numbers in brackets).
That suite talks to an echo server; here the question is an OPTIONS, its answer is the echo."""
from harness import *


def wire(op, data=b"", fin=True, rsv=0, mask=b"\x37\xfa\x21\x3d", form=0):
    """Any frame, right or wrong. mask None: unmasked. form 2, 8: a longer form of the length than needed"""
    n = len(data)
    m = 0x80 if mask is not None else 0
    form = form or (0 if n < 126 else 2 if n < 65536 else 8)
    size = bytes([m | n]) if form == 0 else bytes([m | (126 if form == 2 else 127)]) + n.to_bytes(form, "big")
    if mask is not None:
        data = mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data))
    return bytes([(0x80 if fin else 0) | rsv << 4 | op]) + size + data


def ask(i, pad=0, text=""):
    """A SIP question of a chosen size."""
    return request("OPTIONS", "sip:localhost", branch=f"o{i}", cid=f"o{i}",
                   extra="Subject: " + text + "s" * pad).encode()


def alive(w, i="alive"):
    w.s.sendall(wire(TEXT, ask(i)))
    return w.get(None).header("Call-ID") == f"o{i}"


def ends(t, data, code):
    """These bytes are answered with this close code, and the connection ends."""
    w = t.ws()
    w.s.sendall(data)
    got = w.closed(5)
    check(got == code, f"close {got}, wanted {code}, for {data[:40].hex()}")


def utf8(t, raw, is_good):
    """A question with these bytes in a header, in one frame."""
    w = t.ws()
    w.s.sendall(wire(TEXT, ask("u").replace(b"Subject:", b"Subject: s" + raw)))
    if is_good:
        check(w.get(None).header("Call-ID") == "ou", raw)
        w.close()
    else:
        got = w.closed(5)
        check(got == 1007, f"close {got} for {raw.hex()}")


@case("framing: every form of length, text and binary (1.1, 1.2, 9.1, 9.2)")
def _(t):
    w = t.ws()
    for op in (TEXT, BINARY):
        for pad in (0, 125, 126, 127, 128, 65000 - 300):
            i = f"{op}-{pad}"
            w.s.sendall(wire(op, ask(i, pad)))
            check(w.get(None).header("Call-ID") == "o" + i)
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\r\n\r\n"):
        w.s.sendall(wire(TEXT, ask("m"), mask=mask))
        check(w.get(None).header("Call-ID") == "om")
    w.s.sendall(wire(TEXT, b"") + wire(BINARY, b""))    # nothing is no SIP message
    check(w.closed() == 1002)


@case("a frame arrives octet by octet, and several in one segment (1.1.8, 2.6, 5.5)")
def _(t):
    w = t.ws()
    w.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for b in wire(TEXT, ask(1)) + wire(PING, b"slow") + wire(TEXT, ask(2)):
        w.s.send(bytes([b]))
    got = [w.frame() for _ in range(3)]
    check(got[1] == (PONG, b"slow") and b"oo" not in got[0][1] and b"o1" in got[0][1] and b"o2" in got[2][1], got)
    w.s.sendall(b"".join(wire(TEXT, ask(i)) for i in range(20)))
    check([w.get(None).header("Call-ID") for _ in range(20)] == [f"o{i}" for i in range(20)])


@case("pings: empty, with text, binary, 125 octets, ten in a row; unasked pongs are ignored (2.1 to 2.11)")
def _(t):
    w = t.ws()
    for data in (b"", b"Hello", b"\0\xff\xfe\xfd\xfc\xfb\0\xff", b"\xfe" * 125):
        w.s.sendall(wire(PING, data))
        check(w.frame() == (PONG, data))
    w.s.sendall(b"".join(wire(PING, b"payload-%d" % i) for i in range(10)))
    check([w.frame() for _ in range(10)] == [(PONG, b"payload-%d" % i) for i in range(10)])
    w.s.sendall(wire(PONG) + wire(PONG, b"unasked") + wire(PING, b"last"))
    check(w.frame() == (PONG, b"last") and alive(w))


@case("control frames above 125 octets and in fragments are errors (2.5, 5.1, 5.2, 7.3.6, threat W3)")
def _(t):
    ends(t, wire(PING, b"\xfe" * 126), 1002)
    ends(t, wire(PONG, b"\xfe" * 126), 1002)
    ends(t, wire(CLOSE, b"\x03\xe8" + b"x" * 124), 1002)
    ends(t, wire(PING, b"frag", fin=False) + wire(CONTINUATION, b"ment"), 1002)
    ends(t, wire(PONG, b"frag", fin=False) + wire(CONTINUATION, b"ment"), 1002)
    ends(t, wire(CLOSE, b"\x03\xe8", fin=False), 1002)
    ends(t, wire(PING, b"x", form=2), 1002)


@case("reserved bits are errors in every kind of frame (3.1 to 3.7, threat W3)")
def _(t):
    for rsv in range(1, 8):
        ends(t, wire(TEXT, ask(1), rsv=rsv), 1002)
        ends(t, wire(PING, b"", rsv=rsv), 1002)
    ends(t, wire(CLOSE, b"\x03\xe8", rsv=7), 1002)
    w = t.ws()      # what came before is answered
    w.s.sendall(wire(TEXT, ask(1)) + wire(TEXT, ask(2), rsv=4) + wire(PING))
    check(w.get(None).header("Call-ID") == "o1" and w.closed() == 1002)


@case("reserved opcodes are errors, alone and between others (4.1, 4.2, threat W3)")
def _(t):
    for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        ends(t, wire(op), 1002)
        ends(t, wire(op, b"reserved"), 1002)
        w = t.ws()
        w.s.sendall(wire(TEXT, ask(1)) + wire(op, b"x") + wire(PING))
        check(w.get(None).header("Call-ID") == "o1" and w.closed() == 1002)


@case("frames without a mask are errors (RFC 6455 5.1, threat W3)")
def _(t):
    ends(t, wire(TEXT, ask(1), mask=None), 1002)
    ends(t, wire(PING, b"", mask=None), 1002)
    ends(t, wire(CLOSE, b"\x03\xe8", mask=None), 1002)


@case("lengths: the longer form than needed, the top bit, more than any memory (RFC 6455 5.2, 9.1)")
def _(t):
    ends(t, wire(TEXT, b"short", form=2), 1002)
    ends(t, wire(TEXT, ask(1), form=8), 1002)
    ends(t, b"\x81\xff" + b"\x80" + b"\0" * 7 + b"\0\0\0\0", 1002)
    ends(t, b"\x81\xff" + b"\xff" * 8 + b"\0\0\0\0", 1002)
    before = t.rss_mb()
    for n in (1 << 17 | 1, 1 << 20, 1 << 31, 1 << 32, (1 << 63) - 1):
        ends(t, b"\x82\xff" + n.to_bytes(8, "big") + b"\0\0\0\0x", 1009)
    check(t.rss_mb() - before < 4, "nothing is taken for what is only announced")


@case("fragments: whole messages, with control frames between, octet by octet (5.3 to 5.8, 5.19, 5.20)")
def _(t):
    w = t.ws()
    for n in (1, 3, 50):
        data = ask(n)
        parts = [data[i * len(data) // n:(i + 1) * len(data) // n] for i in range(n)]
        w.s.sendall(b"".join(wire(CONTINUATION if i else TEXT, p, fin=i == n - 1) for i, p in enumerate(parts)))
        check(w.get(None).header("Call-ID") == f"o{n}")
    a, b = ask("p")[:40], ask("p")[40:]
    w.s.sendall(wire(TEXT, a, fin=False) + wire(PING, b"between") + wire(CONTINUATION, b))
    check(w.frame() == (PONG, b"between") and w.get(None).header("Call-ID") == "op")
    w.s.sendall(wire(BINARY, b"", fin=False) + wire(CONTINUATION, a, fin=False) + wire(PONG, b"unasked") +
                wire(CONTINUATION, b"", fin=False) + wire(CONTINUATION, b))
    check(w.get(None).header("Call-ID") == "op")


@case("fragments: a continuation of nothing, a new message inside another (5.9 to 5.18)")
def _(t):
    for fin in (True, False):
        ends(t, wire(CONTINUATION, b"non-continuation", fin=fin), 1002)
        w = t.ws()
        w.s.sendall(wire(TEXT, ask(1)) + wire(CONTINUATION, b"x", fin=fin))
        check(w.get(None).header("Call-ID") == "o1" and w.closed() == 1002)
    for op in (TEXT, BINARY):
        ends(t, wire(TEXT, b"OPTIONS ", fin=False) + wire(op, ask(1)), 1002)
        ends(t, wire(TEXT, b"OPTIONS ", fin=False) + wire(op, b"x", fin=False), 1002)


@case("65 fragments and a message above the limit in fragments are 1009; empty fragments count (threat W2)")
def _(t):
    ends(t, b"".join(wire(CONTINUATION if i else TEXT, b"", fin=False) for i in range(65)), 1009)
    ends(t, b"".join(wire(CONTINUATION if i else BINARY, b"x" * 16000, fin=False) for i in range(10)), 1009)
    ends(t, wire(TEXT, b"", fin=False) + b"".join(wire(CONTINUATION, b"", fin=False) + wire(PING) for _ in range(70)),
         1009)


GOOD = ["kosme \u03ba\u1f79\u03c3\u03bc\u03b5", "\x80", "\u0800", "\U00010000", "\x7f", "\u07ff", "\uffff", "\ud7ff",
        "\ue000", "\ufffd", "\U0010ffff", "\ufffe", "\U0001fffe", "\U0003ffff"]
BAD = [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\xf8\x88\x80\x80\x80",
       b"\xfc\x84\x80\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf4\x90\x80\x80", b"\x80", b"\xbf", b"\x80\xbf\x80\xbf",
       b"\xc0 \xc1 ", b"\xe0 \xe1 ", b"\xf0 \xf1 ", b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xef\xbf", b"\xdf",
       b"\xfe", b"\xff", b"\xfe\xfe\xff\xff", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf",
       b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xaf\xbf", b"\xed\xbf\xbf",
       b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"]


@case("UTF-8 in text: what is valid passes, what is not is 1007 (6.5 to 6.23, threat W3)")
def _(t):
    for text in GOOD:
        utf8(t, text.encode(), True)
    for raw in BAD:
        utf8(t, raw, False)


@case("UTF-8 over the borders of fragments and segments (6.1 to 6.4)")
def _(t):
    data = ask("u", text="\u03ba\u1f79\u03c3\u03bc\u03b5\U0001f600")
    at = data.index("\u03ba".encode())
    for cut in range(at, at + 15):
        w = t.ws()
        w.s.sendall(wire(TEXT, data[:cut], fin=False) + wire(CONTINUATION, data[cut:]))
        check(w.get(None).header("Call-ID") == "ou", cut)
        w.close()
    ends(t, wire(TEXT, b"OPTIONS \xce", fin=False) + wire(CONTINUATION, b"x"), 1007)     # ends inside a character
    ends(t, wire(TEXT, b"OPTIONS \xce"), 1007)


@case("UTF-8 fails fast: 1007 before the message is over (6.4.1 to 6.4.4)")
def _(t):
    w = t.ws()
    w.s.sendall(wire(TEXT, b"\xce\xba\xf4\x90", fin=False))     # the rest never comes
    check(w.closed(5) == 1007)
    w = t.ws()
    whole = wire(TEXT, b"good \xf4\x90" + b"x" * 1000)
    w.s.sendall(whole[:40])
    check(w.closed(5) == 1007)


@case("binary messages may hold anything; SIP that is no UTF-8 is told so by SIP (6, RFC 7118 5)")
def _(t):
    w = t.ws()
    w.s.sendall(wire(BINARY, ask("b", text="\u00e9").replace("\u00e9".encode(), b"\xe9")))
    check(w.get(None).header("Call-ID") == "ob")


@case("close: empty, with each valid code, with a reason; the answer repeats the code (7.1, 7.7, 7.13)")
def _(t):
    w = t.ws()
    w.s.sendall(wire(CLOSE))
    check(w.frame() == (CLOSE, b"") and w.closed() == 0)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        w = t.ws()
        w.s.sendall(wire(CLOSE, code.to_bytes(2, "big")))
        check(w.frame() == (CLOSE, code.to_bytes(2, "big")), code)
        check(w.closed() == 0)
    for reason in ("Hello World!".encode(), b"x" * 123, "\u03ba\u1f79".encode()):
        w = t.ws()
        w.s.sendall(wire(CLOSE, b"\x03\xe8" + reason))
        op, data = w.frame()
        check(op == CLOSE and data[:2] == b"\x03\xe8" and w.closed() == 0)


@case("close: a code of one octet, one that may not be sent, a reason that is no UTF-8 (7.3.2, 7.5, 7.9)")
def _(t):
    ends(t, wire(CLOSE, b"a"), 1002)
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535):
        ends(t, wire(CLOSE, code.to_bytes(2, "big")), 1002)
    ends(t, wire(CLOSE, b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), 1007)


@case("nothing behind a close frame is answered (7.1.2 to 7.1.6)")
def _(t):
    for behind in (wire(TEXT, ask(1)), wire(PING), wire(CLOSE, b"\x03\xe8"), wire(3), b"\xff" * 200):
        w = t.ws()
        w.s.sendall(wire(CLOSE, b"\x03\xe8") + behind)
        check(w.frame() == (CLOSE, b"\x03\xe8"))
        check(w.closed() == 0)
    w = t.ws()      # inside a message
    w.s.sendall(wire(TEXT, b"OPT", fin=False) + wire(CLOSE, b"\x03\xe8") + wire(CONTINUATION, b"IONS"))
    check(w.frame() == (CLOSE, b"\x03\xe8") and w.closed() == 0)


@case("extensions are declined: no permessage-deflate, RSV1 stays an error (12, 13, threat W5)")
def _(t):
    head = HEAD.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
    w = t.ws(head=head)
    check(b"extensions" not in w.answer.lower(), w.answer)
    w.s.sendall(wire(TEXT, b"\xf2H\xcd\xc9\xc9\x07\0", rsv=4))
    check(w.closed() == 1002)


def answer_to(head):
    with socket.create_connection((LO, W2_PORT)) as s:
        s.settimeout(5)
        s.sendall(head)
        data = b""
        while b"\r\n\r\n" not in data and (b := s.recv(4096)):
            data += b
        return data.decode()


@case("the upgrade: version, sub-protocol, key, method, path (RFC 6455 4.2, RFC 7118 4, threat W7)")
def _(t):
    def with_(a, b):
        assert a in HEAD
        return int(answer_to(HEAD.replace(a, b)).split(" ")[1])
    check(with_(b"GET", b"GET") == 101)
    for version in (b"8", b"0", b"14", b"", b"13, 8"):
        check(with_(b"Version: 13", b"Version: " + version) == 426, version)
    check("Sec-WebSocket-Version: 13\r\n" in answer_to(HEAD.replace(b"Version: 13", b"Version: 8")))
    for protocol, status in ((b"sip", 101), (b"SIP", 101), (b"msrp, sip", 101), (b"sip, msrp", 101), (b"sips", 400),
                             (b"sip/1", 400), (b"xmpp", 400), (b"", 400), (b"sip msrp", 400)):
        check(with_(b"Protocol: sip", b"Protocol: " + protocol) == status, protocol)
    check(with_(b"Sec-WebSocket-Protocol: sip\r\n", b"") == 400)
    check("\r\nSec-WebSocket-Protocol: sip\r\n" in answer_to(HEAD.replace(b"Protocol: sip", b"Protocol: msrp, sip")))
    for key in (b"", b"short", b"dGhlIHNhbXBsZSBub25jZWQ=", b"dGhlIHNhbXBsZSBub25jZQ==x"):
        check(with_(b"Key: dGhlIHNhbXBsZSBub25jZQ==", b"Key: " + key) == 400, key)
    check("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer_to(HEAD))
    for a, b, status in ((b"GET", b"POST", 400), (b"HTTP/1.1", b"HTTP/1.0", 400), (b"n: Upgrade", b"n: close", 400),
                         (b"n: Upgrade", b"n: keep-alive, upgrade", 101), (b"/w2 ", b"/w2?x=1 ", 101),
                         (b"/w2 ", b"/ ", 101), (b"/w2 ", b"/other ", 404), (b"Host: ", b"Hst: ", 400)):
        check(with_(a, b) == status, (a, b))


@case("origins: only the exact one (threat W1)",
      w2={"allow_no_origin": False, "origins": ["https://good.example", "https://good.example:8443"]})
def _(t):
    def status(*lines):
        head = HEAD.replace(b"\r\n\r\n", b"".join(b"\r\nOrigin: " + l for l in lines) + b"\r\n\r\n")
        return int(answer_to(head).split(" ")[1])
    check(status(b"https://good.example") == 101 and status(b"https://good.example:8443") == 101)
    for origin in (b"null", b"", b"https://evil.example", b"https://good.example.evil.net", b"https://xgood.example",
                   b"http://good.example", b"https://good.example:444", b"https://good.example/", b"good.example",
                   b"https://good.example@evil.net", b"https://good.example https://evil.example",
                   b"https://good.example\t, https://evil.example"):
        check(status(origin) == 403, origin)
    check(status() == 403, "none at all")
    check(status(b"https://good.example", b"https://evil.example") == 400, "two")
    check(t.show("counters")["w2_upgrade_refused_origin"] == 13)


@case("request heads that two readers could understand differently are 400, long ones 431 (threat W6)")
def _(t):
    def status(head):
        return int((answer_to(head) or "x 0").split(" ")[1])
    for a, b in ((b"\r\nUpgrade:", b"\nUpgrade:"), (b"Upgrade: w", b"Upgrade : w"), (b"Host:", b" Host:"),
                 (b"Connection:", b"Content-Length: 1\r\nContent-Length: 1\r\nConnection:"),
                 (b"Connection:", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\nConnection:"),
                 (b"Connection:", b"X: a\0b\r\nConnection:"), (b"Host:", b"Host: twice\r\nHost:"),
                 (b"GET ", b"GET  "), (b"Upgrade:", b"Upgrade: h2c\r\nUpgrade:")):
        got = status(HEAD.replace(a, b, 1))
        check(got == (101 if b == b"GET  " else 400), (a, b, got))
    check(status(HEAD.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 16384 + b"\r\n\r\n")) == 431)
    check(status(b"GET /" + b"y" * 40000) == 431)
    check(status(HEAD.replace(b"\r\n\r\n", b"\r\nX: y" * 120 + b"\r\n\r\n")) == 400)


run()
