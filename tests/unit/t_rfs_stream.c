/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rfs/stream*.c: two ends over real sockets of 127.0.0.1, with strangers between them. */
#include "config.h"
#include "rfs/stream_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_S 60

/* What one end has seen */
struct end {
	struct stream *stream;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int	 ups, downs, frames, idles, threads;
	uint64_t last[8];		/* seq by connection: must grow by one */
	uint64_t bytes, sum, applied[8], session;
	char	 why[SK_TEXT_MAX], node[SK_NAME_MAX], json[64];
	bool	 echo, blocked;
};

static void
seen(struct end *e, int *what)
{
	pthread_mutex_lock(&e->lock);
	(*what)++;
	pthread_cond_broadcast(&e->cond);
	pthread_mutex_unlock(&e->lock);
}

static int
seen_of(struct end *e, const int *what)
{
	int count;

	pthread_mutex_lock(&e->lock);
	count = *what;
	pthread_mutex_unlock(&e->lock);
	return count;
}

static void
wait_for(struct end *e, const int *what, int count)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&e->lock);
	while (*what < count)
		if (pthread_cond_timedwait(&e->cond, &e->lock, &until) != 0)
			fail_msg("%d instead of %d", *what, count);
	pthread_mutex_unlock(&e->lock);
}

static void
up(void *ctx, const struct frame_hello *hello)
{
	struct end *e = ctx;
	int i;

	for (i = 0; i < stream_conns(e->stream) && i < 8; i++) {
		e->last[i] = 0;
		e->applied[i] = hello[i].applied;
	}
	str_copy(e->node, sizeof(e->node), hello[0].node);
	str_copy(e->json, sizeof(e->json), hello[0].json);
	e->session = hello[0].session;
	seen(e, &e->ups);
}

static void
down(void *ctx, const char *why)
{
	struct end *e = ctx;

	str_copy(e->why, sizeof(e->why), why);
	seen(e, &e->downs);
}

static void
frame(void *ctx, int conn, const struct frame *f)
{
	struct end *e = ctx;
	struct frame ack = { .type = FR_ACK, .seq = f->seq };
	uint32_t i;

	pthread_mutex_lock(&e->lock);
	while (e->blocked)
		pthread_cond_wait(&e->cond, &e->lock);
	if (f->type == FR_SYNC) {
		if (f->seq != e->last[conn] + 1)
			e->frames = -1000000;
		e->last[conn] = f->seq;
		e->bytes += f->body_len;
		for (i = 0; i < f->body_len; i++)
			e->sum += ((const uint8_t *)f->body)[i];
	}
	pthread_mutex_unlock(&e->lock);
	if (e->echo)
		stream_send(e->stream, conn, &ack);
	seen(e, &e->frames);
}

static void
idle(void *ctx, int conn)
{
	struct end *e = ctx;

	(void)conn;
	seen(e, &e->idles);
}

static void
reader(void *ctx)
{
	struct end *e = ctx;

	seen(e, &e->threads);
}

static int
listening(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 64) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

struct pair { struct end p, s; struct stream_conf pc, sc; int fd; };

static void
end_init(struct end *e, const struct stream_conf *c)
{
	struct stream_hooks h = { .ctx = e, .up = up, .down = down, .frame = frame, .idle = idle, .reader = reader };
	char json[] = "{\"x\":1}";
	struct frame_hello hello = { .conn = -1, .json = json, .applied = 5 };

	memset(e, 0, sizeof(*e));
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->cond, NULL);
	e->stream = stream_new(c, &h);
	assert_non_null(e->stream);
	stream_hello(e->stream, &hello);
	hello.conn = 0;
	hello.applied = 6;
	stream_hello(e->stream, &hello);
}

static void
end_start(struct end *e)
{
	char err[SK_TEXT_MAX];

	assert_true(stream_start(e->stream, err, sizeof(err)));
}

static void
end_free(struct end *e)
{
	stream_free(e->stream);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->cond);
}

