/* SPDX-License-Identifier: GPL-2.0-or-later */
/* writer.c: the thread that writes one file. */
#include "config.h"
#include "act/writer.h"
#include "act/thread.h"

#include <sys/eventfd.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writer {
	pthread_t	 thread;
	pthread_mutex_t	 lock;	/* of what follows; never held across I/O */
	pthread_cond_t	 more;
	char		*next;
	bool		 busy, end, keep;
	mode_t		 mode;
	int		 fd;
	char		 file[512];
};
static char remove_it[1];	/* as next: no file */

static bool
superseded(struct writer *w)
{
	bool yes;

	pthread_mutex_lock(&w->lock);
	yes = w->next != NULL;
	pthread_mutex_unlock(&w->lock);
	return yes;
}

static void
forget(char *text)
{
	if (text != remove_it)
		free(text);
}

/* Without waiting for the disk: nobody needs it after a loss of power */
static int
write_fast(struct writer *w, const char *text)
{
	char tmp[sizeof(w->file) + 4];
	ssize_t n = (ssize_t)strlen(text);
	int fd, rc;

	snprintf(tmp, sizeof(tmp), "%s.new", w->file);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, w->mode);
	if (fd == -1)
		return -1;
	rc = write(fd, text, (size_t)n) == n ? 0 : -1;
	if (close(fd) == -1)
		rc = -1;
	if (rc == 0 && !superseded(w))
		rc = rename(tmp, w->file);
	else
		(void)unlink(tmp);
	return rc;
}

static void
fulfil(struct writer *w, const char *text)
{
	int rc;

	if (text == remove_it)
		rc = unlink(w->file) == 0 || errno == ENOENT ? 0 : -1;
	else if (w->keep)
		rc = path_write_atomic(w->file, text, strlen(text), w->mode);
	else
		rc = write_fast(w, text);
	if (rc == -1)
		warn_errno("%s", w->file);
}

static void *
writer_thread(void *arg)
{
	struct writer *w = arg;
	uint64_t one = 1;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		char *text = w->next;

		if (text == NULL && w->end)
			break;
		if (text == NULL) {
			pthread_cond_wait(&w->more, &w->lock);
			continue;
		}
		w->next = NULL;
		w->busy = true;
		pthread_mutex_unlock(&w->lock);
		fulfil(w, text);
		forget(text);
		pthread_mutex_lock(&w->lock);
		w->busy = false;
		(void)!write(w->fd, &one, sizeof(one));	/* non-blocking, never full: it counts */
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct writer *
writer_new(const char *file, mode_t mode, bool keep)
{
	struct writer *w = calloc(1, sizeof(*w));
	pthread_attr_t at;
	int rc;

	if (w == NULL || !str_copy(w->file, sizeof(w->file), file) || (w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1) {
		free(w);
		return NULL;
	}
	w->mode = mode;
	w->keep = keep;
	thread_mutex_init(&w->lock);
	pthread_cond_init(&w->more, NULL);
	pthread_attr_init(&at);
	pthread_attr_setstacksize(&at, 128 * 1024);	/* path_write_atomic has two path buffers */
	rc = pthread_create(&w->thread, &at, writer_thread, w);
	pthread_attr_destroy(&at);
	if (rc == 0)
		return w;
	close(w->fd);
	free(w);
	return NULL;
}

void
writer_put(struct writer *w, char *text)
{
	char *old;

	if (text == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	old = w->next;
	w->next = text;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	forget(old);
}

void
writer_remove(struct writer *w)
{
	writer_put(w, remove_it);
}

int
writer_fd(const struct writer *w)
{
	return w->fd;
}

bool
writer_idle(struct writer *w)
{
	bool idle;

	pthread_mutex_lock(&w->lock);
	idle = w->next == NULL && !w->busy;
	pthread_mutex_unlock(&w->lock);
	return idle;
}

void
writer_free(struct writer *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->end = true;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	forget(w->next);
	close(w->fd);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->more);
	free(w);
}
