# What runs in the guest of tests/kernel
check_PROGRAMS += tests/kernel/probe tests/kernel/filterctl tests/kernel/genl
tests_kernel_probe_SOURCES = tests/kernel/probe.c
tests_kernel_filterctl_SOURCES = tests/kernel/filterctl.c
tests_kernel_filterctl_CPPFLAGS = $(AM_CPPFLAGS) $(MNL_CFLAGS)
tests_kernel_filterctl_LDADD = $(FILTER_LIBS) $(BASE_LIBS)
tests_kernel_genl_SOURCES = tests/kernel/genl.c $(FILTER_VECTORS)
tests_kernel_genl_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(MNL_CFLAGS)
tests_kernel_genl_LDADD = $(BASE_LIBS) $(MNL_LIBS)
EXTRA_DIST += tests/kernel/t-kernel tests/kernel/t-lab-module tests/kernel/lib.sh tests/kernel/story.sh tests/kernel/lan.sh
