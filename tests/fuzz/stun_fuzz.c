/* SPDX-License-Identifier: Apache-2.0 */
/* STUN on an access port: no reply and no state without a valid MESSAGE-INTEGRITY. */
#include <stdlib.h>

#include "dataplane/slow/ice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID_AT 8

static const struct gw_addr src = { .family = 4, .b = { 192, 0, 2, 1 }, .port = 5000 };

/* A check of ours is on its way to src; what claims to answer it has its transaction id. */
static void ask(struct dp_ice *ice, struct dp_ice_msg *im, uint8_t id[DP_STUN_ID_BYTES])
{
	static struct ice_pace pace;	/* the agent outlives this */
	const struct ice_candidate c = { .addr = src, .priority = ICE_PRIORITY_HOST };
	char bytes[DP_STUN_MAX_BYTES];
	struct gw_buf out = gw_buf(bytes, sizeof(bytes));
	struct gw_addr to;

	pace = (struct ice_pace){ 0 };
	if (dp_ice_set_remote(ice, GW_SV("h6vY")) || dp_ice_reserve_full(ice, &pace))
		abort();
	dp_ice_take_remote_pwd(ice, gw_sv_dup(GW_SV("asd88fgpdd777uzjYhagZg")));
	dp_ice_check(ice, &c, 1, 7, false, 1);
	if (!dp_ice_poll(ice, im, 1, &out, &to))
		abort();
	memcpy(id, bytes + ID_AT, DP_STUN_ID_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dp_ice_msg *im;
	uint8_t in[DP_STUN_MAX_BYTES], out[DP_STUN_MAX_BYTES], id[DP_STUN_ID_BYTES];
	struct gw_buf b = gw_buf(out, sizeof(out));
	struct dp_ice ice = { 0 };
	enum dp_ice_event ev;

	if ((!im && dp_ice_msg_new(&im)) || size > sizeof(in))
		return 0;
	memcpy(in, data, size);
	dp_ice_init(&ice, "evtj", "VOkJxbRl1RmTxUk/WvJxBt", 0);
	ask(&ice, im, id);
	if (size >= ID_AT + sizeof(id) && in[0] == 1)	/* a response */
		memcpy(in + ID_AT, id, sizeof(id));
	if (dp_ice_input(&ice, im, gw_sv(in, size), &src, 0, 1, &b, &ev) && (b.len || dp_ice_is_valid(&ice, &src)))
		abort();
	dp_ice_clear(&ice);
	return 0;
}
