/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the process that opens a PAM session has the terminal that it says. PAM_TTY is only a name, and whoever
 * writes a service with PAMName= and TTYPath= says any: the terminal is another's, or a getty waits there. Looked at
 * now, as login(1) of util-linux gives the terminal up before it starts the shell, and before the user can do anything
 * about it. */

#include "pam_reaper.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* It is the controlling terminal or the standard input: programs that take a terminal do the one or the other first. */
bool tty_is_held(const char *name, const struct leader *leader)
{
        static const char DEV[] = "/dev/", PTS[] = "pts/";
        char path[sizeof(DEV) + NAME_MAX];
        struct stat status, input;
        const char *below = strncmp(name, DEV, strlen(DEV)) == 0 ? name + strlen(DEV) : name;
        const char *last = strncmp(below, PTS, strlen(PTS)) == 0 ? below + strlen(PTS) : below;

        /* No other directory: users write and mount in some of those below /dev. */
        if (last[0] == '\0' || last[0] == '.' || strchr(last, '/') != NULL || strlen(below) > NAME_MAX)
                return false;
        snprintf(path, sizeof(path), "%s%s", DEV, below);
        if (lstat(path, &status) < 0 || !S_ISCHR(status.st_mode))
                return false;
        if (status.st_rdev == leader->tty)
                return true;
        return fstat(STDIN_FILENO, &input) == 0 && S_ISCHR(input.st_mode) && input.st_rdev == status.st_rdev;
}
