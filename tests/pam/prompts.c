/* A PAM module that sends several messages in one call of the conversation, and compares the answers. */

#include <stdlib.h>
#include <string.h>

#include <security/pam_modules.h>

/* Text with terminal control sequences, in more than one line. */
#define HOSTILE "\033[2J\033]0;title\007\r\nsecond \302\23331m line"

static int converse(pam_handle_t *pamh, int count, const struct pam_message **messages, struct pam_response **answers)
{
        const struct pam_conv *conversation;
        int code = pam_get_item(pamh, PAM_CONV, (const void **)&conversation);

        return code != PAM_SUCCESS ? code : conversation->conv(count, messages, answers, conversation->appdata_ptr);
}

static int compare(struct pam_response *answer, const char *expected)
{
        int same =
            expected == NULL ? answer->resp == NULL : answer->resp != NULL && strcmp(answer->resp, expected) == 0;

        free(answer->resp);
        return same;
}

static int two_prompts(pam_handle_t *pamh)
{
        static const struct pam_message said[] = {
            {PAM_TEXT_INFO, HOSTILE},
            {PAM_PROMPT_ECHO_OFF, "First: "},
            {PAM_ERROR_MSG, "in between"},
            {PAM_PROMPT_ECHO_ON, "Second: "},
        };
        const struct pam_message *messages[] = {&said[0], &said[1], &said[2], &said[3]};
        struct pam_response *answers = NULL;
        int code = converse(pamh, 4, messages, &answers), same;

        if (code != PAM_SUCCESS)
                return code;
        same = compare(&answers[0], NULL);
        same &= compare(&answers[1], "one");
        same &= compare(&answers[2], NULL);
        same &= compare(&answers[3], "two");
        free(answers);
        return same ? PAM_SUCCESS : PAM_AUTH_ERR;
}

static int of_style(pam_handle_t *pamh, int style, int count)
{
        static const struct pam_message *messages[64];
        struct pam_message message = {style, "odd"};
        struct pam_response *answers = NULL;
        int code;

        for (int i = 0; i < 64; i++)
                messages[i] = &message;
        code = converse(pamh, count, messages, &answers);
        if (code == PAM_SUCCESS) {
                for (int i = 0; i < count; i++)
                        free(answers[i].resp);
                free(answers);
        }
        return code;
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        const char *what = argc > 0 ? argv[0] : "";

        (void)flags;
        if (strcmp(what, "two") == 0)
                return two_prompts(pamh);
        if (strcmp(what, "binary") == 0)
                return of_style(pamh, 7, 1); /* PAM_BINARY_PROMPT */
        if (strcmp(what, "many") == 0)
                return of_style(pamh, PAM_PROMPT_ECHO_OFF, 33);
        if (strcmp(what, "most") == 0)
                return of_style(pamh, PAM_PROMPT_ECHO_OFF, 32);
        if (strcmp(what, "tells") == 0)
                return of_style(pamh, PAM_TEXT_INFO, 1);
        return PAM_SUCCESS;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)pamh, (void)argv;
        return argc > 1 ? PAM_CRED_ERR : flags == PAM_REINITIALIZE_CRED ? PAM_SUCCESS : PAM_SYSTEM_ERR;
}

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        const void *tty = NULL, *rhost = NULL;

        (void)flags, (void)argv;
        if (argc == 0)
                return PAM_SUCCESS;
        if (pam_get_item(pamh, PAM_TTY, &tty) != PAM_SUCCESS || pam_get_item(pamh, PAM_RHOST, &rhost) != PAM_SUCCESS)
                return PAM_SYSTEM_ERR;
        return tty != NULL && strcmp(tty, "/dev/pts/7") == 0 && rhost != NULL && strcmp(rhost, "192.0.2.7") == 0
                   ? PAM_SUCCESS
                   : PAM_PERM_DENIED;
}
