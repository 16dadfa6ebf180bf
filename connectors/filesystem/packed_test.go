package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	wexec "weir/exec"
)

// packers pack what a file of an ending holds; bzip2 has only the program.
var packers = map[string]func(w io.Writer) (io.WriteCloser, error){
	".gz":      func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	".deflate": func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil },
	".zst":     func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	".xz":      func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	".bz2":     nil,
}

func pack(t *testing.T, ending, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	if ending == ".bz2" {
		cmd := exec.Command("bzip2", "-c")
		cmd.Stdin, cmd.Stdout = strings.NewReader(text), &out
		if err := cmd.Run(); err != nil {
			t.Skipf("NOT RUN: bzip2: %v", err)
		}
		return out.Bytes()
	}
	w, err := packers[ending](&out)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPackedFilesAreRead(t *testing.T) {
	for ending := range packers {
		t.Run(ending, func(t *testing.T) {
			dir := t.TempDir()
			var text strings.Builder
			var rows []string
			for i := range 60_000 { // more than two batches, and more than a chunk
				fmt.Fprintln(&text, i)
				rows = append(rows, fmt.Sprint(i))
			}
			if err := os.WriteFile(filepath.Join(dir, "x.csv"+ending), pack(t, ending, text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, table(t, dir, "a INT", "format = csv"))
			found := discover(t, s, nil)
			r := readerOf(t, s, found)
			first := next(t, r)
			// Another process goes on behind the first batch.
			at := r.Positions()
			again := open(t, table(t, dir, "a INT", "format = csv"))
			if more := discover(t, again, at); len(more) != 0 {
				t.Fatalf("found %d more files", len(more))
			}
			want(t, append(first, all(t, readerOf(t, again, at))...), rows...)
			// What was read to its end is not opened any more.
			want(t, all(t, r), rows[len(first):]...)
			if done := r.Done(); len(done) != 1 {
				t.Fatalf("done: %v", done)
			}
			if err := os.Remove(filepath.Join(dir, "x.csv"+ending)); err != nil {
				t.Fatal(err)
			}
			if _, err := again.Discover(context.Background(), r.Positions()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestDamagedPackedFilesAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"cut.csv.gz":  {pack(t, ".gz", strings.Repeat("123456789\n", 1000))[:40], "what it holds cannot be unpacked: not packed as its name says: it ends too early"},
		"no.csv.gz":   {[]byte("1\n2\n3\n4\n5\n6\n7\n"), "what it holds cannot be unpacked: not packed as its name says: gzip: invalid header"},
		"none.csv.gz": {nil, "what it holds cannot be unpacked: not packed as its name says: it ends too early"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, table(t, dir, "a INT", "format = csv"))
		r := readerOf(t, s, discover(t, s, nil))
		var err error
		for range 3 {
			if _, err = r.Poll(context.Background(), 0); err != nil {
				break
			}
		}
		if !errors.Is(err, wexec.ErrFatal) || !strings.Contains(err.Error(), name+" of table f: "+c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
