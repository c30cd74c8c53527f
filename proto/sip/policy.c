/* SPDX-License-Identifier: Apache-2.0 */
/* White-lists of header fields at the edge of the network, credentials and privacy. */
#include "proto/sip/policy.h"

#define ON(id) [SIP_HDR_##id] = true

/* A UE writes no Record-Route; a challenge of a UE would have the far end's digest leak to it (threat P6). */
static const bool in_request[SIP_HDR_COUNT] = {
	ON(VIA), ON(ROUTE), ON(MAX_FORWARDS), ON(FROM), ON(TO), ON(CALL_ID), ON(CSEQ), ON(CONTACT), ON(EXPIRES),
	ON(REQUIRE), ON(PROXY_REQUIRE), ON(SUPPORTED), ON(ALLOW), ON(ACCEPT), ON(AUTHORIZATION),
	ON(PROXY_AUTHORIZATION), ON(P_PREFERRED_IDENTITY), ON(P_PREFERRED_SERVICE), ON(P_ACCESS_NETWORK_INFO),
	ON(PRIVACY), ON(REASON), ON(RACK), ON(SESSION_EXPIRES), ON(MIN_SE), ON(EVENT), ON(SUBSCRIPTION_STATE),
	ON(REFER_TO), ON(REFERRED_BY), ON(REPLACES), ON(INFO_PACKAGE), ON(SUBJECT), ON(ACCEPT_CONTACT),
	ON(REJECT_CONTACT), ON(USER_AGENT), ON(TIMESTAMP), ON(DATE), ON(CONTENT_ENCODING), ON(CONTENT_DISPOSITION),
	ON(CONTENT_TYPE), ON(CONTENT_LENGTH), ON(ALLOW_EVENTS), ON(REQUEST_DISPOSITION), ON(ACCEPT_ENCODING),
	ON(ACCEPT_LANGUAGE), ON(ALERT_INFO), ON(ANSWER_MODE), ON(CALL_INFO), ON(CONTENT_LANGUAGE),
	ON(CONTRIBUTION_ID), ON(CONVERSATION_ID), ON(GEOLOCATION), ON(GEOLOCATION_ROUTING), ON(IN_REPLY_TO),
	ON(JOIN), ON(MIME_VERSION), ON(ORGANIZATION), ON(PRIORITY), ON(REFER_SUB), ON(REPLY_TO), ON(SESSION_ID),
	ON(SIP_IF_MATCH), ON(TARGET_DIALOG), ON(USER_TO_USER)
};

static const bool in_response[SIP_HDR_COUNT] = {
	ON(VIA), ON(RECORD_ROUTE), ON(FROM), ON(TO), ON(CALL_ID), ON(CSEQ), ON(CONTACT), ON(EXPIRES),
	ON(MIN_EXPIRES), ON(REQUIRE), ON(SUPPORTED), ON(UNSUPPORTED), ON(ALLOW), ON(ACCEPT),
	ON(P_PREFERRED_IDENTITY), ON(P_ACCESS_NETWORK_INFO), ON(PRIVACY), ON(REASON), ON(WARNING), ON(RETRY_AFTER),
	ON(RSEQ), ON(SESSION_EXPIRES), ON(MIN_SE), ON(USER_AGENT), ON(SERVER), ON(TIMESTAMP), ON(DATE),
	ON(CONTENT_ENCODING), ON(CONTENT_DISPOSITION), ON(CONTENT_TYPE), ON(CONTENT_LENGTH), ON(ALLOW_EVENTS),
	ON(ACCEPT_ENCODING), ON(ACCEPT_LANGUAGE), ON(ALERT_INFO), ON(ANSWER_MODE), ON(CALL_INFO),
	ON(CONTENT_LANGUAGE), ON(CONTRIBUTION_ID), ON(CONVERSATION_ID), ON(ERROR_INFO), ON(MIME_VERSION),
	ON(ORGANIZATION), ON(REFER_SUB), ON(REPLY_TO), ON(SESSION_ID), ON(SIP_ETAG), ON(USER_TO_USER)
};

