# SPDX-License-Identifier: Apache-2.0
"""Torture messages: one of our own making for each subsection of RFC 4475 section 3 and RFC 5118 section 4, and what
the RFC wants to become of it.

In a text, @VIA@ is the sender's Via with a branch, @CID@ a fresh Call-ID, @TO@ the called URI, @ME@ the sender's,
@SDP@ a description the other side can take. Line ends become CRLF. What a message needs on its side of the edge and
what it has nothing to say about (Route of the core, Content-Length) is added when it is missing."""
from dataclasses import dataclass, field


@dataclass
class Passes:
    """The other side gets it, with these words in it."""
    words: tuple = ()


@dataclass
class Refused:
    """The sender gets one of these."""
    codes: tuple


@dataclass
class Dropped:
    """Nobody gets anything."""


@dataclass
class Closed:
    """The sender gets one of these, if any, and the connection ends: where the next message begins is not known."""
    codes: tuple = ()


@dataclass
class Waits:
    """More is waited for."""


@dataclass
class Message:
    section: str
    name: str
    text: str
    verdict: object
    on: dict = field(default_factory=dict)      # verdicts that differ: "ws", "udp", "tcp"


MESSAGES = []


def message(section, name, text, verdict, **on):
    MESSAGES.append(Message(section, name, text.lstrip("\n"), verdict, on))


def options(section, name, verdict, uri="@TO@", frm="<@ME@>;tag=f1", to="<@TO@>", extra="", via="@VIA@", cid="@CID@",
            cseq="4711 OPTIONS", version="SIP/2.0", method="OPTIONS", **on):
    """An OPTIONS that is plain but for one thing."""
    message(section, name, f"""
{method} {uri} {version}
Via: {via}
Max-Forwards: 20
From: {frm}
To: {to}
Call-ID: {cid}
CSeq: {cseq}
{extra}
""".rstrip("\n") + "\n\n", verdict, **on)


# ---- RFC 4475 3.1.1: valid ------------------------------------------------------------------------------

message("4475 3.1.1.1", "a short tortuous INVITE", r"""
INVITE @TO@;strange=1;stranger SIP/2.0
tO  :
  <@TO@>
mAx-FORwards : 0019
FROM:   "Ada \\\"Countess\\\" L."
   <@ME@>
 ;
  TAG =
 k3y
Call-id  : @CID@
cSEQ:
   0012
  INVITE
v: @VIA@
Organization:  one line
	and another
Weird: ;;,,;,;
s :
c : application/sdp
m:"A \"quoted\" <one>" <@ME@> ; novel =
   value ; lonely ; q = 0.5

@SDP@""", Passes(("one line and another",)), ws=Passes())

message("4475 3.1.1.2", "a wide range of characters", r"""
Odd-Method.!%*_+`'~09 sip:0ne_l-st.uri~(it-has!this*)&=+$,'.:p&=+$,@home1.example SIP/2.0
Via: @VIA@-.!%*_+`'~
Max-Forwards: 255
From: tok~`_1 tok'+*%!2 <@ME@>;tag=.!%*_+`'~aZ9
To: "\a\"\\ \u{00e9} ()<>@,;:/[]?={}" <@TO@>
Call-ID: w.~`'+_*%!-aZ9(x)<y>:\"/[z]?{}@@CID@
CSeq: 2147483647 Odd-Method.!%*_+`'~09
X-.!%*_+`'~: any; of "these, <are

""".replace(r"\u{00e9}", "\u00e9").replace("@@CID@", "@CID@"),
        Passes(("Odd-Method.!%*_+`'~09 sip:0ne_l-st.uri~(it-has!this*)&=+$,'.:p&=+$,@home1.example",
                "tag=.!%*_+`'~aZ9")))

options("4475 3.1.1.3", "% as an escape", Passes(("sip:caf%C3%A9%3Bx%40y@home1.example",)),
        uri="sip:caf%C3%A9%3Bx%40y@home1.example", frm="<sip:%61lice@home1.example>;tag=e%3D1",
        extra="Contact: <sip:cal%6Cer@home1.example;n%61me=v%41lue>")
options("4475 3.1.1.4", "escaped NULs in URIs", Passes(("sip:n%00%00ul@home1.example",)),
        uri="sip:n%00%00ul@home1.example", to="<sip:n%00%00ul@home1.example>", extra="Contact: <sip:%00@home1.example>")
