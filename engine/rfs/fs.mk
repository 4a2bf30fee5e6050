# librfsfs: the tree, the change of a tree, the kernel's requests (tree, op, serve)