/* What the network tells a UE, in requests and responses: nothing that only nodes of the core speak of among them. */
static const bool to_ue[SIP_HDR_COUNT] = {
	ON(VIA), ON(ROUTE), ON(RECORD_ROUTE), ON(MAX_FORWARDS), ON(FROM), ON(TO), ON(CALL_ID), ON(CSEQ), ON(CONTACT),
	ON(EXPIRES), ON(MIN_EXPIRES), ON(PATH), ON(SERVICE_ROUTE), ON(REQUIRE), ON(PROXY_REQUIRE), ON(SUPPORTED),
	ON(UNSUPPORTED), ON(ALLOW), ON(ACCEPT), ON(WWW_AUTHENTICATE), ON(PROXY_AUTHENTICATE), ON(AUTHENTICATION_INFO),
	ON(PROXY_AUTHENTICATION_INFO), ON(P_ASSERTED_IDENTITY), ON(P_PREFERRED_SERVICE), ON(P_ASSOCIATED_URI),
	ON(P_CALLED_PARTY_ID), ON(PRIVACY), ON(REASON), ON(WARNING), ON(RETRY_AFTER), ON(FLOW_TIMER), ON(FEATURE_CAPS),
	ON(RESPONSE_SOURCE), ON(HISTORY_INFO), ON(IDENTITY), ON(RSEQ), ON(RACK), ON(SESSION_EXPIRES), ON(MIN_SE),
	ON(EVENT), ON(SUBSCRIPTION_STATE), ON(REFER_TO), ON(REFERRED_BY), ON(REPLACES), ON(RECV_INFO),
	ON(INFO_PACKAGE), ON(SUBJECT), ON(ACCEPT_CONTACT), ON(REJECT_CONTACT), ON(USER_AGENT), ON(SERVER),
	ON(TIMESTAMP), ON(DATE), ON(RESOURCE_PRIORITY), ON(ALLOW_EVENTS), ON(REQUEST_DISPOSITION),
	ON(ACCEPT_ENCODING), ON(ACCEPT_LANGUAGE), ON(ALERT_INFO), ON(ANSWER_MODE), ON(CALL_INFO),
	ON(CONTENT_LANGUAGE), ON(CONTRIBUTION_ID), ON(CONVERSATION_ID), ON(ERROR_INFO), ON(GEOLOCATION),
	ON(GEOLOCATION_ERROR), ON(GEOLOCATION_ROUTING), ON(IN_REPLY_TO), ON(JOIN), ON(MIME_VERSION),
	ON(ORGANIZATION), ON(PRIORITY), ON(REFER_SUB), ON(REPLY_TO), ON(SESSION_ID), ON(SIP_ETAG),
	ON(SIP_IF_MATCH), ON(TARGET_DIALOG), ON(USER_TO_USER), ON(CONTENT_ENCODING), ON(CONTENT_DISPOSITION),
	ON(CONTENT_TYPE), ON(CONTENT_LENGTH)
};

#undef ON

static bool is_extra(const struct sip_hdr *h, char *const *extra, unsigned n_extra)
{
	struct gw_sv name = h->id ? sip_hdr_name(h->id) : h->name;

	for (unsigned i = 0; i < n_extra; i++)
		if (gw_sv_ieq(name, gw_sv_cstr(extra[i])))
			return true;
	return false;
}

static unsigned keep(struct sip_msg *m, const bool *allowed, char *const *extra, unsigned n_extra)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_hdrs; i++) {
		struct sip_hdr *h = &m->hdrs[i];

		if (h->is_deleted || allowed[h->id] || is_extra(h, extra, n_extra))
			continue;
		h->is_deleted = true;
		n++;
	}
	return n;
}

unsigned sip_policy_keep_allowed(struct sip_msg *m, char *const *extra, unsigned n_extra)
{
	return keep(m, m->is_request ? in_request : in_response, extra, n_extra);
}

unsigned sip_policy_keep_for_ue(struct sip_msg *m, char *const *extra, unsigned n_extra)
{
	return keep(m, to_ue, extra, n_extra);
}

void sip_policy_drop_tags(struct sip_msg *m)
{
	static const struct gw_sv tags[] = { GW_SV_INIT("trickle-ice"), GW_SV_INIT("sec-agree"), GW_SV_INIT("ice"),
		GW_SV_INIT("precondition") };

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		sip_msg_del_token(m, SIP_HDR_SUPPORTED, tags[i]);
		sip_msg_del_token(m, SIP_HDR_REQUIRE, tags[i]);
		sip_msg_del_token(m, SIP_HDR_PROXY_REQUIRE, tags[i]);
	}
}

