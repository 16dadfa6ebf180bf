package fn

import (
	"fmt"
	"strconv"
	"strings"
)

// JSONStep is one step of a JSON path: into the member Key of an object, or the element Index of an array.
type JSONStep struct {
	Key     string
	Index   int
	IsIndex bool
}

// CheckJSONPath says what is wrong with a path; nil when JSONPath reads it.
func CheckJSONPath(s string) error {
	_, err := JSONPath(s)
	return err
}

// JSONPath reads a path of members and elements: $.a.b[0]["c d"], with an optional word lax or strict before it, which
// make no difference to such paths. Wildcards, filters and methods are refused.
func JSONPath(s string) ([]JSONStep, error) {
	rest := strings.TrimSpace(s)
	for _, mode := range []string{"lax ", "strict "} {
		rest = strings.TrimSpace(strings.TrimPrefix(rest, mode))
	}
	bad := func(why string) ([]JSONStep, error) {
		return nil, fmt.Errorf("the JSON path '%s' %s; a path is $ and steps .name, [n] or [\"name\"]", s, why)
	}
	if !strings.HasPrefix(rest, "$") {
		return bad("does not begin with $")
	}
	rest = rest[1:]
	var steps []JSONStep
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, ".."), strings.HasPrefix(rest, ".*"), strings.HasPrefix(rest, "[*"), strings.HasPrefix(rest, "[?"), strings.HasPrefix(rest, "?"):
			return bad("selects several values, which is not supported")
		case rest[0] == '.':
			n := strings.IndexAny(rest[1:], ".[ ()")
			if n < 0 {
				n = len(rest) - 1
			}
			if n == 0 || strings.HasPrefix(rest[1+n:], "(") {
				return bad("has a step that is no name")
			}
			steps = append(steps, JSONStep{Key: rest[1 : 1+n]})
			rest = rest[1+n:]
		case rest[0] == '[' && len(rest) > 1 && (rest[1] == '"' || rest[1] == '\''):
			end := strings.Index(rest[2:], string(rest[1])+"]")
			if end < 0 {
				return bad("has a [ without its end")
			}
			steps = append(steps, JSONStep{Key: rest[2 : 2+end]})
			rest = rest[2+end+2:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return bad("has a [ without its end")
			}
			n, err := strconv.Atoi(strings.TrimSpace(rest[1:end]))
			if err != nil || n < 0 {
				return bad("has an index that is no number from 0 on")
			}
			steps = append(steps, JSONStep{Index: n, IsIndex: true})
			rest = rest[end+1:]
		default:
			return bad("cannot be read at '" + rest + "'")
		}
	}
	return steps, nil
}
