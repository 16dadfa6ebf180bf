package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"time"

	"weir/connectors/formats"
	"weir/exec"
	"weir/exec/batch"
	"weir/planner/types"
)

// chunk is how much of a file is read at once.
const chunk = 256 << 10

func (s *source) Reader(ctx *exec.TaskContext) (exec.SourceReader, error) {
	spec := s.decoder
	spec.Asking = ctx.Asking()
	dec, err := s.format.Decoder(spec)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", s.table, err)
	}
	return &reader{source: s, ctx: ctx, dec: dec, Waker: exec.NewWaker(), batch: batch.New(s.types, batch.TargetRows)}, nil
}

type reader struct {
	*source
	exec.Waker
	ctx    *exec.TaskContext
	dec    formats.Decoder
	splits []*split

	// The file under way.
	current int           // index into splits; == len(splits) when there is nothing to read
	file    io.ReadCloser // what it holds, unpacked
	packed  bool
	atEnd   bool   // of a packed file: all is read
	buf     []byte // read and not yet decoded: the file's bytes from the split's offset on
	fill    int    // bytes of buf in use

	payloads formats.Payloads
	batch    *batch.Batch
	rows     []int32
	starts   []int64 // offset of each payload in the file
	out      exec.SourceBatch
	idle     []byte // the buffer whose turn is next
}

type split struct {
	path   string
	pos    position
	done   bool
	values []types.Value // of the partition columns
	paused bool
}

func (r *reader) AddSplits(splits []exec.Split) error {
	for _, s := range splits {
		p, err := decodePosition(s)
		if err != nil {
			return exec.Fatalf("", "restore split "+s.ID+" of table "+r.table, err)
		}
		sp := &split{path: s.ID, pos: p, done: p.ended(s.ID)}
		if r.partitions != nil {
			if sp.values, err = r.valuesOf(s.ID); err != nil {
				return err
			}
		}
		r.splits = append(r.splits, sp)
	}
	return nil
}

func (r *reader) Poll(ctx context.Context, wait time.Duration) (*exec.SourceBatch, error) {
	for {
		if r.file == nil {
			r.current = slices.IndexFunc(r.splits, func(s *split) bool { return !s.done && !s.paused })
			if r.current < 0 {
				r.current = len(r.splits)
			}
		}
		if r.current == len(r.splits) {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Waker:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return nil, nil
		}
		out, err := r.read(r.splits[r.current])
		if out != nil || err != nil {
			return out, err
		}
		// Nothing but skipped records or the end of a file: go on, unless somebody waits.
		select {
		case <-r.Waker:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
		}
	}
}

// read decodes the next records of s; nil when they gave no rows.
func (r *reader) read(s *split) (*exec.SourceBatch, error) {
	if r.file == nil {
		f, err := openAt(s.path, s.pos.Offset)
		if err != nil {
			return nil, r.failed(s, err)
		}
		r.file, r.fill, r.packed, r.atEnd = f, 0, unpacker(s.path) != nil, false
	}
	consumed, err := r.frame(s)
	if err != nil {
		return nil, err
	}
	r.batch.Reset()
	p := &r.payloads
	rows, skipped, err := r.dec.Decode(p, 0, len(p.Off), r.batch, r.rows[:0])
	r.rows = rows
	r.ctx.Metrics.Skipped.Add(int64(skipped))
	if err != nil {
		var re *formats.RecordError
		if !errors.As(err, &re) {
			return nil, err
		}
		at := r.starts[re.Payload]
		if r.batch.N == 0 {
			where := fmt.Sprintf("read table %s, file %s, byte %d", r.table, s.path, at)
			return nil, exec.Fatalf(re.Help, where, err)
		}
		consumed = int(at - s.pos.Offset) // the rows before it first; it fails again at the next Poll
	}
	r.ctx.Metrics.Bytes.Add(int64(consumed))
	s.pos.Offset += int64(consumed)
	// What is left moves to a buffer of its own: the batch has views into this one until the next Poll.
	left := r.buf[consumed:r.fill]
	r.metadata(s)
	if r.rest(s, len(left)) == 0 && len(left) == 0 {
		s.done, s.pos.Done = true, r.packed
		err := r.file.Close()
		r.file, r.fill = nil, 0
		if err != nil {
			return nil, exec.Restartf("", "close file "+s.path, err)
		}
	} else if r.batch.N == 0 {
		r.fill = copy(r.buf, left)
	} else {
		next := r.spare(len(left))
		r.fill = copy(next, left)
		r.buf = next
	}
	if r.batch.N == 0 {
		return nil, nil
	}
	r.out.Batch = r.batch
	r.out.Runs = append(r.out.Runs[:0], exec.SplitRun{Split: r.current, From: 0, To: r.batch.N})
	return &r.out, nil
}

// rest is how much of s is still to be read behind the fill bytes in the buffer; of a packed file only whether it is anything.
func (r *reader) rest(s *split, fill int) int64 {
	switch {
	case !r.packed:
		return s.pos.Size - s.pos.Offset - int64(fill)
	case r.atEnd:
		return 0
	}
	return math.MaxInt64
}

