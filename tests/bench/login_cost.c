/* SPDX-License-Identifier: Apache-2.0 */
/* Measures for login_cost.py how long pam_open_session and pam_close_session take, each login in a new process.
 *
 *     login_cost CONFDIR USER ROUNDS SERVICE...   prints "SERVICE NSEC_LOAD NSEC_OPEN NSEC_CLOSE XDG_SESSION_ID"
 *     login_cost CONFDIR USER hold SERVICE        opens a session, prints that, and closes it at the end of stdin
 *
 * The services take turns, so that the machine's other work affects all of them equally. */

#include <err.h>
#include <security/pam_appl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
        (void)count, (void)messages, (void)responses, (void)data;
        return PAM_CONV_ERR;
}

static int64_t now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void login(const char *confdir, const char *user, const char *service, int hold)
{
        static const struct pam_conv conversation = {converse, NULL};
        pam_handle_t *pamh;
        const char *session;
        char byte;
        int64_t start, loaded, opened, closing, closed;

        start = now();
        if (pam_start_confdir(service, user, &conversation, confdir, &pamh) != PAM_SUCCESS)
                errx(1, "pam_start_confdir: %s", service);
        loaded = now();
        pam_set_item(pamh, PAM_TTY, "ssh");
        pam_set_item(pamh, PAM_RHOST, "127.0.0.1");

        opened = now();
        if (pam_open_session(pamh, 0) != PAM_SUCCESS)
                errx(1, "pam_open_session: %s", service);
        opened = now() - opened;
        session = pam_getenv(pamh, "XDG_SESSION_ID");
        printf("%s %jd %jd ", service, (intmax_t)(loaded - start), (intmax_t)opened);
        if (hold) {
                printf("held %s\n", session == NULL ? "-" : session);
                fflush(stdout);
                while (read(STDIN_FILENO, &byte, 1) > 0)
                        ;
        }

        closing = now();
        if (pam_close_session(pamh, 0) != PAM_SUCCESS)
                errx(1, "pam_close_session: %s", service);
        closed = now();
        if (!hold)
                printf("%jd %s\n", (intmax_t)(closed - closing), session == NULL ? "-" : session);
        pam_end(pamh, PAM_SUCCESS);
}

int main(int argc, char **argv)
{
        if (argc < 5)
                errx(2, "usage: login_cost CONFDIR USER {ROUNDS|hold} SERVICE...");
        if (strcmp(argv[3], "hold") == 0) {
                login(argv[1], argv[2], argv[4], 1);
                return 0;
        }
        for (int left = atoi(argv[3]); left > 0; left--)
                for (int i = 4; i < argc; i++) {
                        int status;
                        pid_t child = fork();

                        if (child == 0) {
                                login(argv[1], argv[2], argv[i], 0);
                                return 0;
                        }
                        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
                                errx(1, "%s failed", argv[i]);
                }
        return 0;
}
