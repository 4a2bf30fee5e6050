# What runs in the kernel, and the contract with it (filter_abi.h, filter_core.h).