// failed is err of reading s, as an error that says whether trying again helps.
func (r *reader) failed(s *split, err error) error {
	doing := fmt.Sprintf("read file %s of table %s", s.path, r.table)
	if damaged(err) {
		return exec.Fatalf("pack it again, or leave it out by 'source.path.regex-pattern'", doing, fmt.Errorf("what it holds cannot be unpacked: %w", err))
	}
	return exec.Restartf("", doing, err)
}

// spare is a buffer other than buf, with room for n bytes and a chunk: two take turns.
func (r *reader) spare(n int) []byte {
	other := r.idle
	r.idle = r.buf
	if len(other) < n+chunk {
		other = make([]byte, n+chunk)
	}
	return other
}

// frame reads on until the buffer holds a record or more, notes them in payloads, and returns
// how many bytes they take.
func (r *reader) frame(s *split) (consumed int, err error) {
	p := &r.payloads
	short := r.fill == 0 // the buffer does not hold a whole record
	for {
		rest := r.rest(s, r.fill)
		if rest > 0 && (short || r.fill < chunk/2) {
			if len(r.buf)-r.fill < chunk/2 {
				bigger := make([]byte, 2*len(r.buf)+chunk)
				copy(bigger, r.buf[:r.fill])
				r.buf = bigger
			}
			n, err := r.file.Read(r.buf[r.fill : r.fill+int(min(rest, int64(len(r.buf)-r.fill)))])
			r.fill += n
			if err == io.EOF && !r.packed {
				return 0, exec.Fatalf("files may not be cut while they are read; start the job anew from an empty state", "read file "+s.path+" of table "+r.table,
					fmt.Errorf("the file ends at byte %d, and had %d bytes when it was found", s.pos.Offset+int64(r.fill), s.pos.Size))
			}
			if err != nil && err != io.EOF {
				return 0, r.failed(s, err)
			}
			r.atEnd = err == io.EOF
			rest = r.rest(s, r.fill)
		}
		p.Data, p.Off, p.Len, r.starts = r.buf[:r.fill], p.Off[:0], p.Len[:0], r.starts[:0]
		at := 0
		for at < r.fill && len(p.Off) < batch.TargetRows {
			n, next := r.record(r.buf[at:r.fill], rest == 0)
			if next < 0 {
				break
			}
			header := r.framing.skipFirst && s.pos.Offset == 0 && at == 0
			if !header && !(r.framing.skipBlank && len(bytes.TrimSpace(r.buf[at:at+n])) == 0) {
				p.Off, p.Len = append(p.Off, uint32(at)), append(p.Len, uint32(n))
				r.starts = append(r.starts, s.pos.Offset+int64(at))
			}
			at += next
		}
		if at > 0 || rest == 0 {
			return at, nil
		}
		short = true
	}
}

// record is the length of the record at the start of b without its line end, and with it; next is -1
// when b does not hold all of it.
func (r *reader) record(b []byte, last bool) (n, next int) {
	if r.framing.csv != nil {
		n = r.framing.csv.Next(b)
	} else {
		n = bytes.IndexByte(b, '\n')
	}
	switch {
	case n < 0 && !last:
		return 0, -1
	case n < 0:
		n, next = len(b), len(b)
	default:
		next = n + 1
	}
	if n > 0 && b[n-1] == '\r' {
		n--
	}
	return n, next
}

// metadata fills the metadata columns of the batch, and those of its partition.
func (r *reader) metadata(s *split) {
	if r.partitions != nil {
		for k, c := range r.partitions.index {
			if c < 0 {
				continue
			}
			for range r.batch.N {
				r.batch.Cols[c].AppendValue(s.values[k])
			}
		}
	}
	for k, key := range r.metaKeys {
		v := r.batch.Cols[r.metaCols[k]]
		switch key {
		case "file.path", "file.name":
			text := s.path
			if key == "file.name" {
				text = filepath.Base(text)
			}
			v.Data = append(v.Data, text...)
			for range r.batch.N {
				v.AppendView(0, uint32(len(text)))
			}
		case "file.size":
			for range r.batch.N {
				v.AppendInt(s.pos.Size)
			}
		case "file.modification-time":
			for range r.batch.N {
				v.AppendInt(s.pos.Modified * 1000)
			}
		}
	}
}

func (r *reader) Positions() []exec.Split {
	out := make([]exec.Split, len(r.splits))
	for i, s := range r.splits {
		out[i] = s.pos.encode(s.path)
	}
	return out
}

func (r *reader) Done() []int {
	var out []int
	for i, s := range r.splits {
		if s.done {
			out = append(out, i)
		}
	}
	return out
}

// Pause leaves a file for another one; it is opened again where it was left.
func (r *reader) Pause(split int, paused bool) error {
	s := r.splits[split]
	s.paused = paused
	if !paused || r.file == nil || split != r.current {
		return nil
	}
	err := r.file.Close()
	r.file, r.fill = nil, 0
	if err != nil {
		return exec.Restartf("", "close file "+s.path, err)
	}
	return nil
}

// Locate says which file and byte a row of the last batch came from.
func (r *reader) Locate(row int) string {
	if len(r.out.Runs) == 0 || row >= len(r.rows) {
		return r.table
	}
	return fmt.Sprintf("%s byte %d", r.splits[r.out.Runs[0].Split].path, r.starts[r.rows[row]])
}

func (r *reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
