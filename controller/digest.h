/* digest.h - SHA-256 at once, by nettle: no start-up state, and none of the memory that libcrypto's has in every
 * program. */
#ifndef POSTERN_DIGEST_H
#define POSTERN_DIGEST_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

static inline void digest_sha256(const void *data, size_t n, uint8_t ret[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, n, data);
	sha256_digest(&hash, SHA256_DIGEST_SIZE, ret);
}

#endif
