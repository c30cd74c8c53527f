# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: the machine, the programs, the statistics, the output."""
