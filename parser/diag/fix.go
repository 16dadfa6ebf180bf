package diag

import (
	"slices"
	"strings"
)

// Fix is one edit of a text: what Span covers becomes Text. An empty span inserts, an empty text removes.
//
// A finding carries fixes only where they are safe: either the job means exactly the same afterwards, or what was
// written cannot have been meant. Everything else is said in words, as a help.
type Fix struct {
	Span Span
	Text string
}

// Fix adds an edit and returns d.
func (d *Diagnostic) Fix(at Span, text string) *Diagnostic {
	d.Fixes = append(d.Fixes, Fix{at, text})
	return d
}

// Fixed makes the edits that findings offer for f, and returns the new text and the findings that it mends, in the
// order of all. A finding whose edits touch those of an earlier one, or another file, is left alone: fix, check again,
// and it has its turn.
func Fixed(f *File, all []*Diagnostic) (text string, mended []*Diagnostic) {
	var edits []Fix
	for _, d := range all {
		if len(d.Fixes) > 0 && fits(edits, d.Fixes, f) {
			edits = append(edits, d.Fixes...)
			mended = append(mended, d)
		}
	}
	slices.SortStableFunc(edits, func(a, b Fix) int { return a.Span.Start - b.Span.Start })
	var out strings.Builder
	at := 0
	for _, e := range edits {
		out.WriteString(f.Text[at:e.Span.Start])
		out.WriteString(e.Text)
		at = e.Span.End
	}
	out.WriteString(f.Text[at:])
	return out.String(), mended
}

// fits reports whether the edits more can be made in f beside those of edits.
func fits(edits, more []Fix, f *File) bool {
	for _, m := range more {
		if m.Span.File != f {
			return false
		}
		for _, e := range edits {
			if m.Span.Start <= e.Span.End && e.Span.Start <= m.Span.End {
				return false
			}
		}
	}
	return true
}
