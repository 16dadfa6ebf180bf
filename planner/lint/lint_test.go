package lint

import (
	"slices"
	"testing"

	"weir/parser/diag"
)

// TestEveryRuleHasACodeOfItsOwnAndASummary holds the table of rules and the table of codes together.
func TestEveryRuleHasACodeOfItsOwnAndASummary(t *testing.T) {
	codes, names := map[string]bool{}, map[string]bool{}
	for _, r := range Rules {
		if codes[r.Code] || names[r.Name] {
			t.Errorf("%s (%s) is there twice", r.Code, r.Name)
		}
		codes[r.Code], names[r.Name] = true, true
		if diag.Codes[r.Code] == "" {
			t.Errorf("%s (%s) has no summary", r.Code, r.Name)
		}
	}
	for code := range diag.Codes {
		if code >= "SQ7" && !codes[code] {
			t.Errorf("%s has a summary and no rule", code)
		}
	}
	if !slices.IsSortedFunc(Rules, func(a, b Rule) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	}) {
		t.Error("the rules are not in the order of their codes")
	}
}
