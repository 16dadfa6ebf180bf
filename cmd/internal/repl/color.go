package repl

import (
	"strconv"

	"weir/exec/batch"
)

// Colours of a terminal.
const (
	colorReset   = "\x1b[0m"
	colorDim     = "\x1b[2m"
	colorHead    = "\x1b[1m"
	colorRed     = "\x1b[31m"
	colorGreen   = "\x1b[32m"
	colorYellow  = "\x1b[33m"
	colorKeyword = "\x1b[1;34m"
	colorNumber  = "\x1b[36m"
)

// paint is style where colours are on.
func paint(on bool, style string) string {
	if on {
		return style
	}
	return ""
}

// paintOp is the short string of a change kind, in its colour: what comes is green, what goes is red.
func paintOp(on bool, k batch.ChangeKind) string {
	if !on {
		return k.String()
	}
	switch k {
	case batch.Insert:
		return colorGreen + k.String() + colorReset
	case batch.UpdateAfter:
		return colorYellow + k.String() + colorReset
	}
	return colorRed + k.String() + colorReset
}

func itoa(n int) string { return strconv.Itoa(n) }
