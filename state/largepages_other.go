//go:build !linux

package state

// adviseLargePages does nothing: only Linux takes advice.
func adviseLargePages(uintptr, uintptr) {}
