/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * once.c: vipd by hand, while the module is stopped: sets the virtual addresses of the active configuration, or takes them away, and ends.
 *
 * In a farm this server is alone then: filters take all (no groups, no lease).  What is set is in vip.json as ever, so that the module's start
 * takes it down and says so, should it have been forgotten.
 */
#include "config.h"
#include "vip/impl.h"

#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONF_MAX	(8u << 20)	/* bytes of module.json (as of ctl/registry.c) */
#define LOCK_STEP_MS	20
#define KILLED_MS	500	/* for a killed one to be gone (ours) */

static bool
lock_is_free(int fd, pid_t *owner)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	*owner = 0;
	if (fcntl(fd, F_SETLK, &l) == 0)
		return true;
	if (errno != EAGAIN && errno != EACCES)
		return false;
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
		*owner = l.l_pid;	/* 0: of another PID namespace */
	errno = EWOULDBLOCK;
	return false;
}

/* Its heart is gone, and it does not end: stopped or stuck.  What it has set is in vip.json, and is ours now; awake, it would take it down */
static void
kill_owner(int fd)
{
	pid_t owner, again;
	int pidfd;

	if (lock_is_free(fd, &owner) || owner <= 1)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, owner, 0);
	if (pidfd == -1)
		return;
	/* it has the lock still: so the number is not that of somebody else by now */
	if (!lock_is_free(fd, &again) && again == owner && syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
		warn_text("the former vipd (%d) does not end: killed", (int)owner);
	close(pidfd);
}

bool
vipd_lock(const char *var, int wait_ms)
{
	char file[PATH_MAX];
	int fd, waited, last = wait_ms > 0 ? wait_ms + KILLED_MS : 0;
	pid_t owner;

	if (!path_format(file, sizeof(file), "%s/vipd.lock", var))
		return false;
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return false;
	for (waited = 0; !lock_is_free(fd, &owner); waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK || waited >= last) {
			close(fd);
			return false;
		}
		if (waited <= wait_ms && waited + LOCK_STEP_MS > wait_ms)
			kill_owner(fd);
		usleep(LOCK_STEP_MS * 1000);
	}
	return true;	/* fd stays open: the kernel lets go when the process ends, however that is */
}

static json_t *
read_json(const char *file)
{
	char *text;
	ssize_t n = path_read(file, &text, CONF_MAX);
	json_t *o;

	if (n == -1)
		return NULL;
	o = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	return o;
}

static int
read_id(const char *var)
{
	char file[PATH_MAX], *text;
	uint64_t id = 0;

	if (!path_format(file, sizeof(file), "%s/id", var) || path_read(file, &text, 64) == -1)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (!str_to_u64(text, 1, SK_MODULES_MAX, &id))
		id = 0;
	free(text);
	return (int)id;
}

/* As a lone server of a mirror: the filter of a farm takes all then, too */
static struct vip_setup *
setup_of(const char *module, const char *var, char *err, size_t errsize)
{
	struct vip_setup *s = calloc(1, sizeof(*s));
	char file[PATH_MAX];
	json_t *o = NULL;

	if (s == NULL || !path_format(file, sizeof(file), "%s/private/modules/%s/module.json", path_safe(), module) ||
	    (o = read_json(file)) == NULL) {
		snprintf(err, errsize, "module %s has no active configuration (module.json)", module);
		free(s);
		return NULL;
	}
	if (!conf_module_from_json(o, &s->conf, err, errsize)) {
		json_decref(o);
		free(s);
		return NULL;
	}
	json_decref(o);
	s->conf.has_farm = false;
	str_copy(s->module, sizeof(s->module), module);
	str_copy(s->var, sizeof(s->var), var);
	s->id = read_id(var);
	s->nodes = 1;
	gethostname(s->names[0], SK_NAME_MAX - 1);
	if (s->id > 0)
		return s;
	snprintf(err, errsize, "module %s has no number (its file id)", module);
	vip_setup_free(s);
	return NULL;
}

/* ---- hooks ---- */

struct result { bool answered, failed; };

static void
hook_resource(void *ctx, const char *name, const char *value)
{
}

static void
hook_share(void *ctx, const struct rpt_share *share)
{
}

static void
hook_log(void *ctx, int message, const char *text)
{
	printf("%s\n", text);
}

static void
hook_ack(void *ctx, int64_t seq, const char *why)
{
	struct result *r = ctx;

	r->answered = true;
	r->failed = why[0] != '\0';
}

int
vipd_once(const char *module, enum once what)
{
	struct result r = { false, false };
	struct vipd_hooks hooks = { &r, hook_resource, hook_share, hook_log, hook_ack };
	uv_loop_t *loop = uv_default_loop();
	char var[PATH_MAX], err[SK_TEXT_MAX];
	struct vip_setup *s;
	struct vipd *v;

	if (!path_format(var, sizeof(var), "%s/modules/%s", path_safevar(), module))
		fatal("%s: too long", path_safevar());
	if (!vipd_lock(var, 0))
		fatal("module %s: %s", module, errno == EWOULDBLOCK ? "its vipd runs: expected the module to be stopped" : strerror(errno));
	v = vipd_new(loop, module, var, &hooks, err, sizeof(err));
	if (v == NULL)
		fatal("%s", err);
	s = what == ONCE_CLEAN ? NULL : setup_of(module, var, err, sizeof(err));
	if (s == NULL && what == ONCE_SET)
		fatal("%s", err);
	if (what == ONCE_UNSET)
		vipd_by_hand(v);
	if (s != NULL)
		vipd_setup(v, s);
	vipd_want(v, 1, what == ONCE_SET, false);
	if (s == NULL)
		vipd_down(v);
	while (s != NULL && !r.answered)
		uv_run(loop, UV_RUN_ONCE);
	fflush(stdout);
	_exit(r.failed ? 1 : 0);	/* what is set stays; a thread may still wait for a name server */
}
