/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that the files of pam_reaper share. They return 0 (or a descriptor) or -errno; only pam_reaper.c
 * uses PAM's return codes. */
#ifndef PAM_REAPER_H
#define PAM_REAPER_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The process that opens the PAM session, as /proc identifies it. */
struct leader {
        int pid;
        dev_t tty; /* its controlling terminal, 0 for none */
        uint64_t start_ticks;
};

enum {
        AUTH_SIZE = 512,
        GROUPS_MOST = 512,     /* more than fit into a record */
        RECORD_NAME_SIZE = 40, /* two numbers, a dot and a NUL */
        SHA256_SIZE = 32,
        VALUE_MAX = 256,
        VALUE_SIZE = VALUE_MAX + 1,
};

enum service_kind {
        SERVICE_SESSION,  /* a login: gets a record in the directory of the sessions */
        SERVICE_ELEVATES, /* somebody becomes root within a session: gets a mark in the directory beside it */
        SERVICE_NOTHING,
};

struct groups {
        gid_t ids[GROUPS_MOST];
        int count, total; /* in ids, and in all */
        int64_t names_until_usec;
        char *buffer;
        size_t size;
};

struct sha256 {
        uint32_t state[8];
        uint8_t block[64];
        uint64_t length;
};

void auth_describe(char out[AUTH_SIZE], const char *info);
int directory_open(const char *path, bool create, const char **step);
void groups_free(struct groups *groups);
const char *groups_name(struct groups *groups, gid_t id);
void groups_read(struct groups *groups, const char *user, gid_t primary);
const char *item_or_empty(pam_handle_t *pamh, int type);
int leader_read(struct leader *leader);
void record_name(char name[RECORD_NAME_SIZE], const struct leader *leader);
int record_write(pam_handle_t *pamh, enum service_kind kind, const char *path, struct leader *leader,
                 const char **step);
int record_remove(const char *path, const char *name);
bool tty_is_held(const char *name, const struct leader *leader);
enum service_kind service_kind(const char *service);
void sha256_begin(struct sha256 *hash);
void sha256_byte(struct sha256 *hash, uint8_t byte);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_SIZE]);
void text_escape(char out[VALUE_SIZE], const char *raw);

#endif
