package exec

import (
	"fmt"

	"weir/planner/config"
)

// MinMemory is the least budget that a process can keep to: as measured, its peak is above smaller ones by more than a quarter.
const MinMemory = 128 << 20

// MemoryPlan shares the memory budget of a process (weir.memory) out. Whoever holds memory that grows asks it for its
// bound: there is no other place where such a number is chosen.
//
//	budget
//	  program   the program itself, its threads, what Badger maps
//	  fetching  of each subtask that reads Kafka: records that wait to be taken
//	  sending   of each producer: records that wait to be acknowledged
//	  heap      Go's, by GOMEMLIMIT
//	    state     hot tables, and the directory of what lies on disk
//	    holding   of each subtask that writes Kafka: encoded rows behind a barrier
//	    the rest  batches, the epoch that is being made durable, Badger's memtables, garbage
//
// librdkafka takes some 300 bytes beside each record. So bounds by payload count for more than they say.
type MemoryPlan struct {
	Budget      int64 // 0: none was given, and the rest are the values of a budget of plenty
	Program     int64
	Fetch       int64 // payload that one reading subtask fetches ahead
	FetchTakes  int64 // what that takes
	Send        int64 // payload that waits to be sent by one producer, at most
	SendRecords int   // records of the same
	SendTakes   int64
	Hold        int64 // encoded rows that one writing subtask holds
	Heap        int64 // GOMEMLIMIT
	State       int64 // of all jobs together
}

// The most that is of use: longer queues are not faster, as measured.
const (
	mostFetch       = 8 << 20
	mostSend        = 64 << 20
	mostSendRecords = 100_000
	mostHold        = 8 << 20
	aRecord         = 400 // bytes that librdkafka holds for a record of 100
	program         = 40 << 20
)

// PlanMemory shares budget out among so many subtasks that read Kafka and producers.
func PlanMemory(budget int64, readers, producers int) MemoryPlan {
	p := MemoryPlan{Budget: budget, Program: program, Fetch: mostFetch, Send: mostSend, SendRecords: mostSendRecords, Hold: mostHold}
	if budget > 0 {
		p.Fetch = min(max(budget/64, 256<<10), mostFetch)
		p.Send = min(max(budget/8, 4<<20), mostSend)
		p.SendRecords = int(min(max(budget/5120, 5000), mostSendRecords))
		p.Hold = min(max(budget/64, 256<<10), mostHold)
	}
	p.FetchTakes = 4 * p.Fetch
	p.SendTakes = min(int64(p.SendRecords)*aRecord, 4*p.Send)
	if budget > 0 {
		p.Heap = max(budget-p.Program-int64(readers)*p.FetchTakes-int64(producers)*p.SendTakes, budget/3)
		p.State = p.Heap / 2
	}
	return p
}

// MemoryOf is the plan as far as one subtask or producer of a job is concerned.
func MemoryOf(c *config.Config) MemoryPlan { return PlanMemory(c.Memory(config.MemoryBudget), 1, 1) }

// String is the plan in a line.
func (p MemoryPlan) String() string {
	return fmt.Sprintf("budget %d MiB: program %d, fetching %.1f a reader, sending %.1f a producer, Go heap %d, of which state %d, holding %.1f a writer",
		p.Budget>>20, p.Program>>20, mib(p.FetchTakes), mib(p.SendTakes), p.Heap>>20, p.State>>20, mib(p.Hold))
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
