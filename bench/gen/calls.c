/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a generator, calculated or read from a file, with their SRTP sessions. */
#include "bench/gen/gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

static void start_counting(const struct gen *g, struct gen_call *c)
{
	for (unsigned side = 0; side < GEN_SIDES; side++)
		c->made[side] = c->sent[side] = c->back[side] = g->c.first_seq;
}

static enum gw_err plan(struct gen *g, uint32_t i)
{
	struct gen_call *c = &g->call[i];
	struct dp_srtp_keys k;
	enum gw_err err;

	for (unsigned side = 0; side < GEN_SIDES; side++)
		c->leg[side] = gen_plan_leg((enum gen_side)side, i);
	gen_plan_keys(g->c.profile, i, false, &k);
	if ((err = g->c.srtp->session_new(&c->seal, &k, true)))
		return err;
	if (g->c.check_ms) {	/* the planned gateway looks at where a check comes from, not at its names */
		c->stun_user = strdup("gate:far");
		c->stun_password = strdup("planned");
	}
	gen_plan_keys(g->c.profile, i, true, &k);
	return g->c.srtp->session_new(&c->open, &k, false);
}

static bool read_addr(const char *text, uint32_t *ip, uint16_t *port)
{
	struct gw_addr a;

	if (gw_addr_parse(gw_sv(text, strlen(text)), 0, &a) || a.family != 4)
		return false;
	*ip = (uint32_t)a.b[0] << 24 | (uint32_t)a.b[1] << 16 | (uint32_t)a.b[2] << 8 | a.b[3];
	*port = a.port;
	return true;
}

/* Master key and salt in one string, as in SDES but in hexadecimal; "-" is none. */
static bool read_keys(const struct gen *g, const char *text, bool is_seal, struct dp_srtp_session **out)
{
	struct dp_srtp_keys k = { .profile = g->c.profile, .max_ssrc = 8 };
	size_t key = g->c.profile == DP_SRTP_AEAD_AES_256_GCM ? 32 : 16;
	size_t salt = g->c.profile == DP_SRTP_AEAD_AES_256_GCM || g->c.profile == DP_SRTP_AEAD_AES_128_GCM ? 12 : 14;

	if (strcmp(text, "-") == 0)
		return true;
	if (strlen(text) != 2 * (key + salt))
		return false;
	for (size_t n = 0; n < key + salt; n++) {
		unsigned byte;

		if (sscanf(text + 2 * n, "%2x", &byte) != 1)
			return false;
		*(n < key ? &k.key[n] : &k.salt[n - key]) = (uint8_t)byte;
	}
	return g->c.srtp->session_new(out, &k, is_seal) == GW_OK;
}

/*
 * A line: far and gateway address of the access side, the same of the core side, key to seal with, key to open
 * with, and for STUN checks the user name (GATEWAY:FAR) and the gateway's password.
 */
static bool read_call(const struct gen *g, const char *line, struct gen_call *c)
{
	char addr[4][64], key[2][128], user[520] = "", password[260] = "";
	struct gen_leg *a = &c->leg[GEN_ACCESS], *k = &c->leg[GEN_CORE];
	int n = sscanf(line, "%63s %63s %63s %63s %127s %127s %519s %259s", addr[0], addr[1], addr[2], addr[3], key[0],
		key[1], user, password);

	if (n < 6 || !read_addr(addr[0], &a->far_ip, &a->far_port) || !read_addr(addr[1], &a->gate_ip, &a->gate_port) ||
		!read_addr(addr[2], &k->far_ip, &k->far_port) || !read_addr(addr[3], &k->gate_ip, &k->gate_port))
		return false;
	if (n == 8) {
		c->stun_user = strdup(user);
		c->stun_password = strdup(password);
	}
	return read_keys(g, key[0], true, &c->seal) && read_keys(g, key[1], false, &c->open);
}

static enum gw_err read_file(struct gen *g)
{
	FILE *f = fopen(g->c.calls_file, "r");
	char line[2048];
	uint32_t i = 0;
	bool ok = f != NULL;

	while (ok && i < g->c.calls && fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		ok = read_call(g, line, &g->call[i]);
		if (!ok)
			fprintf(stderr, "gen: %s: call %u is not to be read\n", g->c.calls_file, i);
		else
			start_counting(g, &g->call[i++]);
	}
	if (f)
		fclose(f);
	g->c.calls = i;
	return ok && i > 0 ? GW_OK : GW_EINVAL;
}

enum gw_err gen_new(struct gen *g, const struct gen_conf *conf, struct rte_mempool *pool)
{
	enum gw_err err = GW_OK;

	*g = (struct gen){ .c = *conf, .pool = pool, .hz = rte_get_tsc_hz() };
	g->call = rte_zmalloc("gen_calls", sizeof(*g->call) * conf->calls, RTE_CACHE_LINE_SIZE);
	if (!g->call)
		return GW_ENOMEM;
	for (unsigned side = 0; side < GEN_SIDES; side++)
		if (rte_eth_macaddr_get(conf->ethdev[side], &g->mac[side]))
			return GW_EIO;
	if (conf->calls_file)
		err = read_file(g);
	for (uint32_t i = 0; !conf->calls_file && !err && i < conf->calls; i++) {
		start_counting(g, &g->call[i]);
		err = plan(g, i);
	}
	for (unsigned side = 0; side < GEN_SIDES; side++)
		g->next[side] = gen_first(g);
	return err;
}

void gen_free(struct gen *g)
{
	for (uint32_t i = 0; g->call && i < g->c.calls; i++) {
		g->c.srtp->session_free(g->call[i].seal);
		g->c.srtp->session_free(g->call[i].open);
		free(g->call[i].stun_user);
		free(g->call[i].stun_password);
	}
	for (unsigned side = 0; side < GEN_SIDES; side++)
		free(g->store[side].frames);
	rte_free(g->call);
	g->call = NULL;
}
