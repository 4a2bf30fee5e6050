/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upload.c: bodies that are files.  The parent makes the file and gives us a descriptor to write to; the end of its name follows from what it is.
 *
 * A server may send a file before its signature can be checked (it is over the whole body): such a one has one place, so that a stranger who
 * sends and sends takes it from others of his kind only.  Servers that announce their body (X-Safekit-Body) are checked first.
 */
#include "config.h"
#include "web/gateway/upload.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define UNSIGNED_MAX	1	/* files that come before it is known from whom */
#define UNSIGNED_MS	120000	/* for such a one, whole */

static int unsigned_bodies;

static void
on_dropped(void *ctx, const struct talk *t, bool ok, const char *reason, const char *text)
{
	/* it was there or not */
}

void
upload_drop(const char *token)
{
	if (!parent_ask((const char *const[]){ "drop", token, NULL }, NULL, 0, on_dropped, NULL))
		gate_log_rarely("a file that was sent is kept for some minutes more: the other process is busy");
}

static void
on_file(void *ctx, const struct talk *t, bool ok, const char *reason, const char *text)
{
	struct request *r = ctx;

	if (!ok || t->words < 3 || t->fds != 1) {
		problem(r, strcmp(reason, "busy") == 0 ? 503 : 500, "%s", text);
		return;
	}
	r->up.fd = t->fd[0];
	((struct talk *)(uintptr_t)t)->fds = 0;	/* ours now */
	str_copy(r->up.token, sizeof(r->up.token), t->word[2]);
	request_resume(r);
}

bool
upload_ready(struct request *r)
{
	struct upload *u = &r->up;

	if (u->fd != -1)
		return true;
	if (u->asked)
		return false;
	if (r->node && !r->verified && !u->unsigned_body) {
		if (unsigned_bodies >= UNSIGNED_MAX) {
			problem(r, 503, "busy: announce the body's hash with X-Safekit-Body");
			return false;
		}
		unsigned_bodies++;
		u->unsigned_body = true;
	}
	u->asked = true;
	u->begin_ms = clock_mono_ms();
	if (!parent_ask((const char *const[]){ "file", NULL }, NULL, 0, on_file, r))
		problem(r, 503, "too many requests at once");
	return false;
}

void
upload_take(struct request *r, const char *data, size_t n)
{
	struct upload *u = &r->up;
	size_t done = 0, k;

	if (u->unsigned_body && clock_mono_ms() - u->begin_ms > UNSIGNED_MS) {
		problem(r, 408, "the body came too slowly");
		return;
	}
	if (u->size + n > FILE_MAX) {
		problem(r, 413, "body: expected at most %u bytes", FILE_MAX);
		return;
	}
	for (k = 0; k < n && u->size + k < sizeof(u->first); k++)
		u->first[u->size + k] = (uint8_t)data[k];
	while (done < n) {
		ssize_t w = write(u->fd, data + done, n - done);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0) {
			problem(r, 503, "the file cannot be kept: %s", strerror(errno));
			return;
		}
		done += (size_t)w;
	}
	u->size += n;
}

static const char *
suffix_of(const struct request *r)
{
	const struct upload *u = &r->up;
	const char *told = arg_text(r, "type");

	if (told != NULL)
		return told;
	if (memcmp(u->first, "PK\3\4", 4) == 0)
		return "zip";
	return u->first[0] == '<' || memcmp(u->first, "\xef\xbb\xbf<", 4) == 0 ? "xml" : "bin";
}

static void
on_kept(void *ctx, const struct talk *t, bool ok, const char *reason, const char *text)
{
	struct request *r = ctx;

	r->up.kept = ok;
	if (ok)
		request_resume(r);
	else
		problem(r, 503, "the file cannot be kept: %s", text);
}

bool
upload_kept(struct request *r)
{
	struct upload *u = &r->up;

	if (u->kept)
		return true;
	if (u->kept_asked)
		return false;
	if (u->fd == -1) {
		if (!u->asked)
			problem(r, 400, "body: expected a file");
		return false;
	}
	close(u->fd);
	u->fd = -1;
	u->kept_asked = true;
	if (!parent_ask((const char *const[]){ "keep", u->token, suffix_of(r), NULL }, NULL, 0, on_kept, r))
		problem(r, 503, "too many requests at once");
	return false;
}

void
upload_end(struct request *r)
{
	struct upload *u = &r->up;

	if (u->unsigned_body)
		unsigned_bodies--;
	u->unsigned_body = false;
	if (u->fd != -1)
		close(u->fd);
	if (u->token[0] != '\0' && !u->stays)
		upload_drop(u->token);
}
