/* SPDX-License-Identifier: Apache-2.0 */
/* Binding requests and responses of ICE through libnice's STUN codec: validate, read, answer, ask. */
#include "dataplane/slow/ice_msg.h"

#include <stdlib.h>
#include <netinet/in.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#define BINDING_REQUEST 0x0001
#define BINDING_SUCCESS 0x0101
#define BINDING_ERROR 0x0111
#define ID_AT 8                /* of the transaction id, behind the cookie (RFC 8489 5) */
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
	const struct dp_ice_check_ops *ops;
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
	pwd = v->ops->password(v->ops->user, v->local_ufrag);
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
static bool is_whole(struct gw_sv d, unsigned type)
{
	const uint8_t *p = (const uint8_t *)d.p;

	return d.len >= 20 && d.len <= DP_STUN_MAX_BYTES && ((unsigned)p[0] << 8 | p[1]) == type &&
		20u + ((unsigned)p[2] << 8 | p[3]) == d.len && (p[3] & 3) == 0 &&
		p[4] == 0x21 && p[5] == 0x12 && p[6] == 0xa4 && p[7] == 0x42;
}

/* Which role the peer claims decides, not libnice: its rules differ from version to version. */
static bool is_role_taken(const StunMessage *req, const struct dp_ice_check_ops *ops, bool *is_peer_controlling)
{
	uint64_t tie;

	*is_peer_controlling = stun_message_find64(req, STUN_ATTRIBUTE_ICE_CONTROLLING, &tie) == STUN_MESSAGE_RETURN_SUCCESS;
	if (!*is_peer_controlling &&
		stun_message_find64(req, STUN_ATTRIBUTE_ICE_CONTROLLED, &tie) != STUN_MESSAGE_RETURN_SUCCESS) {
		*is_peer_controlling = true;	/* neither: RFC 5245 peers of old */
		return false;
	}
	return !ops->yield(ops->user, *is_peer_controlling, tie);
}

static enum gw_err refuse_role(struct dp_ice_msg *im, StunMessage *req, struct gw_buf *reply)
{
	uint8_t bytes[DP_STUN_MAX_BYTES];
	StunMessage msg;
	size_t len = 0;

	if (stun_agent_init_error(&im->agent, &msg, bytes, sizeof(bytes), req, STUN_ERROR_ROLE_CONFLICT))
		len = stun_agent_finish_message(&im->agent, &msg, NULL, 0);
	gw_buf_put(reply, gw_sv(bytes, len));
	return len && !reply->overflow ? GW_OK : GW_EBADMSG;
}

