/* SPDX-License-Identifier: Apache-2.0 */
/* text_escape(): for any string, the result is printable, fits its buffer, and unescapes to the string or to its
 * beginning. */

#include "fuzz.h"
#include "pam_reaper.h"

static size_t unescape(char *out, const char *escaped, size_t length)
{
        size_t used = 0;

        for (size_t i = 0; i < length; i++) {
                if (escaped[i] == '\\') {
                        char digits[3] = {escaped[i + 2], escaped[i + 3], '\0'};

                        REQUIRE(i + 3 < length && escaped[i + 1] == 'x');
                        out[used++] = (char)strtoul(digits, NULL, 16);
                        i += 3;
                } else {
                        out[used++] = escaped[i];
                }
        }
        return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *raw = string_of(data, size), *escaped = malloc(VALUE_SIZE), again[VALUE_SIZE];
        size_t wanted = strlen(raw), length, read;

        REQUIRE(escaped != NULL);
        text_escape(escaped, raw);
        length = strlen(escaped);
        REQUIRE(length <= VALUE_MAX);
        for (size_t i = 0; i < length; i++)
                REQUIRE(escaped[i] >= 0x20 && escaped[i] < 0x7f);

        read = unescape(again, escaped, length);
        if (read != wanted || memcmp(again, raw, read) != 0) { /* cut: the beginning, and then only "..." */
                REQUIRE(length >= 3 && strcmp(escaped + length - 3, "...") == 0);
                REQUIRE(length > VALUE_MAX - 4);
                read = unescape(again, escaped, length - 3);
                REQUIRE(read < wanted && memcmp(again, raw, read) == 0);
        }
        free(escaped);
        free(raw);
        return 0;
}
