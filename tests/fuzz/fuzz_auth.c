/* SPDX-License-Identifier: Apache-2.0 */
/* auth_describe(): whatever sshd puts into SSH_AUTH_INFO_0, it is read no further than it goes, and fits. What comes of
 * it is held against a reference in tests/property/test_module.py. */

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
