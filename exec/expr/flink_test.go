package expr

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/exec/batch"
	"weir/exec/expr/text"
	"weir/planner/datetime"
	"weir/planner/scalar"
	"weir/planner/types"
)

// TestValuesAreThoseOfFlink reads testdata/flink: expressions with the type and value that Flink gave them, and in different.txt
// those that weir means to give another value. Each is computed in three ways: folded by the planner, from constants, and
// from columns that hold the constants. FLINK_CASES names another folder of such files.
func TestValuesAreThoseOfFlink(t *testing.T) {
	files, err := filepath.Glob(flinkCases())
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			zone := time.UTC
			different := filepath.Base(file) == "different.txt"
			for n, line := range strings.Split(string(data), "\n") {
				if name, ok := strings.CutPrefix(line, "# zone: "); ok {
					if zone, err = time.LoadLocation(name); err != nil {
						t.Fatal(err)
					}
				}
				if line == "" || line[0] == '#' {
					continue
				}
				fields := strings.Split(line, "\t")
				if len(fields) != 3 {
					t.Fatalf("%s:%d: not expression, type, value between tabs", file, n+1)
				}
				sql, typ, want := fields[0], fields[1], fields[2]
				if different { // expression, Flink's value, weir's value
					typ = "-"
				}
				for _, how := range []string{"folded", "constants", "columns"} {
					gotType, got := evaluate(sql, zone, how)
					switch {
					case got == want && (strings.TrimSuffix(gotType, " NOT NULL") == strings.TrimSuffix(typ, " NOT NULL") || typ == "-"):
						continue
					case strings.HasPrefix(want, "ERROR") && strings.HasPrefix(got, "ERROR"), strings.HasPrefix(want, "REFUSED") && strings.HasPrefix(got, "REFUSED"):
						continue
					}
					t.Errorf("%s:%d: %s (%s)\n\thas %s %s\n\tnot %s %s", filepath.Base(file), n+1, sql, how, gotType, got, typ, want)
					break
				}
			}
		})
	}
}

func flinkCases() string {
	if dir := os.Getenv("FLINK_CASES"); dir != "" {
		return filepath.Join(dir, "*.txt")
	}
	return "testdata/flink/*.txt"
}

// evaluate is the type of a SQL expression and its value as the cases have it, or ERROR and REFUSED with the reason.
func evaluate(sql string, zone *time.Location, how string) (typ, value string) {
	env := Env{Zone: zone}
	var fold func(scalar.Expr) (types.Value, error)
	if how == "folded" {
		fold = func(e scalar.Expr) (types.Value, error) { return Fold(e, env) }
	}
	e, diags := bound(sql, fold)
	if e == nil {
		return "-", "REFUSED " + diags.All[0].Title
	}
	in := &batch.Batch{N: 3}
	typ = e.Type().String()
	if how == "columns" {
		e = intoColumns(e, in)
	}
	k, err := Compile(e, env)
	if err != nil {
		return typ, "ERROR " + err.Error()
	}
	v, err := k.Eval(in, nil)
	var re *RowError
	switch {
	case errors.As(err, &re):
		return typ, "ERROR " + re.Reason
	case err != nil:
		return typ, "ERROR? " + err.Error()
	}
	return typ, caseValue(v, 2, zone)
}

// intoColumns puts the constants of e into columns of in, but for words and lists, which kernels know as constants only.
func intoColumns(e scalar.Expr, in *batch.Batch) scalar.Expr {
	keep := map[scalar.Expr]bool{}
	scalar.Walk(e, func(x scalar.Expr) bool {
		c, ok := x.(*scalar.Call)
		if !ok {
			return true
		}
		for i, a := range c.Args {
			switch c.Func.Name {
			case "EXTRACT", "TIMESTAMPADD", "TIMESTAMPDIFF":
				keep[a] = i == 0
			case "FLOOR", "CEIL":
				keep[a] = i == 1
			case "TRIM":
				keep[a] = i == 0 && len(c.Args) == 3
			case "IN", "LIKE":
				keep[a] = i > 0
			case "JSON_OBJECT":
				keep[a] = i%3 != 1 && i%3 != 0 || i == 0
			case "JSON_ARRAY":
				keep[a] = i%2 == 1 || i == 0
			case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS":
				keep[a] = i > 1
			case "SIMILAR TO":
				keep[a] = i == 2
			}
		}
		return true
	})
	return scalar.Rewrite(e, func(x scalar.Expr) scalar.Expr {
		l, ok := x.(*scalar.Literal)
		if !ok || keep[x] || l.Typ.Kind == types.Null {
			return x
		}
		v := batch.NewVector(l.Typ, in.N)
		for range in.N {
			v.AppendValue(l.Value)
		}
		in.Cols = append(in.Cols, v)
		return &scalar.Column{Index: len(in.Cols) - 1, Name: fmt.Sprintf("c%d", len(in.Cols)-1), Typ: l.Typ, Sp: l.Sp}
	})
}

// caseValue is row i of v: bytes as x'00', intervals as numbers of months and milliseconds, line ends escaped.
func caseValue(v *batch.Vector, i int, zone *time.Location) string {
	switch {
	case v.IsNull(i):
		return "NULL"
	case v.Type.IsBinary():
		return fmt.Sprintf("x'%x'", v.Bytes(i))
	case v.Type.Kind == types.IntervalYearMonth:
		return fmt.Sprintf("months %d", v.Int[i])
	case v.Type.Kind == types.IntervalDaySecond:
		return fmt.Sprintf("milliseconds %d", v.Int[i]/1000)
	}
	s := string(text.AppendValue(nil, v, i, datetime.NewZone(zone)))
	return strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\t", "\\t", "\r", "\\r", "\x00", "\\0").Replace(s)
}
