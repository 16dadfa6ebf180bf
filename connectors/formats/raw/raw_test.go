package raw

import (
	"testing"

	"weir/connectors/formats/formattest"
	"weir/connectors/spec"
)

func TestText(t *testing.T) { formattest.Run(t, "testdata", Format()) }

func TestEveryCharsetOfTheSpecIsKnown(t *testing.T) {
	for _, name := range spec.Charsets {
		if _, err := findCharset(name); err != nil {
			t.Error(err)
		}
	}
}
