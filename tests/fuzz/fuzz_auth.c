/* SPDX-License-Identifier: Apache-2.0 */
/* auth_describe(): whatever is in SSH_AUTH_INFO_0, it is not read past its end, and the result fits its buffer.
 * tests/property/test_module.py compares the result with a reference. */

#include "fuzz.h"
#include "pam_reaper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *info = string_of(data, size), *out = malloc(AUTH_SIZE);

        REQUIRE(out != NULL);
        auth_describe(out, info);
        REQUIRE(memchr(out, '\0', AUTH_SIZE) != NULL);
        REQUIRE(strchr(out, '\n') == NULL);
        REQUIRE(info[0] != '\0' || out[0] == '\0');
        free(out);
        free(info);
        return 0;
}
