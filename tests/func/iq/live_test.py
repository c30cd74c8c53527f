#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Erlang/OTP's application megaco, which none of us wrote, as the controller of eimsagw: UDP and TCP, both text codecs."""
from pair import *

HERE = os.path.dirname(os.path.abspath(__file__))


def live(transport, codec):
    @case(f"megaco over {transport}, {codec} text: registers eimsagw, Add, Modify, Subtract", start=False)
    def _(t):
        p = subprocess.Popen(["escript", f"{HERE}/mgc.escript", transport, str(IQ_PORT), codec], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
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


for x in ("udp", "tcp"):
    for y in ("compact", "pretty"):
        live(x, y)

run()
