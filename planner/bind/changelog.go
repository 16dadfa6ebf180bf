package bind

import (
	"slices"
	"strings"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

const (
	toChangelog   = "TO_CHANGELOG"
	fromChangelog = "FROM_CHANGELOG"
	opColumn      = "op" // where DESCRIPTOR names no other
)

// changelog binds TO_CHANGELOG and FROM_CHANGELOG.
func (b *Binder) changelog(t *ast.TableFunc, name string, args map[string]*ast.TableArg) (logical.Node, *scope) {
	in := b.windowInput(args["INPUT"], name)
	list, ok := b.opMapping(args["OP_MAPPING"], name)
	if u := args["UID"]; u != nil {
		if _, text := u.Expr.(*ast.StringLit); !text {
			b.Diags.Errorf(codes.Changelog, u.Sp, "the uid of %s is a string", name).Help("leave it out: it names the state of a function, and this one has none")
			ok = false
		}
	}
	if in == nil || !ok {
		return nil, nil
	}
	op := ast.Ident{At: t.At, Name: opColumn}
	if d := args["OP"]; d != nil {
		op = d.Descriptor[0]
	}
	var n logical.Node
	if name == toChangelog {
		n = b.toChangelog(in, op, list, t.Sp)
	} else {
		n = b.fromChangelog(in, op, args, list, t.Sp)
	}
	if n == nil {
		return nil, nil
	}
	return b.aliased(n, t.Alias, inputName(args["INPUT"]), t.Sp)
}

func (b *Binder) toChangelog(in logical.Node, op ast.Ident, list []physical.OpCode, at diag.Span) logical.Node {
	if slices.ContainsFunc(in.Cols(), func(c logical.Column) bool { return c.Name == op.Name }) {
		b.Diags.Errorf(codes.Changelog, op.Sp, "the table of TO_CHANGELOG has a column %s already", op.Name).
			Help("name the column of the kinds of change in another way: op => DESCRIPTOR(kind_of_change)")
		return nil
	}
	return logical.NewToChangelog(in, op.Name, list, at)
}

func (b *Binder) fromChangelog(in logical.Node, op ast.Ident, args map[string]*ast.TableArg, list []physical.OpCode, at diag.Span) logical.Node {
	i := slices.IndexFunc(in.Cols(), func(c logical.Column) bool { return c.Name == op.Name })
	if i < 0 && args["OP"] == nil {
		d := b.Diags.Errorf(codes.Changelog, args["INPUT"].Sp, "the table of FROM_CHANGELOG has no column op, which would say what kind of change a row is")
		if k := slices.IndexFunc(in.Cols(), func(c logical.Column) bool { return c.Type.IsString() }); k >= 0 {
			d.Help("name it: op => DESCRIPTOR(%s)", scalar.QuoteName(in.Cols()[k].Name))
		} else {
			d.Help("name it by op => DESCRIPTOR(...)")
		}
		return nil
	}
	if i < 0 {
		b.unknown(nodeScope(in, "", in.Span()), op, inputName(args["INPUT"]), in.Cols())
		return nil
	}
	c := in.Cols()[i]
	if !c.Type.IsString() {
		sp := op.Sp
		if args["OP"] == nil {
			sp = args["INPUT"].Sp
		}
		b.Diags.Errorf(codes.Changelog, sp, "column %s says what kind of change a row is and must be a STRING, and it is %s", op.Name, c.Type.WithNullable(true)).
			Help("compute it below: input => (SELECT *, CAST(%s AS STRING) AS kind_of_change FROM ...), op => DESCRIPTOR(kind_of_change)", scalar.QuoteName(op.Name))
		return nil
	}
	if len(in.Cols()) == 1 {
		b.Diags.Errorf(codes.Changelog, args["INPUT"].Sp, "the table of FROM_CHANGELOG has nothing but the kind of change").Help("give it the columns of the rows that are changed")
		return nil
	}
	return logical.NewFromChangelog(in, i, list, at)
}

// opMapping reads a MAP of constant strings: of TO_CHANGELOG from kinds of change to codes, of FROM_CHANGELOG from codes to kinds. What stands on the left
// may be several, with commas. Without one each kind has its own name for a code.
func (b *Binder) opMapping(a *ast.TableArg, name string) (list []physical.OpCode, ok bool) {
	if a == nil {
		for k, kind := range physical.ChangeNames {
			list = append(list, physical.OpCode{Code: kind, Kind: physical.Change(k)})
		}
		return list, true
	}
	m, isMap := a.Expr.(*ast.MapExpr)
	if !isMap {
		form := "MAP['INSERT, UPDATE_AFTER', 'false', 'DELETE', 'true']"
		if name == fromChangelog {
			form = "MAP['c, r', 'INSERT', 'd', 'DELETE']"
		}
		b.Diags.Errorf(codes.Changelog, a.Sp, "op_mapping of %s is a MAP of strings that stands in the text", name).Help("write %s", form)
		return nil, false
	}
	ok = true
	seen := map[string]bool{}
	var kinds [len(physical.ChangeNames)]*ast.StringLit
	for i := 0; i+1 < len(m.Items); i += 2 {
		left, isText := m.Items[i].(*ast.StringLit)
		right, isText2 := m.Items[i+1].(*ast.StringLit)
		if !isText || !isText2 {
			at := m.Items[i]
			if isText {
				at = m.Items[i+1]
			}
			b.Diags.Errorf(codes.Changelog, at.Span(), "op_mapping of %s holds strings that stand in the text", name).Help("put it in quotes")
			ok = false
			continue
		}
		for _, part := range parts(left.Value) {
			code, kind, at := right.Value, part, left
			if name == fromChangelog {
				code, kind, at = part, strings.TrimSpace(right.Value), right
			}
			k := slices.Index(physical.ChangeNames[:], kind)
			twice := k >= 0 && kinds[k] != nil && kinds[k] != at
			switch {
			case k < 0:
				d := b.Diags.Errorf(codes.Changelog, at.Sp, "'%s' is no kind of change", kind)
				if turned := strings.TrimSpace(other(at, left, right).Value); slices.Contains(physical.ChangeNames[:], turned) {
					if name == fromChangelog {
						d.Help("a code stands before what it means: '%s', '%s'", kind, turned)
					} else {
						d.Help("a kind of change stands before its code: '%s', '%s'", turned, kind)
					}
				} else if s, close := diag.Suggest(strings.ToUpper(kind), physical.ChangeNames[:]); close {
					d.Help("did you mean '%s'?", s)
				} else {
					d.Note("the kinds are %s", strings.Join(physical.ChangeNames[:], ", "))
				}
				ok = false
			case twice && name == fromChangelog:
				b.Diags.Errorf(codes.Changelog, at.Sp, "%s stands for codes twice", kind).Label(kinds[k].Sp, "here, too").
					Help("put the codes of one kind together, with commas: MAP['c, r', 'INSERT']")
				ok = false
			case twice, name == toChangelog && seen[kind]:
				b.Diags.Errorf(codes.Changelog, at.Sp, "%s has a code twice", kind).Label(kinds[k].Sp, "here, too").Help("leave one of them out")
				ok = false
			case name == fromChangelog && seen[code]:
				b.Diags.Errorf(codes.Changelog, left.Sp, "code '%s' is there twice", code).Help("leave one of them out")
				ok = false
			default:
				kinds[k] = at
				list = append(list, physical.OpCode{Code: code, Kind: physical.Change(k)})
			}
			if name == fromChangelog {
				seen[code] = true
			} else {
				seen[kind] = true
			}
		}
	}
	if ok && name == fromChangelog && kinds[physical.UpdatedAfter] != nil && kinds[physical.UpdatedBefore] == nil {
		b.Diags.Errorf(codes.Changelog, kinds[physical.UpdatedAfter].Sp, "there is a code for UPDATE_AFTER and none for UPDATE_BEFORE").
			At("a row that is changed must be taken back before").
			Note("Flink 2.3 refuses this too: it takes changes with their old rows only").
			Help("give UPDATE_BEFORE its code; where the old rows are not there, write the rows to a topic by key and read it with connector 'upsert-kafka'")
		ok = false
	}
	return list, ok
}

// other is the one of two that at is not.
func other(at, left, right *ast.StringLit) *ast.StringLit {
	if at == left {
		return right
	}
	return left
}

// parts is a list with commas, without blanks around its elements; Java's split leaves empty ones out at the end.
func parts(s string) []string {
	out := strings.Split(s, ",")
	for len(out) > 1 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	for i, p := range out {
		out[i] = strings.TrimSpace(p)
	}
	return out
}
