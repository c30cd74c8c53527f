/* SPDX-License-Identifier: Apache-2.0 */
/* The folder a file of ours is to be in. Any thread. */
#ifndef CP_FOLDER_H
#define CP_FOLDER_H

/** Make it where only the last level is missing. What fails shows when the file is opened. */
void cp_make_parent(const char *path, unsigned mode);

#endif
