/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds packet_open() with noise, with noise behind a right header, and with changed packets: none may be fresh. */
#include "config.h"
#include "wire/packet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[PACKET_KEY_LEN] = { 1, 2, 3 };
	struct packet_seal *a = packet_seal_new(key, PACKET_HEARTBEAT, 0, 3), *b = packet_seal_new(key, PACKET_HEARTBEAT, 1, 3);
	uint8_t sealed[PACKET_MAX], copy[PACKET_MAX], out[PACKET_PAYLOAD_MAX];
	size_t len, n = 0, i;
	int mode;

	if (a == NULL || b == NULL || size < 2)
		goto out;
	mode = data[0];
	data++;
	size--;
	if ((mode & 4) != 0) {	/* with a session that is confirmed, or without */
		packet_open(b, 0, sealed, packet_close(a, 1, data, 1, sealed), out, &n);
		packet_open(a, 1, sealed, packet_close(b, 0, data, 1, sealed), out, &n);
		must(packet_open(b, 0, sealed, packet_close(a, 1, data, 1, sealed), out, &n) == PACKET_FRESH);
	}
	len = packet_close(a, 1, data, size < PACKET_PAYLOAD_MAX ? size : PACKET_PAYLOAD_MAX, sealed);
	must(len > 0);
	memcpy(copy, sealed, len);
	switch (mode & 3) {
	case 0:
		must(packet_open(b, data[0] % 4, data, size, out, &n) != PACKET_FRESH);
		break;
	case 1:	/* magic, version, kind and keyid are right, the rest is noise */
		if (size > PACKET_MAX - 8)
			size = PACKET_MAX - 8;
		memcpy(copy + 8, data, size);
		must(packet_open(b, 0, copy, 8 + size, out, &n) != PACKET_FRESH || memcmp(copy, sealed, len) == 0);
		break;
	default:	/* a real packet, changed and cut */
		for (i = 1; i < size && i <= len; i++)
			copy[i - 1] ^= data[i];
		n = len - data[0] % (mode == 3 ? len : 1);
		must(packet_open(b, 0, copy, n, out, &i) != PACKET_FRESH || (n == len && memcmp(copy, sealed, len) == 0));
		break;
	}
	if ((mode & 4) != 0) {	/* whatever that was, the session stands */
		enum packet_verdict v = packet_open(b, 0, sealed, len, out, &n);

		must(v == PACKET_FRESH || (v == PACKET_REPLAY && memcmp(copy, sealed, len) == 0));
	}
out:
	packet_seal_free(a);
	packet_seal_free(b);
	return 0;
}
