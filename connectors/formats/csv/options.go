package csv

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/planner/catalog"
)

// options is what decoder and encoder share. Characters may be outside of ASCII.
type options struct {
	delimiter []byte
	quote     []byte // nil: quoting is off
	escape    []byte // nil: none
	comments  bool
	null      []byte // nil: none
	element   []byte // array-element-delimiter

	ignore         bool // ignore-parse-errors
	scientific     bool
	trim           bool
	ignoreTrailing bool
	trailingComma  bool
	failMissing    bool
	emptyNull      bool
}

func newOptions(o catalog.Options) (c options, err error) {
	character := func(key, def string) []byte {
		v := formats.Text(o, key, def)
		if v == "" {
			return nil
		}
		r, ok := spec.Character(v)
		if !ok && err == nil {
			err = fmt.Errorf("format 'csv': '%s' must be one character, found '%s'", key, v)
		}
		return utf8.AppendRune(nil, r)
	}
	c = options{
		delimiter:      character("field-delimiter", ","),
		quote:          character("quote-character", `"`),
		escape:         character("escape-character", ""),
		comments:       formats.Flag(o, "allow-comments", false),
		element:        []byte(formats.Text(o, "array-element-delimiter", ";")),
		ignore:         formats.Flag(o, "ignore-parse-errors", false),
		scientific:     formats.Flag(o, "write-bigdecimal-in-scientific-notation", true),
		trim:           formats.Flag(o, "trim-spaces", false),
		ignoreTrailing: formats.Flag(o, "ignore-trailing-unmappable", false),
		trailingComma:  formats.Flag(o, "allow-trailing-comma", true),
		failMissing:    formats.Flag(o, "fail-on-missing-columns", false),
		emptyNull:      formats.Flag(o, "empty-string-as-null", false),
	}
	if formats.Flag(o, "disable-quote-character", false) {
		c.quote = nil
	}
	if v, ok := o.Get("null-literal"); ok {
		c.null = []byte(v)
	}
	if err == nil && c.delimiter == nil {
		err = fmt.Errorf("format 'csv': 'field-delimiter' is empty")
	}
	return c, err
}

// Framing finds where the records of a file end.
type Framing struct{ options }

// NewFraming is the framing of files with the given csv options.
func NewFraming(o catalog.Options) (*Framing, error) {
	c, err := newOptions(o)
	if err != nil {
		return nil, err
	}
	return &Framing{c}, nil
}

// Next is the place of the line feed that ends the record at the start of b, -1 when b does not
// hold it.
func (f *Framing) Next(b []byte) int {
	line := bytes.IndexByte(b, '\n')
	if f.quote == nil || line < 0 || f.comments && len(b) > 0 && b[0] == '#' {
		return line
	}
	if !bytes.Contains(b[:line], f.quote) && f.escape == nil {
		return line
	}
	start := true // of a field
	for i := 0; i < len(b); {
		switch {
		case start && bytes.HasPrefix(b[i:], f.quote):
			i += len(f.quote)
			end := f.closing(b, i)
			if end < 0 {
				return -1
			}
			i = end + len(f.quote)
			start = false
		case b[i] == '\n':
			return i
		case f.escape != nil && bytes.HasPrefix(b[i:], f.escape):
			i += len(f.escape)
			if i < len(b) && b[i] != '\n' {
				i++
			}
			start = false
		case bytes.HasPrefix(b[i:], f.delimiter):
			i += len(f.delimiter)
			start = true
		default:
			start = start && f.trim && (b[i] == ' ' || b[i] == '\t')
			i++
		}
	}
	return -1
}

// closing is the place of the quote that closes the text that begins at i; -1 when there is none.
func (c *options) closing(b []byte, i int) int {
	for i < len(b) {
		switch {
		case c.escape != nil && bytes.HasPrefix(b[i:], c.escape):
			i += len(c.escape)
			if i < len(b) {
				_, n := utf8.DecodeRune(b[i:])
				i += n
			}
		case bytes.HasPrefix(b[i:], c.quote):
			if !bytes.HasPrefix(b[i+len(c.quote):], c.quote) {
				return i
			}
			i += 2 * len(c.quote)
		default:
			i++
		}
	}
	return -1
}
