# SPDX-License-Identifier: Apache-2.0
"""epcscf is killed during 50 calls and 500 registrations; it comes back knowing all of them."""
import asyncio
import random
import secrets
import time

from .gateway import ACCESS_V4, W2_PORT
from .proc import LabError, wait_until
from .scenarios import check
from .wsclient import Client

URL = f"wss://{ACCESS_V4}:{W2_PORT}/w2"
REGISTRATIONS, CALLS, WITH_SOUND, AT_A_TIME = 500, 50, 4, 10
BACK_S = 3
PATIENCE_S = 90     # 500 clients and 50 calls in one Python process, on what CPU there is


async def in_groups(jobs, size=AT_A_TIME):
    """Run the coroutines, so many at a time; all results, the first exception as it is."""
    jobs, results = list(jobs), []
    for i in range(0, len(jobs), size):
        results += await asyncio.gather(*jobs[i:i + size])
    return results


async def register(client):
    client.patience_s = PATIENCE_S
    await client.connect()
    check(await client.register(expires=3600) == 200, f"{client.user}: REGISTER failed")


async def begin_call(client, number):
    call = await client.call("bob", hz=1000 if number < WITH_SOUND else 0, patience_s=PATIENCE_S)
    await asyncio.wait_for(call.connected.wait(), PATIENCE_S)
    return call


async def message(sender, receiver):
    """A MESSAGE of one user to another, by way of the core. @return the status of its answer"""
    m = await sender.ask("MESSAGE", receiver.aor, secrets.token_hex(8), 1,
                         [f"From: <{sender.aor}>;tag={secrets.token_hex(4)}", f"To: <{receiver.aor}>",
                          *(f"Route: {r}" for r in sender.service_route)])
    return m.status


async def come_back(client, sender):
    """Reconnect and register; from then on the core reaches it, at once."""
    await register(client)
    check(await message(sender, client) == 200, f"{client.user} is not reached by the core")


def packets(lab):
    """Received packets of all flows, as the gateway counts them."""
    return sum(int(f.get("rx_packets", f.get("packets", 0))) for f in lab.agw.show("flows"))


class Scenario:
    def __init__(self, lab, case):
        self.lab, self.case = lab, case
        self.clients = [Client(URL, f"web{i + 1}") for i in range(REGISTRATIONS)]
        self.calls = []

    async def settled(self):
        """Everything is in the state store, and the gateway has told all it had to tell of the calls."""
        def ready():
            calls = self.lab.cscf.show("calls")
            return all(c["ice"] and c["dtls"] for c in calls) and self.lab.cscf.counters()["state_pending"] == 0
        await asyncio.get_running_loop().run_in_executor(None, wait_until, "state written", ready, 30)

    async def run(self):
        lab = self.lab
        with self.case(f"{REGISTRATIONS}_registrations_and_{CALLS}_calls"):
            await in_groups((register(c) for c in self.clients), 10)
            self.calls = await in_groups(begin_call(c, i) for i, c in enumerate(self.clients[:CALLS]))
            await self.settled()
            check(lab.audit()[:3] == (CALLS, CALLS, CALLS), f"{lab.audit()}")
        with self.case("killed_it_is_back_with_all_of_them"):
            await self.kill()
        with self.case("the_calls_have_not_noticed"):
            before = packets(lab)
            await asyncio.get_running_loop().run_in_executor(
                None, wait_until, "packets of the calls", lambda: packets(lab) > before + 100 * WITH_SOUND, 20)
            await asyncio.gather(*(self.hears(c) for c in self.calls[:WITH_SOUND]))
        with self.case("a_client_that_is_back_hangs_up"):   # real media in Python does not outlive what comes next
            for call in self.calls[:WITH_SOUND]:
                await register(call.client)
                await self.wic_hangs_up(call)
            del self.calls[:WITH_SOUND]
        with self.case("each_registration_is_reached_as_soon_as_its_socket_is_back"):
            sender = self.clients[CALLS]
            await register(sender)
            rest = [c for c in self.clients[WITH_SOUND:] if c is not sender]
            random.shuffle(rest)
            await in_groups((come_back(c, sender) for c in rest), 10)
            counters = lab.cscf.counters()
            check(counters["reg_bindings"] == REGISTRATIONS and counters["reg_reattached"] == REGISTRATIONS,
                  f"{counters['reg_bindings']} bindings, {counters['reg_reattached']} came back")
        with self.case("calls_are_released_from_both_sides"):
            await in_groups(self.wic_hangs_up(c) for c in self.calls[:len(self.calls) // 2])
            await self.phone_hangs_up()
            await asyncio.get_running_loop().run_in_executor(None, lab.wait_idle, 30)
            check(lab.cscf.counters()["iq_contexts_left"] == 0, "a context was left")

    async def kill(self):
        """The time is told, not judged: what is judged is that the process says it is there."""
        lab, loop = self.lab, asyncio.get_running_loop()

        def again():
            lab.cscf.kill()
            began = time.monotonic()
            lab.cscf.start()
            ready = time.monotonic() - began
            lab.cscf.proc.wait_line(r"iq.gateway_up", 20)
            return ready, time.monotonic() - began
        ready, whole = await loop.run_in_executor(None, again)
        print(f"NOTE ready {ready * 1000:.0f} ms, media gateway in service {whole * 1000:.0f} ms after the kill "
              f"(aim {BACK_S} s)", flush=True)
        counters = lab.cscf.counters()
        check(counters["state_restored_bindings"] == REGISTRATIONS and counters["state_restored_calls"] == CALLS and
              counters["state_not_restored"] == 0, f"{counters['state_restored_bindings']} registrations, "
              f"{counters['state_restored_calls']} calls, {counters['state_not_restored']} not")
        check(counters["iq_contexts_kept"] == CALLS and counters["iq_contexts_orphaned"] == 0 and
              lab.audit()[:3] == (CALLS, CALLS, CALLS), f"{lab.audit()}")

    async def hears(self, call):
        call.heard_samples.clear()
        for _ in range(200):
            if call.heard(440) > 0.8:
                return
            await asyncio.sleep(0.1)
        check(False, f"{call.client.user} does not hear bob")

    async def wic_hangs_up(self, call):
        status = await call.bye()
        check(status == 200, f"{call.client.user}: BYE gave {status}")

    async def phone_hangs_up(self):
        """baresip has one call current at a time: it ends, and the next one is."""
        bob, loop = self.lab.phones["bob"], asyncio.get_running_loop()
        left = self.calls[len(self.calls) // 2:]
        for _ in left:
            mark = bob.mark()
            bob.hangup()
            await loop.run_in_executor(None, bob.wait_event, "CALL_CLOSED", 20, mark)
        await asyncio.gather(*(asyncio.wait_for(c.ended.wait(), 20) for c in left))

    async def close(self):
        await asyncio.gather(*(c.close() for c in self.clients), return_exceptions=True)


def run(setting):
    case = setting.cases.case
    with setting.lab(guard_s=600) as lab:
        lab.start(phones=())
        lab.phone("bob", record=False, max_calls=CALLS + 10)
        scenario = Scenario(lab, case)

        async def whole():
            try:
                await scenario.run()
            finally:
                await scenario.close()
        asyncio.run(whole())
        with case("everything_ends_clean"):
            check(lab.stop() == {"epcscf": 0, "eimsagw": 0}, "exit status")
            if not lab.cscf.proc.find(r" ready "):
                raise LabError("epcscf was not the one that was started again")
