/* SPDX-License-Identifier: Apache-2.0 */
/* What the opening of a PAM session means, by its service. Most are a login; these are not. Some change who acts
 * within a session: where that is root from now on, the session is elevated. No person sits at the others (cron, a
 * user's service manager), or nobody has logged in yet (greeters).
 *
 * runuser(1) is root's alone, so nobody becomes root by it. What run0(1) starts is no child of the session and not in its
 * scope; reaperd finds out whose it is (reaper/sense/run0.py). */

#include "pam_reaper.h"

#include <string.h>

static const struct {
        const char *name;
        enum service_kind kind;
} SERVICES[] = {
    /* clang-format off */
    {"atd", SERVICE_NOTHING},
    {"cron", SERVICE_NOTHING},
    {"crond", SERVICE_NOTHING},
    {"doas", SERVICE_ELEVATES},
    {"gdm-launch-environment", SERVICE_NOTHING},
    {"greetd-greeter", SERVICE_NOTHING},
    {"lightdm-greeter", SERVICE_NOTHING},
    {"polkit-1", SERVICE_ELEVATES},
    {"runuser", SERVICE_NOTHING},
    {"runuser-l", SERVICE_NOTHING},
    {"sddm-greeter", SERVICE_NOTHING},
    {"su", SERVICE_ELEVATES},
    {"su-l", SERVICE_ELEVATES},
    {"sudo", SERVICE_ELEVATES},
    {"sudo-i", SERVICE_ELEVATES},
    {"systemd-run0", SERVICE_ELEVATES},
    {"systemd-user", SERVICE_NOTHING},
    /* clang-format on */
};

enum service_kind service_kind(const char *service)
{
        for (size_t i = 0; i < sizeof(SERVICES) / sizeof(SERVICES[0]); i++)
                if (strcmp(service, SERVICES[i].name) == 0)
                        return SERVICES[i].kind;
        return SERVICE_SESSION;
}
