/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.h: a certificate request of a stranger, read with suspicion; and the certificate that we make of it.
 *
 * Owns: what may get from a request into a certificate: the public key, one common name, the role or the alternative names.  Everything else
 * of the request (extensions, other attributes, its spelling) stays behind.
 * Called by: safecert.c, the fuzzer.  Pure: bytes in, structs or PEM out.  Never does: open a file.
 */
#ifndef SK_WEB_REQUEST_H
#define SK_WEB_REQUEST_H

#include "base/base.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

#define REQUEST_BYTES_MAX	(64 * 1024)	/* of a request in PEM (ours) */
#define REQUEST_ALTS_MAX	128		/* alternative names (ours) */
#define REQUEST_ALT_MAX		254		/* bytes with NUL of a DNS name (RFC 1035: 253) */
#define REQUEST_CN_MAX		65		/* bytes with NUL (X.520: 64 characters) */
#define REQUEST_BACKDATE_S	600		/* certificates begin so long ago, for clocks that differ (ours) */

enum request_kind { REQUEST_SERVER = 0, REQUEST_USER };
struct request_alt { bool ip; uint8_t addr[16]; uint8_t len; char dns[REQUEST_ALT_MAX]; };
struct request {
	enum request_kind kind;
	EVP_PKEY *key;			/* the requester has shown that it has the private one */
	char	cn[REQUEST_CN_MAX];
	char	role[8];		/* of a user: Admin, Control or Monitor */
	struct request_alt alts[REQUEST_ALTS_MAX];
	int	alts_count;		/* of a server: at least 1 */
};

/* false: err says what is wrong and what was expected.  data needs no NUL. */
bool request_read(struct request *r, enum request_kind kind, const char *data, size_t len, char *err, size_t errsize);
void request_free(struct request *r);
bool request_is_role(const char *s);
bool request_is_dns(const char *s);	/* a DNS name that may stand in a certificate: no wildcard, not an address */

/* A new certificate, or NULL with err.  It begins 10 minutes ago, for clocks that differ, and ends with the authority's at the latest. */
X509 *request_issue(const struct request *r, X509 *ca, EVP_PKEY *ca_key, int days, char *err, size_t errsize);

#endif
