/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one login's record: DIRECTORY/PID.START_TICKS, KEY=value lines that reaperd reads. It is written under a
 * name with a leading dot and renamed, so a reader sees all of it or nothing. It is never synced, as a boot is to
 * remove it. The mark of an elevation is the same with fewer lines, and is written only if somebody becomes root. */

#include "pam_reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <security/pam_modutil.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum {
        STRINGS = 9,
        NUMBERS = 6,
        KEY_MAX = 16,
        LINE_LENGTH = KEY_MAX + VALUE_MAX + sizeof("=\n"),
        NUMBER_LINE = KEY_MAX + sizeof("=18446744073709551615\n"),
        FLAG_LINE = sizeof("TTY_IS_HELD=1\n") - 1,
        RECORD_MAX = 8192,
        TARGET_MAX = 4096
};
_Static_assert(STRINGS *LINE_LENGTH + NUMBERS * NUMBER_LINE + FLAG_LINE <= TARGET_MAX, "every record fits");

enum { GROUP_LINE = sizeof("GROUP_4294967295=\n") - 1 }; /* for a group without its name */

struct record {
        char text[RECORD_MAX];
        size_t size, length; /* how many bytes may be used, and are used */
        bool is_link;
};

/* su and sudo run under the limits of the user who calls them, and a session under those of pam_limits(8). Beyond
 * the file size limit write(2) raises SIGXFSZ, which would end the login; and after `ulimit -f 0; su` there would be
 * a root shell without a mark. The target of a symbolic link does not count as file size, so the text is written
 * there then. Raising the limit is not enough: in containers root has no CAP_SYS_RESOURCE. The other limits (tried
 * with su and sudo of Debian 12: every value of -n, and of -v, -d and -s around what they need) leave either no root
 * shell or a mark. */
static void begin(struct record *record)
{
        struct rlimit limit;

        record->length = 0;
        record->is_link = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < RECORD_MAX;
        record->size = record->is_link ? TARGET_MAX : sizeof(record->text);
}

static void put(struct record *record, const char *key, const char *value)
{
        char escaped[VALUE_SIZE];

        if (record->length >= record->size) /* never for a record: see the assertion above */
                return;
        text_escape(escaped, value);
        record->length +=
            (size_t)snprintf(record->text + record->length, record->size - record->length, "%s=%s\n", key, escaped);
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

/* proc(5): the pid is field 1 of stat, the controlling terminal field 7, the start time field 22. Field 2, the
 * program's name, may contain blanks and parentheses, so fields are counted from the last parenthesis. */
int leader_read(struct leader *leader)
{
        char stat[1024];
        const char *after_name;
        unsigned int tty;
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
                   "%*s %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64, &tty,
                   &leader->start_ticks) != 2)
                return -EBADMSG;
        /* The kernel's new_encode_dev(): low eight bits of the minor number, the major number, the rest of the minor
         * number. */
        leader->tty = makedev((tty >> 8) & 0xfff, (tty & 0xff) | ((tty >> 12) & 0xfff00));
        return 0;
}

void record_name(char name[RECORD_NAME_SIZE], const struct leader *leader)
{
        snprintf(name, RECORD_NAME_SIZE, "%d.%" PRIu64, leader->pid, leader->start_ticks);
}

/* Writes one line per group, as many as fit. If space runs short, names are left out so that the numbers of the
 * remaining groups fit; a reader sees by GROUPS that there are more. */
static void put_groups(struct record *record, const struct passwd *passwd)
{
        struct groups groups;
        char key[KEY_MAX + 1];

        groups_read(&groups, passwd->pw_name, passwd->pw_gid);
        put_number(record, "GROUPS", (uint64_t)groups.total);
        for (int i = 0; i < groups.count; i++) {
                size_t room = record->size - 1 - record->length, others = (size_t)(groups.count - i - 1);
                bool has_room = room >= LINE_LENGTH + others * GROUP_LINE;

                if (room < GROUP_LINE)
                        break;
                snprintf(key, sizeof(key), "GROUP_%" PRIu32, groups.ids[i]);
                put(record, key, has_room ? groups_name(&groups, groups.ids[i]) : "");
        }
        groups_free(&groups);
}

/* Returns 0, 1 where there is nothing to write, or -errno. */
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
        /* Not the wall clock: if that is stepped, every open session would seem older or younger than it is. */
        if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
                return -errno;
        auth_describe(auth, variable(pamh, "SSH_AUTH_INFO_0"));

        begin(record);
        put_number(record, "VERSION", 1);
        /* Not PAM_USER: a directory that ignores case also lets EXT-ANN in, who is ext-ann. Not the name of the uid
         * either: two accounts can share one. */
        put(record, "USER", passwd->pw_name);
        put_number(record, "UID", passwd->pw_uid);
        put(record, "SERVICE", item_or_empty(pamh, PAM_SERVICE));
        put(record, "TTY", item_or_empty(pamh, PAM_TTY));
        if (is_login) {
                put(record, "TTY_IS_HELD", tty_is_held(item_or_empty(pamh, PAM_TTY), leader) ? "1" : "0");
                put(record, "RHOST", item_or_empty(pamh, PAM_RHOST));
        }
        put(record, "RUSER", item_or_empty(pamh, PAM_RUSER));
        if (is_login) {
                put(record, "XDG_SESSION_ID", variable(pamh, "XDG_SESSION_ID"));
                put(record, "XDG_SESSION_TYPE", variable(pamh, "XDG_SESSION_TYPE"));
        }
        put_number(record, "LEADER", (uint64_t)leader->pid);
        put_number(record, "START_TICKS", leader->start_ticks);
        put_number(record, "OPENED_USEC", (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
        if (is_login) {
                put(record, "AUTH", auth);
                if (strcmp(user, passwd->pw_name) != 0)
                        put(record, "LOGIN", user);
                put_groups(record, passwd);
        }
        return 0;
}

static int write_file(const struct record *record, int directory, const char *name)
{
        int fd, written, r = 0;

        fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        written = pam_modutil_write(fd, record->text, (int)record->length);
        if (written != (int)record->length)
                r = written < 0 ? -errno : -ENOSPC;
        close(fd);
        return r;
}

static int save(const struct record *record, int directory, const char *name)
{
        char temporary[RECORD_NAME_SIZE + sizeof(".")];
        int r;

        snprintf(temporary, sizeof(temporary), ".%s", name);
        if (record->is_link)
                r = symlinkat(record->text, directory, temporary) < 0 ? -errno : 0;
        else
                r = write_file(record, directory, temporary);
        if (r == 0 && renameat(directory, temporary, directory, name) < 0)
                r = -errno;
        if (r < 0 && r != -EEXIST)
                unlinkat(directory, temporary, 0);
        return r;
}

/* Returns 0 and the leader, which names the record; 1 where nobody becomes root; or -errno, with the failed step in
 * *step. */
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

/* A record that does not exist (any more) counts as removed. */
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
