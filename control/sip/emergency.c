/* SPDX-License-Identifier: Apache-2.0 */
/* TS 24.229 5.2.10, RFC 5031: what is an emergency, and what becomes of it. */
#include "control/sip/emergency.h"

#include "control/app/metrics.h"
#include "control/sip/reg.h"
#include "control/sip/stack_int.h"

#define SOS "service:sos"
#define IMS_XML "application/3gpp-ims+xml"

static bool is_sos(struct gw_sv nss)
{
	struct gw_sv rest = gw_sv_sub(nss, sizeof(SOS) - 1, nss.len);

	return gw_sv_istarts(nss, GW_SV(SOS)) && (rest.len == 0 || rest.p[0] == '.');	/* RFC 5031 4.2 */
}

/* Digits without visual separators (RFC 3966 3) against a number of the configuration. */
static bool is_number(struct gw_sv dialled, struct gw_sv number)
{
	size_t k = 0;

	for (size_t i = 0; i < dialled.len; i++) {
		char c = dialled.p[i];

		if (c == '-' || c == '.' || c == '(' || c == ')')
			continue;
		if (k == number.len || c != number.p[k++])
			return false;
	}
	return k == number.len;
}

bool cp_emergency_is(const struct cp_conf *c, const struct sip_msg *m)
{
	struct gw_sv dialled, params;
	struct sip_uri u;

	if (!m->is_request || m->to_tag.len || m->method == SIP_REGISTER || m->method == SIP_CANCEL ||
		 sip_uri_parse(m->ruri, &u) || u.scheme == SIP_SCHEME_OTHER)
		return false;
	if (u.scheme == SIP_SCHEME_URN)
		return is_sos(u.user);
	gw_sv_cut(u.user, ';', &dialled, &params);	/* sip:112;phone-context=...@home1.example */
	for (unsigned i = 0; i < c->emergency.n_numbers; i++)
		if (is_number(dialled, gw_sv_cstr(c->emergency.numbers[i])))
			return true;
	return false;
}

bool cp_emergency_takes_stranger(const struct cp_uas *u)
{
	const struct cp_conf *c = u->sip->conf;

	return u->is_emergency && u->req.method == SIP_INVITE && c->emergency.anonymous == CP_ANONYMOUS_ALLOW &&
		c->emergency.n_ecscf;
}

struct cp_binding *cp_emergency_caller(struct cp_uas *u, struct cp_binding *known)
{
	struct cp_reg *r = u->sip->reg;

	if (!cp_emergency_takes_stranger(u) || (known && known->n_calls))
		return NULL;
	if (!known && !(known = cp_binding_anonymous(r, &u->peer)))
		return NULL;
	gw_timer_stop(&u->sip->loop->timers, &known->timer);
	u->binding = known->id;
	CP_COUNT(emergency_anonymous);
	return known;
}

void cp_emergency_hide_caller(struct sip_msg *m)
{
	sip_msg_del(m, SIP_HDR_FROM);
	sip_msg_addf(m, SIP_HDR_FROM, "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=%.*s", GW_SV_FMT(m->from_tag));
}

void cp_emergency_show_caller(const struct cp_uas *u, struct sip_msg *m)
{
	struct gw_sv from = sip_msg_value(&u->req, SIP_HDR_FROM);

	if (from.len)
		sip_msg_set(m, SIP_HDR_FROM, from);
}

void cp_emergency_ims_body(struct gw_buf *b, const char *type, const char *text, const char *action)
{
	gw_buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<ims-3gpp version=\"1\">\r\n<alternative-service>\r\n");
	gw_buf_printf(b, "<type>%s</type>\r\n<reason>%s</reason>\r\n", type, text);
	if (action[0])
		gw_buf_printf(b, "<action>%s</action>\r\n", action);
	gw_buf_puts(b, "</alternative-service>\r\n</ims-3gpp>\r\n");
}

void cp_emergency_refuse(struct cp_uas *u)
{
	const struct cp_conf *c = u->sip->conf;
	struct gw_arena a = GW_ARENA_INIT(1u << 16);
	char text[1024], tag[CP_UAS_TAG_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct sip_msg m;

	CP_COUNT(emergency_refused);
	GW_LOG_NOTICE(u->sip->log, "emergency.refused", "call_id=%.*s uri=%.*s", GW_SV_FMT(u->req.call_id),
		GW_SV_FMT(u->req.ruri));
	cp_uas_new_tag(u, tag);
	sip_msg_response(&m, &a, &u->req, 380, NULL, gw_sv_cstr(tag));
	sip_msg_add(&m, SIP_HDR_CONTACT, GW_SV("<urn:service:sos>"));
	sip_msg_addf(&m, SIP_HDR_P_ASSERTED_IDENTITY, "<sip:%s>", c->w2.host);
	cp_emergency_ims_body(&b, "emergency", c->emergency.reason, "");
	if (!b.overflow)
		sip_msg_set_body(&m, GW_SV(IMS_XML), gw_buf_sv(&b));
	cp_uas_answer(u, &m);
	gw_arena_reset(&a);
}

void cp_emergency_route(const struct cp_conf *c, struct sip_msg *m)
{
	struct sip_uri u;

	CP_COUNT(emergency_routed);
	if (sip_uri_parse(m->ruri, &u) || u.scheme != SIP_SCHEME_URN)	/* a local number: TS 24.229 5.2.10.3 */
		m->ruri = GW_SV("urn:" SOS);
	sip_msg_del(m, SIP_HDR_ROUTE);
	sip_msg_addf(m, SIP_HDR_ROUTE, "<%s;lr>", c->emergency.ecscf->uri);
}
