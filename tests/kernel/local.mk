# What runs in the guest of tests/kernel
check_PROGRAMS += tests/kernel/probe tests/kernel/filterctl
tests_kernel_probe_SOURCES = tests/kernel/probe.c
tests_kernel_filterctl_SOURCES = tests/kernel/filterctl.c engine/vip/filter_module.c
tests_kernel_filterctl_CPPFLAGS = $(AM_CPPFLAGS) $(MNL_CFLAGS)
tests_kernel_filterctl_LDADD = $(BASE_LIBS) $(MNL_LIBS)
