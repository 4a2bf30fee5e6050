# What runs in the kernel, and the contract with it (filter_abi.h, filter_core.h).
noinst_HEADERS = kmod/filter_abi.h kmod/filter_core.h kmod/filter_genl.h
EXTRA_DIST += kmod/README.md kmod/mod
