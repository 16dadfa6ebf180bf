// Package ignore reads the comments by which the author of a SQL file silences findings, and applies them.
//
//	-- lint:ignore SQ2103 because the key is one of twelve countries
//	-- lint:ignore-file SQ7012, SQ7013 because this file is generated
//
// The first form stands at the end of the line that the finding is about, or alone on the line before it; the second before
// the first statement, and holds for the whole file. A reason must be given. A comment that silences nothing is reported,
// so that none outlives what it was for.
package ignore

import (
	"regexp"
	"slices"
	"sort"
	"strings"

	"weir/parser/diag"
	"weir/parser/token"
)

// Codes of the findings about these comments.
const (
	NoReason = "SQ6011"
	Unused   = "SQ6012"
	Unknown  = "SQ6013"
	Final    = "SQ6014"
)

// Ignored is a finding that a comment silences.
type Ignored struct {
	Finding *diag.Diagnostic
	Reason  string
}

// Options say what Apply cannot know by itself.
type Options struct {
	// Final reports findings that cannot be ignored, because the job would not run: nil means none.
	Final func(*diag.Diagnostic) bool
	// Off reports codes that are switched off elsewhere: a comment about them is not blamed for being without use.
	Off func(code string) bool
	// Incomplete: not everything was looked at, so that a comment without use is no mistake.
	Incomplete bool
	// Silent: what is wrong with the comments is not reported.
	Silent bool
}

// Apply parts the findings about files into those that stay and those that comments silence. What is wrong with the comments is
// among those that stay, sorted in by place.
func Apply(files []*diag.File, findings []*diag.Diagnostic, o Options) (kept []*diag.Diagnostic, ignored []Ignored) {
	if o.Off == nil {
		o.Off = func(string) bool { return false }
	}
	if o.Final == nil {
		o.Final = func(*diag.Diagnostic) bool { return false }
	}
	var about diag.List
	var all []*comment
	for _, f := range files {
		all = append(all, read(f, &about)...)
	}
	for _, d := range findings {
		c := silencer(all, d)
		switch {
		case c == nil:
			kept = append(kept, d)
		case o.Final(d):
			c.used[d.Code] = true
			kept = append(kept, d)
			about.Errorf(Final, c.span, "%s cannot be ignored: it is an error", d.Code).
				Label(d.Span, "here").Help("mend what it is about, and remove this comment")
		default:
			c.used[d.Code] = true
			ignored = append(ignored, Ignored{d, c.reason})
		}
	}
	if !o.Incomplete {
		for _, c := range all {
			c.unused(&about, o.Off)
		}
	}
	if o.Silent {
		return kept, ignored
	}
	return merge(files, kept, about.All), ignored
}

// comment is one comment of the two forms.
type comment struct {
	span   diag.Span
	alone  diag.Span // what is to be removed with it: its whole line where nothing else is on it
	file   *diag.File
	whole  bool // for the file
	line   int  // that it is about
	codes  []code
	reason string
	used   map[string]bool
}

type code struct {
	name string
	span diag.Span
}

var (
	form    = regexp.MustCompile(`^lint:([a-z-]*)`)
	reason  = regexp.MustCompile(`(?is)^(.*?)\bbecause\b[\s:]*(.*)$`)
	oneCode = regexp.MustCompile(`[^\s,:]+`)
)

// read finds the comments of f. What is malformed is reported and left out.
func read(f *diag.File, about *diag.List) []*comment {
	if !strings.Contains(f.Text, "lint:") {
		return nil
	}
	toks, comments := token.Lex(f, &diag.List{}) // what is wrong with the text was reported by the parser
	var out []*comment
	for _, tc := range comments {
		if c := one(f, tc, toks, comments, about); c != nil {
			out = append(out, c)
		}
	}
	return out
}

func one(f *diag.File, tc token.Comment, toks []token.Token, comments []token.Comment, about *diag.List) *comment {
	start, end := tc.Start+2, tc.End
	if !tc.Line {
		end = max(start, end-2)
	}
	text := f.Text[start:end]
	start += len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	text = strings.TrimSpace(text)
	m := form.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	c := &comment{file: f, span: diag.Span{File: f, Start: start, End: start + len(text)}, used: map[string]bool{}}
	switch m[1] {
	case "ignore":
	case "ignore-file":
		c.whole = true
	default:
		d := about.Errorf(NoReason, diag.Span{File: f, Start: start, End: start + len(m[0])}, "there is no lint:%s", m[1])
		if near, ok := diag.Suggest(m[1], []string{"ignore", "ignore-file"}); ok {
			d.Help("did you mean lint:%s?", near)
		} else {
			d.Help("write lint:ignore CODE because ..., or lint:ignore-file CODE because ...")
		}
		return nil
	}
	rest, at := text[len(m[0]):], start+len(m[0])
	codes := rest
	if r := reason.FindStringSubmatch(rest); r != nil {
		codes, c.reason = r[1], strings.TrimSpace(r[2])
	}
	known := true
	for _, w := range oneCode.FindAllStringIndex(codes, -1) {
		word := code{strings.ToUpper(codes[w[0]:w[1]]), diag.Span{File: f, Start: at + w[0], End: at + w[1]}}
		if diag.Codes[word.name] == "" {
			if c.reason == "" && len(c.codes) > 0 {
				break // words of a reason that lacks its "because"
			}
			known = false
			unknownCode(about, word)
			continue
		}
		c.codes = append(c.codes, word)
	}
	switch {
	case !known:
		return nil
	case len(c.codes) == 0:
		about.Errorf(NoReason, c.span, "this comment does not say which finding it ignores").Help("write lint:ignore CODE because ..., with the code that the finding shows")
		return nil
	case c.reason == "":
		about.Errorf(NoReason, c.span, "a finding is ignored without a reason").
			Help("say why: -- lint:ignore%s %s because ...", map[bool]string{true: "-file"}[c.whole], c.codes[0].name)
		return nil
	}
	if c.whole && len(toks) > 0 && toks[0].Start < tc.Start && toks[0].Kind != token.EOF {
		about.Errorf(NoReason, c.span, "lint:ignore-file stands behind the first statement").Label(toks[0].Span(f), "the first statement").
			Help("move it to the top of the file, where readers see it")
		return nil
	}
	c.place(tc, toks, comments)
	return c
}

