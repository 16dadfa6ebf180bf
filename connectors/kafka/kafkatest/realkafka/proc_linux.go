package realkafka

import (
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

func alive(p *os.Process) bool { return p.Signal(syscall.Signal(0)) == nil }
