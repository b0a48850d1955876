/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the directory of the records, and only where nobody but root can have changed it. */

#include "pam_reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_trusted(int at, const char *name, mode_t mode, bool create, const char **step)
{
        struct stat st;
        bool created = false;
        int fd, r = 0;

        *step = "open the directory";
        fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && create) {
                *step = "create the directory";
                created = mkdirat(at, name, mode) == 0;
                if (!created && errno != EEXIST) /* EEXIST: another login made it first */
                        return -errno;
                fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        if (fd < 0)
                return -errno;

        /* The login program's umask has reduced the mode, but everybody may use the socket beside the records. */
        if ((created && fchmod(fd, mode) < 0) || fstat(fd, &st) < 0) {
                r = -errno;
        } else if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
                *step = "trust the directory"; /* not root's, or others may write to it */
                r = -EPERM;
        }
        if (r < 0)
                close(fd);
        return r < 0 ? r : fd;
}

/* Returns a descriptor of the directory, for the caller to close, or -errno with the failed step in *step. The
 * directory and its parent must belong to root, be writable by nobody else, and not be symbolic links; with create,
 * what is missing is made. */
int directory_open(const char *path, bool create, const char **step)
{
        char parent[PATH_MAX];
        const char *slash = strrchr(path, '/');
        int upper, fd;

        *step = "open the directory";
        if (path[0] != '/')
                return -EINVAL;
        if (strlen(path) >= sizeof(parent))
                return -ENAMETOOLONG;
        memcpy(parent, path, strlen(path) + 1);
        parent[slash == path ? 1 : slash - path] = '\0';

        upper = open_trusted(AT_FDCWD, parent, 0755, create, step);
        if (upper < 0)
                return upper;
        fd = open_trusted(upper, slash + 1, 0700, create, step);
        close(upper);
        return fd;
}
