/* SPDX-License-Identifier: Apache-2.0 */
/* Binding requests of ICE through libnice's STUN codec: validate, read, answer. */
#include "dataplane/slow/ice_msg.h"

#include <stdlib.h>
#include <netinet/in.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#define USERNAME_MAX_BYTES 513 /* RFC 8489 14.3: fewer than 509; ufrags of 256 and 256 and ':' (RFC 8839) */

struct dp_ice_msg {
	StunAgent agent;
};

/* Comprehension-required attributes outside this list are answered with 420. */
static uint16_t known_attributes[] = {
	STUN_ATTRIBUTE_MAPPED_ADDRESS, STUN_ATTRIBUTE_USERNAME, STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
	STUN_ATTRIBUTE_ERROR_CODE, STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES,
	STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, STUN_ATTRIBUTE_PRIORITY, STUN_ATTRIBUTE_USE_CANDIDATE,
	STUN_ATTRIBUTE_SOFTWARE, STUN_ATTRIBUTE_FINGERPRINT, STUN_ATTRIBUTE_ICE_CONTROLLED,
	STUN_ATTRIBUTE_ICE_CONTROLLING, 0,
};

struct validation {
	dp_ice_pwd_fn pwd;
	void *user;
	struct gw_sv local_ufrag, remote_ufrag;
	bool is_asked;
};

enum gw_err dp_ice_msg_new(struct dp_ice_msg **out)
{
	struct dp_ice_msg *im = calloc(1, sizeof(*im));

	if (!im)
		return GW_ENOMEM;
	stun_agent_init(&im->agent, known_attributes, STUN_COMPATIBILITY_RFC5389,
		STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	*out = im;
	return GW_OK;
}

void dp_ice_msg_free(struct dp_ice_msg *im)
{
	free(im);
}

/* libnice asks for the password of a USERNAME; it keeps the pointer only until validate returns. */
static bool find_password(StunAgent *agent, StunMessage *msg, uint8_t *username,
	uint16_t username_len, uint8_t **password, size_t *password_len, void *user)
{
	struct validation *v = user;
	struct gw_sv pwd;

	(void)agent;
	(void)msg;
	if (!username || username_len > USERNAME_MAX_BYTES ||
		!gw_sv_cut(gw_sv(username, username_len), ':', &v->local_ufrag, &v->remote_ufrag))
		return false;
	pwd = v->pwd(v->user, v->local_ufrag);
	if (gw_sv_empty(pwd))
		return false;
	v->is_asked = true;
	*password = (uint8_t *)(uintptr_t)pwd.p;
	*password_len = pwd.len;
	return true;
}

static socklen_t to_sockaddr(const struct gw_addr *a, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->b, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	memcpy(&in6->sin6_addr, a->b, 16);
	return sizeof(*in6);
}

/*
 * The length word must cover the datagram exactly: libnice takes a longer buffer and ignores the
 * rest, which would let junk ride behind a valid check.
 */
static bool is_whole_binding_request(struct gw_sv d)
{
	const uint8_t *p = (const uint8_t *)d.p;

	return d.len >= 20 && d.len <= DP_STUN_MAX_BYTES && p[0] == 0 && p[1] == 1 &&
		20u + ((unsigned)p[2] << 8 | p[3]) == d.len && (p[3] & 3) == 0 &&
		p[4] == 0x21 && p[5] == 0x12 && p[6] == 0xa4 && p[7] == 0x42;
}

static enum gw_err answer(struct dp_ice_msg *im, StunMessage *req, const struct gw_addr *src,
	struct dp_ice_check *out, struct gw_buf *reply)
{
	struct sockaddr_storage ss;
	socklen_t ss_len = to_sockaddr(src, &ss);
	uint8_t bytes[DP_STUN_MAX_BYTES];
	size_t len = sizeof(bytes);
	bool control = false;
	StunMessage msg;

