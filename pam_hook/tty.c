/* SPDX-License-Identifier: Apache-2.0 */
/* Checks whether the process that opens a PAM session has the terminal that it names. PAM_TTY is only a name, and a
 * service with PAMName= and TTYPath= can give any: the terminal may be another user's, or a getty may wait there. It
 * is checked now, because login(1) of util-linux gives the terminal up before it starts the shell, and because the
 * user cannot have changed anything yet. */

#include "pam_reaper.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The terminal must be the controlling one or the standard input: programs that take a terminal over set one of
 * these first. */
bool tty_is_held(const char *name, const struct leader *leader)
{
        static const char DEV[] = "/dev/", PTS[] = "pts/";
        char path[sizeof(DEV) + NAME_MAX];
        struct stat status, input;
        const char *below = strncmp(name, DEV, strlen(DEV)) == 0 ? name + strlen(DEV) : name;
        const char *last = strncmp(below, PTS, strlen(PTS)) == 0 ? below + strlen(PTS) : below;

        /* No other directory: below some directories in /dev users can write and mount. */
        if (last[0] == '\0' || last[0] == '.' || strchr(last, '/') != NULL || strlen(below) > NAME_MAX)
                return false;
        snprintf(path, sizeof(path), "%s%s", DEV, below);
        if (lstat(path, &status) < 0 || !S_ISCHR(status.st_mode))
                return false;
        if (status.st_rdev == leader->tty)
                return true;
        return fstat(STDIN_FILENO, &input) == 0 && S_ISCHR(input.st_mode) && input.st_rdev == status.st_rdev;
}