message("4475 3.1.1.5", "% that is no escape", """
RE%47IST%45R @TO@ SIP/2.0
Via: @VIA@
Max-Forwards: 20
From: "%Z%45" <@ME@>;tag=f%1
To: <@TO@>
Call-ID: @CID@%ZE
CSeq: 7 RE%47IST%45R
C%6Fntact: <sip:alias@home1.example>

""", Passes(("RE%47IST%45R ", '"%Z%45"', "@CID@%ZE")))
options("4475 3.1.1.6", "no blank between display name and <", Passes(("7777",)), frm="caller<@ME@>;tag=7777",
        to='"callee"<@TO@>')
options("4475 3.1.1.7", "long values", Passes(("u" * 1200, "t" * 700)), uri="sip:" + "u" * 1200 + "@home1.example",
        frm='"' + "name " * 200 + '" <@ME@>;tag=' + "t" * 700 + ";p" + "q" * 300 + "=" + "r" * 300,
        to="<sip:" + "u" * 1200 + "@home1.example>", cid="@CID@" + "c" * 700,
        extra="X" + "y" * 300 + ": " + "z" * 900)
message("4475 3.1.1.8", "octets behind the body", """
MESSAGE @TO@ SIP/2.0
Via: @VIA@
Max-Forwards: 20
From: <@ME@>;tag=f1
To: <@TO@>
Call-ID: @CID@
CSeq: 1 MESSAGE
Content-Type: text/plain
Content-Length: 4

bodyOPTIONS sip:behind@home1.example SIP/2.0
Via: @VIA@behind
Content-Length: 0

""", Passes(("Content-Length: 4", "\r\n\r\nbody")), ws=Refused((400,)))      # W2-WS-05: one message, whole
options("4475 3.1.1.9", "semicolons in the user part", Passes(("OPTIONS sip:x;p=1;q=2@home1.example SIP/2.0",)),
        uri="sip:x;p=1;q=2@home1.example", to="<sip:x;p=1;q=2@home1.example>")
options("4475 3.1.1.10", "known and unknown transports in Via", Passes(("SIP/2.0/CARRIER-PIGEON ",)),
        via="@VIA@\nVia: SIP/2.0/SCTP a.example;branch=z9hG4bKa, SIP/2.0/TLS b.example;branch=z9hG4bKb\n"
            "Via: SIP/2.0/CARRIER-PIGEON c.example;branch=z9hG4bKc")
message("4475 3.1.1.11", "a multipart body with binary parts", """
MESSAGE @TO@ SIP/2.0
Via: @VIA@
Max-Forwards: 20
From: <@ME@>;tag=f1
To: <@TO@>
Call-ID: @CID@
CSeq: 1 MESSAGE
MIME-Version: 1.0
Content-Type: multipart/mixed;boundary="b--1"

--b--1
Content-Type: text/plain

Hello
--b--1
Content-Type: application/octet-stream
Content-Transfer-Encoding: binary

\x01\x02\x7f--b--
--b--1--
""", Passes(("Hello\r\n--b--1", "--b--1--")))
message("4475 3.1.1.12", "a reason phrase with blanks, UTF-8 and signs",
        "SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e; yes?\n@ANSWER@\n\n",
        Passes(("SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e; yes?",)))
message("4475 3.1.1.13", "an empty reason phrase", "SIP/2.0 200 \n@ANSWER@\n\n", Passes(("SIP/2.0 200 ",)))

# ---- RFC 4475 3.1.2: invalid ----------------------------------------------------------------------------

options("4475 3.1.2.1", "separators without anything between", Refused((400,)),
        via="@VIA@;;,;,,", extra='Contact: "Ann" <sip:ann@home1.example>;;;;')
message("4475 3.1.2.2", "Content-Length above the length", """
MESSAGE @TO@ SIP/2.0
Via: @VIA@
Max-Forwards: 20
From: <@ME@>;tag=f1
To: <@TO@>
Call-ID: @CID@
CSeq: 1 MESSAGE
Content-Type: text/plain
Content-Length: 9999

body""", Refused((400,)), tcp=Waits())
options("4475 3.1.2.3", "a negative Content-Length", Refused((400,)), extra="Content-Length: -1", tcp=Closed((400,)))
options("4475 3.1.2.4", "numbers that are too large in a request", Refused((400,)), cseq="36893488147419103233 OPTIONS",
        extra="Expires: 10000000000000000000000\nContact: <@ME@>;expires=280297596632815")
