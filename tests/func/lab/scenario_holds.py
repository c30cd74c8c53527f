# SPDX-License-Identifier: Apache-2.0
"""A call is held and taken up again, by the browser and by the phone: sound in both directions, and no SRTP packet is refused at either end."""
import array
import socket
import time

from . import ns
from .proc import wait_until
from .scenarios import check
from .tones import tone_share

SECONDS = 60


def counts(lab, browser):
    """@return (packets the browser has taken, packets sent to it)"""
    access = next(row for row in lab.agw.show("flows") if "access" in row["termination"])
    check(access["auth_fail"] == 0 and access["replay"] == 0, access)
    return browser.stats()["packetsIn"], access["tx_packets"]


def of_a_law(byte):
    byte ^= 0x55
    value = ((byte & 15) << 4) + 8
    if byte & 0x70:
        value = (value + 0x100) << ((byte >> 4 & 7) - 1)
    return value if byte & 0x80 else -value


def of_mu_law(byte):
    byte ^= 0xff
    value = (((byte & 15) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -value if byte & 0x80 else value


LAWS = {0: of_mu_law, 8: of_a_law}     # G.711, by payload type


def sent_to_phone(seconds):
    """@return the sound the gateway sends to the core for a while: the phone's own recording ends with the first hold"""
    samples, end = array.array("h"), time.monotonic() + seconds
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as link:
        link.bind((ns.CORE["name"], 0))
        link.settimeout(0.5)
        while time.monotonic() < end:
            try:
                frame, (_, _, kind, *_) = link.recvfrom(2048)
            except TimeoutError:
                continue
            law = LAWS.get(frame[43] & 0x7f) if len(frame) > 54 and frame[12:14] == b"\x08\x00" and frame[23] == 17 else None
            if law and kind != socket.PACKET_OUTGOING and frame[42] == 0x80:
                samples.extend(law(b) for b in frame[54:])
    return samples


def held(lab, browser, phone, seconds, hold, resume):
    browser.do("dial", target=phone.user)
    browser.in_call("active", 20)
    browser.wait("s.call.media === 'heard'", 15)
    hold()
    wait_until("silence", lambda: browser.heard(phone.tone_hz, 0.5) < 0.2, 10)
    time.sleep(seconds)
    check(browser.state()["call"]["state"] == "active", "the call has ended")
    resume()
    wait_until("sound again", lambda: browser.heard(phone.tone_hz, 0.5) > 0.8, 10)
    taken, sent = counts(lab, browser)
    check(browser.heard(phone.tone_hz, 2) > 0.8, "the browser does not hear the phone")
    taken_now, sent_now = counts(lab, browser)
    check(taken_now - taken > 0.85 * (sent_now - sent) > 0, f"of {sent_now - sent} packets the browser took {taken_now - taken}")
    samples = sent_to_phone(2)
    share = tone_share(samples[-4000:], 8000, browser.tone_hz)
    check(len(samples) > 12000 and share > 0.7, f"{len(samples)} samples went to the phone, {share:.0%} of the last are the browser's tone")
    browser.do("click", selector="#hangup")
    browser.in_call("ended", 10)
    lab.wait_idle()


def by_browser(lab, browser, phone, seconds):
    def press():
        browser.do("click", selector="#hold")
    held(lab, browser, phone, seconds, press, press)


def by_phone(lab, browser, phone, seconds):
    held(lab, browser, phone, seconds, lambda: phone.command("hold"), lambda: phone.command("resume"))


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        bob, browser = lab.phones["bob"], lab.browser()
        with case(f"the_browser_holds_for_{SECONDS}_s"):
            by_browser(lab, browser, bob, SECONDS)
        with case(f"the_phone_holds_for_{SECONDS}_s"):
            by_phone(lab, browser, bob, SECONDS)
