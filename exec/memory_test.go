package exec

import "testing"

func TestSharesOfTheMemoryFitTheBudget(t *testing.T) {
	last := PlanMemory(MinMemory, 1, 1)
	for mib := int64(MinMemory >> 20); mib <= 16<<10; mib += 16 {
		for _, readers := range []int{0, 1, 2, 16} {
			p := PlanMemory(mib<<20, readers, 1)
			sum := p.Program + int64(readers)*p.FetchTakes + p.SendTakes + p.Heap
			// A third is Go's in any case: below that the parts are what the fixed costs leave.
			if sum > p.Budget && p.Heap > p.Budget/3 {
				t.Fatalf("%d MiB, %d readers: the parts are %d MiB: %s", mib, readers, sum>>20, p)
			}
			if p.State+p.Hold > p.Heap || p.State <= 0 {
				t.Fatalf("%d MiB, %d readers: the heap does not hold its parts: %s", mib, readers, p)
			}
		}
		p := PlanMemory(mib<<20, 1, 1)
		if p.State < last.State || p.Fetch < last.Fetch || p.Send < last.Send || p.SendRecords < last.SendRecords {
			t.Fatalf("%d MiB give less than less: %s; before: %s", mib, p, last)
		}
		last = p
	}
}

// 512 MiB by hand: 40 for the program; a reader fetches 8 of payload, which take 32; a producer queues 100,000 records, which take
// 38.1; the rest is the heap, and half of that is state.
func TestMemoryOfHalfAGibibyte(t *testing.T) {
	const mib = 1 << 20
	p := PlanMemory(512*mib, 2, 1)
	if p.Fetch != 8*mib || p.SendRecords != 100_000 || p.Send != 64*mib || p.Hold != 8*mib {
		t.Errorf("queues: %s", p)
	}
	if heap := int64(512*mib - 40*mib - 2*32*mib - 40_000_000); p.Heap != heap || p.State != heap/2 {
		t.Errorf("heap of %d, want %d: %s", p.Heap, heap, p)
	}
}

func TestWithoutABudgetQueuesAreThoseOfPlenty(t *testing.T) {
	if p, q := PlanMemory(0, 4, 4), PlanMemory(64<<30, 4, 4); p.Fetch != q.Fetch || p.Send != q.Send || p.SendRecords != q.SendRecords || p.Hold != q.Hold || p.State != 0 {
		t.Errorf("%+v, %+v", p, q)
	}
}
