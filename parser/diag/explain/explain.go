// Package explain says what the codes of diagnostics mean, in more than one line: why it matters, what to do, a
// script that has the finding and one that has it not. `weir explain-error` and the reference page show it, and
// every example is run by a test.
package explain

import (
	"embed"
	"fmt"
	"regexp"
	"strings"

	"weir/parser/diag"
)

// Entry is what is known of one code.
type Entry struct {
	Code    string
	Summary string // one line, as package diag has it
	Why     string
	Fix     string
	// Bad has the finding, and no other, at Place; Good has none. Both are empty for what no script can show.
	Bad, Good string
	// From and To are the bytes of Bad that the finding is about.
	From, To int
}

// refused is said of what weir parses and does not run yet.
const refused, refusedFix = "weir reads this form of Flink's SQL and does not run it yet. It is refused where it stands, never ignored.",
	"Do what the help of the finding says, or run the job on Flink."

// Refused reports the codes of what weir parses and does not run yet. They go when it does.
func Refused(code string) bool { return strings.HasPrefix(code, "SQ25") }

//go:embed codes
var files embed.FS

var entries, tables = load()

// Lookup is the entry of a code; ok is false for a code that there is not.
func Lookup(code string) (e Entry, ok bool) {
	summary, ok := diag.Codes[code]
	if !ok {
		return Entry{}, false
	}
	e = entries[code]
	e.Code, e.Summary = code, summary
	if e.Why == "" && Refused(code) {
		e.Why, e.Fix = refused, refusedFix
	}
	return e, true
}

// Tables is the definitions of the tables that an example takes for granted, as it names them.
func Tables(example string) string {
	var out strings.Builder
	for _, t := range tables {
		if t.word.MatchString(example) && !t.defined.MatchString(example) {
			out.WriteString(t.sql + "\n")
		}
	}
	return out.String()
}

type table struct {
	word, defined *regexp.Regexp
	sql           string
}

// load reads the folder codes; a file that is not in its form is a mistake of ours.
func load() (map[string]Entry, []table) {
	all := map[string]Entry{}
	dir, err := files.ReadDir("codes")
	if err != nil {
		panic(err)
	}
	var known []table
	for _, f := range dir {
		b, err := files.ReadFile("codes/" + f.Name())
		if err != nil {
			panic(err)
		}
		if strings.HasSuffix(f.Name(), ".sql") {
			for _, sql := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
				name := strings.Fields(sql)[2]
				known = append(known, table{regexp.MustCompile(`\b` + name + `\b`), regexp.MustCompile(`CREATE (TABLE|VIEW) ` + name + `\b`), sql})
			}
			continue
		}
		for _, text := range strings.Split("\n"+string(b), "\n== ")[1:] {
			e, err := parse(text)
			if err != nil {
				panic(fmt.Sprintf("%s: %v", f.Name(), err))
			}
			all[e.Code] = e
		}
	}
	return all, known
}

// parse reads one entry: the code, then the lines why: and fix:, then what stands below bad: and good:.
func parse(text string) (e Entry, err error) {
	code, rest, _ := strings.Cut(text, "\n")
	e.Code = strings.TrimSpace(code)
	head, examples, ok := strings.Cut(rest, "\nbad:\n")
	bad, good, ok2 := strings.Cut(examples, "\ngood:\n")
	if ok && !ok2 {
		return e, fmt.Errorf("%s has a bad example and no good one", e.Code)
	}
	for _, line := range strings.Split(head, "\n") {
		if v, ok := strings.CutPrefix(line, "why: "); ok {
			e.Why = v
		}
		if v, ok := strings.CutPrefix(line, "fix: "); ok {
			e.Fix = v
		}
	}
	e.Good = strings.TrimSpace(good)
	before, marked, _ := strings.Cut(strings.TrimSpace(bad), "«")
	in, after, _ := strings.Cut(marked, "»")
	e.Bad = before + in + after
	e.From, e.To = len(before), len(before)+len(in)
	return e, nil
}
