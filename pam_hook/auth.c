/* SPDX-License-Identifier: Apache-2.0 */
/* How the person proved who they are, as sshd tells its PAM modules in SSH_AUTH_INFO_0. OpenSSH's
 * auth2_update_session_info() writes one line there for each method that succeeded:
 *
 *         METHOD[/SUBMETHOD][ KEYTYPE BASE64][ INFO]
 *
 * The record keeps the method, the key's type and the fingerprint that sshd logs ("SHA256:..."). The key itself and
 * INFO are left out: they contain no secrets, but an auditor has no use for them here. */

#include "pam_reaper.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The string's final NUL is not part of the alphabet. */
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { FINGERPRINT_SIZE = 44 }; /* 43 characters for 32 bytes, without padding, as sshd writes them */

static int fingerprint(char out[FINGERPRINT_SIZE], const char *blob, size_t length)
{
        struct sha256 hash;
        uint8_t digest[SHA256_SIZE + 1] = {0};
        uint32_t bits = 0;

        while (length > 0 && blob[length - 1] == '=')
                length--;
        if (length == 0 || length % 4 == 1)
                return -EINVAL;

        sha256_begin(&hash);
        for (size_t i = 0; i < length; i++) {
                const char *at = memchr(BASE64, blob[i], sizeof(BASE64) - 1);

                if (at == NULL)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t)(at - BASE64);
                if (i % 4 != 0)
                        sha256_byte(&hash, (uint8_t)(bits >> (6 - 2 * (i % 4))));
        }
        sha256_end(&hash, digest);

        for (size_t i = 0; i < FINGERPRINT_SIZE - 1; i++) {
                size_t byte = i * 6 / 8;
                unsigned int pair = (unsigned int)digest[byte] << 8 | digest[byte + 1];

                out[i] = BASE64[pair >> (10 - i * 6 % 8) & 0x3f];
        }
        out[FINGERPRINT_SIZE - 1] = '\0';
        return 0;
}

struct word {
        const char *text;
        int length;
};

/* Cuts the next word off a line; an empty word at its end. */
static struct word next_word(const char **line, const char *end)
{
        const char *space = memchr(*line, ' ', (size_t)(end - *line)), *stop = space == NULL ? end : space;
        struct word word = {*line, stop - *line < INT_MAX ? (int)(stop - *line) : INT_MAX};

        *line = space == NULL ? end : space + 1;
        return word;
}

/* Writes "publickey ssh-ed25519 SHA256:..., password"; an empty string where sshd gives no information. */
void auth_describe(char out[AUTH_SIZE], const char *info)
{
        size_t used = 0;

        out[0] = '\0';
        while (*info != '\0' && used < AUTH_SIZE - 1) {
                const char *line = info, *end = info + strcspn(info, "\n");
                struct word method = next_word(&line, end), type = next_word(&line, end), key = next_word(&line, end);
                char print[FINGERPRINT_SIZE] = "";

                if (strncmp(method.text, "publickey", 9) != 0 && strncmp(method.text, "hostbased", 9) != 0)
                        type.length = 0; /* this word is INFO */
                /* For a certificate sshd logs the key inside it; a hash of the whole would match nothing. */
                else if (memmem(type.text, (size_t)type.length, "-cert-", 6) == NULL)
                        fingerprint(print, key.text, (size_t)key.length);

                used += (size_t)snprintf(out + used, AUTH_SIZE - used, "%s%.*s%s%.*s%s%s", used > 0 ? ", " : "",
                                         method.length, method.text, type.length > 0 ? " " : "", type.length, type.text,
                                         print[0] != '\0' ? " SHA256:" : "", print);
                info = *end == '\n' ? end + 1 : end;
        }
}
