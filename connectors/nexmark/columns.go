package nexmark

import "weir/exec/batch"

// fill makes a column of events: the value of events[k] goes to row at[k] of v, which is long enough. Rows of v that are not in at
// keep whatever they hold.
type fill func(h *house, events []event, at []int32, v *batch.Vector)

// fills are the columns of people, auctions and bids, by name.
var fills = map[kind]map[string]fill{
	person: {
		"id":           numbers(func(h *house, e *event) int64 { return firstPerson + h.lastPerson(e) }),
		"name":         texts(appendName),
		"emailAddress": texts(appendEmail),
		"creditCard":   texts(appendCard),
		"city":         texts(appendCity),
		"state":        texts(appendState),
		"dateTime":     numbers(happens),
		"extra":        extras(personExtra),
	},
	auction: {
		"id":          numbers(func(h *house, e *event) int64 { return firstAuction + h.lastAuction(e) }),
		"itemName":    texts(appendItem),
		"description": texts(appendDescription),
		"initialBid":  numbers(func(_ *house, e *event) int64 { return price(e, saltInitial) }),
		"reserve":     numbers(func(_ *house, e *event) int64 { return price(e, saltInitial) + price(e, saltReserve) }),
		"dateTime":    numbers(happens),
		"expires":     numbers(func(h *house, e *event) int64 { return h.expires(e) * 1000 }),
		"seller":      numbers((*house).seller),
		"category":    numbers(category),
		"extra":       extras(auctionExtra),
	},
	bid: {
		"auction":  numbers((*house).auctionOf),
		"bidder":   numbers((*house).bidder),
		"price":    numbers(func(_ *house, e *event) int64 { return price(e, saltPrice) }),
		"channel":  shared(func(h *house, e *event) phrase { return h.words.channel[h.channel(e)] }, func(l *lexicon) []byte { return l.channels }),
		"url":      shared(func(h *house, e *event) phrase { return h.words.url[h.channel(e)] }, func(l *lexicon) []byte { return l.urls }),
		"dateTime": numbers(happens),
		"extra":    extras(func(h *house, e *event) phrase { return h.extra(e, bidBytes, h.bidSize) }),
	},
}

// bidBytes is what the numbers of a bid count for.
const bidBytes = 8 + 8 + 8 + 8

func numbers(of func(*house, *event) int64) fill {
	return func(h *house, events []event, at []int32, v *batch.Vector) {
		for k := range events {
			v.Int[at[k]] = of(h, &events[k])
		}
	}
}

// texts are made for each event.
func texts(of func([]byte, *event) []byte) fill {
	return func(_ *house, events []event, at []int32, v *batch.Vector) {
		for k := range events {
			from := len(v.Data)
			v.Data = of(v.Data, &events[k])
			v.Off[at[k]], v.Len[at[k]] = uint32(from), uint32(len(v.Data)-from)
		}
	}
}

// shared are views into an arena of the lexicon.
func shared(of func(*house, *event) phrase, arena func(*lexicon) []byte) fill {
	return func(h *house, events []event, at []int32, v *batch.Vector) {
		v.Share(arena(h.words))
		for k := range events {
			p := of(h, &events[k])
			v.Off[at[k]], v.Len[at[k]] = p.off, p.len
		}
	}
}

func extras(of func(*house, *event) phrase) fill {
	return shared(of, func(l *lexicon) []byte { return l.filler })
}

// happens is the time of an event in the unit of TIMESTAMP.
func happens(h *house, e *event) int64 { return h.millis(e) * 1000 }

func price(e *event, salt uint64) int64 {
	d := e.draws(salt)
	return d.price()
}

func category(_ *house, e *event) int64 {
	d := e.draws(saltCategory)
	return firstCategory + d.below(categories)
}

// channel is the number of a bid's channel in the lexicon.
func (h *house) channel(e *event) int64 {
	d := e.draws(saltChannel)
	if d.below(h.words.hotChance) > 0 {
		return d.below(h.words.hotOnes)
	}
	return h.words.hotOnes + d.below(h.words.coldOnes)
}

// personExtra measures the texts of a person for what is left to the extra.
func personExtra(h *house, e *event) phrase {
	var room [128]byte
	b := appendState(appendCity(appendCard(appendEmail(appendName(room[:0], e), e), e), e), e)
	return h.extra(e, int64(8+len(b)), h.personSize)
}

func auctionExtra(h *house, e *event) phrase {
	var room [128]byte
	b := appendDescription(appendItem(room[:0], e), e)
	return h.extra(e, int64(6*8+len(b)), h.auctionSize)
}
