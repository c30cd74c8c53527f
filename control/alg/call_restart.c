/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ICE restart of the WIC in mid-call, with nothing else new in its offer: answered here (W2-ICE-09). The core had the same
 * description anyway, and a browser that changes its network does so more often than a core likes to be asked.
 */
#include "control/alg/call_int.h"
#include "control/app/metrics.h"

/*
 * What an ICE restart writes anew: transport addresses, and who may speak for them. Header extensions too, of which a browser offers
 * only those again that were agreed; none but the 3GPP's crosses (W2-SDP-36).
 */
static bool is_of_transport(struct gw_sv line)
{
	static const struct gw_sv starts[] = { GW_SV_INIT("o="), GW_SV_INIT("c="), GW_SV_INIT("a=ice-ufrag:"), GW_SV_INIT("a=ice-pwd:"),
		GW_SV_INIT("a=ice-options:"), GW_SV_INIT("a=candidate:"), GW_SV_INIT("a=end-of-candidates"), GW_SV_INIT("a=rtcp:") };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (gw_sv_starts(line, starts[i]))
			return true;
	return gw_sv_starts(line, GW_SV("a=extmap:")) && gw_sv_find(line, GW_SV(" urn:3gpp:")) == line.len;
}

/* The next line that says something of the session; empty: the end. */
static struct gw_sv next(struct gw_sv *text)
{
	struct gw_sv line;

	while (gw_sv_line(text, &line))
		if (line.len && !is_of_transport(line))
			return line;
	return GW_SV_NONE;
}

/* Two m-lines, but for a port that is not 0. */
static bool is_same_media(struct gw_sv a, struct gw_sv b)
{
	struct gw_sv kind[2], port[2], rest[2];

	if (!gw_sv_starts(a, GW_SV("m=")) || !gw_sv_starts(b, GW_SV("m=")))
		return false;
	if (!gw_sv_cut(a, ' ', &kind[0], &rest[0]) || !gw_sv_cut(b, ' ', &kind[1], &rest[1]))
		return false;
	(void)gw_sv_cut(rest[0], ' ', &port[0], &rest[0]);
	(void)gw_sv_cut(rest[1], ' ', &port[1], &rest[1]);
	return gw_sv_eq(kind[0], kind[1]) && gw_sv_eq(rest[0], rest[1]) && gw_sv_eq(port[0], GW_SV("0")) == gw_sv_eq(port[1], GW_SV("0"));
}

static struct gw_sv first_ufrag(struct gw_sv text)
{
	struct gw_sv line;

	while (gw_sv_line(&text, &line))
		if (gw_sv_starts(line, GW_SV("a=ice-ufrag:")))
			return line;
	return GW_SV_NONE;
}

static bool is_restart_alone(struct gw_sv before, struct gw_sv now)
{
	struct gw_sv a, b;

	if (before.len == 0 || gw_sv_eq(first_ufrag(before), first_ufrag(now)))
		return false;
	do {
		a = next(&before);
		b = next(&now);
		if (!gw_sv_eq(a, b) && !is_same_media(a, b))
			return false;
	} while (a.len);
	return true;
}

bool cp_call_restart(struct cp_call *c, struct cp_uas *u, struct sip_msg *m)
{
	const char *why = NULL;

	/* one that is held for lost media, or whose media is at another node, has to be told on both sides */
	if (c->loss || c->far_node || !c->context || !cp_has_sdp(m) || u->side != CP_SIDE_W2 || c->ex.offerer != CP_SIDE_W2 ||
		c->ex.is_own || c->ex.is_delayed || !c->ex.is_applied || cp_call_must_refresh(c, m) ||
		c->ex.arena.used > c->ex.arena.limit / 2 ||	/* a re-offer to the core begins with an empty one */
		!is_restart_alone(c->ex.offer_said, m->body))
		return false;
	switch (cp_early_take(c, NULL, u, m, &why)) {
	case CP_EARLY_REFUSED:
		return false;
	case CP_EARLY_TAKEN:
		CP_COUNT(call_ice_restarted);
		if (m->method == SIP_INVITE) {
			cp_sip_refuse(u, 100, NULL);
			c->ack_here = u->req.cseq.number;
		}
		break;
	case CP_EARLY_OVER:
		break;
	}
	return true;
}
