# SPDX-License-Identifier: Apache-2.0
"""Faults other SIP servers had (threat P4): for each class that an advisory or a bug report tells of, a message of our
own making, and what is right to do with it. The name says the class, and where it was found."""
from torture import *

LONG = 20000


def call(name, sdp, verdict, extra="", ctype="application/sdp", **on):
    """An INVITE with this description, in which @SDP@ is one the other side can take."""
    message("fault", name, f"""
INVITE @TO@ SIP/2.0
Via: @VIA@
Max-Forwards: 20
From: <@ME@>;tag=f1
To: <@TO@>
Call-ID: @CID@
CSeq: 1 INVITE
Contact: <@ME@>
Content-Type: {ctype}
{extra}""".rstrip("\n") + "\n\n" + sdp, verdict, **on)


def fault(name, verdict, **k):
    options("fault", name, verdict, **k)


# ---- Via, To and From, branches and tags (Kamailio CVE-2018-8828, -14767, -16657, issues 2503, 4204) --------------

fault("Via: brackets of an address without their end, of a hop before (Kamailio CVE-2018-16657)", Passes(),
      via="@VIA@\nVia: SIP/2.0/UDP [2001:db8::1;branch=z9hG4bKx")
fault("Via: nothing behind the transport, of a hop before", Passes(), via="@VIA@\nVia: SIP/2.0/UDP")
fault("Via: the same of the sender's own", Dropped(), via="SIP/2.0/UDP [2001:db8::1;branch=z9hG4bK@CID@", ws=Closed())
fault("To twice, the second with an empty tag (Kamailio CVE-2018-14767)", Refused((400,)), to="<@TO@>\nTo: <@TO@>;tag=")
fault("an empty tag", Passes(), frm="<@ME@>;tag=")
fault("a branch of the cookie alone (Kamailio CVE-2018-8828)", Passes(), via="@VIA0@;branch=z9hG4bK")
fault("a tag as long as a message", Passes(), frm="<@ME@>;tag=" + "t" * LONG)

# ---- lines and blanks (Kamailio issue 2044, issue 4930; Asterisk AST-2016-009; Kamailio CVE-2020-28361) --------------

message("fault", "header fields that end in CR alone (Kamailio issue 2044)", """
OPTIONS @TO@ SIP/2.0
Via: @VIA@\rMax-Forwards: 20\rFrom: <@ME@>;tag=f1\rTo: <@TO@>
Call-ID: @CID@
CSeq: 1 OPTIONS

""", Dropped(), ws=Closed())
fault("a control character between name and colon (Asterisk AST-2016-009)", Refused((400,)), extra="To\x01: <sip:other@home1.example>;tag=x")
fault("a fold, no closing quote and a NUL (Kamailio issue 4930, Identity)", Refused((400,)), extra='Identity: "abc\n def\x00ghi')

# ---- credentials (OpenSIPS CVE-2023-28098 and its siblings) ----------------------------------------------------------

for text in ("Digest", "Digest =", "Digest ,,,=,", "Digest username", 'Digest username="', "Digest username=\"a\\", "Digest " + "a=b," * 5000):
    fault(f"Authorization: {text[:20]} (OpenSIPS CVE-2023-28098)", Refused((400,)), extra=f"Authorization: {text}", udp=Passes(), tcp=Passes())

# ---- URIs (sofia-sip CVE-2022-31002, OpenSIPS rewrite_ruri) --------------------------------------------------------

fault("% at the end of a URI (sofia-sip CVE-2022-31002)", Passes(), extra="Contact: <sip:a%@home1.example>")
fault("a Contact that is % (sofia-sip, drachtio issue 243)", Refused((400,)), extra="Contact: %")
fault("an empty user and password", Refused((400,)), uri="sip::@home1.example")
fault("nothing behind the scheme", Refused((400,)), uri="sip:@")
fault("a parameter as long as a message (OpenSIPS rewrite_ruri)", Passes(), uri="sip:bob@home1.example;p=" + "v" * LONG)

# ---- CSeq and methods (PJSIP AST-2017-002, sofia-sip CVE-2022-31001) ------------------------------------------------

fault("CSeq: a method as long as a message, no branch (PJSIP AST-2017-002)", Passes(), via="@VIA0@;branch=old-@CID@",
      method="M" * LONG, cseq="1 " + "M" * LONG)
fault("CSeq without a method (sofia-sip CVE-2022-31001)", Refused((400,)), cseq="4711")
fault("CSeq without a number", Refused((400,)), cseq="OPTIONS")

# ---- fields by the thousand, and of odd kinds (Asterisk AST-2018-004; baresip; session timers) -----------------------

fault("Accept two hundred times (Asterisk AST-2018-004)", Passes(), extra="\n".join(["Accept: application/sdp"] * 200))
fault("Replaces without tags (baresip)", Passes(), extra="Replaces: x")
fault("Session-Expires beyond 64 bits", Passes(), extra="Session-Expires: 18446744073709551616;refresher=")
fault("Max-Forwards beyond 32 bits", Refused((400, 483)), extra="Max-Forwards: 4294967296")
fault("RAck, RSeq and Expires beyond 32 bits", Passes(), extra="RAck: 4294967296 4294967296 INVITE\nRSeq: 4294967296\nExpires: 4294967296")

# ---- descriptions (PJSIP AST-2018-002, -003, CVE-2021-43804; sofia-sip CVE-2022-31003) ------------------------------

call("a format beyond 32 bits (PJSIP AST-2018-002)", "@SDP@".replace("@SDP@", "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\n"
     "t=0 0\nm=audio 17000 RTP/AVP 4294967296\n"), Refused((400, 488)))
call("a NUL in the name of an attribute (PJSIP AST-2018-003)", "@SDP@a=fmtp\x00:101 0-16\n", Refused((400, 488)))
call("lines of one and of no character (sofia-sip CVE-2022-31003)", "v\n\n=\nm=\nm", Refused((400, 488)))
call("an attribute line that is cut off", "@SDP@a=rtpmap:", Passes())
call("candidates and formats out of all ranges", "@SDP@a=candidate:1 99999999999 udp 99999999999 999.1.1.1 99999 typ x\na=rtpmap:-1 /\n"
     "a=ptime:99999999999999\n", Passes())

# ---- bodies in parts (PJSIP AST-2017-003, CVE-2022-21723; Kamailio check_boundaries) ---------------------------------

for name, ctype, body in (("without any part", "multipart/mixed;boundary=x", "--x--"), ("shorter than its boundary", "multipart/mixed;boundary=xxxxxxxx", "--x"),
                          ("a part that is a blank line", "multipart/mixed;boundary=x", "--x\n\n--x--\n"),
                          ("a boundary without a name", "multipart/mixed;=x", "--x\n")):
    call(f"a body in parts: {name} (PJSIP AST-2017-003, CVE-2022-21723)", body, Refused((415,)), ctype=ctype)

# ---- responses nobody asked for, and pieces (sofia-sip CVE-2022-47516, Asterisk AST-2018-005) ------------------------

message("fault", "a response to nothing, with a Via of somebody else", """
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK@CID@
From: <@ME@>;tag=f1
To: <@TO@>;tag=t1
Call-ID: @CID@
CSeq: 1 INVITE

""", Dropped())
message("fault", "a start line and no more (sofia-sip CVE-2022-47516)", """
INVITE @TO@ SIP/2.0
Call-ID: @CID@

""", Dropped(), ws=Closed())
