# SPDX-License-Identifier: GPL-2.0-or-later
# engine/vhost: the library that programs of a module are preloaded with (user's guide 13.8).  A shared object, so flags of its own: no PIE,
# and no sanitizer, whose run time would have to be loaded before it into programs that are not ours.
safelibdir = $(safedir)/lib
safelib_PROGRAMS = libvhost.so
libvhost_so_SOURCES = engine/vhost/libvhost.c
libvhost_so_CFLAGS = $(WARN_CFLAGS) -fstack-protector-strong -fPIC -fvisibility=hidden
libvhost_so_LDFLAGS = -shared -Wl,-soname,libvhost.so -Wl,-z,relro,-z,now
