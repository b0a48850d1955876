/* SPDX-License-Identifier: Apache-2.0 */
/* A login program for the tests: makes the real libpam take the given steps and prints a line for each.
 *
 *     driver CONFDIR SERVICE USER STEP...
 *
 * item:NAME=VALUE  env:NAME=VALUE      what the module sees
 * auth setcred acct passwd open close  call libpam; prints "STEP CODE"
 * silent-open silent-close             the same with PAM_SILENT
 * fork-close                           close in a child process, as systemd does
 * fork-end fork-end-silent             pam_end in a child, the second with PAM_DATA_SILENT
 * repeat:N                             N times open and close
 * pause                                prints its line, then waits for a byte or the end of stdin
 * fds                                  how many descriptors are open
 * list:DIRECTORY                       the names in a directory
 * seteuid:UID                          give up root
 * exhaust:N                            use up all descriptors but N
 * fsize:N                              limit the size of files (RLIMIT_FSIZE), soft and hard
 * block                                block every signal
 * restart                              end this PAM handle and start another */

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
        const char *name;
        int item;
} ITEMS[] = {{"RHOST", PAM_RHOST}, {"RUSER", PAM_RUSER}, {"TTY", PAM_TTY}, {"USER", PAM_USER}};

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
        (void)messages, (void)responses, (void)data;
        printf("conversation %d\n", count);
        return PAM_CONV_ERR;
}

static void set_item(pam_handle_t *pamh, const char *assignment)
{
        const char *value = strchr(assignment, '=') + 1;

        for (size_t i = 0; i < sizeof(ITEMS) / sizeof(ITEMS[0]); i++)
                if (strncmp(assignment, ITEMS[i].name, (size_t)(value - assignment) - 1) == 0)
                        if (pam_set_item(pamh, ITEMS[i].item, value) != PAM_SUCCESS)
                                errx(2, "pam_set_item");
}

static void list(const char *path, int count_only)
{
        DIR *directory = opendir(path);
        int count = 0;

        printf(count_only ? "fds" : "list");
        if (directory == NULL) {
                printf("\n");
                return;
        }
        for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
                        count++;
                        if (!count_only)
                                printf(" %s", entry->d_name);
                }
        closedir(directory);
        if (count_only)
                printf(" %d", count);
        printf("\n");
}

static int in_child(pam_handle_t *pamh, const char *step)
{
        int status;
        pid_t child;

        fflush(stdout);
        child = fork();
        if (child == 0)
                _exit(strcmp(step, "fork-close") == 0
                          ? pam_close_session(pamh, 0)
                          : pam_end(pamh, strcmp(step, "fork-end") == 0 ? PAM_SUCCESS : PAM_SUCCESS | PAM_DATA_SILENT));
        if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
                err(2, "fork");
        return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
        static const struct pam_conv conversation = {converse, NULL};
        pam_handle_t *pamh;
        char byte;

        if (argc < 4)
                errx(2, "usage: driver CONFDIR SERVICE USER STEP...");
        if (pam_start_confdir(argv[2], argv[3], &conversation, argv[1], &pamh) != PAM_SUCCESS)
                errx(2, "pam_start_confdir");

        alarm(120); /* a test that goes wrong must also end */
        for (int i = 4; i < argc; i++) {
                const char *step = argv[i], *value = strchr(step, ':');
                int flags = strncmp(step, "silent-", 7) == 0 ? PAM_SILENT : 0, code = -1;

                value = value == NULL ? "" : value + 1;
                if (strncmp(step, "item:", 5) == 0)
                        set_item(pamh, value);
                else if (strncmp(step, "env:", 4) == 0)
                        pam_putenv(pamh, value);
                else if (strcmp(step, "auth") == 0)
                        code = pam_authenticate(pamh, 0);
                else if (strcmp(step, "setcred") == 0)
                        code = pam_setcred(pamh, PAM_ESTABLISH_CRED);
                else if (strcmp(step, "acct") == 0)
                        code = pam_acct_mgmt(pamh, 0);
                else if (strcmp(step, "passwd") == 0)
                        code = pam_chauthtok(pamh, 0);
                else if (strcmp(step, "open") == 0 || strcmp(step, "silent-open") == 0)
                        code = pam_open_session(pamh, flags);
                else if (strcmp(step, "close") == 0 || strcmp(step, "silent-close") == 0)
                        code = pam_close_session(pamh, flags);
                else if (strncmp(step, "fork-", 5) == 0)
                        code = in_child(pamh, step);
                else if (strncmp(step, "repeat:", 7) == 0)
                        for (int left = atoi(value); left > 0; left--) {
                                code = pam_open_session(pamh, 0);
                                if (code == PAM_SUCCESS)
                                        code = pam_close_session(pamh, 0);
                                if (code != PAM_SUCCESS)
                                        break;
                        }
                else if (strcmp(step, "pause") == 0) {
                        printf("pause\n");
                        fflush(stdout);
                        if (read(STDIN_FILENO, &byte, 1) < 0)
                                err(2, "read");
                } else if (strcmp(step, "fds") == 0)
                        list("/proc/self/fd", 1);
                else if (strncmp(step, "list:", 5) == 0)
                        list(value, 0);
                else if (strncmp(step, "seteuid:", 8) == 0) {
                        if (seteuid((uid_t)atoi(value)) < 0)
                                err(2, "seteuid");
                } else if (strncmp(step, "exhaust:", 8) == 0) {
                        int last = -1;

                        for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;)
                                last = fd;
                        for (int left = atoi(value); left > 0; left--)
                                close(last--);
                } else if (strncmp(step, "fsize:", 6) == 0) {
                        rlim_t most = strtoul(value, NULL, 10);

                        if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){most, most}) < 0)
                                err(2, "setrlimit");
                } else if (strcmp(step, "block") == 0) {
                        sigset_t all;

                        sigfillset(&all);
                        sigprocmask(SIG_SETMASK, &all, NULL);
                } else if (strcmp(step, "restart") == 0) {
                        if (pam_end(pamh, PAM_SUCCESS) != PAM_SUCCESS ||
                            pam_start_confdir(argv[2], argv[3], &conversation, argv[1], &pamh) != PAM_SUCCESS)
                                errx(2, "restart");
                } else
                        errx(2, "unknown step: %s", step);
                if (code >= 0)
                        printf("%s %d\n", step, code);
        }
        return pam_end(pamh, PAM_SUCCESS) == PAM_SUCCESS ? 0 : 2;
}
