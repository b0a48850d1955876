/* SPDX-License-Identifier: Apache-2.0 */
/* Makes strings from outside safe for one line (a remote host name is whatever its owner wrote into the DNS). */

#include "pam_reaper.h"

#include <stdio.h>
#include <string.h>

/* Keeps printable ASCII; the backslash and everything else becomes \xNN. A string that does not fit ends in "...",
 * never in the middle of an escape. Reads no more of raw than it can use. */
void text_escape(char out[VALUE_SIZE], const char *raw)
{
        static const char more[] = "...";
        size_t used = 0, fits = 0;

        for (; *raw != '\0'; raw++) {
                unsigned char byte = (unsigned char)*raw;
                bool plain = byte >= 0x20 && byte < 0x7f && byte != '\\';
                size_t width = plain ? 1 : 4;

                if (used + width > VALUE_MAX) {
                        memcpy(out + fits, more, sizeof(more) - 1);
                        used = fits + sizeof(more) - 1;
                        break;
                }
                if (plain)
                        out[used] = *raw;
                else
                        snprintf(out + used, width + 1, "\\x%02x", byte);
                used += width;
                if (used <= VALUE_MAX - (sizeof(more) - 1))
                        fits = used;
        }
        out[used] = '\0';
}
