# SPDX-License-Identifier: Apache-2.0
"""Real-time text over a data channel of a browser, over RTP with redundancy to the core (W2-DC-16), with 5 % loss in both directions."""
import re

from .proc import wait_until
from .scenario_calls import same
from .scenario_data import js
from .scenario_video import over
from .scenarios import check
from .t140_peer import TextPhone

# An end point of RFC 8865 on the page's phone: the channel is agreed in SDP.
TEXT = """
window.rtt = { received: '', messages: 0, answer: '' };
rtt.describe = (sdp) => sdp.replace(/(m=application [^]*?)(?=m=|$)/, `$1a=dcmap:2 subprotocol="t140";label="rtt"\\r\\n` +
	`a=dcsa:2 fmtp:t140 cps=25\\r\\na=dcsa:2 sendrecv\\r\\n`);
rtt.call = (target) => {
	phone.call(target);
	phone.session.on('sdp', (e) => {
		if (e.originator === 'local')
			e.sdp = rtt.describe(e.sdp);
		else
			rtt.answer = e.sdp;
	});
	phone.session.on('connecting', () => {
		rtt.channel = phone.session.connection.createDataChannel('rtt', { negotiated: true, id: 2, protocol: 't140' });
		rtt.channel.onmessage = ({ data }) => { rtt.received += data; rtt.messages++; };
	});
	return true;
};
rtt.type = (text, everyMs) => new Promise((resolve) => {
	const left = [...text];
	const timer = setInterval(() => {
		rtt.channel.send(left.shift());
		if (left.length === 0) {
			clearInterval(timer);
			resolve(true);
		}
	}, everyMs);
});
true
"""

SENTENCE = "Grüße aus dem Labor: 😀 € " * 6


def begin(alice, phone):
    phone.text = None
    js(alice, "rtt.received = ''; rtt.messages = 0; rtt.call('carol')")
    alice.in_call("active", 15)
    wait_until("the channel", lambda: js(alice, "rtt.channel.readyState") == "open", 15)
    return phone.text


def typed_on_the_page(alice, phone):
    phone.text = None
    js(alice, "phone.call('carol', { text: true })")
    alice.wait("s.call.text === 'open'", 20)
    for value in ("Hal", "Hallo", "Hallo, we", "Hello, world"):     # as the box holds it: letters, and a mistake put right
        js(alice, f"document.getElementById('rtt-own').value = {value!r}; document.getElementById('rtt-own').dispatchEvent(new Event('input'))")
    wait_until("the browser's text", lambda: phone.text and phone.text.shown() == "Hello, world", 10)
    phone.text.type("wrong\b\b\b\b\bright\u2028next")
    wait_until("the page's text", lambda: js(alice, "document.getElementById('rtt-far').textContent") == "right\nnext", 10)


def run(setting):
    case = setting.cases.case
    with setting.lab(data="[msrp, t140]") as lab:
        lab.start(phones=())
        phone = TextPhone()
        alice = lab.browser("alice")
        js(alice, TEXT)
        base = lab.base_line()
        with case("what_the_core_was_offered"):
            session = begin(alice, phone)
            check("m=application" not in phone.offer and "dcmap" not in phone.offer, phone.offer)
            check(re.search(r"m=text \d+ RTP/AVP 105 104\r\n", phone.offer) and "a=fmtp:105 104/104/104" in phone.offer and
                  "a=fmtp:104 cps=25" in phone.offer, phone.offer)
        with case("what_the_browser_was_answered"):
            answer = js(alice, "rtt.answer")
            check('a=dcmap:2 subprotocol="t140"' in answer and "a=dcsa:2 fmtp:t140 cps=25" in answer, answer)
        with case("five_per_cent_lost_each_way_and_every_letter_arrives"):
            session.type(SENTENCE)
            js(alice, f"rtt.type({SENTENCE!r}, 60)")
            wait_until("the phone's text", lambda: len(js(alice, "rtt.received")) >= len(SENTENCE), 20)
            wait_until("the browser's text", lambda: len(session.received) >= len(SENTENCE), 20)
            check(js(alice, "rtt.received") == SENTENCE, js(alice, "rtt.received"))
            check(session.received == SENTENCE, session.received)
            check(session.lost_in + session.lost_out > 0 and session.repaired > 0, "nothing was lost")
        with case("an_outage_is_marked_and_order_is_kept"):
            had = len(js(alice, "rtt.received"))
            session.type("before ")
            wait_until("text", lambda: js(alice, "rtt.received").endswith("before "), 10)
            session.lose_every, lost = 1, session.lost_out
            session.type("this is never heard of")
            wait_until("the outage", lambda: session.lost_out - lost >= 5 and not session.waiting, 10)    # two repeat what is lost
            session.lose_every = 0
            session.type(" after")
            wait_until("text", lambda: js(alice, "rtt.received").endswith(" after"), 10)
            got = js(alice, "rtt.received")[had:]
            check(re.fullmatch(r"before .*\ufffd.* after", got) and got.count("\ufffd") == 1, got)
        with case("the_end_of_the_call_is_the_end_of_the_text"):
            over(lab, alice)
        with case("on_the_page_letters_appear_as_they_are_typed"):
            typed_on_the_page(alice, phone)
            over(lab, alice)
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same(base, lab.base_line()), 10)
        phone.stop()
