package localfile

import (
	"os"
	"syscall"
)

// madeUpKinds are the file systems whose files the kernel makes up when they are read: magic
// numbers of statfs(2). They say that they are regular files, some of any size.
var madeUpKinds = map[uint32]bool{
	0x9fa0:     true, // proc
	0x62656572: true, // sysfs
	0x64626720: true, // debugfs
	0x74726163: true, // tracefs
	0x27e0eb:   true, // cgroup
	0x63677270: true, // cgroup2
	0x73636673: true, // securityfs
	0xf97cff8c: true, // selinuxfs
	0x62656570: true, // configfs
	0xcafe4a11: true, // bpf
	0xde5e81e4: true, // efivarfs
	0x6165676c: true, // pstore
	0x42494e4d: true, // binfmt_misc
}

// madeUp is whether the kernel makes up a file's content.
func madeUp(f *os.File) bool {
	var stat syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &stat); err != nil {
		return true
	}
	return madeUpKinds[uint32(stat.Type)] //nolint:gosec,unconvert // the magic has 32 bits; the type differs between systems
}
