//go:build !linux

package program

import (
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

// Alive says whether a process has not ended.
func Alive(p *os.Process) bool { return p.Signal(syscall.Signal(0)) == nil }
