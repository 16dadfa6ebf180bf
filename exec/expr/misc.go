package expr

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/planner/decimal"
	"weir/planner/scalar"
	"weir/planner/types"
)

var miscKernels = map[string]builder{
	"MD5": hashed(md5Hex), "SHA1": hashed(sha1Hex), "SHA224": hashed(sha224Hex), "SHA256": hashed(sha256Hex), "SHA384": hashed(sha384Hex), "SHA512": hashed(sha512Hex),
	"SHA2": rows(sha2), "UUID": withNulls(uuid), "PARSE_URL": rows(parseURL),
	"IS_ALPHA": letters(func(r rune) bool { return unicode.IsLetter(r) }), "IS_DIGIT": letters(unicode.IsDigit), "IS_DECIMAL": isDecimal,
	"TYPEOF": func(_ *compiler, e *scalar.Call, _ []node) (node, error) {
		return newConstant(e.Args[0].Type().String(), e.Typ), nil
	},
}

// A hash appends the hash of s in hexadecimal digits.
type hash = func(dst, s []byte) []byte

func md5Hex(dst, s []byte) []byte    { h := md5.Sum(s); return hex.AppendEncode(dst, h[:]) }
func sha1Hex(dst, s []byte) []byte   { h := sha1.Sum(s); return hex.AppendEncode(dst, h[:]) }
func sha224Hex(dst, s []byte) []byte { h := sha256.Sum224(s); return hex.AppendEncode(dst, h[:]) }
func sha256Hex(dst, s []byte) []byte { h := sha256.Sum256(s); return hex.AppendEncode(dst, h[:]) }
func sha384Hex(dst, s []byte) []byte { h := sha512.Sum384(s); return hex.AppendEncode(dst, h[:]) }
func sha512Hex(dst, s []byte) []byte { h := sha512.Sum512(s); return hex.AppendEncode(dst, h[:]) }

func hashed(f hash) builder {
	return rows(func(k *rowKernel, i int) error {
		k.end(i, f(k.arena(), k.str(0, i)))
		return nil
	})
}

func sha2(k *rowKernel, i int) error {
	var f hash
	switch bits := k.int(1, i); bits {
	case 224:
		f = sha224Hex
	case 256:
		f = sha256Hex
	case 384:
		f = sha384Hex
	case 512:
		f = sha512Hex
	default:
		return k.fail(i, "", "SHA2 has 224, 256, 384 or 512 bits, not %d", bits)
	}
	k.end(i, f(k.arena(), k.str(0, i)))
	return nil
}

// uuid is a random UUID of version 4.
func uuid(k *rowKernel, i int) error {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], k.x.rand.Uint64())
	binary.LittleEndian.PutUint64(b[8:], k.x.rand.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	data := k.arena()
	for n, from := range []int{0, 4, 6, 8, 10} {
		to := []int{4, 6, 8, 10, 16}[n]
		if n > 0 {
			data = append(data, '-')
		}
		data = hex.AppendEncode(data, b[from:to])
	}
	k.end(i, data)
	return nil
}

func parseURL(k *rowKernel, i int) error {
	u, err := url.Parse(string(k.str(0, i)))
	if err != nil || u.Scheme == "" {
		return k.setNull(i)
	}
	var s string
	file := u.EscapedPath()
	if u.RawQuery != "" {
		file += "?" + u.RawQuery
	}
	part := string(k.str(1, i))
	switch part {
	case "HOST":
		s = u.Hostname()
	case "PATH":
		k.setStr(i, []byte(u.EscapedPath()))
		return nil
	case "QUERY":
		s = u.RawQuery
	case "REF":
		s = u.EscapedFragment()
	case "PROTOCOL":
		s = u.Scheme
	case "AUTHORITY":
		if s = u.Host; u.User != nil {
			s = u.User.String() + "@" + s
		}
	case "FILE":
		k.setStr(i, []byte(file))
		return nil
	case "USERINFO":
		if u.User != nil {
			s = u.User.String()
		}
	}
	if len(k.in) > 2 {
		if part != "QUERY" {
			return k.setNull(i)
		}
		key, found := string(k.str(2, i))+"=", false
		for pair := range strings.SplitSeq(u.RawQuery, "&") {
			if strings.HasPrefix(pair, key) {
				s, found = pair[len(key):], true
				break
			}
		}
		if !found {
			return k.setNull(i)
		}
		k.setStr(i, []byte(s))
		return nil
	}
	if s == "" {
		return k.setNull(i)
	}
	k.setStr(i, []byte(s))
	return nil
}

// letters is a test of every character; FALSE for NULL and the empty string. A number is never made of letters; its digits count.
func letters(is func(rune) bool) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		number := e.Args[0].Type().IsNumeric()
		digits := e.Func.Name == "IS_DIGIT" && e.Args[0].Type().IsInteger()
		k := newRows(e, args, func(k *rowKernel, i int) error {
			k.setBool(i, false)
			switch {
			case k.null(0, i):
				return nil
			case number:
				k.setBool(i, digits)
				return nil
			}
			s := k.str(0, i)
			ok := len(s) > 0
			for len(s) > 0 && ok {
				r, n := utf8.DecodeRune(s)
				ok, s = is(r), s[n:]
			}
			k.setBool(i, ok)
			return nil
		})
		k.nulls = true
		return k, nil
	}
}

func isDecimal(_ *compiler, e *scalar.Call, args []node) (node, error) {
	number, isDec := e.Args[0].Type().IsNumeric(), e.Args[0].Type().Kind == types.Decimal // Flink does not count DECIMAL
	k := newRows(e, args, func(k *rowKernel, i int) error {
		k.setBool(i, !k.null(0, i) && (number && !isDec || !number && decimal.IsNumber(k.str(0, i))))
		return nil
	})
	k.nulls = true
	return k, nil
}
