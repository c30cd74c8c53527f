#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Erlang/OTP's application megaco, which none of us wrote, as the controller of eimsagw and as the gateway of epcscf: UDP and TCP, both
text codecs. What was said is dissected by tshark, without a complaint."""
import base64

from pair import *

HERE = os.path.dirname(os.path.abspath(__file__))


def megaco(*argv):
    return subprocess.Popen(["escript", f"{HERE}/megaco.escript", *map(str, argv)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def controller(transport, codec):
    @case(f"megaco over {transport}, {codec} text: registers eimsagw, Add, Modify, Subtract", start=False)
    def _(t):
        with dissected(IQ_PORT, 8):
            p = megaco("mgc", transport, IQ_PORT, codec)
            a = None
            try:
                check(p.stdout.readline() == "listening\n", "megaco does not start")
                a = Agw(transport=transport, tokens="long" if codec == "pretty" else "short")
                out = p.communicate(timeout=60)[0]
                check(p.returncode == 0 and "done" in out and "nt/dur" in out, out)
                a.wait_for("summary", "contexts", 0)
                a.wait_for("summary", "ports_in_use", 0)
                check(a.ask("drops")["iq_bad_message"] == 0 and a.ask("drops")["iq_errors"] == 0, a.ask("drops"))
            finally:
                p.kill()
                if a:
                    a.close()


class Megaco(Gateway):
    """The small gateway of the tests, whose messages are read and written by megaco."""
    def __init__(self, transport, codec):
        super().__init__(port=0)        # its own socket has nothing to say
        self.argv = ("mg", transport, MG_PORT, codec, IQ_PORT)

    def start(self):
        """With its registration."""

    def register(self):
        self.p = megaco(*self.argv)
        check(self.p.stdout.readline() == "registered\n", "megaco does not register")
        super().start()

    def run(self):
        for line in self.p.stdout:
            if not line.startswith("request "):
                self.note("rx", line)
                continue
            text = base64.b64decode(line.split()[2]).decode()
            m = re.search(r"\bT=(\d+)\{C=([^{]+)\{", text)
            self.answer(m[1], m[2], text[m.end():])

    def tx(self, text):
        self.p.stdin.write(f"{re.search('Reply = (.*?) ', text)[1]} {base64.b64encode(text.encode()).decode()}\n")
        self.p.stdin.flush()

    def close(self):
        self.p.stdin.close()
        self.p.wait(20)
        self.join(5)
        self.s.close()


def gateway(transport, codec):
    @case(f"megaco over {transport}, {codec} text: a gateway of epcscf, a call from a WIC on it", start=False)
    def _(t):
        with dissected(IQ_PORT, 8):
            t = harness.Rig({"iq": {"transport": transport, "tokens": "long" if codec == "pretty" else "short"},
                             "gateway": lambda: Megaco(transport, codec)})
            try:
                w = t.register()
                call(t, w, "c1")
                t.mg.wait("mod")
                t.metric("iq_contexts", 1)
                hang_up(t, w, "c1")
                t.mg.wait("sub")
                t.metric("iq_contexts", 0)
                m = t.metrics()
                check(m["iq_errors"] == 0 and m["iq_bad_message"] == 0 and m["iq_gateway_lost"] == 0, m)
            finally:
                wrong = t.stop()
            check(not wrong, wrong)


for x in ("udp", "tcp"):
    for y in ("compact", "pretty"):
        controller(x, y)
        gateway(x, y)

run()