/* One header: access-type *(";" param) *("," ...), RFC 7315 5.4. false: not by the grammar. */
static bool write_access_info(struct gw_buf *b, struct gw_sv rest)
{
	struct sip_param p;

	for (;;) {
		if (sip_param_take(&rest, &p) || p.has_value)
			return false;
		gw_buf_put(b, p.name);
		while (rest.len && rest.p[0] == ';') {
			rest = gw_sv_sub(rest, 1, rest.len);
			if (sip_param_take(&rest, &p))
				return false;
			if (gw_sv_ieq(p.name, GW_SV("np")) || gw_sv_ieq(p.name, GW_SV("network-provided")))
				continue;
			gw_buf_putc(b, ';');
			gw_buf_put(b, p.name);
			if (p.has_value)
				gw_buf_puts(b, p.is_quoted ? "=\"" : "=");
			gw_buf_put(b, p.value);
			if (p.is_quoted)
				gw_buf_putc(b, '"');
		}
		if (rest.len == 0)
			return !b->overflow;
		if (rest.p[0] != ',')
			return false;
		rest = gw_sv_sub(rest, 1, rest.len);
		gw_buf_puts(b, ", ");
	}
}

void sip_policy_access_network_info(struct sip_msg *m)
{
	for (unsigned i = 0; i < m->n_hdrs; i++) {
		struct sip_hdr *h = &m->hdrs[i];
		char text[2048];
		struct gw_buf b = gw_buf(text, sizeof(text));

		if (h->id != SIP_HDR_P_ACCESS_NETWORK_INFO || h->is_deleted)
			continue;
		h->is_deleted = !write_access_info(&b, h->value);
		h->value = gw_arena_sv(m->arena, gw_buf_sv(&b));
	}
}

static bool is_credentials(const struct sip_hdr *h)
{
	return !h->is_deleted && (h->id == SIP_HDR_AUTHORIZATION || h->id == SIP_HDR_PROXY_AUTHORIZATION);
}

enum gw_err sip_policy_check_auth(const struct sip_msg *m, const char **why)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_hdrs; i++) {
		const struct sip_hdr *h = &m->hdrs[i];
		struct sip_auth a;

		if (!is_credentials(h))
			continue;
		*why = "credentials are malformed";
		if (sip_auth_parse(h->value, &a))
			return GW_EBADMSG;
		*why = "credentials are too long";
		if (h->value.len > SIP_AUTH_MAX_BYTES - 128)	/* room for separators and what we add */
			return GW_EBADMSG;
		*why = "REGISTER with more than one Authorization";
		n += h->id == SIP_HDR_AUTHORIZATION;
		if (m->method == SIP_REGISTER && n > 1)
			return GW_EBADMSG;
	}
	return GW_OK;
}

unsigned sip_policy_clean_auth(struct sip_msg *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_hdrs; i++) {
		struct sip_hdr *h = &m->hdrs[i];
		char text[SIP_AUTH_MAX_BYTES];
		struct gw_buf b = gw_buf(text, sizeof(text));
		struct sip_auth a;

		if (!is_credentials(h))
			continue;
		if (sip_auth_parse(h->value, &a) == GW_OK && a.scheme == SIP_AUTH_DIGEST)
			sip_auth_put_integrity(&b, &a, GW_SV_NONE);
		h->is_deleted = b.len == 0 || b.overflow;
		n += h->is_deleted;
		h->value = gw_arena_sv(m->arena, gw_buf_sv(&b));
	}
	return n;
}

bool sip_policy_hides_identity(const struct sip_msg *m)
{
	const struct sip_hdr *h;
	unsigned it = 0;

	while ((h = sip_msg_next(m, SIP_HDR_PRIVACY, &it))) {
		struct gw_sv rest = h->value, one;

		while (rest.len) {
			size_t semi = gw_sv_chr(rest, ';', 0), comma = gw_sv_chr(rest, ',', 0);
			size_t end = semi < comma ? semi : comma;

			one = gw_sv_trim(gw_sv_sub(rest, 0, end));
			rest = gw_sv_sub(rest, end + 1, rest.len);
			if (gw_sv_ieq(one, GW_SV("id")) || gw_sv_ieq(one, GW_SV("header")) ||
				gw_sv_ieq(one, GW_SV("user")))
				return true;
		}
	}
	return false;
}
