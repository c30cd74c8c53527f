/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w2gw-bench-data EAL-OPTIONS -- relay BYTES PAIRS 128|256 DEVICE ROUNDS
 * w2gw-bench-data usrsctp|terminated BYTES SECONDS
 * w2gw-bench-data memory ASSOCIATIONS
 * Exit status 0: everything came out right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "bench/datachannel/bench.h"

int main(int argc, char **argv)
{
	int n, r;

	if (argc == 4 && strcmp(argv[1], "usrsctp") == 0)
		return bench_usrsctp((uint16_t)atoi(argv[2]), atof(argv[3]));
	if (argc == 4 && strcmp(argv[1], "terminated") == 0)
		return bench_terminated((uint16_t)atoi(argv[2]), atof(argv[3]));
	if (argc == 3 && strcmp(argv[1], "memory") == 0)
		return bench_memory((unsigned)atoi(argv[2]));
	n = rte_eal_init(argc, argv);
	if (n < 0 || argc - n != 7 || strcmp(argv[n + 1], "relay") != 0) {
		fprintf(stderr, "usage: w2gw-bench-data EAL-OPTIONS -- relay BYTES PAIRS 128|256 DEVICE ROUNDS\n"
				"       w2gw-bench-data usrsctp|terminated BYTES SECONDS\n"
				"       w2gw-bench-data memory ASSOCIATIONS\n");
		return 2;
	}
	argv += n;
	r = bench_relay((unsigned)atoi(argv[3]), (uint16_t)atoi(argv[2]), atoi(argv[4]) == 256 ? 32 : 16, argv[5], (unsigned)atoi(argv[6]));
	rte_eal_cleanup();
	return r;
}
