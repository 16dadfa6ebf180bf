package nexmark

// kind is what an event is.
type kind int64

// The kinds, as column event_type has them.
const (
	person kind = iota
	auction
	bid
)

// Ids begin here, so that queries which ask for one find it among few events.
const (
	firstPerson   = 1000
	firstAuction  = 1000
	firstCategory = 10
)

const (
	categories = 5
	idLead     = 10  // ids of people and auctions that are named before they are there
	hotBatch   = 100 // of so many people or auctions in a row one is hot
)

// house is the auction house of a seed and its options.
type house struct {
	seed  uint64
	clock clock
	// Of so many events in a row, these are people, then auctions, then bids.
	people, auctions, bids int64

	hotAuctions, hotBidders, hotSellers int64 // one in so many does not concern a hot one
	inFlight                            int64 // auctions that bids are for
	active                              int64 // people who sell and bid
	personSize, auctionSize, bidSize    int64 // average sizes in bytes

	group   int64  // so many events in a row come in another order
	delayed uint64 // an event is late when a random number of 63 bits is below it
	delay   int64  // by at most so many milliseconds

	words *lexicon
}

// Salts tell the columns of an event apart.
const (
	saltDelay = iota + 1
	saltName
	saltEmail
	saltCard
	saltCity
	saltState
	saltItem
	saltDescription
	saltInitial
	saltReserve
	saltExpires
	saltSeller
	saltCategory
	saltAuction
	saltBidder
	saltPrice
	saltChannel
	saltExtra
)

// event is what all columns of an event are made of.
type event struct {
	number int64  // its id, and what its time follows from
	round  int64  // number / (people + auctions + bids)
	place  int64  // and the rest
	seed   uint64 // of its draws
}

func (e *event) draws(salt uint64) draws { return draws{e.seed + mix(salt*golden)} }

func (h *house) total() int64 { return h.people + h.auctions + h.bids }

// at is the event at a place of the order in which events come.
func (h *house) at(place int64) event {
	n := place
	if h.group > 1 {
		n = place/h.group*h.group + place*953%h.group
	}
	total := h.total()
	round := n / total
	return event{number: n, round: round, place: n - round*total, seed: mix(h.seed ^ mix(uint64(n)+golden))}
}

func (h *house) kind(e *event) kind {
	switch {
	case e.place < h.people:
		return person
	case e.place < h.people+h.auctions:
		return auction
	}
	return bid
}

// millis is when e happens, in milliseconds since 1970.
func (h *house) millis(e *event) int64 {
	t := h.clock.at(e.number)
	if h.delayed > 0 {
		if d := e.draws(saltDelay); d.next()>>1 < h.delayed {
			t -= 1 + d.below(h.delay)
		}
	}
	return t
}

// lastPerson is the number of the newest person, from 0; e itself where it is one.
func (h *house) lastPerson(e *event) int64 { return e.round*h.people + min(e.place, h.people-1) }

// lastAuction is the number of the newest auction, from 0; e itself where it is one.
func (h *house) lastAuction(e *event) int64 {
	return e.round*h.auctions + min(e.place-h.people, h.auctions-1)
}

// anyPerson is one of the active people, or one who is about to come.
func (h *house) anyPerson(e *event, d *draws) int64 {
	people := h.lastPerson(e) + 1
	active := min(people, h.active)
	return people - active + d.below(active+idLead)
}

// seller of an auction: most auctions are of the first person of the latest batch.
func (h *house) seller(e *event) int64 {
	d := e.draws(saltSeller)
	if d.below(h.hotSellers) > 0 {
		return firstPerson + h.lastPerson(e)/hotBatch*hotBatch
	}
	return firstPerson + h.anyPerson(e, &d)
}

// bidder of a bid: most bids are of the second person of the latest batch, so that hot bidders are no hot sellers.
func (h *house) bidder(e *event) int64 {
	d := e.draws(saltBidder)
	if d.below(h.hotBidders) > 0 {
		return firstPerson + h.lastPerson(e)/hotBatch*hotBatch + 1
	}
	return firstPerson + h.anyPerson(e, &d)
}

// auctionOf is the auction that a bid is for: most are for the first of the latest batch.
func (h *house) auctionOf(e *event) int64 {
	d := e.draws(saltAuction)
	last := h.lastAuction(e)
	if d.below(h.hotAuctions) > 0 {
		return firstAuction + last/hotBatch*hotBatch
	}
	first := max(last-h.inFlight, 0)
	return firstAuction + first + d.below(last-first+1+idLead)
}

// expires is when an auction ends: so that inFlight of them are open on average.
func (h *house) expires(e *event) int64 {
	ahead := h.clock.at(e.number+h.inFlight*h.total()/h.auctions) - h.clock.at(e.number)
	d := e.draws(saltExpires)
	return h.millis(e) + 1 + d.below(max(ahead*2, 1))
}

// extra is the filler that brings an event which has so many bytes already to a size, give or take a fifth of it.
func (h *house) extra(e *event, has, size int64) phrase {
	if has > size {
		return phrase{}
	}
	size -= has
	delta := (size + 2) / 5
	d := e.draws(saltExtra)
	n := size - delta
	if delta > 0 {
		n += d.below(2 * delta)
	}
	return phrase{uint32(d.below(fillerSize - n)), uint32(n)}
}

// The texts of people and auctions, which have no place in the lexicon.

func appendName(b []byte, e *event) []byte {
	d := e.draws(saltName)
	return append(append(append(b, d.word(firstNames)...), ' '), d.word(lastNames)...)
}

func appendEmail(b []byte, e *event) []byte {
	d := e.draws(saltEmail)
	return append(d.text(append(d.text(b, 7, ' '), '@'), 5, ' '), ".com"...)
}

// appendCard appends four numbers of four digits.
func appendCard(b []byte, e *event) []byte {
	d := e.draws(saltCard)
	for i := range 4 {
		if i > 0 {
			b = append(b, ' ')
		}
		n := d.below(10_000)
		b = append(b, byte('0'+n/1000), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
	}
	return b
}

func appendCity(b []byte, e *event) []byte {
	d := e.draws(saltCity)
	return append(b, d.word(cities)...)
}

func appendState(b []byte, e *event) []byte {
	d := e.draws(saltState)
	return append(b, d.word(states)...)
}

func appendItem(b []byte, e *event) []byte {
	d := e.draws(saltItem)
	return d.text(b, 20, ' ')
}

func appendDescription(b []byte, e *event) []byte {
	d := e.draws(saltDescription)
	return d.text(b, 100, ' ')
}
