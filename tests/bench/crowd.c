/* SPDX-License-Identifier: Apache-2.0 */
/* Makes many real login sessions: each is a process that opens a PAM session and holds the master of a terminal, as
 * sshd's monitor does. Each has a utmp entry, too, so that w(1) sees the same sessions.
 *
 *     crowd SERVICE USER COUNT      prints "ready" when all are logged in; all log out at the end of stdin */

#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmpx.h>

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
        (void)count, (void)messages, (void)responses, (void)data;
        return PAM_CONV_ERR;
}

static void note_in_utmp(const char *user, const char *line, short type)
{
        struct utmpx entry = {.ut_type = type, .ut_pid = getpid()};
        struct timeval now;

        gettimeofday(&now, NULL);
        entry.ut_tv.tv_sec = (int)now.tv_sec;
        strncpy(entry.ut_user, user, sizeof(entry.ut_user) - 1);
        strncpy(entry.ut_line, line, sizeof(entry.ut_line) - 1);
        memcpy(entry.ut_id, line + strlen(line) - (strlen(line) < 4 ? strlen(line) : 4), 4);
        strncpy(entry.ut_host, "192.0.2.1", sizeof(entry.ut_host) - 1);
        setutxent();
        pututxline(&entry);
        endutxent();
}

static void log_in(const char *service, const struct passwd *user, int ready)
{
        static const struct pam_conv conversation = {converse, NULL};
        pam_handle_t *pamh;
        sigset_t term;
        char path[64];
        int caught, master;

        prctl(PR_SET_PDEATHSIG, SIGTERM);
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, NULL);
        master = posix_openpt(O_RDWR | O_NOCTTY);
        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, path, sizeof(path)))
                err(1, "pty");
        if (chown(path, user->pw_uid, 5) < 0)
                err(1, "chown %s", path);
        if (pam_start(service, user->pw_name, &conversation, &pamh) != PAM_SUCCESS)
                errx(1, "pam_start");
        pam_set_item(pamh, PAM_TTY, "ssh");
        pam_set_item(pamh, PAM_RHOST, "192.0.2.1");
        if (pam_open_session(pamh, 0) != PAM_SUCCESS)
                errx(1, "pam_open_session");
        note_in_utmp(user->pw_name, path + strlen("/dev/"), USER_PROCESS);
        if (write(ready, "x", 1) != 1)
                err(1, "write");
        close(ready);
        sigwait(&term, &caught);
        pam_close_session(pamh, 0);
        pam_end(pamh, PAM_SUCCESS);
        note_in_utmp(user->pw_name, path + strlen("/dev/"), DEAD_PROCESS);
}

int main(int argc, char **argv)
{
        const struct passwd *user;
        int count, pipes[2];
        char byte;

        if (argc != 4)
                errx(2, "usage: crowd SERVICE USER COUNT");
        user = getpwnam(argv[2]);
        if (!user)
                errx(1, "no user %s", argv[2]);
        count = atoi(argv[3]);
        if (pipe2(pipes, O_CLOEXEC) < 0)
                err(1, "pipe");
        for (int i = 0; i < count; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        err(1, "fork");
                if (pid == 0) {
                        close(pipes[0]);
                        log_in(argv[1], user, pipes[1]);
                        _exit(0);
                }
                if (read(pipes[0], &byte, 1) != 1) /* one after the other, as in reality */
                        errx(1, "session %d did not open", i);
        }
        puts("ready");
        fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0)
                continue;
        signal(SIGTERM, SIG_IGN);
        kill(0, SIGTERM);
        while (wait(NULL) > 0)
                continue;
        return 0;
}
