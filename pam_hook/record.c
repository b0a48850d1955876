/* SPDX-License-Identifier: Apache-2.0 */
/* One login's record: DIRECTORY/PID.START_TICKS, KEY=value lines that reaperd reads. A reader sees all of it or
 * nothing: it is written under a name with a leading dot and renamed. Nothing is synced: it is to be gone after a
 * boot. The mark of an elevation is the same with fewer lines, and is written only where somebody becomes root. */

#include "pam_reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <security/pam_modutil.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { KEYS = 12, KEY_MAX = 16, RECORD_MAX = 4096 };
_Static_assert(KEYS *(KEY_MAX + VALUE_MAX + sizeof("=\n")) <= RECORD_MAX, "every record fits");

struct record {
        char text[RECORD_MAX];
        size_t length;
};

static void put(struct record *record, const char *key, const char *value)
{
        char escaped[VALUE_SIZE];

        text_escape(escaped, value);
        record->length += (size_t)snprintf(record->text + record->length, sizeof(record->text) - record->length,
                                           "%s=%s\n", key, escaped);
}

static void put_number(struct record *record, const char *key, uint64_t value)
{
        char digits[sizeof("18446744073709551615")];

        snprintf(digits, sizeof(digits), "%" PRIu64, value);
        put(record, key, digits);
}

const char *item_or_empty(pam_handle_t *pamh, int type)
{
        const void *value = NULL;

        return pam_get_item(pamh, type, &value) == PAM_SUCCESS && value != NULL ? value : "";
}

static const char *variable(pam_handle_t *pamh, const char *name)
{
        const char *value = pam_getenv(pamh, name);

        return value != NULL ? value : "";
}

/* proc(5): the pid is field 1 of stat, the start time field 22. Field 2, the program's name, may hold blanks and
 * parentheses, so fields are counted from its last one. */
int leader_read(struct leader *leader)
{
        char stat[1024];
        const char *after_name;
        int fd, length, r = 0;

        fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        length = pam_modutil_read(fd, stat, sizeof(stat) - 1);
        if (length < 0)
                r = -errno;
        close(fd);
        if (r < 0)
                return r;

        stat[length] = '\0';
        after_name = strrchr(stat, ')');
        if (after_name == NULL || sscanf(stat, "%d", &leader->pid) != 1 ||
            sscanf(after_name + 1,
                   "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
                   &leader->start_ticks) != 1)
                return -EBADMSG;
        return 0;
}

void record_name(char name[RECORD_NAME_SIZE], const struct leader *leader)
{
        snprintf(name, RECORD_NAME_SIZE, "%d.%" PRIu64, leader->pid, leader->start_ticks);
}

/* 0, 1 where there is nothing to write, or -errno. */
static int compose(struct record *record, pam_handle_t *pamh, enum service_kind kind, const struct leader *leader)
{
        bool is_login = kind == SERVICE_SESSION;
        const char *user = item_or_empty(pamh, PAM_USER);
        const struct passwd *passwd = pam_modutil_getpwnam(pamh, user);
        struct timespec now;
        char auth[AUTH_SIZE];

        if (passwd == NULL)
                return -ENODATA;
        if (!is_login && passwd->pw_uid != 0)
                return 1;
        /* Not the wall clock: a step of it would make every open session older or younger than it is. */
        if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
                return -errno;
        auth_describe(auth, variable(pamh, "SSH_AUTH_INFO_0"));

        record->length = 0;
        put_number(record, "VERSION", 1);
        put(record, "USER", user);
        put_number(record, "UID", passwd->pw_uid);
        put(record, "SERVICE", item_or_empty(pamh, PAM_SERVICE));
        put(record, "TTY", item_or_empty(pamh, PAM_TTY));
        if (is_login)
                put(record, "RHOST", item_or_empty(pamh, PAM_RHOST));
        put(record, "RUSER", item_or_empty(pamh, PAM_RUSER));
        if (is_login)
                put(record, "XDG_SESSION_ID", variable(pamh, "XDG_SESSION_ID"));
        put_number(record, "LEADER", (uint64_t)leader->pid);
        put_number(record, "START_TICKS", leader->start_ticks);
        put_number(record, "OPENED_USEC", (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
        if (is_login)
                put(record, "AUTH", auth);
        return 0;
}

static int save(const struct record *record, int directory, const char *name)
{
        char temporary[RECORD_NAME_SIZE + sizeof(".")];
        struct rlimit limit;
        int fd, written, r = 0;

        /* pam_limits may have set it by now, and a write beyond it is answered with SIGXFSZ: the end of the login. */
        if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < record->length)
                return -EFBIG;

        snprintf(temporary, sizeof(temporary), ".%s", name);
        fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        written = pam_modutil_write(fd, record->text, (int)record->length);
        if (written != (int)record->length)
                r = written < 0 ? -errno : -ENOSPC;
        close(fd);
        if (r == 0 && renameat(directory, temporary, directory, name) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(directory, temporary, 0);
        return r;
}

/* 0 and the leader, who names the record; 1 where nobody becomes root; or -errno and in *step what could not be done. */
int record_write(pam_handle_t *pamh, enum service_kind kind, const char *path, struct leader *leader, const char **step)
{
        struct record record;
        char name[RECORD_NAME_SIZE];
        int directory, r;

        *step = "read /proc/self/stat";
        r = leader_read(leader);
        if (r < 0)
                return r;
        *step = "look up the user";
        r = compose(&record, pamh, kind, leader);
        if (r != 0)
                return r;

        directory = directory_open(path, true, step);
        if (directory < 0)
                return directory;
        *step = "write the record";
        record_name(name, leader);
        r = save(&record, directory, name);
        close(directory);
        return r;
}

/* A record that is not there (any more) is as good as removed. */
int record_remove(const char *path, const char *name)
{
        const char *step;
        int directory = directory_open(path, false, &step), r = 0;

        if (directory < 0)
                return directory == -ENOENT ? 0 : directory;
        if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
                r = -errno;
        close(directory);
        return r;
}