message("4475 3.1.2.5", "numbers that are too large in a response", """
SIP/2.0 503 Too Much
@ANSWER CSEQ=9292394834772304023312 MESSAGE@
Warning: 1812 overture "in progress"
Retry-After: 949302838503028349304023988

""", Dropped())
options("4475 3.1.2.6", "a quoted string without its end", Refused((400,)), to='"Mrs. Open <@TO@>')
options("4475 3.1.2.7", "<> around the Request-URI", Refused((400,)), uri="<@TO@>")
options("4475 3.1.2.8", "blanks in the Request-URI", Refused((400,)), uri="@TO@; lr")
options("4475 3.1.2.9", "more than one blank in the request line", Refused((400,)), uri=" @TO@ ")
options("4475 3.1.2.10", "blanks behind the request line", Refused((400,)), version="SIP/2.0  ")
options("4475 3.1.2.11", "header fields in the Request-URI", Refused((400,)), uri="sip:bob@home1.example?Route=%3Csip:x%3E")
options("4475 3.1.2.12", "a Date that is not GMT", Passes(), extra="Date: Fri, 01 Jan 2027 16:00:00 EST")
options("4475 3.1.2.13", "a URI with header fields without <>", Refused((400,)),
        extra="Contact: sip:ann@home1.example?Route=%3Csip:sip.example.com%3E")
options("4475 3.1.2.14", "blanks inside < >", Refused((400,)), to='"Watson" < @TO@ >')
options("4475 3.1.2.15", "a display name that needs quotes", Refused((400,)), frm="Bell, Graham <@ME@>;tag=f1")
options("4475 3.1.2.16", "SIP of another version", Refused((505,)), version="SIP/7.0")
options("4475 3.1.2.17", "a method and a CSeq that differ", Refused((400,)), cseq="8 INVITE")
options("4475 3.1.2.18", "an unknown method and a CSeq that differs", Refused((400, 501)), method="UNHEARD", cseq="8 OPTIONS")
message("4475 3.1.2.19", "a status code that is too large", "SIP/2.0 4294967496 better not break\n@ANSWER@\n\n", Dropped())

# ---- RFC 4475 3.2 to 3.4 --------------------------------------------------------------------------------

options("4475 3.2.1", "the magic cookie and nothing behind it", Passes(), via="@VIA0@;branch=z9hG4bK")
message("4475 3.3.1", "required header fields are missing", """
OPTIONS @TO@ SIP/2.0
Via: @VIA@
Call-ID: @CID@
CSeq: 5 OPTIONS

""", Dropped(), ws=Closed())
options("4475 3.3.2", "a Request-URI of an unknown scheme", Refused((416,)), uri="neverheard:of/this#scheme")
options("4475 3.3.3", "a Request-URI of a known scheme that does not fit", Refused((416,)), uri="soap.beep://192.0.2.1:3002")
options("4475 3.3.4", "unknown schemes in header fields", Passes(("isbn:0262533", "wx:~")), frm="<wx:~ann>;tag=f1",
        to="<isbn:0262533>", extra="Contact: <name:ann_b>")
options("4475 3.3.5", "extensions required of us", Refused((420,)),
        extra="Require: notFound, notThere\nProxy-Require: noProxyDoesThis, norThis")
message("4475 3.3.6", "a body of an unknown type", """
INVITE @TO@ SIP/2.0
Via: @VIA@
Max-Forwards: 20
From: <@ME@>;tag=f1
To: <@TO@>
Call-ID: @CID@
CSeq: 1 INVITE
Contact: <@ME@>
Content-Type: application/never-heard-of

<audio><pcmu port="443"/></audio>""", Refused((415,)))
options("4475 3.3.7", "an unknown authorization scheme", Passes(), extra="Authorization: Handshake opaque-data=here")
message("4475 3.3.8", "two of what there may be one of", """
OPTIONS @TO@ SIP/2.0
Via: @VIA@
CSeq: 5 OPTIONS
Call-ID: @CID@
Max-Forwards: 70
From: other <sip:other@home1.example>;tag=1
CSeq: 59 OPTIONS
Call-ID: @CID@2
From: <@ME@>;tag=2
Max-Forwards: 5
To: <@TO@>
To: <sip:t@home1.example>

""", Refused((400,)))
options("4475 3.3.9", "two Content-Length that differ", Refused((400,)), tcp=Closed((400,)),
        extra="Content-Length: 4\nContent-Type: text/plain\nContent-Length: 5")