	/*
	 * control = false, tie = 0: we are controlled whatever the peer says, so a peer that also
	 * claims "controlled" gets a 487 and our role stays put (RFC 8445 7.3.1.1).
	 */
	switch (stun_usage_ice_conncheck_create_reply(&im->agent, req, &msg, bytes, &len, &ss,
		ss_len, &control, 0, STUN_USAGE_ICE_COMPATIBILITY_RFC5245)) {
	case STUN_USAGE_ICE_RETURN_SUCCESS:
		break;
	case STUN_USAGE_ICE_RETURN_ROLE_CONFLICT:
		out->role_conflict = true;
		break;
	case STUN_USAGE_ICE_RETURN_ERROR:
	case STUN_USAGE_ICE_RETURN_INVALID:
	case STUN_USAGE_ICE_RETURN_INVALID_REQUEST:
	case STUN_USAGE_ICE_RETURN_INVALID_METHOD:
	case STUN_USAGE_ICE_RETURN_MEMORY_ERROR:
	case STUN_USAGE_ICE_RETURN_INVALID_ADDRESS:
	case STUN_USAGE_ICE_RETURN_NO_MAPPED_ADDRESS:
		return GW_EBADMSG;
	}
	gw_buf_put(reply, gw_sv(bytes, len));
	return reply->overflow ? GW_ENOSPC : GW_OK;
}

static enum gw_err refuse_unknown_attributes(struct dp_ice_msg *im, StunMessage *req,
	struct gw_buf *reply)
{
	uint8_t bytes[DP_STUN_MAX_BYTES];
	StunMessage msg;
	size_t len;

	len = stun_agent_build_unknown_attributes_error(&im->agent, &msg, bytes, sizeof(bytes), req);
	gw_buf_put(reply, gw_sv(bytes, len));
	return len && !reply->overflow ? GW_OK : GW_EBADMSG;
}

enum gw_err dp_ice_msg_check(struct dp_ice_msg *im, struct gw_sv datagram,
	const struct gw_addr *src, dp_ice_pwd_fn pwd, void *user, struct dp_ice_check *out,
	struct gw_buf *reply)
{
	struct validation v = { .pwd = pwd, .user = user };
	struct dp_ice_check c = { 0 };
	StunMessage req;
	enum gw_err err;

	if (!is_whole_binding_request(datagram))
		return GW_EBADMSG;
	switch (stun_agent_validate(&im->agent, &req, (const uint8_t *)datagram.p, datagram.len,
		find_password, &v)) {
	case STUN_VALIDATION_SUCCESS:
		break;
	case STUN_VALIDATION_UNKNOWN_REQUEST_ATTRIBUTE:
		if (!v.is_asked)
			return GW_EBADMSG;
		if ((err = refuse_unknown_attributes(im, &req, reply)))
			return err;
		*out = c;
		return GW_OK;
	case STUN_VALIDATION_UNAUTHORIZED:
		return GW_EAUTH;
	case STUN_VALIDATION_NOT_STUN:
	case STUN_VALIDATION_INCOMPLETE_STUN:
	case STUN_VALIDATION_BAD_REQUEST:
	case STUN_VALIDATION_UNAUTHORIZED_BAD_REQUEST:
	case STUN_VALIDATION_UNMATCHED_RESPONSE:
	case STUN_VALIDATION_UNKNOWN_ATTRIBUTE:
	case STUN_VALIDATION_FORBIDDEN:
		return GW_EBADMSG;
	}
	c.priority = stun_usage_ice_conncheck_priority(&req);
	if (!v.is_asked || c.priority == 0)	/* no USERNAME, or no PRIORITY (RFC 8445 7.1.1) */
		return GW_EBADMSG;
	c.local_ufrag = v.local_ufrag;
	c.remote_ufrag = v.remote_ufrag;
	c.use_candidate = stun_usage_ice_conncheck_use_candidate(&req);
	if ((err = answer(im, &req, src, &c, reply)))
		return err;
	*out = c;
	return GW_OK;
}
