/* SPDX-License-Identifier: Apache-2.0 */
/* pam_reaper: writes a record of each login, and a mark each time that somebody becomes root within a session, for
 * reaperd to find. See pam_reaper(8).
 *
 * It never forks, never waits and keeps no state of its own, and it keeps nobody from logging in: whatever goes
 * wrong is one line to syslog and PAM_SUCCESS. Not PAM_IGNORE, as Linux-PAM denies a stack in which every module
 * returns that. Only "require" makes a login without a record fail, and never su or sudo: refusing those would only
 * take away the means to repair the host from somebody who is logged in already. The module never talks to the
 * person, so PAM_SILENT changes nothing. */

#include "pam_reaper.h"

#include <errno.h>
#include <limits.h>
#include <security/pam_ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define EXPORT __attribute__((visibility("default")))

#define MARKS "elevated"

static const char DATA_NAME[] = "pam_reaper_record";

struct options {
        enum service_kind kind; /* what this service opens */
        const char *directory;
        bool debug;
        bool elevations;
        bool require;
        char marks[PATH_MAX + sizeof(MARKS)];
};

static const char *after(const char *argument, const char *prefix)
{
        size_t length = strlen(prefix);

        return strncmp(argument, prefix, length) == 0 ? argument + length : NULL;
}

/* The marks are in a directory beside the records. A path that is too long stays too long, and directory_open()
 * refuses it. */
static void beside(struct options *options)
{
        const char *slash = strrchr(options->directory, '/');
        ptrdiff_t length = slash == NULL ? 0 : slash + 1 - options->directory;

        snprintf(options->marks, sizeof(options->marks), "%.*s%s", (int)(length < PATH_MAX ? length : PATH_MAX),
                 options->directory, MARKS);
        options->directory = options->marks;
}

static void options_read(struct options *options, pam_handle_t *pamh, bool report, int argc, const char **argv)
{
        const char *service = item_or_empty(pamh, PAM_SERVICE);
        const char *value;

        *options = (struct options){.directory = "/run/reaper/sessions", .kind = service_kind(service)};
        for (int i = 0; i < argc; i++) {
                if (strcmp(argv[i], "debug") == 0)
                        options->debug = true;
                else if ((value = after(argv[i], "dir=")) != NULL)
                        options->directory = value;
                else if (strcmp(argv[i], "elevations") == 0)
                        options->elevations = true;
                else if (strcmp(argv[i], "require") == 0)
                        options->require = true;
                else if ((value = after(argv[i], "skip=")) != NULL)
                        options->kind = strcmp(value, service) == 0 ? SERVICE_NOTHING : options->kind;
                else if (report)
                        pam_syslog(pamh, LOG_WARNING, "unknown option %s, ignoring", argv[i]);
        }
        if (options->elevations && options->kind == SERVICE_SESSION)
                options->kind = SERVICE_NOTHING;
        if (options->kind == SERVICE_NOTHING && options->debug && report)
                pam_syslog(pamh, LOG_DEBUG, "service %s is passed over", service);
        if (options->kind == SERVICE_ELEVATES)
                beside(options);
}

static const char *what(const struct options *options)
{
        return options->kind == SERVICE_SESSION ? "login" : "elevation";
}

/* Runs at pam_end, in whichever process calls it: in a fork (PAM_DATA_SILENT) it must not undo what the leader has
 * done. */
static void forget(pam_handle_t *pamh, void *data, int status)
{
        (void)pamh;
        (void)status;
        free(data);
}

/* Another process than the leader may close the session (systemd's PAMName= does that), so keep the record's name in
 * the handle; an empty name where there is no record, as that failure has been logged already. */
static void remember(pam_handle_t *pamh, const char *name)
{
        char *copy = strdup(name);

        if (copy != NULL && pam_set_data(pamh, DATA_NAME, copy, forget) != PAM_SUCCESS)
                free(copy);
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct options options;
        struct leader leader;
        char name[RECORD_NAME_SIZE], user[VALUE_SIZE];
        const char *step;
        bool is_login;
        int r, status = PAM_SUCCESS;

        (void)flags;
        options_read(&options, pamh, true, argc, argv);
        if (options.kind == SERVICE_NOTHING)
                goto out;

        is_login = options.kind == SERVICE_SESSION;
        r = record_write(pamh, options.kind, options.directory, &leader, &step);
        if (r < 0) {
                if (is_login && options.require)
                        status = PAM_SESSION_ERR;
                text_escape(user, item_or_empty(pamh, is_login ? PAM_USER : PAM_RUSER));
                errno = -r;
                pam_syslog(pamh, LOG_ERR, "cannot record the %s of %s in %s, failed to %s: %m, %s", what(&options),
                           user, options.directory, step, status == PAM_SUCCESS ? "ignoring" : "refusing it");
        }
        if (r != 0) { /* or 1, where nobody becomes root */
                remember(pamh, "");
                goto out;
        }
        record_name(name, &leader);
        remember(pamh, name);
        if (options.debug)
                pam_syslog(pamh, LOG_DEBUG, "recorded the %s as %s/%s", what(&options), options.directory, name);
out:
        return status;
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct options options;
        struct leader leader;
        char own[RECORD_NAME_SIZE];
        const void *data = NULL;
        const char *name = own;
        int r = 0;

        (void)flags;
        options_read(&options, pamh, false, argc, argv);
        if (options.kind == SERVICE_NOTHING)
                goto out;

        if (pam_get_data(pamh, DATA_NAME, &data) == PAM_SUCCESS && data != NULL) {
                name = data;
                if (name[0] == '\0')
                        goto out;
        } else { /* opened through another handle: this process is the leader */
                r = leader_read(&leader);
                if (r == 0)
                        record_name(own, &leader);
        }
        if (r == 0)
                r = record_remove(options.directory, name);
        if (r < 0) {
                errno = -r;
                pam_syslog(pamh, LOG_ERR, "cannot remove the record of this %s from %s: %m, ignoring", what(&options),
                           options.directory);
        } else if (options.debug) {
                pam_syslog(pamh, LOG_DEBUG, "removed the record %s/%s", options.directory, name);
        }
out:
        return PAM_SUCCESS; /* closing never fails; reaperd removes the records of dead leaders */
}

/* The other four entry points exist so that a line of the wrong type in a PAM file locks nobody out: if a function
 * is missing, Linux-PAM fails the line with PAM_MODULE_UNKNOWN. PAM_IGNORE has no effect on any stack. */
static int misplaced(pam_handle_t *pamh)
{
        pam_syslog(pamh, LOG_ERR, "of use in session lines only, ignoring");
        return PAM_IGNORE;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)flags, (void)argc, (void)argv;
        return misplaced(pamh);
}

EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)pamh, (void)flags, (void)argc, (void)argv;
        return PAM_IGNORE; /* pam_sm_authenticate was called before and has logged it */
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)flags, (void)argc, (void)argv;
        return misplaced(pamh);
}

EXPORT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)argc, (void)argv;
        return (flags & PAM_PRELIM_CHECK) != 0 ? misplaced(pamh) : PAM_IGNORE;
}
