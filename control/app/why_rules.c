/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of "why": for each stream the first that holds on each side, as the later ones follow from it. */
#include "control/app/why.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SILENT_MS 3000     /* without a packet for so long media has stopped; comfort noise and DTX send more often */
#define MANY_PERCENT 5     /* of the packets: noticed by the ear */
#define START_PACKETS 20   /* may go before gates, keys and addresses are in place */
#define FEW_PACKETS 50     /* too few to speak of per cent */

struct list {
	struct why_cause *c;
	unsigned n;
};

static long long number(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool is(json_t *o, const char *key, const char *value)
{
	return strcmp(text(o, key), value) == 0;
}

__attribute__((format(printf, 4, 5)))
static void add(struct list *l, json_t *stream, const char *id, const char *fmt, ...)
{
	struct why_cause *c = &l->c[l->n];
	va_list ap;

	if (l->n == WHY_CAUSES_MAX)
		return;
	c->id = id;
	c->stream = stream ? number(stream, "stream") : 0;
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	l->n++;
}

/* ---- the call ------------------------------------------------------------------------------------------ */

/* @return true: there is nothing to ask of the media yet */
static bool of_call(struct list *l, json_t *call, json_t *streams, int is_asked)
{
	if (is(call, "state", "reserving")) {
		add(l, NULL, "gateway-silent", "the media gateway %s has not answered the request for terminations: look at "
			"\"cscf show gateways\" and \"iq trace\"", text(call, "gateway"));
		return true;
	}
	if (is_asked && !streams) {
		add(l, NULL, "context-gone", "the media gateway has no context %lld: it was restarted, or the context was taken "
			"away by hand", number(call, "context"));
		return true;
	}
	return false;
}

/* ---- from ICE to keys ------------------------------------------------------------------------------------ */

static bool of_ice(struct list *l, json_t *call, json_t *s)
{
	const char *local = text(s, "local");

	if (!is(s, "consent", "none")) {
		if (!is(s, "consent", "lost"))
			return false;
		add(l, s, "consent-lost", "the browser has stopped answering at %s: its network changed or went, or the page was "
			"put to sleep", text(s, "remote"));
	} else if (number(s, "checks")) {
		add(l, s, "ice-no-pair", "the browser checks %s, but has chosen no pair: our answers do not reach it, or another "
			"of its addresses is still being tried", local);
	} else if (number(s, "checks_auth_failed")) {
		add(l, s, "ice-credentials", "checks arrive at %s, but with other credentials than were agreed: the description was "
			"changed on its way, or the browser uses an older one", local);
	} else if (number(s, "checks_malformed")) {
		add(l, s, "ice-malformed", "what arrives at %s is no connectivity check", local);
	} else if (!json_is_true(json_object_get(call, "answered"))) {
		add(l, s, "not-answered", "the call is not answered yet, and the browser has not begun: it begins when it has our "
			"description, with a response that has one");
	} else {
		add(l, s, "ice-no-checks", "no connectivity check of the browser has ever arrived at %s: a firewall drops its UDP, "
			"the address is not reachable from its network, or it never had our description", local);
	}
	return true;
}

static bool of_dtls(struct list *l, json_t *s)
{
	const char *side = is(s, "side", "access") ? "the browser" : "the core";
	bool is_client = is(s, "dtls_role", "client");

	if (is(s, "dtls", "new"))
		add(l, s, "dtls-no-hello", is_client ? "the DTLS handshake with %s has not been begun by us: no address to send to yet" :
			"no ClientHello of %s has come: it is not DTLS client, or waits for our description", side);
	else if (is(s, "dtls", "handshake"))
		add(l, s, "dtls-unfinished", "the DTLS handshake with %s was begun but does not end: large datagrams are lost on the "
			"way (MTU), or nothing comes back", side);
	else if (is(s, "dtls", "held"))
		add(l, s, "dtls-no-fingerprint", "the DTLS handshake with %s is done, but its fingerprint is not known: its "
			"description has not come", side);
	else if (is(s, "dtls", "failed"))
		add(l, s, "dtls-failed", "the DTLS handshake with %s failed: %s", side, text(s, "dtls_why"));
	else if (is(s, "dtls", "closed"))
		add(l, s, "dtls-closed", "the DTLS association was ended: %s", text(s, "dtls_why"));
	else
		return false;
	return true;
}

/* ---- the way out, and the gates ---------------------------------------------------------------------------- */

static bool of_way(struct list *l, json_t *s)
{
	bool is_core = is(s, "side", "core");

	if (is(s, "way", "no address"))
		add(l, s, "no-address", is_core ? "the core has not said where media goes: no description, or c=0.0.0.0, or latching "
			"waits for its first packet" : "the address of the browser is not known");
	else if (is(s, "way", "no route"))
		add(l, s, "no-route", "there is no route from %s to %s: look at routes in the gateway's configuration",
			text(s, "local"), text(s, "remote"));
	else if (is(s, "way", "no neighbour"))
		add(l, s, "no-neighbour", "the next hop towards %s does not answer ARP or ND: VLAN, cabling, or a wrong gateway "
			"address in routes", text(s, "remote"));
	else
		return false;
	return true;
}

static bool sends(json_t *s)
{
	return is(s, "mode", "sendreceive") || is(s, "mode", "sendonly");
}

static bool receives(json_t *s)
{
	return is(s, "mode", "sendreceive") || is(s, "mode", "receiveonly");
}

/* Gates of both directions; the parties of an answered call have asked for it, before the answer the network has. */
static bool of_gates(struct list *l, json_t *call, json_t *access, json_t *core)
{
	bool up = receives(access) && sends(core), down = receives(core) && sends(access);

	if (up && down)
		return false;
	if (!json_is_true(json_object_get(call, "answered")))
		add(l, access, "not-answered", "the call is not answered yet, and early media is %s by the core's P-Early-Media",
			up || down ? "allowed in one direction only" : "not allowed");
	else if (!up && !down)
		add(l, access, "on-hold", "the stream is on hold in both directions: the last offer or answer said inactive");
	else
		add(l, access, "one-way", "the stream is on hold in one direction: nothing is passed on from %s, the last offer or "
			"answer said sendonly or recvonly", up ? "the core" : "the browser");
	return true;
}

/* ---- packets ----------------------------------------------------------------------------------------------- */

static bool of_packets(struct list *l, json_t *s)
{
	bool is_access = is(s, "side", "access");
	const char *who = is_access ? "the browser" : "the core";
	long long rx = number(s, "rx_packets"), drops = number(s, "drops"), lost = number(s, "lost");
	long long filtered = number(s, "filtered"), gated = number(s, "gated"), policed = number(s, "policed");
	long long auth = number(s, "auth_fail"), replay = number(s, "replay"), rest;
	long long many = (rx + drops) * MANY_PERCENT / 100;

	if (rx && many < START_PACKETS)
		many = START_PACKETS;
	rest = drops - filtered - gated - policed - auth - replay;
	if (rx == 0 && drops == 0)
		add(l, s, is_access ? "browser-silent" : "core-silent", is_access ?
			"the browser sends no RTP: its microphone is muted, taken by another program or not allowed, or the track "
			"was ended" : "the core sends no RTP to %s: the other party is muted or on hold, or its network has no way "
			"to this address", text(s, "local"));
	else if (auth > many)
		add(l, s, "srtp-auth", "%lld SRTP packets of %s failed authentication: its keys are not those of the handshake",
			auth, who);
	else if (replay > many)
		add(l, s, "srtp-replay", "%lld SRTP packets of %s were seen before or come too late: something repeats them, or its "
			"sequence numbers began anew without a new SSRC", replay, who);
	else if (filtered > many)
		add(l, s, "wrong-source", "%lld packets for %s came from another address than %s, and were dropped: a NAT or "
			"another media server stands in between", filtered, text(s, "local"), text(s, "remote"));
	else if (policed > many)
		add(l, s, "policed", "%lld packets of %s were above the rate that was agreed: b= of the description is too low, or it "
			"sends more", policed, who);
	else if (gated > many && rx == 0)
		add(l, s, "gated", "%lld packets of %s met a closed gate, none an open one", gated, who);
	else if (rest > many)
		add(l, s, "not-agreed", "%lld packets of %s were dropped: not RTP, or a payload type that was not agreed", rest, who);
	else if (rx && number(s, "last_rx_ms_ago") > SILENT_MS)
		add(l, s, is_access ? "browser-stopped" : "core-stopped", "the last packet of %s came %lld s ago", who,
			number(s, "last_rx_ms_ago") / 1000);
	else if (rx > FEW_PACKETS && lost * 100 > (rx + lost) * MANY_PERCENT)
		add(l, s, is_access ? "browser-loss" : "core-loss", "%lld %% of the packets of %s are lost before they arrive here",
			lost * 100 / (rx + lost), who);
	else
		return false;
	return true;
}

/* What came in on one side has to leave on the other. */
static void of_passing(struct list *l, json_t *from, json_t *to)
{
	if (number(from, "rx_packets") > FEW_PACKETS && number(to, "tx_packets") == 0)
		add(l, to, "not-sent", "packets arrive at %s but none leaves from %s: see \"agw show drops\"", text(from, "local"),
			text(to, "local"));
}

static void of_stream(struct list *l, json_t *call, json_t *access, json_t *core)
{
	unsigned before = l->n;

	if (of_ice(l, call, access) || of_dtls(l, access) || of_way(l, access))
		return;
	if (is(core, "media", "data") && of_dtls(l, core))
		return;
	if (of_way(l, core) || of_gates(l, call, access, core) || is(access, "media", "data"))
		return;
	(void)of_packets(l, access);
	(void)of_packets(l, core);
	if (l->n == before) {
		of_passing(l, access, core);
		of_passing(l, core, access);
	}
}

unsigned why_find(json_t *call, json_t *streams, int is_asked, struct why_cause *out)
{
	struct list l = { out, 0 };
	const char *key, *other;
	json_t *a, *c;

	if (of_call(&l, call, streams, is_asked))
		return l.n;
	json_object_foreach(streams, key, a) {
		if (!json_is_object(a) || !is(a, "side", "access") || is(a, "media", "msrp"))	/* it goes by its association */
			continue;
		json_object_foreach(streams, other, c)
			if (json_is_object(c) && is(c, "side", "core") && number(c, "stream") == number(a, "stream"))
				of_stream(&l, call, a, c);
	}
	return l.n;
}

const char *why_nothing(int is_asked)
{
	return is_asked ? "media flows in both directions" :
		"nothing is wrong here; the gateway could not be asked";
}
