package spec

import (
	"strconv"
	"strings"

	"weir/connectors/formats/literal"
	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/types"
)

func datagen() *c.ConnectorSpec {
	return &c.ConnectorSpec{
		Name: "datagen", Doc: "Makes rows: random values or sequences, reproducible after a restart.", Source: true,
		Options: append([]c.OptionSpec{
			opt("rows-per-second", c.OptLong, "10000", "Rows made in a second, of all subtasks together.", "1000"),
			opt("number-of-rows", c.OptLong, "", "Rows to make before the source ends; without it, and without a sequence, it never ends.", "1000000"),
			{Key: "fields.", Prefix: true, Type: c.OptString,
				Doc: "How a column is made: fields.<column>.kind (random, sequence), .min, .max, .max-past, .length, .var-len, .null-rate, .start, .end. " +
					"Parts of a column are <column>.element (ARRAY, MULTISET), <column>.key and <column>.value (MAP), <column>.<field> (ROW).",
				Example: "sequence"},
		}, sourceOptions()...),
		Check:      checkDatagen,
		SourceMode: insertOnly, SinkMode: insertOnly,
		Bounded: datagenIsBounded, Transactional: notTransactional,
	}
}

func datagenIsBounded(t *c.Table) bool {
	if _, ok := t.Options.Get("number-of-rows"); ok {
		return true
	}
	for _, o := range t.Options {
		if strings.HasPrefix(o.Key, "fields.") && strings.HasSuffix(o.Key, ".kind") && strings.EqualFold(o.Value, "sequence") {
			return true
		}
	}
	return false
}

// FieldOptions are the options of a datagen column, behind "fields.<column>.".
var FieldOptions = []c.OptionSpec{
	enum("kind", "random", "How values are made.", "random", "sequence"),
	opt("min", c.OptString, "", "Least random value; by default the type's.", "0"),
	opt("max", c.OptString, "", "Greatest random value; by default the type's.", "999"),
	opt("max-past", c.OptDuration, "0", "Random time before the present.", "1 h"),
	opt("length", c.OptInt, "", "Length of random text or bytes (100 where the type gives none), elements of a collection (3).", "12"),
	opt("var-len", c.OptBool, "false", "Whether the length varies, up to the length given.", "true"),
	opt("null-rate", c.OptString, "0", "Share of NULLs, 0 to 1.", "0.1"),
	opt("start", c.OptLong, "", "First value of a sequence.", "1"),
	opt("end", c.OptLong, "", "Last value of a sequence.", "1000"),
}

// CollectionLength is how many elements an ARRAY, MAP or MULTISET has where 'length' does not say.
const CollectionLength = 3

// Part is a column of a datagen table, or a part of one that has options of its own.
type Part struct {
	Name string // as in "fields.<name>.": tags.element.sku; of what Parts returns only the last step
	Type types.Type
	Span diag.Span // of the column
	Deep bool      // it lies within a column
}

// Parts are the parts of a value of type t, in the order of the children of its vectors.
func Parts(t types.Type) []Part {
	switch t.Kind {
	case types.Array, types.Multiset:
		return []Part{{Name: "element", Type: t.Nested.Elem}}
	case types.Map:
		return []Part{{Name: "key", Type: t.Nested.Key}, {Name: "value", Type: t.Nested.Elem}}
	case types.Row:
		parts := make([]Part, len(t.Nested.Fields))
		for i, f := range t.Nested.Fields {
			parts[i] = Part{Name: f.Name, Type: f.Type}
		}
		return parts
	}
	return nil
}

// eachPart calls visit with every column that is generated, and with all of their parts behind it.
func eachPart(t *c.Table, visit func(Part)) {
	var walk func(p Part)
	walk = func(p Part) {
		visit(p)
		for _, q := range Parts(p.Type) {
			walk(Part{Name: p.Name + "." + q.Name, Type: q.Type, Span: p.Span, Deep: true})
		}
	}
	for _, i := range t.Physical() {
		walk(Part{Name: t.Columns[i].Name, Type: t.Columns[i].Type, Span: t.Columns[i].Span})
	}
}

