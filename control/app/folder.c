/* SPDX-License-Identifier: Apache-2.0 */
/* A service that starts for the first time makes its own folders. */
#include "control/app/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void cp_make_parent(const char *path, unsigned mode)
{
	char dir[4096];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		(void)mkdir(dir, mode);
	}
}
