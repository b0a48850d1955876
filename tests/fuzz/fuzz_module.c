/* SPDX-License-Identifier: Apache-2.0 */
/* The whole module, from pam_sm_open_session() on, without opening real directories: an input is the text of
 * /proc/self/stat, the items of PAM and the options, separated by NUL. The module must write a valid record. */

#include "fuzz.h"
#include "pam_reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <stdarg.h>
#include <unistd.h>

enum { STAT, SERVICE, USER, TTY, RHOST, RUSER, SESSION, AUTH, OPTIONS, MOST = OPTIONS + 16 };

static char *fields[MOST];
static void *kept;
static void (*forget)(pam_handle_t *, void *, int);
static int directory = -1;
static char nothing;
static pam_handle_t *const handle = (pam_handle_t *)&nothing; /* the functions here do not look at it */

int pam_get_item(const pam_handle_t *pamh, int type, const void **item)
{
        (void)pamh;
        *item = type == PAM_SERVICE ? fields[SERVICE]
                : type == PAM_USER  ? fields[USER]
                : type == PAM_TTY   ? fields[TTY]
                : type == PAM_RHOST ? fields[RHOST]
                : type == PAM_RUSER ? fields[RUSER]
                                    : NULL;
        return PAM_SUCCESS;
}

const char *pam_getenv(pam_handle_t *pamh, const char *name)
{
        (void)pamh;
        return strcmp(name, "XDG_SESSION_ID") == 0    ? fields[SESSION]
               : strcmp(name, "SSH_AUTH_INFO_0") == 0 ? fields[AUTH]
                                                      : NULL;
}

int pam_set_data(pam_handle_t *pamh, const char *name, void *data, void (*cleanup)(pam_handle_t *, void *, int))
{
        (void)name;
        if (kept != NULL)
                forget(pamh, kept, 0);
        kept = data;
        forget = cleanup;
        return PAM_SUCCESS;
}

int pam_get_data(const pam_handle_t *pamh, const char *name, const void **data)
{
        (void)pamh, (void)name;
        *data = kept;
        return kept != NULL ? PAM_SUCCESS : PAM_NO_MODULE_DATA;
}

void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
        va_list arguments;
        char *line = NULL;

        (void)pamh, (void)priority;
        va_start(arguments, format);
        REQUIRE(vasprintf(&line, format, arguments) >= 0);
        va_end(arguments);
        free(line);
}

struct passwd *pam_modutil_getpwnam(pam_handle_t *pamh, const char *user)
{
        static struct passwd passwd;

        (void)pamh;
        passwd = (struct passwd){.pw_name = (char *)"x", .pw_uid = strcmp(user, "root") == 0 ? 0 : 1000};
        return user[0] == '\0' ? NULL : &passwd;
}

/* As many groups as the user's name has bytes, up to twice what fits; each has the name in PAM_RUSER. */
int getgrouplist(const char *user, gid_t primary, gid_t *ids, int *count)
{
        int most = *count, total = (int)(strlen(user) % (2 * GROUPS_MOST));

        *count = total;
        for (int i = 0; i < total && i < most; i++)
                ids[i] = primary + (gid_t)i;
        return total <= most ? total : -1;
}

int getgrgid_r(gid_t id, struct group *group, char *buffer, size_t size, struct group **found)
{
        const char *name = fields[RUSER] == NULL ? "" : fields[RUSER];

        *found = NULL;
        if (strlen(name) >= size)
                return ERANGE;
        memcpy(buffer, name, strlen(name) + 1);
        *group = (struct group){.gr_name = buffer, .gr_gid = id};
        *found = group;
        return 0;
}

int pam_modutil_read(int fd, char *buffer, int count)
{
        size_t length = fields[STAT] == NULL ? 0 : strlen(fields[STAT]);

        REQUIRE(fd >= 0 && count > 0);
        length = length < (size_t)count ? length : (size_t)count;
        if (length > 0)
                memcpy(buffer, fields[STAT], length);
        return (int)length;
}

/* Requires lines of KEY=value in printable characters, each key once, and VERSION first. */
int pam_modutil_write(int fd, const char *buffer, int count)
{
        char *text = string_of((const uint8_t *)buffer, (size_t)count), *line = text, *end;
        char seen[8192] = "\n";

        REQUIRE(fd >= 0 && count > 0 && count < 8192 && text[count - 1] == '\n');
        REQUIRE(strncmp(text, "VERSION=1\n", 10) == 0);
        for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
                char key[40];
                int length = (int)strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

                REQUIRE(length > 0 && length < 32 && line[length] == '=');
                REQUIRE(end - line - length - 1 <= VALUE_MAX);
                for (const char *at = line; at < end; at++)
                        REQUIRE(*at >= 0x20 && *at < 0x7f);
                snprintf(key, sizeof(key), "\n%.*s\n", length, line);
                REQUIRE(strstr(seen, key) == NULL);
                strncat(seen, key + 1, sizeof(seen) - strlen(seen) - 1);
        }
        REQUIRE(*line == '\0');
        free(text);
        return count;
}

int directory_open(const char *path, bool create, const char **step)
{
        (void)create;
        REQUIRE(path != NULL);
        *step = "open the directory";
        if (directory < 0) {
                char name[] = "records-XXXXXX"; /* in the directory that native.py removes */

                REQUIRE(mkdtemp(name) != NULL);
                directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                REQUIRE(directory >= 0);
        }
        return fcntl(directory, F_DUPFD_CLOEXEC, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        int count = 0;

        for (size_t start = 0; count < MOST && start <= size; count++) {
                const uint8_t *end = size > start ? memchr(data + start, '\0', size - start) : NULL;
                size_t length = end == NULL ? size - start : (size_t)(end - data) - start;

                fields[count] = string_of(data + start, length);
                start += length + 1;
        }

        for (int turn = 0; turn < 2; turn++) {
                const char **options = count > OPTIONS ? (const char **)fields + OPTIONS : NULL;
                int most = count > OPTIONS ? count - OPTIONS : 0;
                int status = pam_sm_open_session(handle, 0, most, options);

                REQUIRE(status == PAM_SUCCESS || status == PAM_SESSION_ERR);
                REQUIRE(pam_sm_close_session(handle, 0, most, options) == PAM_SUCCESS);
        }
        pam_set_data(handle, "", NULL, NULL);
        for (int i = 0; i < MOST; i++) {
                free(fields[i]);
                fields[i] = NULL;
        }
        return 0;
}
