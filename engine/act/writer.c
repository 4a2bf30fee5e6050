/* SPDX-License-Identifier: GPL-2.0-or-later */
/* writer.c: the thread that writes one file. */
#include "config.h"
#include "act/writer.h"
#include "act/thread.h"

#include <sys/eventfd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writer {
	pthread_t	 thread;
	pthread_mutex_t	 lock;	/* of what follows; never held across I/O */
	pthread_cond_t	 more;
	char		*next;
	bool		 busy, end;
	int		 fd;
	char		 file[512];
};

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
		if (path_write_atomic(w->file, text, strlen(text), 0600) == -1)
			warn_errno("%s", w->file);
		free(text);
		pthread_mutex_lock(&w->lock);
		w->busy = false;
		(void)!write(w->fd, &one, sizeof(one));	/* non-blocking, never full: it counts */
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct writer *
writer_new(const char *file)
{
	struct writer *w = calloc(1, sizeof(*w));
	pthread_attr_t at;
	int rc;

	if (w == NULL || !str_copy(w->file, sizeof(w->file), file) || (w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1) {
		free(w);
		return NULL;
	}
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
	free(old);
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
	free(w->next);
	close(w->fd);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->more);
	free(w);
}
