package nexmark

import (
	"math/big"
	"math/bits"
	"strconv"
)

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const golden = 0x9e3779b97f4a7c15

// draws is a sequence of random numbers, splitmix64.
type draws struct{ state uint64 }

func (d *draws) next() uint64 {
	d.state += golden
	return mix(d.state)
}

// below is uniform in 0 .. n-1.
func (d *draws) below(n int64) int64 {
	hi, _ := bits.Mul64(d.next(), uint64(n))
	return int64(hi)
}

// text appends a random text of 3 to limit-1 letters, of which one in 13 is special. Blanks at its ends are left out.
func (d *draws) text(b []byte, limit int64, special byte) []byte {
	at := len(b)
	for range 3 + d.below(limit-3) {
		c := special
		if d.below(13) != 0 {
			c = byte('a' + d.below(26))
		}
		if c == ' ' && len(b) == at {
			continue
		}
		b = append(b, c)
	}
	for len(b) > at && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// price is a random price in cents, from 1 to a million, its logarithm being uniform. It is computed in whole numbers, so that it is
// the same on every machine: 30 random bits, ten in each of the factors.
func (d *draws) price() int64 {
	r := d.next()
	p := scaled(priceFactors[0][r>>54], priceFactors[1][r>>44&1023])
	p = scaled(p, priceFactors[2][r>>34&1023])
	return int64((p + 1<<(priceScale-1)) >> priceScale)
}

const (
	priceScale  = 24 // binary digits behind the point of the first factor
	factorScale = 40 // and of the others
)

func scaled(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi<<(64-factorScale) | lo>>factorScale
}

// priceFactors has 100 x 10^(6 i/2^10), 10^(6 i/2^20) and 10^(6 i/2^30).
var priceFactors = func() (tables [3][1024]uint64) {
	step := big.NewFloat(1e6).SetPrec(128)
	for t := range tables {
		for range 10 {
			step.Sqrt(step)
		}
		value, shift := big.NewFloat(1).SetPrec(128), factorScale
		if t == 0 {
			value, shift = big.NewFloat(100).SetPrec(128), priceScale
		}
		for i := range tables[t] {
			tables[t][i], _ = new(big.Float).SetMantExp(value, shift).Uint64()
			value.Mul(value, step)
		}
	}
	return tables
}()

// phrase is a part of an arena.
type phrase struct{ off, len uint32 }

// lexicon is the texts that many events have in common. Vectors share its arenas.
type lexicon struct {
	filler    []byte // random letters, of which each extra is a part
	channels  []byte
	urls      []byte
	channel   []phrase // the hot channels, then the others
	url       []phrase
	hotOnes   int64
	coldOnes  int64
	hotChance int64 // one bid in so many is not on a hot channel
}

const fillerSize = 1 << 20

func newLexicon(seed uint64) *lexicon {
	d := draws{mix(seed + golden)}
	l := &lexicon{filler: make([]byte, fillerSize), hotChance: 2}
	for i := range l.filler {
		l.filler[i] = byte('a' + d.below(26))
	}
	add := func(name string, channelID int64) {
		at := len(l.channels)
		l.channels = append(l.channels, name...)
		l.channel = append(l.channel, phrase{uint32(at), uint32(len(l.channels) - at)})
		at = len(l.urls)
		l.urls = append(l.urls, "https://www.nexmark.com/"...)
		for range 3 {
			l.urls = append(d.text(l.urls, 5, '_'), '/')
		}
		l.urls = append(l.urls, "item.htm?query=1"...)
		if channelID >= 0 {
			l.urls = strconv.AppendInt(append(l.urls, "&channel_id="...), channelID, 10)
		}
		l.url = append(l.url, phrase{uint32(at), uint32(len(l.urls) - at)})
	}
	for _, name := range []string{"Google", "Facebook", "Baidu", "Apple"} {
		add(name, -1)
	}
	l.hotOnes = int64(len(l.channel))
	l.coldOnes = 10_000
	for i := range l.coldOnes {
		id := int64(int32(bits.Reverse32(uint32(i))))
		if id < 0 {
			id = -id
		}
		if d.below(10) == 0 {
			id = -1
		}
		add("channel-"+strconv.FormatInt(i, 10), id)
	}
	return l
}

// words are small sets of names.
var (
	states     = []string{"AZ", "CA", "ID", "OR", "WA", "WY"}
	cities     = []string{"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"}
	firstNames = []string{"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"}
	lastNames  = []string{"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"}
)

func (d *draws) word(of []string) string { return of[d.below(int64(len(of)))] }
