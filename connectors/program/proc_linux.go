package program

import (
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// Alive says whether a process has not ended.
func Alive(p *os.Process) bool { return p.Signal(syscall.Signal(0)) == nil }
