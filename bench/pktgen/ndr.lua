-- SPDX-License-Identifier: Apache-2.0
-- Pktgen-DPDK: the highest rate at which a gateway loses no packet (RFC 2544, with the loss verification of
-- ETSI NFV-TST 009): RTP from port 0 into the calls that calls.py holds, counted where the SRTP arrives.
--
--   pktgen -l 0-4 -a PCI -- -P -m "[1-4].0" -s 0:rtp-172.pcap -f ndr.lua
--
-- The capture is one of those calls.py wrote. Settings come from the environment:
--   RX_IFACE     kernel interface the SRTP arrives at (its hardware counter is read)
--   RX_COUNTER   name of that counter in ethtool -S (rx_packets_phy)
--   NAME         for the RESULT lines (172)
--   TRIAL_S      seconds a trial (60), LOSS allowed share (0)
--   MEDIA        share of the capture that comes back as SRTP (1; of rtp-imix.pcap 0.99, the rest is RTCP)
--   IDLE_S       seconds of listening before the search (32: four rounds of calls.py's checks)
-- The counter has STUN answers and RTCP of the calls in it, which would make good for lost media. What arrives while
-- nothing is sent is measured twice and the mean is taken off; by how much the two differ is what a trial cannot tell from loss.
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua"
require "Pktgen"

local function env(name, default)
	local v = os.getenv(name) or default
	if not v then
		print("ndr.lua: " .. name .. " is not set")
		os.exit(2)
	end
	return v
end

local trial_ms = tonumber(env("TRIAL_S", "60")) * 1000
local settle_ms = 2000
local allowed = tonumber(env("LOSS", "0"))
local media = tonumber(env("MEDIA", "1"))
local idle_ms = tonumber(env("IDLE_S", "32")) * 1000
local port = "0"

local function received()
	local p = io.popen("ethtool -S " .. env("RX_IFACE"))
	local n
	for line in p:lines() do
		n = n or line:match("^%s*" .. env("RX_COUNTER", "rx_packets_phy") .. ":%s*(%d+)")
	end
	p:close()
	if not n then
		print("ndr.lua: no such counter")
		os.exit(2)
	end
	return tonumber(n)
end

-- @return packets a millisecond that come in while nothing is sent
local function idle_rate()
	local before = received()
	pktgen.delay(idle_ms / 2)
	return (received() - before) / (idle_ms / 2)
end

local idle, unsure

-- @return share of the media lost, packets sent
local function trial(percent)
	pktgen.set(port, "rate", percent)
	pktgen.clr()
	local before = received()
	pktgen.start(port)
	pktgen.delay(trial_ms)
	pktgen.stop(port)
	pktgen.delay(settle_ms)
	local sent = pktgen.portStats(port, "port")[0].opackets
	local back = received() - before - idle * (trial_ms + settle_ms)
	local lost = sent * media - back
	if math.abs(lost) <= unsure * (trial_ms + settle_ms) + 1 then
		lost = 0
	end
	return sent > 0 and lost / (sent * media) or 1, sent
end

-- A step that failed is tried again: one loss may have been the host's, two are the gateway's.
local function passes(percent)
	for _ = 1, 2 do
		local lost, sent = trial(percent)
		printf("  %6.2f %%: %d sent, %.6f of the media lost\n", percent, sent, lost)
		if lost <= allowed then
			return sent
		end
	end
	return nil
end

local one, two = idle_rate(), idle_rate()
idle, unsure = (one + two) / 2, math.abs(one - two) / 2
printf("  idle: %.0f a second, to within %.0f\n", idle * 1000, unsure * 1000)
local low, high, best = 0, 100, 0
pktgen.pcap(port, "on")
local all = passes(100)
if all then
	low, best = 100, all
end
while low < 100 and high - low > 0.5 do
	local mid = (low + high) / 2
	local sent = passes(mid)
	if sent then
		low, best = mid, sent
	else
		high = mid
	end
end
local name = env("NAME", "172")
printf("RESULT ndr.%s.percent %.2f\nRESULT ndr.%s.pps %.0f\n", name, low, name, best / (trial_ms / 1000))
