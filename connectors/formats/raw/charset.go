package raw

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// charset converts text to and from an encoding other than UTF-8.
type charset struct {
	name    string
	decoder transform.Transformer
	encoder transform.Transformer
}

// charsets by Java's names in upper case; nil is UTF-8.
var charsets = map[string]encoding.Encoding{
	"UTF-8": nil, "UTF8": nil,
	"UTF-16":   unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	"UTF-16BE": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"UTF-16LE": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"US-ASCII": ascii{}, "ASCII": ascii{},
	"ISO-8859-1": charmap.ISO8859_1, "LATIN1": charmap.ISO8859_1,
	"ISO-8859-2":   charmap.ISO8859_2,
	"ISO-8859-15":  charmap.ISO8859_15,
	"WINDOWS-1250": charmap.Windows1250,
	"WINDOWS-1251": charmap.Windows1251,
	"WINDOWS-1252": charmap.Windows1252,
	"KOI8-R":       charmap.KOI8R,
	"SHIFT_JIS":    japanese.ShiftJIS,
	"EUC-JP":       japanese.EUCJP,
	"EUC-KR":       korean.EUCKR,
	"GBK":          simplifiedchinese.GBK,
	"GB18030":      simplifiedchinese.GB18030,
	"BIG5":         traditionalchinese.Big5,
}

// findCharset is the charset of a name; nil for UTF-8.
func findCharset(name string) (*charset, error) {
	enc, ok := charsets[strings.ToUpper(name)]
	if !ok {
		return nil, fmt.Errorf("format 'raw': charset '%s' is not known", name)
	}
	if enc == nil {
		return nil, nil
	}
	return &charset{name, enc.NewDecoder(), enc.NewEncoder()}, nil
}

// apply appends src, converted by t, to dst.
func apply(t transform.Transformer, dst, src []byte) ([]byte, error) {
	t.Reset()
	for {
		if cap(dst)-len(dst) < len(src)+16 {
			dst = append(make([]byte, 0, 2*cap(dst)+2*len(src)+16), dst...)
		}
		n, m, err := t.Transform(dst[len(dst):cap(dst)], src, true)
		dst, src = dst[:len(dst)+n], src[m:]
		if !errors.Is(err, transform.ErrShortDst) {
			return dst, err
		}
		dst = append(make([]byte, 0, 2*cap(dst)+64), dst...)
	}
}

// ascii is US-ASCII; anything else is an error in both directions.
type ascii struct{ transform.NopResetter }

func (a ascii) NewDecoder() *encoding.Decoder { return &encoding.Decoder{Transformer: a} }
func (a ascii) NewEncoder() *encoding.Encoder { return &encoding.Encoder{Transformer: a} }

var errNotASCII = errors.New("a character outside of US-ASCII")

func (ascii) Transform(dst, src []byte, _ bool) (n, m int, err error) {
	for ; n < len(src); n++ {
		if src[n] >= utf8.RuneSelf {
			return n, n, errNotASCII
		}
		if n == len(dst) {
			return n, n, transform.ErrShortDst
		}
		dst[n] = src[n]
	}
	return n, n, nil
}
