/* SPDX-License-Identifier: Apache-2.0 */
/* What the libFuzzer targets share. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Aborts if a law does not hold; libFuzzer then saves the input. */
#define REQUIRE(law)                                                                                                   \
        do {                                                                                                           \
                if (!(law)) {                                                                                          \
                        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #law);                              \
                        abort();                                                                                       \
                }                                                                                                      \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns a string in a buffer of exactly its size, so that AddressSanitizer sees a read of one byte more. The caller
 * frees it. */
static inline char *string_of(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);

        REQUIRE(text != NULL);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        return text;
}

#endif