// fieldOption takes "fields.<part>.<option>" apart; names may hold points.
func fieldOption(key string) (part, option string, ok bool) {
	rest := strings.TrimPrefix(key, "fields.")
	for _, f := range FieldOptions {
		// "max-past" ends no other option's name, so that the first match is the only one.
		if name, ok := strings.CutSuffix(rest, "."+f.Key); ok {
			return name, f.Key, true
		}
	}
	return "", "", false
}

func checkDatagen(t *c.Table, use c.Use, _ func(string) string, diags *diag.List) {
	k := &checker{t, diags}
	if use != c.UseDefine {
		return
	}
	k.noPartitions()
	k.positive("rows-per-second")
	if v, ok := t.Options.Get("number-of-rows"); ok {
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil && n < 0 {
			k.diags.Errorf(CodeOptionValue, k.at("number-of-rows"), "'number-of-rows' must not be negative")
		}
	}
	k.sourceOptions()
	parts := map[string]Part{}
	var names []string
	eachPart(t, func(p Part) {
		if p.Type.Kind == types.Null || p.Type.Kind == types.Invalid || p.Type.Kind == types.Variant {
			k.diags.Errorf(CodeGenerator, p.Span, "column %s %s: connector 'datagen' cannot make values of this type", p.Name, p.Type)
		}
		parts[p.Name] = p
		names = append(names, p.Name)
	})
	for _, o := range t.Options {
		if !strings.HasPrefix(o.Key, "fields.") {
			continue
		}
		name, option, ok := fieldOption(o.Key)
		if !ok {
			k.noFieldOption(o.Key)
			continue
		}
		p, ok := parts[name]
		if !ok {
			d := k.diags.Errorf(CodeGenerator, k.atKey(o.Key), "'%s' names column %s, which table %s does not have", o.Key, name, t.Name)
			if s, ok := diag.Suggest(name, names); ok {
				d.Help("did you mean %s?", s)
			}
			continue
		}
		k.field(p, option, o)
	}
	eachPart(t, func(p Part) { k.sequence(p.Name) })
}

// noFieldOption reports a key that ends in no option of a column.
func (k *checker) noFieldOption(key string) {
	d := k.diags.Errorf(CodeGenerator, k.atKey(key), "'%s' is not an option of connector 'datagen'", key)
	last := key[strings.LastIndexByte(key, '.')+1:]
	names := make([]string, len(FieldOptions))
	for i := range FieldOptions {
		names[i] = FieldOptions[i].Key
	}
	if s, ok := diag.Suggest(last, names); ok {
		d.Help("did you mean '%s'?", strings.TrimSuffix(key, last)+s)
	} else {
		d.Help("fields.<column>. is followed by %s", strings.Join(names, ", "))
	}
}