func unknownCode(about *diag.List, c code) {
	var known []string
	for k := range diag.Codes {
		known = append(known, k)
	}
	sort.Strings(known)
	d := about.Errorf(Unknown, c.span, "there is no finding %s", c.span.Text())
	if near, ok := diag.Suggest(c.name, known); ok {
		d.Help("did you mean %s (%s)?", near, diag.Codes[near])
	} else {
		d.Help("a code is SQ and four digits, as findings show it")
	}
}

// place says which line c is about: its own where something stands before it, otherwise the next one that is not a comment.
func (c *comment) place(tc token.Comment, toks []token.Token, comments []token.Comment) {
	text := c.file.Text
	c.alone = diag.Span{File: c.file, Start: tc.Start, End: tc.End}
	own := lineOf(text, tc.Start)
	before := text[strings.LastIndexByte(text[:tc.Start], '\n')+1 : tc.Start]
	behind, _, found := strings.Cut(text[tc.End:], "\n")
	if strings.TrimSpace(before) != "" {
		c.line = own
		c.alone.Start -= len(before) - len(strings.TrimRight(before, " \t"))
		return
	}
	if strings.TrimSpace(behind) == "" {
		c.alone.Start -= len(before)
		c.alone.End += len(behind)
		if found {
			c.alone.End++
		}
	}
	c.line = lineOf(text, tc.End) + 1
	for _, next := range comments {
		if next.Start > tc.End && lineOf(text, next.Start) == c.line &&
			!slices.ContainsFunc(toks, func(t token.Token) bool {
				return t.Kind != token.EOF && t.Start < next.Start && lineOf(text, t.Start) == c.line
			}) {
			c.line = lineOf(text, next.End) + 1
		}
	}
}

func lineOf(text string, at int) int { return strings.Count(text[:at], "\n") + 1 }

// silencer is the comment that silences d, nil when there is none. One at the line goes before one for the file.
func silencer(all []*comment, d *diag.Diagnostic) *comment {
	if d.Span.IsZero() {
		return nil
	}
	from, to := lineOf(d.Span.File.Text, d.Span.Start), lineOf(d.Span.File.Text, d.Span.End)
	var whole *comment
	for _, c := range all {
		if c.file != d.Span.File || !slices.ContainsFunc(c.codes, func(k code) bool { return k.name == d.Code }) {
			continue
		}
		if c.whole {
			whole = c
		} else if from <= c.line && c.line <= to {
			return c
		}
	}
	return whole
}

// unused reports the codes of c that silence nothing. Where that is all of them the comment can go.
func (c *comment) unused(about *diag.List, off func(string) bool) {
	var idle []code
	for _, k := range c.codes {
		if !c.used[k.name] && !off(k.name) {
			idle = append(idle, k)
		}
	}
	where := "the line that it is about"
	if c.whole {
		where = "this file"
	}
	for _, k := range idle {
		d := about.Errorf(Unused, k.span, "%s is ignored here and not found", k.name)
		if len(idle) < len(c.codes) {
			d.Help("remove %s from the comment", k.name)
			continue
		}
		d.At("nothing in %s", where).Help("remove the comment")
		if k == idle[0] {
			d.Fix(c.alone, "")
		}
	}
}

// merge puts the findings about comments between the others, by place within each file.
func merge(files []*diag.File, kept, about []*diag.Diagnostic) []*diag.Diagnostic {
	all := append(slices.Clone(kept), about...)
	order := map[*diag.File]int{}
	for i, f := range files {
		order[f] = i
	}
	rank := func(d *diag.Diagnostic) int {
		if i, ok := order[d.Span.File]; ok {
			return i
		}
		return len(files)
	}
	slices.SortStableFunc(all, func(a, b *diag.Diagnostic) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		if a.Span.File != b.Span.File {
			return 0
		}
		return a.Span.Start - b.Span.Start
	})
	return all
}
