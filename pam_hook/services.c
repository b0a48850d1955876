/* SPDX-License-Identifier: Apache-2.0 */
/* Which PAM services make no session of their own: those that change who acts inside one (su, sudo), those that no
 * person sits at (cron, a user's service manager), and greeters, where nobody has logged in yet. */

#include "pam_reaper.h"

#include <string.h>

static const char *const NO_SESSION[] = {
    /* clang-format off */
    "atd",
    "cron",
    "crond",
    "doas",
    "gdm-launch-environment",
    "greetd-greeter",
    "lightdm-greeter",
    "polkit-1",
    "runuser",
    "runuser-l",
    "sddm-greeter",
    "su",
    "su-l",
    "sudo",
    "sudo-i",
    "systemd-run0",
    "systemd-user",
    /* clang-format on */
};

bool service_makes_session(const char *service)
{
        for (size_t i = 0; i < sizeof(NO_SESSION) / sizeof(NO_SESSION[0]); i++)
                if (strcmp(service, NO_SESSION[i]) == 0)
                        return false;
        return true;
}
