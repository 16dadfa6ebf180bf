package pattern

// heap is runs by where they began. Of runs that began at one row the order decides which match is found, so that it is the order that
// a binary heap gives which takes the left of two equal children and moves nothing that is equal: that of Flink's queues.
type heap []Run

func (h *heap) offer(r Run) {
	q := append(*h, r)
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if r.first >= q[up].first {
			break
		}
		q[i] = q[up]
		i = up
	}
	q[i] = r
	*h = q
}

func (h *heap) poll() Run {
	q := *h
	top, last := q[0], q[len(q)-1]
	q[len(q)-1] = Run{}
	q = q[:len(q)-1]
	*h = q
	if len(q) > 0 {
		q.down(0, last)
	}
	return top
}

// down puts r at i or below.
func (h heap) down(i int, r Run) {
	for i < len(h)/2 {
		c := 2*i + 1
		if c+1 < len(h) && h[c].first > h[c+1].first {
			c++
		}
		if r.first <= h[c].first {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = r
}

// removeBefore takes the runs out that began before a place.
func (h *heap) removeBefore(place uint64) {
	if len(*h) == 0 || (*h)[0].first >= place {
		return
	}
	q := (*h)[:0]
	for i := range *h {
		if (*h)[i].first >= place {
			q = append(q, (*h)[i])
		}
	}
	clear((*h)[len(q):])
	*h = q
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.down(i, q[i])
	}
}
