/* SPDX-License-Identifier: Apache-2.0 */
/* Names and sentences of the drop reasons. */
#include "dataplane/fast/drop.h"

const struct gw_ctr_info dp_drop_info[dp_drop_COUNT] = GW_CTR_INFO(dp_drop, DP_DROP_LIST);
