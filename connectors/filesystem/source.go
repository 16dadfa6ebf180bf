package filesystem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"weir/connectors/formats"
	"weir/connectors/formats/csv"
	"weir/connectors/spec"
	"weir/exec"
	"weir/planner/config"
	"weir/planner/physical"
	"weir/planner/types"
)

type source struct {
	table    string
	path     string
	pattern  *regexp.Regexp
	monitor  time.Duration // 0: bounded
	format   formats.Format
	decoder  formats.DecoderSpec
	framing  framing
	types    []types.Type
	metaKeys []string
	metaCols []int
	untilEnd bool
	listed   bool // untilEnd: the files have been listed

	partitions *partitions // nil: the table has none
	pruning    *pruning    // nil: every folder is read
}

// framing says how records follow one another in a file.
type framing struct {
	csv       *csv.Framing // nil: lines
	skipBlank bool         // blank lines are no records
	skipFirst bool         // the first record of a file is a header
}

func newSource(s *physical.Scan, cfg *config.Config, registry formats.Registry) (*source, error) {
	t := s.Table
	src := &source{table: t.Name}
	var err error
	if src.path, err = root(t); err != nil {
		return nil, err
	}
	if v, ok := t.Options.Get("source.path.regex-pattern"); ok {
		if src.pattern, err = spec.JavaPattern(v); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	if v, ok := t.Options.Get("source.monitor-interval"); ok {
		if src.monitor, err = config.ParseDuration(v); err != nil || src.monitor <= 0 {
			return nil, fmt.Errorf("table %s: 'source.monitor-interval' must be a duration above zero, found '%s'", t.Name, v)
		}
	}
	f, opts, err := findFormat(t, registry)
	if err != nil {
		return nil, err
	}
	src.format = f
	columns := formats.ScanColumns(s)
	src.partitions, columns = newPartitions(t, columns)
	src.pruning = newPruning(src.partitions, s.Filter, cfg.Zone())
	src.decoder = formats.DecoderSpec{Schema: columns, Metadata: formats.FormatMetadata(s), Options: opts, TimeZone: cfg.Zone()}
	src.framing.skipBlank = f.Name != "raw"
	if f.Name == "csv" {
		if src.framing.csv, err = csv.NewFraming(opts); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		src.framing.skipFirst = formats.Flag(opts, "ignore-first-line", false)
	}
	if _, err := f.Decoder(src.decoder); err != nil { // says now what would fail at the first record
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	for _, c := range s.Columns {
		src.types = append(src.types, c.Type)
	}
	src.metaKeys, src.metaCols = formats.MetadataColumns(s)
	return src, nil
}

// position is the state of a split.
type position struct {
	Offset   int64 `json:"offset"`         // of the next record; of a packed file in what it holds
	Size     int64 `json:"size"`           // of the file when it was found: the end of the split
	Modified int64 `json:"modified"`       // when the file was last changed, milliseconds UTC
	Done     bool  `json:"done,omitempty"` // a packed file was read to its end
}

// ended reports whether the file at path was read to its end.
func (p position) ended(path string) bool {
	if unpacker(path) != nil {
		return p.Done
	}
	return p.Offset >= p.Size
}

func (p position) encode(path string) exec.Split {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of integers
	}
	return exec.Split{ID: path, State: b}
}

func decodePosition(s exec.Split) (p position, err error) {
	if err := json.Unmarshal(s.State, &p); err != nil {
		return p, fmt.Errorf("state not understood: %q", s.State)
	}
	return p, nil
}

// Discover lists the files. A bounded table's files are those of the first start.
func (s *source) Discover(ctx context.Context, known []exec.Split) ([]exec.Split, error) {
	seen := make(map[string]bool, len(known))
	for _, k := range known {
		seen[k.ID] = true
		p, err := decodePosition(k)
		if err != nil {
			return nil, exec.Fatalf("", "restore split "+k.ID+" of table "+s.table, err)
		}
		if p.ended(k.ID) {
			continue
		}
		info, err := os.Stat(k.ID)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, exec.Fatalf("put the file back, or start the job anew from an empty state", "restore table "+s.table,
				fmt.Errorf("file %s is gone, and was read up to byte %d of %d", k.ID, p.Offset, p.Size))
		case err != nil:
			return nil, exec.Restartf("", "restore table "+s.table, err)
		case info.Size() < p.Size:
			return nil, exec.Fatalf("put the file back as it was, or start the job anew from an empty state", "restore table "+s.table,
				fmt.Errorf("file %s has %d bytes, and had %d when it was found", k.ID, info.Size(), p.Size))
		}
	}
	if known != nil && s.monitor == 0 || s.untilEnd && s.listed {
		return nil, nil
	}
	var out []exec.Split
	err := filepath.WalkDir(s.path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path != s.path && errors.Is(err, fs.ErrNotExist) {
				return nil // it went away while we looked
			}
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if path != s.path && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() || seen[path] || s.pattern != nil && !s.pattern.MatchString(path) {
			return nil
		}
		info, err := os.Stat(path) // follows links
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		if s.partitions != nil {
			keep, err := s.wanted(path)
			if err != nil || !keep {
				return err
			}
		}
		out = append(out, position{Size: info.Size(), Modified: info.ModTime().UnixMilli()}.encode(path))
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.monitor > 0:
		return nil, nil // it may come
	case errors.Is(err, fs.ErrNotExist):
		return nil, exec.Fatalf("create it, or correct the option 'path'", "read table "+s.table, fmt.Errorf("there is no file or directory %s", s.path))
	case errors.Is(err, exec.ErrFatal):
		return nil, err
	case err != nil:
		return nil, exec.Restartf("", "list the files of table "+s.table, err)
	}
	s.listed = true
	// Oldest first, so that the watermark rises as the files came.
	at := func(i int) int64 { p, _ := decodePosition(out[i]); return p.Modified }
	sort.SliceStable(out, func(i, j int) bool {
		if a, b := at(i), at(j); a != b {
			return a < b
		}
		return out[i].ID < out[j].ID
	})
	return out, nil
}

// valuesOf is the partition columns of a file.
func (s *source) valuesOf(path string) ([]types.Value, error) {
	relative, err := filepath.Rel(s.path, path)
	var values []types.Value
	if err == nil {
		values, err = s.partitions.values(filepath.ToSlash(relative))
	}
	if err != nil {
		return nil, exec.Fatalf("move the file into the folder of its partition, or leave it out by 'source.path.regex-pattern'", "read table "+s.table,
			fmt.Errorf("file %s: %w", path, err))
	}
	return values, nil
}

// wanted reports whether rows of a file can meet the conditions of the query.
func (s *source) wanted(path string) (bool, error) {
	values, err := s.valuesOf(path)
	if err != nil || s.pruning == nil {
		return err == nil, err
	}
	return s.pruning.keeps(values)
}

func (s *source) DiscoveryInterval() time.Duration {
	if s.untilEnd {
		return 0
	}
	return s.monitor
}

// Bounded reports whether the table is read once.
func (s *source) Bounded() bool { return s.monitor == 0 }

// UntilEnd implements exec.EndBounder: the files that are there now are all.
func (s *source) UntilEnd() { s.untilEnd = true }

func (s *source) Committed(context.Context, exec.Epoch, []exec.Split) error { return nil }

func (s *source) Close() error { return nil }
