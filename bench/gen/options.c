/* SPDX-License-Identifier: Apache-2.0 */
/* Options the programs of bench/gen share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gen/gen.h"
#include "bench/gen/payload.h"

#define BYTES_LEAST 18           /* a frame of 64 bytes */
#define BYTES_MOST 1456          /* SRTP of it, tag and all, fills 1500 */

static const char *const suites[] = { "cm80", "cm32", "gcm128", "gcm256" };
static const enum dp_srtp_profile profiles[] = { DP_SRTP_AES128_CM_SHA1_80, DP_SRTP_AES128_CM_SHA1_32,
	DP_SRTP_AEAD_AES_128_GCM, DP_SRTP_AEAD_AES_256_GCM };

const char gen_options_help[] =
	"  -s cm80|cm32|gcm128|gcm256    SRTP suite (cm80)\n"
	"  -n CALLS                      (100)\n";

const char gen_play_help[] =
	"  -d protect|unprotect|both     RTP from the core, SRTP from the access side; both not in t1 (protect)\n"
	"  -z BYTES|mix|video            RTP packet, header included; mix: 80 % 172, 18 % 1200, RTCP, STUN; video: 95 % 1200,\n"
	"                                RTCP (172)\n"
	"  -b BURST                      1 to 32 (32)\n"
	"  -k good|unknown|badtag|stun   every packet is one of these (good)\n"
	"  -t SECONDS                    (3)\n"
	"  -R PPS                        open loop at this rate; 0: closed loop, as fast as packets come back (0)\n"
	"  -w PACKETS                    closed loop: on their way at most (2048)\n"
	"  -J PPS                        junk (STUN, DTLS, wrong tags) at the port of call 0, which has no packets then\n"
	"  -Y PPS                        STUN by strangers at the port of each of the first half of the calls\n"
	"  -S MS                         STUN check of every call each MS; 0: none (0)\n"
	"  -A PACKETS                    so many a side are made ahead of time; the run ends with them\n";

const struct gen_conf gen_conf_default = { .srtp = &dp_srtp_burst, .profile = DP_SRTP_AES128_CM_SHA1_80, .suite = "cm80",
	.calls = 100, .rtp_bytes = 172, .burst = 32, .window = 2048, .seconds = 3, .first_seq = 1,
	.sends = { [GEN_CORE] = true },
	.ethdev = { 0, 1 }, .gate_mac = { { GEN_MAC_GATE }, { GEN_MAC_GATE } } };

unsigned gen_choose(const char *arg, const char *const *of, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(arg, of[i]) == 0)
			return i;
	fprintf(stderr, "%s is none of the choices\n", arg);
	exit(2);
}

double gen_number(const char *arg, double least, double most)
{
	char *end;
	double v = strtod(arg, &end);

	if (end == arg || *end || !(v >= least && v <= most)) {
		fprintf(stderr, "%s is not a number from %g to %g\n", arg, least, most);
		exit(2);
	}
	return v;
}

void gen_mac(const char *arg, struct rte_ether_addr *out)
{
	if (rte_ether_unformat_addr(arg, out) == 0)
		return;
	fprintf(stderr, "%s is not a MAC address\n", arg);
	exit(2);
}

bool gen_option(struct gen_conf *c, int option, const char *arg)
{
	unsigned i;

	switch (option) {
	case 's':
		i = gen_choose(arg, suites, 4);
		c->suite = suites[i];
		c->profile = profiles[i];
		return true;
	case 'n':
		c->calls = (uint32_t)gen_number(arg, 1, 10 * GEN_PORTS);
		return true;
	case 'd':
		i = gen_choose(arg, (const char *const[]){ "protect", "unprotect", "both" }, 3);
		c->sends[GEN_CORE] = i != 1;
		c->sends[GEN_ACCESS] = i != 0;
		return true;
	case 'z':
		c->mix = strcmp(arg, "mix") == 0 ? &gen_mix_calls : strcmp(arg, "video") == 0 ? &gen_mix_video : NULL;
		c->rtp_bytes = c->mix ? 0 : (uint16_t)gen_number(arg, BYTES_LEAST, BYTES_MOST);
		return true;
	case 'b':
		c->burst = (uint16_t)gen_number(arg, 1, DP_BURST);
		return true;
	case 'w':
		c->window = (uint32_t)gen_number(arg, DP_BURST, 65536);
		return true;
	case 't':
		c->seconds = gen_number(arg, 0.01, 1e6);
		return true;
	case 'R':
		c->pps = gen_number(arg, 0, 1e9);
		return true;
	case 'J':
		c->junk_pps = gen_number(arg, 0, 1e9);
		return true;
	case 'Y':
		c->spray_pps = gen_number(arg, 0, 1e6);
		return true;
	case 'S':
		c->check_ms = (unsigned)gen_number(arg, 0, 1e6);
		return true;
	case 'k':
		c->kind = (enum gen_kind)gen_choose(arg, (const char *const[]){ "good", "unknown", "badtag", "stun" }, 4);
		return true;
	case 'A':
		c->ahead = (uint32_t)gen_number(arg, 0, 1e8);
		return true;
	default:
		return false;
	}
}

bool gen_conf_ok(const struct gen_conf *c, bool is_timed)
{
	if (!is_timed && c->sends[GEN_ACCESS] && c->sends[GEN_CORE])
		fputs("one direction at a time\n", stderr);
	else if (is_timed && c->junk_pps > 0 && c->calls < 2)
		fputs("junk takes two calls\n", stderr);
	else if (is_timed && c->kind != GEN_GOOD && c->pps == 0)
		fputs("packets that do not come back take a rate\n", stderr);
	else
		return true;
	return false;
}