static void
pair_new(struct pair *x, int conns, bool key)
{
	struct stream_conf c = { .conns = conns, .module_id = 3, .has_key = key, .send_ms = 30000, .peer = "127.0.0.1", .local = "127.0.0.1" };

	memset(c.key, 7, sizeof(c.key));
	x->fd = listening(&c.port);
	x->sc = c;
	x->sc.session = 22;
	str_copy(x->sc.node, sizeof(x->sc.node), "second");
	x->pc = c;
	x->pc.primary = true;
	x->pc.listen_fd = x->fd;
	x->pc.session = 11;
	str_copy(x->pc.node, sizeof(x->pc.node), "first");
	end_init(&x->p, &x->pc);
	end_init(&x->s, &x->sc);
}

static void
pair_start(struct pair *x)
{
	end_start(&x->p);
	end_start(&x->s);
	wait_for(&x->p, &x->p.ups, 1);
	wait_for(&x->s, &x->s.ups, 1);
}

static void
pair_free(struct pair *x)
{
	end_free(&x->s);
	end_free(&x->p);
	close(x->fd);
}

static void
talk(int conns, bool key)
{
	static uint8_t data[RFS_DATA_MAX];
	uint64_t bytes = 0, sum = 0, in, out;
	struct pair x;
	int i, j;
	size_t k;

	pair_new(&x, conns, key);
	x.s.echo = true;
	pair_start(&x);
	assert_string_equal(x.p.node, "second");
	assert_string_equal(x.s.node, "first");
	assert_string_equal(x.p.json, "{\"x\":1}");
	assert_int_equal(x.p.session, 22);
	assert_int_equal(x.p.applied[0], 6);
	if (conns > 1)
		assert_int_equal(x.p.applied[1], 5);
	for (k = 0; k < sizeof(data); k++)
		data[k] = (uint8_t)(k * 31 >> 3);
	for (i = 1; i <= 60; i++)
		for (j = 0; j < conns; j++) {
			uint32_t len = i % 7 == 0 ? RFS_DATA_MAX : (uint32_t)(i * i);
			struct frame f = { .type = FR_SYNC, .seq = (uint64_t)i, .body = data, .body_len = 100, .body2 = data + 1,
				.body2_len = len - 1 };

			assert_true(stream_send(x.p.stream, j, &f));
			bytes += 100 + len - 1;
			for (k = 0; k < 100; k++)
				sum += data[k];
			for (k = 1; k < len; k++)
				sum += data[k];
		}
	wait_for(&x.s, &x.s.frames, 60 * conns);
	wait_for(&x.p, &x.p.frames, 60 * conns);
	assert_int_equal(x.s.bytes, bytes);
	assert_int_equal(x.s.sum, sum);
	assert_int_equal(seen_of(&x.s, &x.s.threads), conns);
	assert_true(seen_of(&x.s, &x.s.idles) > 0);
	stream_stats(x.p.stream, &in, &out);
	assert_true(out > bytes && in > 0);
	assert_int_equal(seen_of(&x.p, &x.p.downs) + seen_of(&x.s, &x.s.downs), 0);
	pair_free(&x);
}

static void test_one_plain(void **state) { (void)state; talk(1, false); }
static void test_one_key(void **state) { (void)state; talk(1, true); }
static void test_four_plain(void **state) { (void)state; talk(4, false); }
static void test_four_key(void **state) { (void)state; talk(4, true); }

static void
test_break_and_again(void **state)
{
	struct frame f = { .type = FR_CUT, .aux = 1 };
	struct pair x;
	int i;

	(void)state;
	pair_new(&x, 3, true);
	pair_start(&x);
	for (i = 1; i <= 5; i++) {
		stream_drop(i % 2 == 0 ? x.p.stream : x.s.stream, "we try");
		wait_for(&x.p, &x.p.downs, i);
		wait_for(&x.s, &x.s.downs, i);
		assert_string_equal(i % 2 == 0 ? x.p.why : x.s.why, "we try");
		wait_for(&x.p, &x.p.ups, i + 1);
		wait_for(&x.s, &x.s.ups, i + 1);
		assert_true(stream_send(x.p.stream, i % 3, &f));
		wait_for(&x.s, &x.s.frames, i);
	}
	/* another secondary comes while the first is still there: it takes its place */
	struct end t;

	x.sc.session = 33;
	end_init(&t, &x.sc);
	end_start(&t);
	wait_for(&t, &t.ups, 1);
	wait_for(&x.p, &x.p.ups, 7);
	end_free(&t);
	pair_free(&x);
}

