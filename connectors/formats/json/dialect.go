package json

import (
	"weir/connectors/formats"
)

// A changelog format puts rows into an envelope that says what happened to them. The dialects differ in names, and in how an
// update's old row is given:
//
//	debezium-json  {"before":{..},"after":{..},"op":"u"}                  the whole old row
//	ogg-json       {"before":{..},"after":{..},"op_type":"U"}             the whole old row
//	maxwell-json   {"data":{..},"old":{..},"type":"update"}               the members of the old row that have changed
//	canal-json     {"data":[{..},..],"old":[{..},..],"type":"UPDATE"}     the same, several rows in a record
//
// The decoder goes over the envelope once and decodes rows where they stand, to where they most probably belong: what the tools
// write tells in time what is coming. Where that was wrong (an unusual order of members, a member that comes twice, an update of
// canal's) the rows are decoded again when the whole envelope is known.
type dialect struct {
	name     string // of the format
	tool     string // for messages
	old, new string // members with the rows
	op       string // member that says what happened
	ops      map[string]change
	lists    bool // the rows stand in arrays
	partial  bool // an old row has only the members that have changed, and a deleted row is the new one
	insert   string
	delete   string
	metadata map[string]metaSource // by key
}

// change is what an envelope says.
type change uint8

const (
	unknownChange change = iota
	inserted
	updated
	deleted
	noRows // of a statement that changes no row
)

// metaSource is where the metadata of an envelope stands, and how it becomes a value.
type metaSource struct {
	member, field string // field of an object that is the member; empty: the member itself
	as            metaKind
	outside       bool // beside the payload, where there is a schema
}

type metaKind uint8

const (
	asIs    metaKind = iota
	millis           // a number of milliseconds
	seconds          // a number of seconds
	sqlTime          // "yyyy-MM-dd HH:mm:ss.SSSSSS"
	isoTime          // "yyyy-MM-ddTHH:mm:ss.SSSSSS"
)

var (
	debezium = dialect{
		name: "debezium-json", tool: "Debezium", old: "before", new: "after", op: "op", insert: "c", delete: "d",
		ops: map[string]change{"c": inserted, "r": inserted, "u": updated, "d": deleted},
		metadata: map[string]metaSource{
			"schema":              {member: "schema", outside: true},
			"ingestion-timestamp": {member: "ts_ms", as: millis},
			"source.timestamp":    {member: "source", field: "ts_ms", as: millis},
			"source.database":     {member: "source", field: "db"},
			"source.schema":       {member: "source", field: "schema"},
			"source.table":        {member: "source", field: "table"},
			"source.properties":   {member: "source"},
		},
	}
	ogg = dialect{
		name: "ogg-json", tool: "GoldenGate", old: "before", new: "after", op: "op_type", insert: "I", delete: "D",
		ops: map[string]change{"I": inserted, "U": updated, "D": deleted},
		metadata: map[string]metaSource{
			"table":               {member: "table"},
			"primary-keys":        {member: "primary_keys"},
			"ingestion-timestamp": {member: "current_ts", as: isoTime},
			"event-timestamp":     {member: "op_ts", as: sqlTime},
		},
	}
	maxwell = dialect{
		name: "maxwell-json", tool: "Maxwell", old: "old", new: "data", op: "type", partial: true, insert: "insert", delete: "delete",
		ops: map[string]change{"insert": inserted, "update": updated, "delete": deleted},
		metadata: map[string]metaSource{
			"database":            {member: "database"},
			"table":               {member: "table"},
			"primary-key-columns": {member: "primary_key_columns"},
			"ingestion-timestamp": {member: "ts", as: seconds},
		},
	}
	canal = dialect{
		name: "canal-json", tool: "Canal", old: "old", new: "data", op: "type", partial: true, lists: true, insert: "INSERT", delete: "DELETE",
		ops: map[string]change{"INSERT": inserted, "UPDATE": updated, "DELETE": deleted, "CREATE": noRows},
		metadata: map[string]metaSource{
			"database":            {member: "database"},
			"table":               {member: "table"},
			"sql-type":            {member: "sqlType"},
			"pk-names":            {member: "pkNames"},
			"ingestion-timestamp": {member: "ts", as: millis},
			"event-timestamp":     {member: "es", as: millis},
		},
	}
)

// Changelogs is the changelog formats for a formats.Registry.
func Changelogs() []formats.Format {
	var out []formats.Format
	for _, d := range []*dialect{&debezium, &canal, &maxwell, &ogg} {
		out = append(out, formats.Format{Name: d.name, Decoder: d.newDecoder, Encoder: d.newEncoder})
	}
	return out
}
