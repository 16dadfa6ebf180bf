package batch

// keyed is the hashes of the keys of a batch's rows. An exchange, which spreads rows by them, has them carried to the operator behind it, which
// finds its entries by them. The keys themselves are made again: their bytes would have to go from one processor to another, and
// those of the columns go anyway.
//
// They are of some vectors and of some number of rows, and say nothing of others: a copy of the batch with other columns has other
// keys, and one with a selection has some of them.
type keyed struct {
	n      int       // rows; 0: nothing is known
	cols   []*Vector // that the keys are of
	hashes []uint64
}

// SetHashes tells b, which has no selection, the hashes of the keys of its rows by columns cols: those numbered at in hashes, which EncodeKeys
// gave for the rows that were appended to b. They are copied, and hold until the next Reset.
func (b *Batch) SetHashes(cols []int, hashes []uint64, at []int32) {
	k := b.keyed
	if k == nil {
		k = &keyed{}
		b.keyed = k
	}
	k.n = b.N
	k.cols = k.cols[:0]
	for _, c := range cols {
		k.cols = append(k.cols, b.Cols[c])
	}
	k.hashes = gather(k.hashes[:0], hashes, at)
}

// takeHashes gives the hashes of the keys of b's rows by cols, in the memory of into where that is enough, if b has them. When they
// are those of all rows b gets into's memory in exchange, and has no more hashes: nothing is copied, and nobody shares memory.
func (b *Batch) takeHashes(cols []int, into []uint64) (hashes []uint64, ok bool) {
	k := b.keyed
	if k == nil || k.n == 0 || k.n != b.N || len(cols) != len(k.cols) {
		return into, false
	}
	for i, c := range cols {
		if b.Cols[c] != k.cols[i] {
			return into, false
		}
	}
	if b.Sel != nil {
		return gather(into[:0], k.hashes, b.Sel), true
	}
	k.n = 0
	hashes, k.hashes = k.hashes, into
	return hashes, true
}
