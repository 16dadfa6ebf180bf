//go:build !linux

package realkafka

import (
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

func alive(p *os.Process) bool { return p.Signal(syscall.Signal(0)) == nil }