/* Neither side goes up with somebody who has another key, or none */
static void
test_other_key(void **state)
{
	struct end good;
	struct pair x;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		pair_new(&x, 1, true);
		end_free(&x.s);
		x.sc.key[5] ^= 1;
		x.sc.has_key = i == 0;
		end_init(&x.s, &x.sc);
		end_start(&x.p);
		end_start(&x.s);
		x.sc.key[5] ^= 1;
		x.sc.has_key = true;
		end_init(&good, &x.sc);
		end_start(&good);
		wait_for(&good, &good.ups, 1);
		wait_for(&x.p, &x.p.ups, 1);
		assert_int_equal(x.s.ups, 0);
		assert_int_equal(x.p.ups, 1);
		end_free(&good);
		pair_free(&x);
	}
}

static int
dial(const struct pair *x)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(x->pc.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Reads to the end: bytes */
static size_t
drained(int fd)
{
	uint8_t buf[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		total += (size_t)n;
	close(fd);
	return total;
}

static void
test_strangers(void **state)
{
	struct frame_hello h = { .version = FRAME_VERSION, .module_id = 3, .node = "x", .session = 9, .conn = 0, .conns = 1 };
	uint8_t hello[1024], junk[4096];
	struct frame f = { .type = FR_HELLO };
	struct pair x;
	int fd[32], i;
	size_t n;

	(void)state;
	f.body_len = (uint32_t)frame_hello_encode(&h, hello + FRAME_HEAD, sizeof(hello) - FRAME_HEAD);
	frame_head(&f, hello);
	n = FRAME_HEAD + f.body_len;
	memset(junk, 0xa5, sizeof(junk));
	/* with a key: a right greeting without it is nothing; at most an alert of TLS comes back */
	pair_new(&x, 1, true);
	end_start(&x.p);
	fd[0] = dial(&x);
	assert_int_equal(send(fd[0], hello, n, MSG_NOSIGNAL), n);
	assert_true(drained(fd[0]) < 16);
	fd[0] = dial(&x);
	send(fd[0], junk, sizeof(junk), MSG_NOSIGNAL);
	assert_true(drained(fd[0]) < 16);
	/* many that say nothing: the real one comes through */
	for (i = 0; i < 32; i++)
		fd[i] = dial(&x);
	end_start(&x.s);
	wait_for(&x.s, &x.s.ups, 1);
	for (i = 0; i < 32; i++)
		close(fd[i]);
	pair_free(&x);
	/* without a key: greetings that do not fit are not answered */
	pair_new(&x, 1, false);
	end_start(&x.p);
	for (i = 0; i < 6; i++) {
		struct frame_hello w = h;

		if (i == 0)
			w.version = 99;
		if (i == 1)
			w.module_id = 4;
		if (i == 2)
			w.primary = true;
		if (i == 3)
			w.conns = 2;
		if (i == 4)
			w.session = 0;
		f.body_len = (uint32_t)frame_hello_encode(&w, hello + FRAME_HEAD, sizeof(hello) - FRAME_HEAD);
		frame_head(&f, hello);
		if (i == 5)
			hello[4] = FR_OP;
		fd[0] = dial(&x);
		assert_int_equal(send(fd[0], hello, FRAME_HEAD + f.body_len, MSG_NOSIGNAL), FRAME_HEAD + f.body_len);
		assert_int_equal(drained(fd[0]), 0);
	}
	assert_int_equal(x.p.ups, 0);
	/* one that greets well and then talks rubbish is up, and dropped */
	f.body_len = (uint32_t)frame_hello_encode(&h, hello + FRAME_HEAD, sizeof(hello) - FRAME_HEAD);
	frame_head(&f, hello);
	fd[0] = dial(&x);
	assert_int_equal(send(fd[0], hello, FRAME_HEAD + f.body_len, MSG_NOSIGNAL), FRAME_HEAD + f.body_len);
	wait_for(&x.p, &x.p.ups, 1);
	send(fd[0], junk, sizeof(junk), MSG_NOSIGNAL);
	wait_for(&x.p, &x.p.downs, 1);
	assert_non_null(strstr(x.p.why, "version"));
	drained(fd[0]);
	/* and a second greeting is rubbish as well */
	fd[0] = dial(&x);
	assert_int_equal(send(fd[0], hello, FRAME_HEAD + f.body_len, MSG_NOSIGNAL), FRAME_HEAD + f.body_len);
	wait_for(&x.p, &x.p.ups, 2);
	assert_int_equal(send(fd[0], hello, FRAME_HEAD + f.body_len, MSG_NOSIGNAL), FRAME_HEAD + f.body_len);
	wait_for(&x.p, &x.p.downs, 2);
	assert_non_null(strstr(x.p.why, "greeting"));
	drained(fd[0]);
	pair_free(&x);
}

/* Who reads nothing: what waits is bounded, and the sender is let go after sendtimeout */
static void
test_who_takes_nothing(void **state)
{
	static uint8_t data[RFS_DATA_MAX];
	struct frame f = { .type = FR_SYNC, .body = data, .body_len = sizeof(data) };
	struct stream_conf c;
	struct pair x;
	int sent = 0;

	(void)state;
	pair_new(&x, 1, true);
	end_free(&x.p);
	c = x.pc;
	c.send_ms = 300;
	end_init(&x.p, &c);
	x.s.blocked = true;
	pair_start(&x);
	while (stream_send(x.p.stream, 0, &f)) {
		f.seq++;
		assert_true(++sent < 400);
	}
	assert_true(sent >= 60);
	wait_for(&x.p, &x.p.downs, 1);
	/* by us, or by the kernel (TCP_USER_TIMEOUT) */
	if (strcmp(x.p.why, strerror(ETIMEDOUT)) != 0)
		assert_string_equal(x.p.why, "the other side takes nothing");
	pthread_mutex_lock(&x.s.lock);
	x.s.blocked = false;
	pthread_cond_broadcast(&x.s.cond);
	pthread_mutex_unlock(&x.s.lock);
	pair_free(&x);
}

/* Silence on a connection that stands: asked for signs of life, and given up when none comes */
static void
test_silence(void **state)
{
	struct frame_hello h = { .version = FRAME_VERSION, .module_id = 3, .node = "x", .session = 9, .conn = 0, .conns = 1 };
	struct frame f = { .type = FR_HELLO }, g;
	uint8_t hello[1024];
	struct stream_conf c;
	struct pair x;
	bool pinged = false;
	size_t need;
	int fd;

	(void)state;
	pair_new(&x, 1, false);
	end_free(&x.p);
	c = x.pc;
	c.send_ms = 300;
	end_init(&x.p, &c);
	end_start(&x.p);
	f.body_len = (uint32_t)frame_hello_encode(&h, hello + FRAME_HEAD, sizeof(hello) - FRAME_HEAD);
	frame_head(&f, hello);
	fd = dial(&x);
	assert_int_equal(send(fd, hello, FRAME_HEAD + f.body_len, MSG_NOSIGNAL), FRAME_HEAD + f.body_len);
	while (recv(fd, hello, FRAME_HEAD, MSG_WAITALL) == FRAME_HEAD) {
		char err[256];

		assert_true(frame_parse_head(hello, &g, &need, err, sizeof(err)));
		pinged = pinged || g.type == FR_PING;
		assert_true(g.body_len < sizeof(hello));
		if (g.body_len > 0)
			assert_int_equal(recv(fd, hello, g.body_len, MSG_WAITALL), g.body_len);
	}
	assert_true(pinged);
	wait_for(&x.p, &x.p.downs, 1);
	assert_non_null(strstr(x.p.why, "no sign of life"));
	close(fd);
	pair_free(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_plain), cmocka_unit_test(test_one_key), cmocka_unit_test(test_four_plain), cmocka_unit_test(test_four_key),
		cmocka_unit_test(test_break_and_again), cmocka_unit_test(test_other_key), cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_who_takes_nothing), cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
