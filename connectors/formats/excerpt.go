package formats

import (
	"strings"
	"unicode/utf8"

	"weir/planner/catalog"
)

// Excerpt is up to 80 bytes of b around at, printable: what is no printable text is shown as
// \xNN, and dots say that something was left out. at may be -1 for the start.
func Excerpt(b []byte, at int) string {
	const width = 80
	at = max(0, min(at, len(b)))
	from := max(0, at-width/2)
	to := min(len(b), from+width)
	from = max(0, min(from, to-width))
	for from > 0 && from < to && !utf8.RuneStart(b[from]) {
		from++
	}
	for to < len(b) && to > from && !utf8.RuneStart(b[to]) {
		to--
	}
	var s strings.Builder
	if from > 0 {
		s.WriteString("...")
	}
	const hex = "0123456789abcdef"
	for i := from; i < to; {
		r, n := utf8.DecodeRune(b[i:to])
		switch {
		case r == utf8.RuneError && n <= 1, r < ' ', r == 0x7f:
			s.WriteString(`\x`)
			s.WriteByte(hex[b[i]>>4])
			s.WriteByte(hex[b[i]&15])
			n = 1
		default:
			s.WriteRune(r)
		}
		i += n
	}
	if to < len(b) {
		s.WriteString("...")
	}
	return s.String()
}

// OptionsOf is the format that the option key of t names ("format", "value.format",
// "key.format") and that format's options with their prefix stripped. name is empty when the
// option is not given.
func OptionsOf(t *catalog.Table, key string) (name string, opts catalog.Options) {
	name, ok := t.Options.Get(key)
	if !ok {
		return "", nil
	}
	prefix := strings.TrimSuffix(key, "format") + name + "."
	return name, t.Options.WithPrefix(prefix)
}

// Flag is the value of a boolean format option.
func Flag(o catalog.Options, key string, def bool) bool {
	v, ok := o.Get(key)
	if !ok {
		return def
	}
	return strings.EqualFold(v, "true")
}

// Text is the value of a format option.
func Text(o catalog.Options, key, def string) string {
	if v, ok := o.Get(key); ok {
		return v
	}
	return def
}