// field checks one field option against the type of its column or part.
func (k *checker) field(p Part, name string, o c.Option) {
	t := p.Type
	at := k.at(o.Key)
	if p.Deep && oneOf(name, "kind", "start", "end") {
		k.diags.Errorf(CodeGenerator, k.atKey(o.Key), "'%s': only a whole column can be a sequence", o.Key).
			Help("remove it, or make a column of it and build the value in the query")
		return
	}
	kind := strings.ToLower(k.getOr("fields."+p.Name+".kind", "random"))
	needs := func(kinds string, ok bool) {
		if !ok {
			k.diags.Errorf(CodeGenerator, k.atKey(o.Key), "'%s' has no meaning for column %s %s", o.Key, p.Name, t).
				Help("it is for columns of %s", kinds)
		}
	}
	number := func() {
		if t.IsInteger() || t.IsInterval() {
			k.whole(t, o, at)
		} else if _, err := strconv.ParseFloat(strings.TrimSpace(o.Value), 64); err != nil {
			k.diags.Errorf(CodeGenerator, at, "'%s' must be a number, found '%s'", o.Key, o.Value)
		}
	}
	if kind == "sequence" && oneOf(name, "min", "max", "max-past", "length", "var-len", "null-rate") ||
		kind == "random" && oneOf(name, "start", "end") {
		k.diags.Errorf(CodeGenerator, k.atKey(o.Key), "'%s' has no meaning for a column of kind %s", o.Key, kind).
			Help("remove it, or set 'fields.%s.kind' = '%s'", p.Name, map[string]string{"random": "sequence", "sequence": "random"}[kind])
		return
	}
	switch name {
	case "kind":
		if !oneOf(strings.ToLower(o.Value), "random", "sequence") {
			k.diags.Errorf(CodeGenerator, at, "'%s' must be random or sequence, found '%s'", o.Key, o.Value)
		} else if kind == "sequence" {
			needs("numbers and text", t.IsNumeric() || t.IsString())
		}
	case "min", "max":
		needs("numbers and intervals", t.IsNumeric() || t.IsInterval())
		number()
	case "max-past":
		needs("TIMESTAMP and TIMESTAMP_LTZ", t.IsTimestamp())
	case "length":
		list := t.Kind == types.Array || t.Kind == types.Map || t.Kind == types.Multiset
		needs("text, bytes, arrays, maps and multisets", t.IsString() || t.IsBinary() || list)
		n, err := strconv.ParseInt(o.Value, 10, 32)
		switch {
		case err != nil || n < 0:
			k.diags.Errorf(CodeGenerator, at, "'%s' must be a whole number, found '%s'", o.Key, o.Value)
		case (t.Kind == types.Char || t.Kind == types.Binary) && int(n) != t.Len:
			k.diags.Errorf(CodeGenerator, at, "'%s': column %s %s has a fixed length", o.Key, p.Name, t).Help("remove it")
		case !list && int(n) > t.Len:
			k.diags.Errorf(CodeGenerator, at, "'%s': column %s %s cannot be longer than %d", o.Key, p.Name, t, t.Len)
		}
	case "var-len":
		needs("VARCHAR, STRING, VARBINARY and BYTES", t.Kind == types.VarChar || t.Kind == types.VarBinary)
		if !oneOf(strings.ToLower(o.Value), "true", "false") {
			k.diags.Errorf(CodeGenerator, at, "'%s' must be true or false, found '%s'", o.Key, o.Value)
		}
	case "null-rate":
		if f, err := strconv.ParseFloat(o.Value, 64); err != nil || f < 0 || f > 1 {
			k.diags.Errorf(CodeGenerator, at, "'%s' must be a number from 0 to 1, found '%s'", o.Key, o.Value)
		} else if f > 0 && !t.Nullable {
			k.diags.Errorf(CodeGenerator, at, "'%s': column %s is NOT NULL", o.Key, p.Name).Help("remove it, or NOT NULL")
		}
	case "start", "end":
		k.whole(t, o, at)
	}
}

// whole checks that an option is a whole number that fits the column's type.
func (k *checker) whole(t types.Type, o c.Option, at diag.Span) {
	n, err := strconv.ParseInt(strings.TrimSpace(o.Value), 10, 64)
	if err != nil {
		k.diags.Errorf(CodeGenerator, at, "'%s' must be a whole number, found '%s'", o.Key, o.Value)
		return
	}
	if lo, hi := literal.Range(t.Kind); n < lo || n > hi {
		k.diags.Errorf(CodeGenerator, at, "'%s': %s does not fit %s", o.Key, o.Value, t.WithNullable(true)).
			Help("the values of the type are %d to %d", lo, hi)
	}
}

// sequence checks what a sequence column needs as a whole.
func (k *checker) sequence(name string) {
	p := "fields." + name + "."
	bounds := func(lo, hi string) {
		a, errA := strconv.ParseFloat(k.get(p+lo), 64)
		b, errB := strconv.ParseFloat(k.get(p+hi), 64)
		if errA == nil && errB == nil && a > b {
			k.diags.Errorf(CodeGenerator, k.at(p+lo), "column %s: %s %s is greater than %s %s", name, lo, k.get(p+lo), hi, k.get(p+hi))
		}
	}
	bounds("min", "max")
	if !strings.EqualFold(k.get(p+"kind"), "sequence") {
		return
	}
	for _, need := range []string{"start", "end"} {
		if !k.has(p + need) {
			k.diags.Errorf(CodeGenerator, k.atKey(p+"kind"), "column %s: a sequence needs '%s%s'", name, p, need).
				Help("add '%s%s' = '%s'", p, need, map[string]string{"start": "1", "end": "1000"}[need])
		}
	}
	bounds("start", "end")
}
