package state

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// The index, the chunks and the newest slab of a large table lie where large pages were asked for.
func TestLargeTablesLieOnLargePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("NOT RUN: this kernel has no large pages: ", err)
	}
	s, err := Open(t.TempDir(), Options{Memory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Start(nil, KeyGroups); err != nil {
		t.Fatal(err)
	}
	acc, err := s.Scope("agg", KeyGroupRange{0, KeyGroups}).Table(TableSpec{Name: "acc", Fixed: 16})
	if err != nil {
		t.Fatal(err)
	}
	m := acc.Map(0).(*hotMap)
	for i := range 200_000 {
		key := fmt.Appendf(nil, "k%09d", i)
		if _, _, err := m.Upsert(Hash(key), key); err != nil {
			t.Fatal(err)
		}
	}
	for what, at := range map[string]unsafe.Pointer{"index": unsafe.Pointer(&m.idx[0]), "chunks": unsafe.Pointer(&m.chunks[0]), "slab": m.chunks[m.tail].slab} {
		if !advised(t, uintptr(at)) {
			t.Errorf("large pages were not asked for where the %s lies", what)
		}
	}
}

// advised reports whether large pages were asked for at an address of this process.
func advised(t *testing.T, at uintptr) bool {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip("NOT RUN: no map of the process's memory: ", err)
	}
	defer f.Close()
	inside := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to uintptr
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(lines.Text(), "VmFlags:"); ok && inside {
			return strings.Contains(flags+" ", " hg ")
		}
	}
	return false
}

// A chunk is read for every row of a batch, and is to be one load.
func TestChunkIsALineOfTheCache(t *testing.T) {
	if n := unsafe.Sizeof(chunk{}); n != cacheLine {
		t.Errorf("a chunk takes %d bytes instead of %d", n, cacheLine)
	}
}

func TestStrideOf(t *testing.T) {
	// 40 to 54 bytes would need more than an eighth of padding to fill a line.
	for bytes, want := range map[int]int{33: 40, 48: 48, 54: 56, 56: 64, 64: 64, 65: 72, 112: 128, 120: 128, 129: 136} {
		if got := strideOf(bytes); got != want {
			t.Errorf("records of %d bytes are %d bytes apart instead of %d", bytes, got, want)
		}
	}
}
