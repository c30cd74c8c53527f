/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts of the WAF's nodes for Redis (shared_scripts.c); each is one step for all nodes. */
#ifndef CP_WAF_SHARED_INT_H
#define CP_WAF_SHARED_INT_H

#include "control/waf/shared.h"

#define CP_CLAIM_GRACE_S 60	/* an IMPU is free again when nobody can believe in a token any more, whatever his clock */

extern const char cp_script_claim[], cp_script_put_code[], cp_script_get[], cp_script_get_by_jti[], cp_script_take_code[], cp_script_put_grant[], cp_script_end_grant[], cp_script_users_are[], cp_script_revoked[], cp_script_keys[];

#endif
