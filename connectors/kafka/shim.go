package kafka

/*
#cgo linux LDFLAGS: -Wl,--unresolved-symbols=ignore-all
#cgo darwin LDFLAGS: -undefined dynamic_lookup
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

// The part of librdkafka's interface that the shim calls. The library itself is linked by the
// confluent-kafka-go module, statically; its header is no part of that module's interface, so
// the prototypes are declared here. They belong to librdkafka's stable ABI.
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_headers_s rd_kafka_headers_t;
typedef struct rd_kafka_topic_conf_s rd_kafka_topic_conf_t;
typedef struct rd_kafka_error_s rd_kafka_error_t;
typedef struct rd_kafka_message_s {
	int err;
	rd_kafka_topic_t *rkt;
	int32_t partition;
	void *payload;
	size_t len;
	void *key;
	size_t key_len;
	int64_t offset;
	void *_private;
} rd_kafka_message_t;
typedef struct rd_kafka_vu_s {
	int vtype;
	union {
		rd_kafka_topic_t *rkt;
		int i;
		int32_t i32;
		int64_t i64;
		struct { void *ptr; size_t size; } mem;
		rd_kafka_headers_t *headers;
		char _pad[64];
	} u;
} rd_kafka_vu_t;

enum { VT_END = 0, VT_RKT = 2, VT_PARTITION = 3, VT_VALUE = 4, VT_KEY = 5, VT_MSGFLAGS = 7, VT_TIMESTAMP = 8, VT_HEADERS = 10 };
enum { F_COPY = 2, ERR_QUEUE_FULL = -184 };

rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *);
void rd_kafka_queue_destroy(rd_kafka_queue_t *);
rd_kafka_queue_t *rd_kafka_queue_get_partition(rd_kafka_t *, const char *, int32_t);
void rd_kafka_queue_forward(rd_kafka_queue_t *, rd_kafka_queue_t *);
void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *, int, const void *, size_t);
ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t);
void rd_kafka_message_destroy(rd_kafka_message_t *);
int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *, int *);
int32_t rd_kafka_message_leader_epoch(const rd_kafka_message_t *);
int rd_kafka_message_headers(const rd_kafka_message_t *, rd_kafka_headers_t **);
size_t rd_kafka_header_cnt(const rd_kafka_headers_t *);
int rd_kafka_header_get_all(const rd_kafka_headers_t *, size_t, const char **, const void **, size_t *);
rd_kafka_headers_t *rd_kafka_headers_new(size_t);
void rd_kafka_headers_destroy(rd_kafka_headers_t *);
int rd_kafka_header_add(rd_kafka_headers_t *, const char *, ssize_t, const void *, ssize_t);
const char *rd_kafka_topic_name(const rd_kafka_topic_t *);
rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *, const char *, rd_kafka_topic_conf_t *);
void rd_kafka_topic_destroy(rd_kafka_topic_t *);
int rd_kafka_produce_batch(rd_kafka_topic_t *, int32_t, int, rd_kafka_message_t *, int);
rd_kafka_error_t *rd_kafka_produceva(rd_kafka_t *, const rd_kafka_vu_t *, size_t);
int rd_kafka_error_code(const rd_kafka_error_t *);
void rd_kafka_error_destroy(rd_kafka_error_t *);
int rd_kafka_flush(rd_kafka_t *, int);
int rd_kafka_version(void);
int32_t rd_kafka_controllerid(rd_kafka_t *, int);
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
const rd_kafka_conf_t *rd_kafka_conf(rd_kafka_t *);
int rd_kafka_conf_set(rd_kafka_conf_t *, const char *, const char *, char *, size_t);

#ifdef __GLIBC__
#include <malloc.h>
#endif

// weir_few_arenas bounds the arenas of glibc's allocator, unless the user has. Every record lives in an allocation of its own that one thread
// makes and another frees; with the default of eight arenas a core, memory that is free in one is out of reach of the others.
static void weir_few_arenas(void) {
#ifdef __GLIBC__
	if (!getenv("MALLOC_ARENA_MAX")) mallopt(M_ARENA_MAX, 2);
#endif
}

// weir_report_errors_only sets a property of a client that has sent nothing yet.
static int weir_report_errors_only(rd_kafka_t *rk) {
	char err[256];
	return rd_kafka_conf_set((rd_kafka_conf_t *)rd_kafka_conf(rk), "delivery.report.only.error", "true", err, sizeof err);
}

typedef struct {
	void *rkt;
	int64_t last;      // offset of the run's last record, or of the event
	int32_t partition;
	int32_t from, to;  // records of the batch; from == to for an event
	int32_t err;       // 0: records
	int32_t leader;    // leader epoch of the last record, -1 unknown
} weir_run;

// A fetch holds the messages that came from the queue and were not copied yet, and room for the runs of a copy. (Were that room Go's, each
// call would have its pointers looked through, as the rules of cgo ask.)
typedef struct {
	int cap, n, pos;
	weir_run *runs;
	rd_kafka_message_t *msgs[];
} weir_fetch;

static weir_fetch *weir_fetch_new(int cap) {
	weir_fetch *f = malloc(sizeof(weir_fetch) + sizeof(void *) * (size_t)cap);
	f->cap = cap; f->n = 0; f->pos = 0;
	f->runs = malloc(sizeof(weir_run) * (size_t)cap);
	return f;
}

static void weir_fetch_free(weir_fetch *f) {
	while (f->pos < f->n) rd_kafka_message_destroy(f->msgs[f->pos++]);
	free(f->runs);
	free(f);
}

// weir_take takes what is there, without waiting.
static int weir_take(rd_kafka_queue_t *q, weir_fetch *f) {
	ssize_t n = rd_kafka_consume_batch_queue(q, 0, f->msgs, (size_t)f->cap);
	f->pos = 0;
	f->n = n > 0 ? (int)n : 0;
	return (int)n;
}

typedef struct {
	int rows;       // records to be copied, events not counted
	int taken;      // messages, events included
	int headers;    // header entries of them
	uint64_t bytes; // payload, key and header bytes of them
} weir_size;

// weir_measure looks at messages from f->pos on until max_bytes.
static void weir_measure(weir_fetch *f, int keys, int values, int headers, uint64_t max_bytes, weir_size *s) {
	int i;
	memset(s, 0, sizeof *s);
	for (i = f->pos; i < f->n; i++) {
		rd_kafka_message_t *m = f->msgs[i];
		uint64_t b = 0;
		int hc = 0;
		if (m->err) { s->taken++; continue; }
		if (keys) b += m->key_len;
		if (values) b += m->len;
		if (headers) {
			rd_kafka_headers_t *h;
			if (!rd_kafka_message_headers(m, &h)) {
				const char *name; const void *v; size_t n, j;
				for (j = 0; !rd_kafka_header_get_all(h, j, &name, &v, &n); j++) { b += strlen(name) + (v ? n : 0); hc++; }
			}
		}
		if (s->rows > 0 && s->bytes + b > max_bytes) break;
		s->bytes += b; s->headers += hc; s->rows++; s->taken++;
	}
}

typedef struct {
	uint32_t *key_off, *key_len, *val_off, *val_len;
	int64_t *offset, *timestamp; // timestamp may be NULL
	uint8_t *timestamp_type;     // with timestamp
	int32_t *leader;             // may be NULL
	uint32_t *headers;           // entries up to and including record i; may be NULL
	uint32_t *h_name_off, *h_name_len, *h_val_off, *h_val_len;
} weir_cols;

#define NULL_LEN 0xffffffffu

// weir_copy moves the measured messages into Go's memory and gives them back to librdkafka.
// It returns the number of runs, which are in f.
static int weir_copy(weir_fetch *f, int taken, char *data, uint32_t at, weir_cols c, int keys, int values) {
	int row = 0, nruns = 0, hc = 0, end = f->pos + taken;
	weir_run *r = NULL, *runs = f->runs;
	for (; f->pos < end; f->pos++) {
		rd_kafka_message_t *m = f->msgs[f->pos];
		int32_t leader;
		if (m->err) {
			r = &runs[nruns++];
			r->rkt = m->rkt; r->partition = m->partition; r->from = r->to = row; r->err = m->err;
			r->last = m->offset; r->leader = -1;
			r = NULL;
			rd_kafka_message_destroy(m);
			continue;
		}
		leader = rd_kafka_message_leader_epoch(m);
		if (!r || r->rkt != (void *)m->rkt || r->partition != m->partition) {
			r = &runs[nruns++];
			r->rkt = m->rkt; r->partition = m->partition; r->from = row; r->err = 0;
		}
		r->last = m->offset; r->leader = leader; r->to = row + 1;
		c.offset[row] = m->offset;
		c.val_off[row] = at;
		if (!values || !m->payload) c.val_len[row] = m->payload ? 0 : NULL_LEN;
		else { memcpy(data + at, m->payload, m->len); c.val_len[row] = (uint32_t)m->len; at += (uint32_t)m->len; }
		if (keys) {
			c.key_off[row] = at;
			if (!m->key) c.key_len[row] = NULL_LEN;
			else { memcpy(data + at, m->key, m->key_len); c.key_len[row] = (uint32_t)m->key_len; at += (uint32_t)m->key_len; }
		}
		if (c.timestamp) { int t; c.timestamp[row] = rd_kafka_message_timestamp(m, &t); c.timestamp_type[row] = (uint8_t)t; }
		if (c.leader) c.leader[row] = leader;
		if (c.headers) {
			rd_kafka_headers_t *h;
			if (!rd_kafka_message_headers(m, &h)) {
				const char *name; const void *v; size_t n, j;
				for (j = 0; !rd_kafka_header_get_all(h, j, &name, &v, &n); j++, hc++) {
					size_t l = strlen(name);
					c.h_name_off[hc] = at; c.h_name_len[hc] = (uint32_t)l; memcpy(data + at, name, l); at += (uint32_t)l;
					c.h_val_off[hc] = at; c.h_val_len[hc] = v ? (uint32_t)n : NULL_LEN;
					if (v) { memcpy(data + at, v, n); at += (uint32_t)n; }
				}
			}
			c.headers[row] = (uint32_t)hc;
		}
		rd_kafka_message_destroy(m);
		row++;
	}
	return nruns;
}

static char weir_nothing[1];

// weir_produce hands n records of one topic and partition to librdkafka, in order, and returns how many it
// took; *err is 0 or the error of the first that it did not take.
static int weir_produce(rd_kafka_topic_t *rkt, int32_t partition, const char *data, const uint32_t *voff, const uint32_t *vlen,
		const char *kdata, const uint32_t *koff, const uint32_t *klen, const int32_t *idx, int n, int *err) {
	rd_kafka_message_t m[256];
	int done = 0;
	*err = 0;
	while (done < n) {
		int k = n - done < 256 ? n - done : 256, i, good;
		memset(m, 0, sizeof(m[0]) * (size_t)k);
		for (i = 0; i < k; i++) {
			int32_t r = idx[done + i];
			if (vlen[r] != NULL_LEN) { m[i].payload = vlen[r] ? (void *)(data + voff[r]) : weir_nothing; m[i].len = vlen[r]; }
			if (klen && klen[r] != NULL_LEN) { m[i].key = klen[r] ? (void *)(kdata + koff[r]) : weir_nothing; m[i].key_len = klen[r]; }
		}
		good = rd_kafka_produce_batch(rkt, partition, F_COPY, m, k);
		if (good == k) { done += k; continue; }
		for (i = 0; i < k; i++)
			if (m[i].err) { *err = m[i].err; return done + i; }
		*err = -1; // fewer taken than told, and no error: never seen
		return done;
	}
	return done;
}

// weir_produce_full is weir_produce for records with timestamps or headers; ts[r] is -1 for none;
// headers of record r are entries hdr[r-1] .. hdr[r] (0 before the first).
static int weir_produce_full(rd_kafka_t *rk, rd_kafka_topic_t *rkt, int32_t partition, const char *data, const uint32_t *voff, const uint32_t *vlen,
		const char *kdata, const uint32_t *koff, const uint32_t *klen, const int32_t *idx, int n, const int64_t *ts,
		const uint32_t *hdr, const char *hdata, const uint32_t *hno, const uint32_t *hnl, const uint32_t *hvo, const uint32_t *hvl, int *err) {
	int i;
	*err = 0;
	for (i = 0; i < n; i++) {
		int32_t r = idx[i];
		int c = 0;
		rd_kafka_vu_t vu[8];
		rd_kafka_headers_t *h = NULL;
		rd_kafka_error_t *e;
		vu[c].vtype = VT_RKT; vu[c++].u.rkt = rkt;
		vu[c].vtype = VT_PARTITION; vu[c++].u.i32 = partition;
		vu[c].vtype = VT_MSGFLAGS; vu[c++].u.i = F_COPY;
		if (vlen[r] != NULL_LEN) { vu[c].vtype = VT_VALUE; vu[c].u.mem.ptr = vlen[r] ? (void *)(data + voff[r]) : weir_nothing; vu[c++].u.mem.size = vlen[r]; }
		if (klen && klen[r] != NULL_LEN) { vu[c].vtype = VT_KEY; vu[c].u.mem.ptr = klen[r] ? (void *)(kdata + koff[r]) : weir_nothing; vu[c++].u.mem.size = klen[r]; }
		if (ts && ts[r] >= 0) { vu[c].vtype = VT_TIMESTAMP; vu[c++].u.i64 = ts[r]; }
		if (hdr) {
			uint32_t j, from = r ? hdr[r - 1] : 0;
			if (from < hdr[r]) {
				h = rd_kafka_headers_new(hdr[r] - from);
				for (j = from; j < hdr[r]; j++)
					rd_kafka_header_add(h, hnl[j] ? hdata + hno[j] : "", hnl[j], hvl[j] == NULL_LEN ? NULL : (hvl[j] ? (void *)(hdata + hvo[j]) : weir_nothing), hvl[j] == NULL_LEN ? 0 : hvl[j]);
				vu[c].vtype = VT_HEADERS; vu[c++].u.headers = h;
			}
		}
		if ((e = rd_kafka_produceva(rk, vu, (size_t)c))) {
			*err = rd_kafka_error_code(e);
			rd_kafka_error_destroy(e);
			if (h) rd_kafka_headers_destroy(h); // it is still ours after a failure
			return i;
		}
	}
	return n;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"time"
	"unsafe"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/connectors/formats"
)

// fewArenas keeps the memory of librdkafka together. It has effect on threads that have not allocated yet, so that it is called before
// there is a client; again does no harm.
func fewArenas() { C.weir_few_arenas() }

// rdkafkaVersion is the version of librdkafka whose client structure rkOf knows, as 0xMMmmrrxx.
const rdkafkaVersion = 0x020b01ff

// rkOf is the rd_kafka_t behind a client of confluent-kafka-go, which has no accessor for it. The field is
// found by name; a test fails when a new version of the module moves it.
func rkOf(client any) (rk *C.rd_kafka_t, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("this build's confluent-kafka-go hides the client handle elsewhere: %v", r)
		}
	}()
	p := reflect.Indirect(reflect.ValueOf(client).Elem().FieldByName("handle")).FieldByName("rk").UnsafePointer()
	if p == nil {
		return nil, fmt.Errorf("the kafka client is closed")
	}
	return (*C.rd_kafka_t)(p), nil
}

// queue is a librdkafka queue of our own, to which the queues of assigned partitions are forwarded. take, wait and
// copy are one goroutine's; wake is anybody's until close.
//
// It is waited for in Go's poller and not in librdkafka: a call of C that blocks keeps its thread, and the Go runtime's monitor,
// which takes the processor of such calls back, looks every 20 µs as long as there are some. At a few hundred batches a second
// that was a third of a job's processor time.
type queue struct {
	rk    *C.rd_kafka_t
	q     *C.rd_kafka_queue_t
	fetch *C.weir_fetch
	names map[unsafe.Pointer]string // topic of a message; cleared when partitions are assigned
	bell  *os.File                  // readable once there are messages where none were
	rope  *os.File                  // its other end
}

func newQueue(client any, capacity int) (*queue, error) {
	rk, err := rkOf(client)
	if err != nil {
		return nil, err
	}
	bell, rope, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	q := &queue{rk: rk, q: C.rd_kafka_queue_new(rk), fetch: C.weir_fetch_new(C.int(capacity)),
		names: map[unsafe.Pointer]string{}, bell: bell, rope: rope}
	raw, err := rope.SyscallConn()
	if err == nil {
		one := C.CString("m")
		defer C.free(unsafe.Pointer(one))
		err = raw.Control(func(fd uintptr) { C.rd_kafka_queue_io_event_enable(q.q, C.int(fd), unsafe.Pointer(one), 1) })
	}
	if err != nil {
		return nil, errors.Join(err, q.close())
	}
	return q, nil
}

// forward sends the messages of a partition to q. A forward made by the application survives the
// assignment, so that it is done before Assign and no message goes astray.
func (q *queue) forward(topic string, partition int32) {
	name := C.CString(topic)
	defer C.free(unsafe.Pointer(name))
	if p := C.rd_kafka_queue_get_partition(q.rk, name, C.int32_t(partition)); p != nil {
		C.rd_kafka_queue_forward(p, q.q)
		C.rd_kafka_queue_destroy(p)
	}
	clear(q.names)
}

// unforward gives a partition's queue back, as must be done before the consumer is closed.
func (q *queue) unforward(topic string, partition int32) {
	name := C.CString(topic)
	defer C.free(unsafe.Pointer(name))
	if p := C.rd_kafka_queue_get_partition(q.rk, name, C.int32_t(partition)); p != nil {
		C.rd_kafka_queue_forward(p, nil)
		C.rd_kafka_queue_destroy(p)
	}
}

// wake makes a wait return, the next one where none is under way. Should the system refuse it, the wait ends at its deadline.
func (q *queue) wake() { _, _ = q.rope.Write([]byte{'w'}) }

// close frees the queue; before the client is closed.
func (q *queue) close() error {
	if q.fetch == nil {
		return nil
	}
	C.weir_fetch_free(q.fetch)
	q.fetch = nil
	C.rd_kafka_queue_io_event_enable(q.q, -1, nil, 0)
	C.rd_kafka_queue_destroy(q.q)
	return errors.Join(q.bell.Close(), q.rope.Close())
}

// pending is the number of messages taken and not copied yet.
func (q *queue) pending() int { return int(q.fetch.n - q.fetch.pos) }

// take takes the messages that are there, and says how many; below 0 the queue failed. It must not be called while some are pending.
func (q *queue) take() int { return int(C.weir_take(q.q, q.fetch)) }

// wait waits for messages behind a take that found none, or for wake, until the deadline.
func (q *queue) wait(deadline time.Time) error {
	if err := q.bell.SetReadDeadline(deadline); err != nil {
		return err
	}
	var rung [16]byte
	if _, err := q.bell.Read(rung[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// wanted says which parts of records are copied.
type wanted struct{ keys, values, headers, timestamps, leaders bool }

// records is a batch of consumed records in Go memory. Keys and values lie in one buffer.
type records struct {
	n             int
	data          []byte
	keys, values  formats.Payloads // both with data
	offset        []int64
	timestamp     []int64 // milliseconds
	timestampType []uint8 // 0 none, 1 create time, 2 log append time
	leader        []int32
	headers       []uint32 // header entries up to and including those of record i
	hNameOff      []uint32
	hNameLen      []uint32
	hValOff       []uint32
	hValLen       []uint32
	runs          []run
}

// run is consecutive records of one partition, or an event of one (err not 0: end of partition, an error).
type run struct {
	topic     string
	partition int32
	from, to  int
	last      int64 // offset of the last record, or of the event
	leader    int32 // leader epoch of the last record; -1 unknown
	err       ck.ErrorCode
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

func ptr[T any](s []T) *T {
	if len(s) == 0 {
		return nil
	}
	return &s[0]
}

// copy fills r with pending messages up to maxBytes, at least one.
func (q *queue) copy(r *records, w wanted, maxBytes int) {
	var size C.weir_size
	C.weir_measure(q.fetch, cbool(w.keys), cbool(w.values), cbool(w.headers), C.uint64_t(maxBytes), &size)
	n, nh := int(size.rows), int(size.headers)
	r.n = n
	r.data = grow(r.data, int(size.bytes)+1) // one byte more: an empty batch has an address too
	r.values.Off, r.values.Len = grow(r.values.Off, n+1), grow(r.values.Len, n+1)
	r.offset = grow(r.offset, n+1)
	c := C.weir_cols{
		val_off: (*C.uint32_t)(&r.values.Off[0]), val_len: (*C.uint32_t)(&r.values.Len[0]),
		offset: (*C.int64_t)(&r.offset[0]),
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&r.values.Off[0])
	pin.Pin(&r.values.Len[0])
	pin.Pin(&r.offset[0])
	if w.keys {
		r.keys.Off, r.keys.Len = grow(r.keys.Off, n+1), grow(r.keys.Len, n+1)
		pin.Pin(&r.keys.Off[0])
		pin.Pin(&r.keys.Len[0])
		c.key_off, c.key_len = (*C.uint32_t)(&r.keys.Off[0]), (*C.uint32_t)(&r.keys.Len[0])
	}
	if w.timestamps {
		r.timestamp, r.timestampType = grow(r.timestamp, n+1), grow(r.timestampType, n+1)
		pin.Pin(&r.timestamp[0])
		pin.Pin(&r.timestampType[0])
		c.timestamp, c.timestamp_type = (*C.int64_t)(&r.timestamp[0]), (*C.uint8_t)(&r.timestampType[0])
	}
	if w.leaders {
		r.leader = grow(r.leader, n+1)
		pin.Pin(&r.leader[0])
		c.leader = (*C.int32_t)(&r.leader[0])
	}
	if w.headers {
		r.headers = grow(r.headers, n+1)
		r.hNameOff, r.hNameLen = grow(r.hNameOff, nh+1), grow(r.hNameLen, nh+1)
		r.hValOff, r.hValLen = grow(r.hValOff, nh+1), grow(r.hValLen, nh+1)
		for _, s := range [][]uint32{r.headers, r.hNameOff, r.hNameLen, r.hValOff, r.hValLen} {
			pin.Pin(&s[0])
		}
		c.headers = (*C.uint32_t)(&r.headers[0])
		c.h_name_off, c.h_name_len = (*C.uint32_t)(&r.hNameOff[0]), (*C.uint32_t)(&r.hNameLen[0])
		c.h_val_off, c.h_val_len = (*C.uint32_t)(&r.hValOff[0]), (*C.uint32_t)(&r.hValLen[0])
	}
	nruns := int(C.weir_copy(q.fetch, size.taken, (*C.char)(unsafe.Pointer(&r.data[0])), 0, c, cbool(w.keys), cbool(w.values)))

	r.data = r.data[:size.bytes]
	// Whoever appends to the data must not write into memory that others see.
	data := r.data[:len(r.data):len(r.data)]
	r.values.Data, r.values.Off, r.values.Len = data, r.values.Off[:n], r.values.Len[:n]
	if w.keys {
		r.keys.Data, r.keys.Off, r.keys.Len = data, r.keys.Off[:n], r.keys.Len[:n]
	}
	r.runs = r.runs[:0]
	for _, x := range unsafe.Slice(q.fetch.runs, nruns) {
		name, ok := q.names[x.rkt]
		if !ok && x.rkt != nil {
			name = C.GoString(C.rd_kafka_topic_name((*C.rd_kafka_topic_t)(x.rkt)))
			q.names[x.rkt] = name
		}
		r.runs = append(r.runs, run{topic: name, partition: int32(x.partition), from: int(x.from), to: int(x.to),
			last: int64(x.last), leader: int32(x.leader), err: ck.ErrorCode(x.err)})
	}
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// rdHandle is librdkafka's handle of a client.
type rdHandle struct{ rk *C.rd_kafka_t }

// rdTopic is librdkafka's handle of a topic that is produced to.
type rdTopic struct{ rkt *C.rd_kafka_topic_t }

func newRdTopic(rk *C.rd_kafka_t, name string) (rdTopic, error) {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	t := C.rd_kafka_topic_new(rk, s, nil)
	if t == nil {
		return rdTopic{}, fmt.Errorf("librdkafka refuses the topic name '%s'", name)
	}
	return rdTopic{t}, nil
}

func (t rdTopic) destroy() { C.rd_kafka_topic_destroy(t.rkt) }

// outgoing is encoded records: what produce hands on. Only values is always there.
type outgoing struct {
	values, keys formats.Payloads
	hasKeys      bool
	timestamps   []int64  // milliseconds, -1 for none; nil when no record has one
	headers      []uint32 // entries up to and including those of record i; nil when no record has any
	hNameOff     []uint32
	hNameLen     []uint32
	hValOff      []uint32
	hValLen      []uint32
	hData        []byte
}

// produce hands the records idx of o to librdkafka for one partition, in order. It returns how many were taken,
// and why the next one was not. The topic's metadata must be known and the partition below its count.
func produce(rk *C.rd_kafka_t, t rdTopic, partition int32, o *outgoing, idx []int32) (int, ck.ErrorCode) {
	var cerr C.int
	var koff, klen *C.uint32_t
	kdata := (*C.char)(nil)
	if o.hasKeys {
		koff, klen = (*C.uint32_t)(ptr(o.keys.Off)), (*C.uint32_t)(ptr(o.keys.Len))
		kdata = (*C.char)(unsafe.Pointer(unsafe.SliceData(o.keys.Data)))
	}
	vdata := (*C.char)(unsafe.Pointer(unsafe.SliceData(o.values.Data)))
	voff, vlen := (*C.uint32_t)(ptr(o.values.Off)), (*C.uint32_t)(ptr(o.values.Len))
	i, n := (*C.int32_t)(&idx[0]), C.int(len(idx))
	if o.timestamps == nil && o.headers == nil {
		done := C.weir_produce(t.rkt, C.int32_t(partition), vdata, voff, vlen, kdata, koff, klen, i, n, &cerr)
		return int(done), ck.ErrorCode(cerr)
	}
	done := C.weir_produce_full(rk, t.rkt, C.int32_t(partition), vdata, voff, vlen, kdata, koff, klen, i, n,
		(*C.int64_t)(ptr(o.timestamps)), (*C.uint32_t)(ptr(o.headers)),
		(*C.char)(unsafe.Pointer(unsafe.SliceData(o.hData))), (*C.uint32_t)(ptr(o.hNameOff)), (*C.uint32_t)(ptr(o.hNameLen)),
		(*C.uint32_t)(ptr(o.hValOff)), (*C.uint32_t)(ptr(o.hValLen)), &cerr)
	return int(done), ck.ErrorCode(cerr)
}

// flushQueue waits until librdkafka has sent all it holds, without lingering, for at most timeoutMS; true when
// nothing is left. The Go client's own Flush waits in steps of 100 ms.
func flushQueue(rk *C.rd_kafka_t, timeoutMS int) bool {
	return C.rd_kafka_flush(rk, C.int(timeoutMS)) == 0
}

// reportErrorsOnly makes a producer report failed deliveries only: the Go client cannot be configured so, for the sake of
// its own bookkeeping of single messages, and would make a Go object of every record just to throw it away. It
// reports whether librdkafka agreed; where it does not, reports of successes are ignored when they come.
func reportErrorsOnly(rk *C.rd_kafka_t) bool { return C.weir_report_errors_only(rk) == 0 }

// knowsController reports whether a broker has told an open client of the cluster. It does not wait.
func knowsController(client *ck.AdminClient) bool {
	rk, err := rkOf(client)
	return err == nil && C.rd_kafka_controllerid(rk, 0) >= 0
}

func linkedVersion() int { return int(C.rd_kafka_version()) }

const nullLen = formats.NullLen

func (o *outgoing) keyLen(r int32) uint32 {
	if !o.hasKeys {
		return 0
	}
	return o.keys.Len[r]
}
