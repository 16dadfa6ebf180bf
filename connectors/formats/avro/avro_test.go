package avro

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/avro"

	"weir/connectors/formats"
	"weir/connectors/formats/avro/registry/registrytest"
	"weir/connectors/formats/formattest"
	"weir/planner/catalog"
)

func TestText(t *testing.T) { formattest.Run(t, "testdata/avro", Format()) }

// TestConfluent runs the cases of avro-confluent. Beside the commands of formattest:
//
//	writer      a schema, of which the number is printed
//	decode      payloads, one a line: the number of a schema and a value in Avro's JSON encoding, without the wrapping of unions; or what formattest takes
//	registry    up, down, or only user:password
//	asked       the requests since this was asked last
func TestConfluent(t *testing.T) {
	datadriven.Walk(t, "testdata/confluent", func(t *testing.T, path string) {
		reg := registrytest.Start()
		defer reg.Close()
		var columns []formats.Column
		var opts catalog.Options
		schemas := map[string]*avro.Schema{}
		asked := 0
		options := func(text string) {
			opts = append(formattest.Options("url = "+reg.URL+"\nsubject = t-value"), formattest.Options(text)...)
		}
		options("")
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out := ""
			switch d.Cmd {
			case "schema":
				columns = formattest.Schema(t, d.Input)
			case "options":
				options(d.Input)
			case "writer":
				s, err := avro.Parse(d.Input)
				if err != nil {
					t.Fatal(err)
				}
				id := strconv.Itoa(reg.Add("w", d.Input))
				schemas[id] = s
				out = id + "\n"
			case "registry":
				reg.Down(strings.HasPrefix(d.Input, "down"))
				reg.Only("")
				if _, user, ok := strings.Cut(d.Input, "only "); ok {
					reg.Only(user)
				}
			case "asked":
				all := reg.Asked()
				out, asked = strings.Join(all[asked:], "\n")+"\n", len(all)
			case "registered":
				schema, id := reg.Latest(d.Input)
				out = fmt.Sprintf("%d %s\n", id, schema)
			case "decode":
				out = formattest.Decode(Confluent(), columns, nil, opts, payloads(t, schemas, d.Input))
			case "encode":
				out = formattest.Encode(t, Confluent(), columns, opts, d.Input)
			default:
				t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
			}
			return strings.ReplaceAll(out, reg.URL, "http://registry")
		})
	})
}

func payloads(t *testing.T, schemas map[string]*avro.Schema, input string) string {
	var out []string
	for _, line := range strings.Split(input, "\n") {
		id, value, _ := strings.Cut(line, " ")
		s := schemas[id]
		if s == nil {
			out = append(out, line)
			continue
		}
		var v any
		if err := s.DecodeJSON([]byte(value), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		n, _ := strconv.Atoi(id)
		b, err := s.AppendEncode(binary.BigEndian.AppendUint32([]byte{0}, uint32(n)), v)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, "go:"+strconv.Quote(string(b)))
	}
	return strings.Join(out, "\n")
}
