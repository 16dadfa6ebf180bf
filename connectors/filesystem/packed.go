package filesystem

import (
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// unpacker is what opens files with the ending of path; nil for files that are read as they are. The endings are Flink's
// (https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/formats/overview).
func unpacker(path string) func(io.Reader) (io.Reader, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".gz", ".gzip":
		return func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case ".deflate":
		return func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }
	case ".bz2":
		return func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }
	case ".xz":
		return func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }
	case ".zst", ".zstd":
		return func(r io.Reader) (io.Reader, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		}
	}
	return nil
}

// errPacked marks an error of what a packed file holds, not of reading it.
var errPacked = errors.New("not packed as its name says")

// openAt opens the file at path at an offset in what it holds. There is no way into the middle of a packed file: what is before the
// offset is unpacked again.
func openAt(path string, offset int64) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	unpack := unpacker(path)
	if unpack == nil {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	p := &packedFile{f: f}
	if p.r, err = unpack(f); err == nil {
		_, err = io.CopyN(io.Discard, p, offset)
	} else {
		err = packedError(err)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// packedFile reads what a packed file holds.
type packedFile struct {
	f *os.File
	r io.Reader
}

func (p *packedFile) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && err != io.EOF {
		err = packedError(err)
	}
	return n, err
}

func (p *packedFile) Close() error {
	if c, ok := p.r.(io.Closer); ok {
		_ = c.Close() // it only gives memory back
	}
	return p.f.Close()
}

// packedError marks err unless the system gave it.
func packedError(err error) error {
	if err == nil || errors.As(err, new(*os.PathError)) {
		return err
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", errPacked)
	}
	return fmt.Errorf("%w: %w", errPacked, err)
}

// damaged reports whether err says that a packed file does not hold what it should.
func damaged(err error) bool { return errors.Is(err, errPacked) }
