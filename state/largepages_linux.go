package state

import "golang.org/x/sys/unix"

// adviseLargePages asks for pages of 2 MiB (transparent huge pages) in the range of addresses, where none have been handed out yet.
// A system that has none, or was told to give none, gives small ones; nothing but speed depends on it, and so the answer is not looked at.
func adviseLargePages(start, size uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_HUGEPAGE)
}
