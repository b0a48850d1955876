/* SPDX-License-Identifier: Apache-2.0 */
/* A name service for the tests: slow, or dependent on a network, according to files in $NSS_LAB (/var/lib/nss-lab).
 *
 * delay     if it exists: how many milliseconds each answer takes, negative answers too
 * network   if it exists: each answer needs a network socket first, and fails without one
 * passwd    the users that it knows
 * nocase    if it exists: the case of user names is ignored
 * group     the groups that it knows
 * asked     if it exists: gets a line for each question */

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static FILE *file(const char *name, const char *mode)
{
        const char *directory = getenv("NSS_LAB");
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", directory != NULL ? directory : "/var/lib/nss-lab", name);
        return fopen(path, mode);
}

/* Waits as long as configured. Returns whether an answer is available. */
static enum nss_status reach(const char *question)
{
        struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        enum nss_status status = NSS_STATUS_SUCCESS;
        FILE *asked = file("asked", "r+e"), *delay = file("delay", "re"), *network = file("network", "re");
        struct timespec left = {0, 0};
        long milliseconds = 0;

        if (asked != NULL && fseek(asked, 0, SEEK_END) == 0)
                fprintf(asked, "%s\n", question);
        if (delay != NULL && fscanf(delay, "%ld", &milliseconds) == 1) {
                left = (struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000};
                while (nanosleep(&left, &left) < 0 && errno == EINTR)
                        ;
        }
        if (network != NULL) {
                int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

                if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0)
                        status = NSS_STATUS_UNAVAIL;
                if (fd >= 0)
                        close(fd);
        }
        for (FILE **each = (FILE *[]){asked, delay, network, NULL}, **end = each + 3; each < end; each++)
                if (*each != NULL)
                        fclose(*each);
        return status;
}

static enum nss_status user(const char *name, uid_t uid, struct passwd *out, char *buffer, size_t size, int *error)
{
        enum nss_status status = reach(name != NULL ? "getpwnam" : "getpwuid");
        struct passwd *found = NULL;
        FILE *users, *nocase;
        int (*compare)(const char *, const char *) = strcmp;

        *error = ENOENT;
        if (status != NSS_STATUS_SUCCESS)
                return status;
        nocase = file("nocase", "re");
        if (nocase != NULL) {
                compare = strcasecmp;
                fclose(nocase);
        }
        users = file("passwd", "re");
        if (users == NULL)
                return NSS_STATUS_NOTFOUND;
        do
                *error = fgetpwent_r(users, out, buffer, size, &found);
        while (*error == 0 && (name != NULL ? compare(found->pw_name, name) != 0 : found->pw_uid != uid));
        fclose(users);
        if (*error == ERANGE)
                return NSS_STATUS_TRYAGAIN;
        return *error == 0 ? NSS_STATUS_SUCCESS : NSS_STATUS_NOTFOUND;
}

static enum nss_status group(const char *name, gid_t gid, struct group *out, char *buffer, size_t size, int *error)
{
        enum nss_status status = reach(name != NULL ? "getgrnam" : "getgrgid");
        struct group *found = NULL;
        FILE *groups;

        *error = ENOENT;
        if (status != NSS_STATUS_SUCCESS)
                return status;
        groups = file("group", "re");
        if (groups == NULL)
                return NSS_STATUS_NOTFOUND;
        do
                *error = fgetgrent_r(groups, out, buffer, size, &found);
        while (*error == 0 && (name != NULL ? strcmp(found->gr_name, name) != 0 : found->gr_gid != gid));
        fclose(groups);
        if (*error == ERANGE)
                return NSS_STATUS_TRYAGAIN;
        return *error == 0 ? NSS_STATUS_SUCCESS : NSS_STATUS_NOTFOUND;
}

EXPORT enum nss_status _nss_lab_getpwnam_r(const char *name, struct passwd *out, char *buffer, size_t size, int *error)
{
        return user(name, 0, out, buffer, size, error);
}

EXPORT enum nss_status _nss_lab_getpwuid_r(uid_t uid, struct passwd *out, char *buffer, size_t size, int *error)
{
        return user(NULL, uid, out, buffer, size, error);
}

EXPORT enum nss_status _nss_lab_getgrnam_r(const char *name, struct group *out, char *buffer, size_t size, int *error)
{
        return group(name, 0, out, buffer, size, error);
}

EXPORT enum nss_status _nss_lab_getgrgid_r(gid_t gid, struct group *out, char *buffer, size_t size, int *error)
{
        return group(NULL, gid, out, buffer, size, error);
}

EXPORT enum nss_status _nss_lab_initgroups_dyn(const char *name, gid_t primary, long *start, long *size, gid_t **gids,
                                               long limit, int *error)
{
        enum nss_status status = reach("initgroups");
        FILE *groups;

        (void)primary;
        *error = ENOENT;
        if (status != NSS_STATUS_SUCCESS)
                return status;
        groups = file("group", "re");
        if (groups == NULL)
                return NSS_STATUS_NOTFOUND;
        for (struct group *found; (found = fgetgrent(groups)) != NULL;)
                for (char **member = found->gr_mem; *member != NULL; member++) {
                        if (strcmp(*member, name) != 0)
                                continue;
                        if (*start == *size && (limit <= 0 || *size < limit)) {
                                gid_t *more = realloc(*gids, 2 * (size_t)*size * sizeof(gid_t));

                                if (more == NULL)
                                        break;
                                *gids = more;
                                *size *= 2;
                        }
                        if (*start < *size)
                                (*gids)[(*start)++] = found->gr_gid;
                }
        fclose(groups);
        return NSS_STATUS_SUCCESS;
}
