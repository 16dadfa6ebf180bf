package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"weir/exec"
)

// printError shows an operational error: what was being done, the cause, and what to do.
func (a *app) printError(err error) { writeError(a.stderr, err, a.colored(a.stderr)) }

// lines makes one line of what libraries and several errors write on many.
var lines = strings.NewReplacer("\n\t", " ", "\n", "; ")

func writeError(w io.Writer, err error, color bool) {
	red, bold, reset := "", "", ""
	if color {
		red, bold, reset = "\x1b[31m", "\x1b[1m", "\x1b[0m"
	}
	fmt.Fprintf(w, "%s%serror%s%s: %s%s\n", red, bold, reset, bold, lines.Replace(strings.TrimSpace(err.Error())), reset)
	for _, help := range helps(err) {
		for _, line := range strings.Split(help, "\n") {
			// A refusal lists what is known and what can be chosen, a line each.
			if known, ok := strings.CutPrefix(line, "known: "); ok {
				fmt.Fprintf(w, "  = note: %s\n", known)
				continue
			}
			fmt.Fprintf(w, "  = help: %s\n", strings.TrimPrefix(line, "choice: "))
		}
	}
}

// helps collects the help texts in a tree of errors, outermost first, each once.
func helps(err error) []string {
	var out []string
	seen := map[string]bool{}
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		var help string
		switch e := err.(type) { //nolint:errorlint // the tree is walked by hand
		case *exec.Error:
			help = e.Help
		case interface{ Help() string }:
			help = e.Help()
		}
		if help != "" && !seen[help] {
			seen[help] = true
			out = append(out, help)
		}
		switch e := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() []error }:
			for _, x := range e.Unwrap() {
				walk(x)
			}
		default:
			walk(errors.Unwrap(err))
		}
	}
	walk(err)
	return out
}

// exitCode is the code for how a job ended.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, exec.ErrFenced):
		return exitFenced
	}
	return exitFailed
}
