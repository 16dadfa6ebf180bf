//go:build !linux

package main

import "syscall"

// maxRSS is in bytes, as Darwin counts.
func maxRSS(u *syscall.Rusage) int64 { return int64(u.Maxrss) }
