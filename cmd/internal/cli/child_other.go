//go:build !linux

package cli

import "syscall"

// childAttr is the default: only Linux ties a child's life to its parent's.
func childAttr() *syscall.SysProcAttr { return nil }