static enum gw_err answer(struct dp_ice_msg *im, StunMessage *req, const struct gw_addr *src,
	const struct dp_ice_check_ops *ops, struct dp_ice_check *out, struct gw_buf *reply)
{
	struct sockaddr_storage ss;
	socklen_t ss_len = to_sockaddr(src, &ss);
	uint8_t bytes[DP_STUN_MAX_BYTES];
	size_t len = sizeof(bytes);
	bool is_peer_controlling, control;
	StunMessage msg;

	out->role_conflict = is_role_taken(req, ops, &is_peer_controlling);
	if (out->role_conflict)
		return refuse_role(im, req, reply);
	control = !is_peer_controlling;
	switch (stun_usage_ice_conncheck_create_reply(&im->agent, req, &msg, bytes, &len, &ss,
		ss_len, &control, 0, STUN_USAGE_ICE_COMPATIBILITY_RFC5245)) {
	case STUN_USAGE_ICE_RETURN_SUCCESS:
		break;
	case STUN_USAGE_ICE_RETURN_ROLE_CONFLICT:
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
	const struct gw_addr *src, const struct dp_ice_check_ops *ops, struct dp_ice_check *out,
	struct gw_buf *reply)
{
	struct validation v = { .ops = ops };
	struct dp_ice_check c = { 0 };
	StunMessage req;
	enum gw_err err;

	if (!is_whole(datagram, BINDING_REQUEST))
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
	if ((err = answer(im, &req, src, ops, &c, reply)))
		return err;
	*out = c;
	return GW_OK;
}

/* ---- requests of ours ------------------------------------------------------------------------------ */

static bool put_attributes(StunMessage *m, const struct dp_ice_ask *a)
{
	char name[USERNAME_MAX_BYTES + 1];
	struct gw_buf b = gw_buf(name, sizeof(name));
	struct gw_sv username;

	gw_buf_put(&b, a->remote_ufrag);
	gw_buf_putc(&b, ':');
	gw_buf_put(&b, a->local_ufrag);
	if (gw_buf_done(&b, &username))
		return false;
	return (!a->use_candidate || stun_message_append_flag(m, STUN_ATTRIBUTE_USE_CANDIDATE) == STUN_MESSAGE_RETURN_SUCCESS) &&
		stun_message_append32(m, STUN_ATTRIBUTE_PRIORITY, a->priority) == STUN_MESSAGE_RETURN_SUCCESS &&
		stun_message_append64(m, a->is_controlling ? STUN_ATTRIBUTE_ICE_CONTROLLING : STUN_ATTRIBUTE_ICE_CONTROLLED,
			a->tie) == STUN_MESSAGE_RETURN_SUCCESS &&
		stun_message_append_bytes(m, STUN_ATTRIBUTE_USERNAME, username.p, username.len) == STUN_MESSAGE_RETURN_SUCCESS;
}

enum gw_err dp_ice_msg_ask(struct dp_ice_msg *im, const struct dp_ice_ask *ask, bool is_new,
	uint8_t id[DP_STUN_ID_BYTES], struct gw_buf *out)
{
	uint8_t bytes[DP_STUN_MAX_BYTES];
	StunTransactionId whole;
	StunMessage m;
	size_t len;

	if (!stun_agent_init_request(&im->agent, &m, bytes, sizeof(bytes), STUN_BINDING))
		return GW_ENOSPC;
	if (is_new)
		memcpy(id, bytes + ID_AT, DP_STUN_ID_BYTES);
	else
		memcpy(bytes + ID_AT, id, DP_STUN_ID_BYTES);
	if (!put_attributes(&m, ask))
		return GW_ENOSPC;
	len = stun_agent_finish_message(&im->agent, &m, (const uint8_t *)ask->remote_pwd.p, ask->remote_pwd.len);
	/* the agent remembers 200 requests, of all calls together: which are on their way is known where they belong */
	stun_message_id(&m, whole);
	stun_agent_forget_transaction(&im->agent, whole);
	gw_buf_put(out, gw_sv(bytes, len));
	return len && !out->overflow ? GW_OK : GW_ENOSPC;
}

bool dp_ice_msg_is_response(struct gw_sv d, uint8_t id[DP_STUN_ID_BYTES])
{
	if (!is_whole(d, BINDING_SUCCESS) && !is_whole(d, BINDING_ERROR))
		return false;
	memcpy(id, d.p + ID_AT, DP_STUN_ID_BYTES);
	return true;
}

static enum gw_err read_response(const StunMessage *m, unsigned *code)
{
	int error;

	if (stun_message_get_class(m) == STUN_RESPONSE) {
		*code = 0;
		return GW_OK;
	}
	if (stun_message_find_error(m, &error) != STUN_MESSAGE_RETURN_SUCCESS)
		return GW_EBADMSG;
	*code = (unsigned)error;
	return GW_OK;
}

enum gw_err dp_ice_msg_response(struct dp_ice_msg *im, struct gw_sv datagram, struct gw_sv remote_pwd, unsigned *code)
{
	StunAgentSavedIds *sent = &im->agent.sent_ids[0];
	StunValidationStatus status;
	StunMessage m;

	/* lent for the one question: without it a response is of no request */
	*sent = (StunAgentSavedIds){ .method = STUN_BINDING, .key = (uint8_t *)(uintptr_t)remote_pwd.p,
		.key_len = remote_pwd.len, .valid = true };
	memcpy(sent->id, datagram.p + 4, sizeof(sent->id));
	status = stun_agent_validate(&im->agent, &m, (const uint8_t *)datagram.p, datagram.len, NULL, NULL);
	*sent = (StunAgentSavedIds){ .valid = false };
	if (status == STUN_VALIDATION_UNAUTHORIZED)
		return GW_EAUTH;
	/* without integrity 400, 401 and 438 pass libnice: nothing that anybody can send ends a pair */
	if (status != STUN_VALIDATION_SUCCESS || !stun_message_has_attribute(&m, STUN_ATTRIBUTE_MESSAGE_INTEGRITY))
		return status == STUN_VALIDATION_SUCCESS ? GW_EAUTH : GW_EBADMSG;
	return read_response(&m, code);
}
