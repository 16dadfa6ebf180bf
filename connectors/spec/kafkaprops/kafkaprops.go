// Package kafkaprops reads the 'properties.*' of a Kafka table. Users write them for the Java client, or for
// librdkafka, or paste both. What librdkafka knows is passed on; what Java calls otherwise is
// translated; what has no meaning in weir is dropped with a note; what cannot be had is refused, with
// what to write instead. Nothing is ignored in silence. The package needs no cgo, so that a
// file is checked without a broker.
package kafkaprops

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"weir/parser/diag"
	"weir/planner/catalog"
)

// Role is what a client is for.
type Role uint8

// The roles.
const (
	Source Role = iota // a consumer
	Sink               // a producer without transactions
	ExactlyOnceSink
)

// Note is something that the user should be told once: a property that has no effect, or became another.
type Note struct {
	Key  string // without "properties."
	Text string
}

// Problem is a property that is refused.
type Problem struct {
	Key  string // without "properties."
	Text string
	Help string // what to write instead; may be empty
}

func (p *Problem) Error() string {
	if p.Help != "" {
		return fmt.Sprintf("'properties.%s': %s; %s", p.Key, p.Text, p.Help)
	}
	return fmt.Sprintf("'properties.%s': %s", p.Key, p.Text)
}

// translation gathers the result while the rules run.
type translation struct {
	in       map[string]string
	role     Role
	out      map[string]string
	notes    []Note
	problems []*Problem
}

func (t *translation) note(key, format string, args ...any) {
	t.notes = append(t.notes, Note{key, fmt.Sprintf(format, args...)})
}

func (t *translation) refuse(key, text, help string) {
	t.problems = append(t.problems, &Problem{key, text, help})
}

// set passes on a librdkafka property that a Java one was translated into; what the user wrote under
// librdkafka's own name wins.
func (t *translation) set(key, value string) {
	if _, ok := t.in[key]; !ok {
		t.out[key] = value
	}
}

// Translate gives the librdkafka properties that a table's options ask for: those that begin with
// "properties.", the prefix stripped. Problems are in the order of their keys.
func Translate(options catalog.Options, role Role) (map[string]string, []Note, []*Problem) {
	t := &translation{in: map[string]string{}, role: role, out: map[string]string{}}
	for _, o := range options.WithPrefix("properties.") {
		t.in[o.Key] = o.Value
	}
	keys := make([]string, 0, len(t.in))
	for k := range t.in {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		t.one(k, t.in[k])
	}
	t.times()
	return t.out, t.notes, t.problems
}

func (t *translation) one(key, value string) {
	if rule, ok := rules[key]; ok {
		rule(t, key, value)
		return
	}
	switch use, ok := known[key]; {
	case !ok:
		t.unknown(key)
	case use == callback:
		t.refuse(key, "is set by programs, not by configuration", "remove it")
	case use == consumer && t.role != Source:
		t.note(key, "is a consumer's property and has no effect on a sink")
	case use == producer && t.role == Source:
		t.note(key, "is a producer's property and has no effect on a source")
	default:
		t.oneOf(key, value)
		t.out[key] = value
	}
}

// choices is the values of properties that have a few, and are mistyped before a broker is asked.
var choices = map[string][]string{
	"security.protocol": {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"},
	"isolation.level":   {"read_committed", "read_uncommitted"},
	"compression.type":  {"none", "gzip", "snappy", "lz4", "zstd"},
	"compression.codec": {"none", "gzip", "snappy", "lz4", "zstd"},
}

func (t *translation) oneOf(key, value string) {
	all := choices[key]
	if all == nil || slices.ContainsFunc(all, func(v string) bool { return strings.EqualFold(v, value) }) {
		return
	}
	help := "write one of " + strings.Join(all, ", ")
	if s, ok := diag.Suggest(value, all); ok {
		help = "did you mean '" + s + "'?"
	}
	t.refuse(key, "cannot be '"+value+"'", help)
}

func (t *translation) unknown(key string) {
	names := make([]string, 0, len(known)+len(rules))
	for k := range known {
		names = append(names, k)
	}
	for k := range rules {
		names = append(names, k)
	}
	sort.Strings(names)
	if s, ok := diag.Suggest(key, names); ok {
		t.refuse(key, "is no property of the Kafka client", "did you mean 'properties."+s+"'?")
		return
	}
	t.refuse(key, "is no property of the Kafka client", "remove it, or see librdkafka's CONFIGURATION.md for the names")
}

// times makes combinations valid that Java allows and librdkafka refuses.
func (t *translation) times() {
	timeout := DefaultTransactionTimeout
	if v, ok := t.out["transaction.timeout.ms"]; ok {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1000 {
			t.refuse("transaction.timeout.ms", "expects milliseconds, at least 1000, found '"+v+"'", "")
			return
		}
		timeout = n
	}
	if t.role != ExactlyOnceSink {
		return
	}
	for _, key := range []string{"delivery.timeout.ms", "message.timeout.ms"} {
		v, ok := t.out[key]
		if !ok {
			continue
		}
		if n, err := strconv.Atoi(v); err == nil && n > timeout {
			delete(t.out, key)
			t.note(key, "is longer than the transaction timeout of %d ms, which ends a delivery anyway: %d ms is used", timeout, timeout)
		}
	}
	if v, ok := t.out["enable.idempotence"]; ok && !strings.EqualFold(v, "true") {
		t.refuse("enable.idempotence", "an exactly-once sink writes idempotently", "remove it")
	}
	for _, key := range []string{"acks", "request.required.acks"} {
		if v, ok := t.out[key]; ok && v != "all" && v != "-1" {
			t.refuse(key, "an exactly-once sink waits for all in-sync replicas", "remove it, or set it to 'all'")
		}
	}
}

// DefaultTransactionTimeout is 'properties.transaction.timeout.ms' when it is not set, in milliseconds.
const DefaultTransactionTimeout = 60000
