/* SPDX-License-Identifier: Apache-2.0 */
/* STUN on an access port: no reply and no state without a valid MESSAGE-INTEGRITY. */
#include <stdlib.h>

#include "dataplane/slow/ice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dp_ice_msg *im;
	static const struct gw_addr src = { .family = 4, .b = { 192, 0, 2, 1 }, .port = 5000 };
	uint8_t out[DP_STUN_MAX_BYTES];
	struct gw_buf b = gw_buf(out, sizeof(out));
	enum dp_ice_event ev;
	struct dp_ice ice;

	if (!im && dp_ice_msg_new(&im))
		abort();
	dp_ice_init(&ice, "evtj", "VOkJxbRl1RmTxUk/WvJxBt", 0);
	if (dp_ice_input(&ice, im, gw_sv(data, size), &src, 0, 1, &b, &ev) && (b.len || dp_ice_is_valid(&ice, &src)))
		abort();
	return 0;
}
