package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestTexts runs the cases of testdata. duration, memory and zone read one value a line; session runs lines of
// set, flag (key value), reset (key), and get (key).
func TestTexts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "session" {
				return session(d.Input)
			}
			var out strings.Builder
			for _, line := range strings.Split(d.Input, "\n") {
				v := strings.Trim(line, "'")
				var got any
				var err error
				switch d.Cmd {
				case "duration":
					got, err = ParseDuration(v)
				case "memory":
					got, err = ParseMemory(v)
				case "zone":
					var z *time.Location
					if z, err = ParseZone(v); err == nil {
						got = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).In(z).Format("15:04 -07:00")
					}
				}
				if err != nil {
					got = err
				}
				fmt.Fprintf(&out, "%s: %v\n", line, got)
			}
			return out.String()
		})
	})
}

func session(script string) string {
	c := New()
	var out strings.Builder
	for _, line := range strings.Split(script, "\n") {
		verb, rest, _ := strings.Cut(line, " ")
		key, value, _ := strings.Cut(rest, " ")
		var err error
		switch verb {
		case "set":
			err = c.Set(key, value, FromFile)
		case "flag":
			err = c.Set(key, value, FromFlag)
		case "reset":
			c.Reset(key)
		case "get":
			fmt.Fprintf(&out, "%s = %q by %s\n", key, c.String(key), c.OriginOf(key))
		}
		if err != nil {
			fmt.Fprintf(&out, "%v\n", err)
		}
	}
	return out.String()
}

// TestEveryDefaultIsAValueOfItsKey also holds that each key is there once and documented.
func TestEveryDefaultIsAValueOfItsKey(t *testing.T) {
	seen := map[string]bool{}
	for i := range Keys {
		k := &Keys[i]
		if seen[k.Key] {
			t.Errorf("%s is there twice", k.Key)
		}
		seen[k.Key] = true
		if k.Doc == "" {
			t.Errorf("%s is not documented", k.Key)
		}
		for _, v := range []string{k.Default, k.Example} {
			if v == "" {
				continue
			}
			if err := CheckValue(k, v); err != nil {
				t.Error(err)
			}
		}
	}
}

// A key of Flink's past is the one of today, wherever it is set.
func TestNamesOfThePast(t *testing.T) {
	c := New()
	if err := c.Set("state.checkpoints.dir", "file:///flag", FromFlag); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(CheckpointDir, "file:///file", FromFile); err != nil {
		t.Fatal(err)
	}
	if got := c.String(CheckpointDir); got != "file:///flag" {
		t.Errorf("the directory is %s, want the command line's", got)
	}
}