MESSAGES[-1].text = MESSAGES[-1].text + "There"
message("4475 3.3.10", "a response whose Via is a broadcast address", """
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923, SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23
From: <@ME@>;tag=f1
To: <@TO@>;tag=t1
Call-ID: @CID@
CSeq: 1 INVITE
Contact: <sip:x@home1.example>

""", Dropped())
options("4475 3.3.11", "Max-Forwards 0", Refused((200, 483)))
MESSAGES[-1].text = MESSAGES[-1].text.replace("Max-Forwards: 20", "Max-Forwards: 0")


def register(section, name, contact, words, verdict=None):
    """Served on W2; the core has none to send."""
    message(section, name, f"""
REGISTER sip:home1.example SIP/2.0
Via: @VIA@
Max-Forwards: 20
From: <@ME@>;tag=f1
To: <@ME@>
Call-ID: @CID@
CSeq: 9 REGISTER
Contact: {contact}
Authorization: Digest username="alice", realm="home1.example", nonce="n", uri="sip:home1.example", response="r"

""", verdict or Passes(words), udp=Refused((403, 405, 480)), tcp=Refused((403, 405, 480)))


register("4475 3.3.12", "a parameter of Contact", "sip:alice@abc.invalid;unknown",
         ("Contact: sip:alice@abc.invalid;unknown",))
register("4475 3.3.13", "a parameter of the URI in Contact", "<sip:alice@abc.invalid;unknown>",
         ("Contact: <sip:alice@abc.invalid;unknown>",))
register("4475 3.3.14", "an escaped header in the URI of Contact", "<sip:alice@abc.invalid?Route=%3Csip:sip.example.com%3E>",
         ("sip:alice@abc.invalid?Route=%3Csip:sip.example.com%3E",))
options("4475 3.3.15", "Accept of what nobody can make", Passes(("text/nobodyMakesThis",)), extra="Accept: text/nobodyMakesThis")
message("4475 3.4.1", "a request by RFC 2543", """
OPTIONS @TO@ SIP/2.0
Via: @VIA0@
From: <@ME@>
To: <@TO@>
Call-ID: @CID@
CSeq: 1 OPTIONS
Contact: <@ME@>

""", Passes())

# ---- RFC 5118 4 -----------------------------------------------------------------------------------------

options("5118 4.1", "an IPv6 reference", Passes(("sip:[2001:db8::10]",)), uri="sip:[2001:db8::10]",
        extra="Contact: <sip:ann@[2001:db8::9:1]>")
options("5118 4.2", "an IPv6 address without brackets", Refused((400,)), uri="sip:2001:db8::10")
options("5118 4.3", "the last group is no port", Passes(("OPTIONS sip:[2001:db8::10:5070] SIP/2.0",)), uri="sip:[2001:db8::10:5070]")
options("5118 4.4", "a port behind the brackets", Passes(("OPTIONS sip:[2001:db8::10]:5070 SIP/2.0",)), uri="sip:[2001:db8::10]:5070")
options("5118 4.5.1", "received in brackets", Passes(("received=[2001:db8::9:255]",)),
        via="@VIA@\nVia: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111")
options("5118 4.5.2", "received without brackets", Passes(("received=2001:db8::9:255",)),
        via="@VIA@\nVia: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3")


def invite(section, name, change, extra=""):
    message(section, name, f"""
INVITE sip:bob@[2001:db8::10] SIP/2.0
Via: @VIA@
{extra}Max-Forwards: 20
From: <@ME@>;tag=f1
To: <@TO@>
Call-ID: @CID@
CSeq: 1 INVITE
Contact: <@ME@>
Content-Type: application/sdp

@SDP {change}@""", Passes(("INVITE sip:bob@[2001:db8::10] SIP/2.0",)))


invite("5118 4.6", "IPv6 addresses in SDP", "ip6")
invite("5118 4.7", "IPv4 and IPv6 in header fields", "", "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3\n"
       "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781\n")
invite("5118 4.8", "IPv4 and IPv6 in SDP", "both")
invite("5118 4.9", "IPv4-mapped addresses", "mapped", "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\n")
options("5118 4.10.1", "three colons, as RFC 3261 allowed by mistake", Passes(("[2001:db8:::192.0.2.1]",)),
        via="@VIA@\nVia: SIP/2.0/UDP [2001:db8:::192.0.2.1];branch=z9hG4bKas3-111")
options("5118 4.10.2", "two colons, as they shall be", Passes(("[2001:db8::192.0.2.1]",)),
        via="@VIA@\nVia: SIP/2.0/UDP [2001:db8::192.0.2.1];branch=z9hG4bKas3-111")
options("5118 4.10.3", "three colons in the Request-URI", Refused((400,)), uri="sip:[2001:db8:::192.0.2.1]")
