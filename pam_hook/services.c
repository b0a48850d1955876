/* SPDX-License-Identifier: Apache-2.0 */
/* What it means that a service opens a PAM session. For most services it is a login; the exceptions are listed here.
 * Some change the user within a session: if that user is root from then on, the session is elevated. Others serve no
 * person (cron, a user's service manager), or nobody has logged in yet (greeters).
 *
 * Only root may call runuser(1), so nobody becomes root by it. What run0(1) starts is no child of the session and
 * not in its scope; reaperd finds the session it belongs to (reaper/sense/run0.py). */

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
