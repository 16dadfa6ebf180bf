package sandbox

import (
	"encoding/json"
	"testing"
	"time"
)

type orderRecord struct {
	OrderID   int         `json:"order_id"`
	Customer  string      `json:"customer"`
	Quantity  int         `json:"quantity"`
	Amount    json.Number `json:"amount"`
	OrderTime string      `json:"order_time"`
}

func decode[T any](t *testing.T, value string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return v
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05.000", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestTheFirstRecordsAreWhatTheTutorialShows: the stream starts with the same records everywhere.
func TestTheFirstRecordsAreWhatTheTutorialShows(t *testing.T) {
	for _, c := range []struct{ topic, key, value string }{
		{"orders", "1", `{"order_id":1,"customer":"ada","country":"DE","product":"chair","quantity":1,"amount":89.00,"order_time":"2026-01-01 12:00:00.000"}`},
		{"payments", "1", `{"order_id":1,"method":"card","status":"ok","amount":89.00,"paid_at":"2026-01-01 12:00:01.447"}`},
		{"clicks", "jun", `{"customer":"jun","page":"/cart","clicked_at":"2026-01-01 12:00:00.000"}`},
	} {
		for _, topic := range Topics() {
			if topic.Name != c.topic {
				continue
			}
			if key, value := topic.Record(0); key != c.key || value != c.value {
				t.Errorf("%s: %s %s", c.topic, key, value)
			}
		}
	}
}

// TestOrdersComeLateNowAndThen: a few within the five seconds that the watermark waits, fewer behind it, the others in order.
func TestOrdersComeLateNowAndThen(t *testing.T) {
	late, tooLate := 0, 0
	for i := range 2000 {
		_, value := order(i)
		switch behind := eventTime(i, ordersRate).Sub(moment(t, decode[orderRecord](t, value).OrderTime)); behind {
		case 0:
		case 3 * time.Second:
			late++
		case 30 * time.Second:
			tooLate++
		default:
			t.Fatalf("order %d is %s late", i+1, behind)
		}
	}
	// From 350 on: 66 multiples of 25 up to 1975, of which 600, 800, ... 1800 are too late.
	if late != 59 || tooLate != 7 {
		t.Errorf("%d late and %d too late", late, tooLate)
	}
}

// TestPaymentsBelongToOrders: each has the amount of an order, and comes within two seconds of it; every tenth order has none.
func TestPaymentsBelongToOrders(t *testing.T) {
	type paymentRecord struct {
		OrderID int         `json:"order_id"`
		Amount  json.Number `json:"amount"`
		PaidAt  string      `json:"paid_at"`
	}
	paid := map[int]bool{}
	for i := range 900 {
		_, value := payment(i)
		p := decode[paymentRecord](t, value)
		_, value = order(p.OrderID - 1)
		o := decode[orderRecord](t, value)
		after := moment(t, p.PaidAt).Sub(eventTime(p.OrderID-1, ordersRate))
		if p.Amount != o.Amount || after < 300*time.Millisecond || after > 2*time.Second {
			t.Fatalf("payment %d of order %d: %s against %s, %s later", i, p.OrderID, p.Amount, o.Amount, after)
		}
		if paid[p.OrderID] {
			t.Fatalf("order %d is paid twice", p.OrderID)
		}
		paid[p.OrderID] = true
	}
	for id := 1; id <= 1000; id++ {
		if want := id%10 != 0; paid[id] != want {
			t.Fatalf("order %d: paid %t", id, paid[id])
		}
	}
}
