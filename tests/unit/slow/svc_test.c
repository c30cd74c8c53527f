/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the service core: what it hands to whom, and when it gives way. */
#include "dataplane/slow/svc.h"
#include "tests/unit/fast/rig.h"

static unsigned seen[DP_PUNT_CLASSES], given_way, unseen_at_way;

static void packet(void *user, struct rte_mbuf *m, uint64_t now_ms)
{
	(void)user;
	(void)now_ms;
	seen[dp_punt_info(m)->cls]++;
	rte_pktmbuf_free(m);
}

static unsigned nothing_to_read(void *user, uint64_t now_ms)
{
	(void)user;
	(void)now_ms;
	return 0;
}

static void give_way(void)
{
	given_way++;
	unseen_at_way += seen[DP_PUNT_DTLS] != given_way;
}

static struct rte_mbuf *first_byte(uint8_t b)
{
	struct rte_mbuf *m = rtp(0, 100);

	rte_pktmbuf_mtod(m, uint8_t *)[0] = b;
	return m;
}

/* Media waits for one message of a handshake at most, and checks do not pay for it. */
static void a_handshake_gives_way_after_each_message(void **state)
{
	struct dp_fast *f = gateway(1);
	struct gw_timers timers = { 0 };
	struct dp_svc s = { .fast = f, .timers = &timers, .tsc_hz = rte_get_tsc_hz(), .tsc_start = rte_rdtsc(),
		.ops = { .packet = packet, .control = nothing_to_read, .give_way = give_way } };
	struct dp_flow_spec flow = access_flow(20000, NULL);
	dp_flow_id id = 0;

	(void)state;
	set(f, &id, &flow);
	for (unsigned i = 0; i < 30; i++)
		give(0, framed(first_byte(i % 3 ? 22 : 0), 0, &peer, us, 20000));
	poll_all(f);
	while (dp_svc_step(&s) > 0)
		;
	assert_int_equal(seen[DP_PUNT_DTLS], 20);
	assert_int_equal(seen[DP_PUNT_STUN], 10);
	assert_int_equal(given_way, 20);
	assert_int_equal(unseen_at_way, 0);
	s.ops.give_way = NULL;	/* a CPU of its own */
	give(0, framed(first_byte(22), 0, &peer, us, 20000));
	poll_all(f);
	assert_int_equal(dp_svc_step(&s), 1);
	assert_int_equal(given_way, 20);
	gw_timers_free(&timers);
	dp_fast_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_handshake_gives_way_after_each_message) };

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
