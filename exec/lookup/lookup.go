// Package lookup is what a join asks beside the table itself: answers that are kept for a while (Cache), and tables that are read as a
// whole (Full).
package lookup

import (
	"container/list"
	"time"

	"weir/planner/physical"
)

// Answer is the rows of one key.
type Answer struct {
	// Found: the table has rows of the key, whether or not any are left in Rows.
	Found bool
	// Rows are what is left of them, encoded like keys with all their columns.
	Rows [][]byte
	// Known: the table was asked.
	Known bool

	key           string
	written, used time.Time
	place         *list.Element
}

// Cache keeps answers. Without a mode it keeps those of one batch of rows. It belongs to one goroutine.
type Cache struct {
	o       physical.LookupCache
	answers map[string]*Answer
	recent  *list.List // of *Answer, the one that was used last first; nil where nothing bounds the number
}

// NewCache makes a cache.
func NewCache(o physical.LookupCache) *Cache {
	c := &Cache{o: o, answers: map[string]*Answer{}}
	if o.Mode == physical.PartialCache {
		c.recent = list.New()
	}
	return c
}

// Begin forgets what does not hold longer than a batch.
func (c *Cache) Begin() {
	if c.o.Mode != physical.PartialCache {
		clear(c.answers)
	}
}

// Get is the answer of a key; made reports that it is a new one, for the caller to ask the table for.
func (c *Cache) Get(key []byte, now time.Time) (a *Answer, made bool) {
	if a := c.answers[string(key)]; a != nil {
		if !c.over(a, now) {
			a.used = now
			if a.place != nil {
				c.recent.MoveToFront(a.place)
			}
			return a, false
		}
		c.drop(a)
	}
	a = &Answer{key: string(key), written: now, used: now}
	c.answers[a.key] = a
	if c.recent != nil {
		a.place = c.recent.PushFront(a)
	}
	return a, true
}

// Find is the answer of a key that Get was asked for in this batch; nil for others.
func (c *Cache) Find(key []byte) *Answer { return c.answers[string(key)] }

func (c *Cache) over(a *Answer, now time.Time) bool {
	return a.Known && (c.o.AfterWrite > 0 && now.Sub(a.written) >= c.o.AfterWrite || c.o.AfterAccess > 0 && now.Sub(a.used) >= c.o.AfterAccess)
}

func (c *Cache) drop(a *Answer) {
	delete(c.answers, a.key)
	if a.place != nil {
		c.recent.Remove(a.place)
	}
}

// Settle is called when the answers have come that asked waited for: it forgets keys without rows where they are not kept, and
// the answers that were not used for the longest time when there are too many. What the caller has in its hands stays valid.
func (c *Cache) Settle(asked []*Answer, now time.Time) {
	if c.recent == nil {
		return
	}
	for _, a := range asked {
		a.written, a.used = now, now
		if !a.Found && !c.o.Missing {
			c.drop(a)
		}
	}
	for c.o.MaxRows > 0 && int64(len(c.answers)) > c.o.MaxRows {
		c.drop(c.recent.Back().Value.(*Answer))
	}
}
