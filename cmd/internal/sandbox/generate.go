package sandbox

import (
	"fmt"
	"strconv"
	"time"
)

// Topic is one topic of the shop.
type Topic struct {
	Name string
	Rate int // records a second
	// Record is record i. Event times begin at Begin; those of record i and i+1 are a second's Rate-th part apart, but for
	// the ones that come out of order.
	Record func(i int) (key, value string)
}

// Begin is the event time of the first records.
var Begin = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// Rates of the topics, records a second.
const (
	ordersRate   = 10
	paymentsRate = 9
	clicksRate   = 40
)

// Every so many orders one comes late: by less than the watermark of the table waits, and by more.
const (
	lateEvery    = 25
	tooLateEvery = 200
	inOrder      = 350 // the first ones are not late
	// What lies in the topic when a query starts is read faster than the watermark moves, so that nothing of it is too late.
	historyOrders = int(history / time.Second * ordersRate)
	late          = 3 * time.Second
	tooLate       = 30 * time.Second
)

// Topics is the topics of the shop.
func Topics() []Topic {
	return []Topic{
		{"orders", ordersRate, order},
		{"payments", paymentsRate, payment},
		{"clicks", clicksRate, click},
	}
}

var (
	customers = []string{"ada", "ben", "cleo", "dana", "emil", "fay", "gus", "hana", "ivo", "jun"}
	countries = []string{"DE", "FR", "JP", "BR"}
	methods   = []string{"card", "card", "card", "transfer", "wallet"}
	pages     = []string{"/", "/", "/search", "/product", "/product", "/cart", "/checkout"}
	products  = []struct {
		name  string
		cents int
	}{{"book", 1250}, {"lamp", 3900}, {"chair", 8900}, {"mug", 790}, {"plant", 1490}}
)

// pick is a number below n that i decides: well mixed, and the same on every machine.
func pick(i, of, n int) int {
	x := uint64(i)*0x9e3779b97f4a7c15 + uint64(of)*0xd1342543de82ef95 + 0x2545f4914f6cdd1d
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % uint64(n))
}

// eventTime is when record i of a topic with that rate happened.
func eventTime(i, rate int) time.Time {
	return Begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
}

// stamp is a time as JSON carries it.
func stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05.000") }

func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// of is what order i is about.
func of(i int) (customer int, amount int, product, quantity int) {
	customer, product, quantity = pick(i, 1, len(customers)), pick(i, 2, len(products)), 1+pick(i, 3, 3)
	return customer, products[product].cents * quantity, product, quantity
}

func order(i int) (key, value string) {
	customer, amount, product, quantity := of(i)
	at := eventTime(i, ordersRate)
	switch {
	case i < inOrder:
	case i%tooLateEvery == 0 && i >= historyOrders:
		at = at.Add(-tooLate)
	case i%lateEvery == 0:
		at = at.Add(-late)
	}
	key = strconv.Itoa(i + 1)
	return key, fmt.Sprintf(`{"order_id":%s,"customer":"%s","country":"%s","product":"%s","quantity":%d,"amount":%s,"order_time":"%s"}`,
		key, customers[customer], countries[customer%len(countries)], products[product].name, quantity, cents(amount), stamp(at))
}

// payment is of an order a little earlier; one in ten orders is never paid, which is why there are fewer.
func payment(i int) (key, value string) {
	n := i + i/(ordersRate-1) // the order's index: every tenth is left out
	_, amount, _, _ := of(n)
	status := "ok"
	if pick(i, 5, 12) == 0 {
		status = "declined"
	}
	at := eventTime(n, ordersRate).Add(time.Duration(300+pick(i, 6, 1500)) * time.Millisecond)
	key = strconv.Itoa(n + 1)
	return key, fmt.Sprintf(`{"order_id":%s,"method":"%s","status":"%s","amount":%s,"paid_at":"%s"}`,
		key, methods[pick(i, 7, len(methods))], status, cents(amount), stamp(at))
}

func click(i int) (key, value string) {
	key = customers[pick(i, 8, len(customers))]
	return key, fmt.Sprintf(`{"customer":"%s","page":"%s","clicked_at":"%s"}`,
		key, pages[pick(i, 9, len(pages))], stamp(eventTime(i, clicksRate)))
}

// Definitions is the tables on the topics, as statements.
func Definitions(broker string) string {
	with := func(topic string) string {
		return fmt.Sprintf(`WITH (
  'connector' = 'kafka',
  'topic' = '%s',
  'properties.bootstrap.servers' = '%s',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);
`, topic, broker)
	}
	return `SET 'parallelism.default' = '1'; -- results come in the order of the records
CREATE TABLE orders (
  order_id BIGINT,
  customer STRING,
  country STRING,
  product STRING,
  quantity INT,
  amount DECIMAL(10, 2),
  order_time TIMESTAMP(3),
  WATERMARK FOR order_time AS order_time - INTERVAL '5' SECOND
) ` + with("orders") + `
CREATE TABLE payments (
  order_id BIGINT,
  ` + "`method`" + ` STRING,
  status STRING,
  amount DECIMAL(10, 2),
  paid_at TIMESTAMP(3),
  WATERMARK FOR paid_at AS paid_at - INTERVAL '5' SECOND
) ` + with("payments") + `
CREATE TABLE clicks (
  customer STRING,
  page STRING,
  clicked_at TIMESTAMP(3),
  WATERMARK FOR clicked_at AS clicked_at - INTERVAL '5' SECOND
) ` + with("clicks")
}
