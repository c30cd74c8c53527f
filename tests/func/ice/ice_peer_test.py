#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our full ICE agent and aioice, which shares no line with it: as controlling, as controlled, and when both want to control."""
import asyncio, subprocess, sys

try:
    import aioice.ice
    from aioice import Candidate, Connection
except ImportError as e:
    print(f"skipped: {e} (Debian: python3-aioice)")
    sys.exit(77)

AGENT = sys.argv[1]
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


async def line(agent):
    return (await asyncio.wait_for(agent.stdout.readline(), 10)).decode().strip()


async def case(ours, theirs, hides_candidate=False):
    """@return what our agent saw until consent was answered, and its address as the peer selected it"""
    agent = await asyncio.create_subprocess_exec(AGENT, ours, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    peer = Connection(ice_controlling=theirs == "controlling", use_ipv6=False)
    await peer.gather_candidates()
    peer.remote_username, peer.remote_password = await line(agent), await line(agent)
    candidate = Candidate.from_sdp(await line(agent))
    told = "" if hides_candidate else "".join(c.to_sdp() + "\n" for c in peer.local_candidates)
    agent.stdin.write(f"{peer.local_username}\n{peer.local_password}\n{told}\n".encode())
    await agent.stdin.drain()
    await peer.add_remote_candidate(candidate)
    await peer.add_remote_candidate(None)
    connected = asyncio.create_task(asyncio.wait_for(peer.connect(), 10))
    seen = []
    while not seen or not seen[-1].startswith("consent"):
        seen.append(await line(agent))
        assert seen[-1] and not seen[-1].startswith("failed"), seen
    await connected
    port = peer.local_candidates[0].port
    assert f"selected 127.0.0.1:{port}" in seen, seen
    assert peer._nominated[1].remote_addr == (candidate.host, candidate.port), peer._nominated
    agent.stdin.close()
    assert await agent.wait() == 0
    await peer.close()
    return [s.split()[0] for s in seen]


async def main():
    for ours, theirs, hidden in (("controlling", "controlled", False), ("controlled", "controlling", False),
                                 ("controlling", "controlling", False), ("controlled", "controlled", False),
                                 ("controlled", "controlling", True)):
        seen = await case(ours, theirs, hidden)
        assert ("prflx" in seen) == hidden or not hidden, seen
        print(f"we are {ours}, aioice is {theirs}{', its candidate unknown' if hidden else ''}: {', '.join(seen)}")


asyncio.run(main())
