/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of the user who logs in, so that reaperd need not ask a name service for them: that may be slow, or out
 * of reach for the daemon's unit, which has no network.
 *
 * The list of group numbers is what initgroups(3) asks for, and a login asks for that in any case. Each name costs
 * another lookup, which on a host with hundreds of groups in a directory can take minutes (`id` is known for it). So
 * names are looked up only until NAMES_USEC have passed since the first lookup: a name service that takes seconds
 * delays a login by one lookup only, and reaperd finds the names by itself. */

#include "pam_reaper.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <time.h>

enum {
        NAMES_USEC = 1000000,
        BUFFER_FIRST = 1024,
        BUFFER_MOST = 1024 * 1024, /* a group with tens of thousands of members; a larger one has no name here */
};

static int64_t now_usec(void)
{
        struct timespec now;

        return clock_gettime(CLOCK_MONOTONIC, &now) < 0 ? 0 : (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Reads the group numbers, at most GROUPS_MOST of them; total is how many there are. The caller calls groups_free(). */
void groups_read(struct groups *groups, const char *user, gid_t primary)
{
        groups->buffer = NULL;
        groups->size = 0;
        groups->names_until_usec = now_usec() + NAMES_USEC;
        groups->total = GROUPS_MOST;
        if (getgrouplist(user, primary, groups->ids, &groups->total) < 0 && groups->total <= GROUPS_MOST)
                groups->total = 0; /* out of memory */
        groups->count = groups->total < GROUPS_MOST ? groups->total : GROUPS_MOST;
}

/* Returns the name of a group, "" if no name service knows it or the time for names is over; valid until the next
 * call. */
const char *groups_name(struct groups *groups, gid_t id)
{
        struct group group, *found = NULL;

        if (now_usec() >= groups->names_until_usec)
                return "";
        for (;;) {
                int r = groups->size == 0 ? ERANGE : getgrgid_r(id, &group, groups->buffer, groups->size, &found);

                if (r != ERANGE)
                        return found == NULL ? "" : group.gr_name;
                if (groups->size >= BUFFER_MOST)
                        return "";
                free(groups->buffer);
                groups->size = groups->size == 0 ? BUFFER_FIRST : groups->size * 4;
                groups->buffer = malloc(groups->size);
                if (groups->buffer == NULL) {
                        groups->size = 0;
                        return "";
                }
        }
}

void groups_free(struct groups *groups)
{
        free(groups->buffer);
}
