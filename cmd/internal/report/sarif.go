package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"weir/parser/diag"
)

// SARIF 2.1.0, the part of it that code scanning shows.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Short sarifText `json:"shortDescription"`
		Help  sarifText `json:"help"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations,omitempty"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Fixes        []sarifFix         `json:"fixes,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints,omitempty"`
	}
	sarifLocation struct {
		ID       int           `json:"id,omitempty"`
		Physical sarifPhysical `json:"physicalLocation"`
		Message  *sarifText    `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int        `json:"startLine"`
		StartColumn int        `json:"startColumn"`
		EndLine     int        `json:"endLine"`
		EndColumn   int        `json:"endColumn"`
		Snippet     *sarifText `json:"snippet,omitempty"`
	}
	sarifFix struct {
		Description sarifText     `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion `json:"deletedRegion"`
		Inserted *sarifText  `json:"insertedContent,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

func writeSARIF(w io.Writer, r *Report, o Options) error {
	s := sarifWriter{root: o.Root}
	s.run.Tool.Driver = sarifDriver{Name: "weir", Version: r.Version, Rules: []sarifRule{}}
	s.run.ColumnKind = "unicodeCodePoints"
	s.run.Results = []sarifResult{}
	for _, d := range r.Findings {
		s.run.Results = append(s.run.Results, s.result(d))
	}
	for _, i := range r.Ignored {
		res := s.result(i.Finding)
		res.Suppressions = []sarifSuppression{{Kind: "inSource", Justification: i.Reason}}
		s.run.Results = append(s.run.Results, res)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{s.run}})
}

type sarifWriter struct {
	root string
	run  sarifRun
}

// rule is the index of a code among the rules, which it joins at its first use.
func (s *sarifWriter) rule(code string) int {
	rules := &s.run.Tool.Driver.Rules
	i := slices.IndexFunc(*rules, func(r sarifRule) bool { return r.ID == code })
	if i >= 0 {
		return i
	}
	short := diag.Codes[code]
	if short == "" {
		short = code
	}
	*rules = append(*rules, sarifRule{ID: code, Short: sarifText{short}, Help: sarifText{short + ". More: weir explain-error " + code}})
	return len(*rules) - 1
}

func (s *sarifWriter) result(d *diag.Diagnostic) sarifResult {
	res := sarifResult{RuleID: d.Code, RuleIndex: s.rule(d.Code), Level: d.Severity.String()}
	res.Message.Text = strings.Join(append([]string{d.Title}, prose(d)...), "\n")
	if loc, ok := s.location(d.Span); ok {
		res.Locations = []sarifLocation{loc}
		res.Fingerprints = map[string]string{"weirFinding/v1": fingerprint(d)}
	}
	for _, l := range d.Labels {
		if loc, ok := s.location(l.Span); ok {
			loc.ID = len(res.Related) + 1
			loc.Message = &sarifText{l.Text}
			res.Related = append(res.Related, loc)
		}
	}
	if fix, ok := s.fix(d); ok {
		res.Fixes = []sarifFix{fix}
	}
	return res
}

func (s *sarifWriter) location(sp diag.Span) (sarifLocation, bool) {
	p, ok := placeOf(sp)
	if !ok {
		return sarifLocation{}, false
	}
	loc := sarifLocation{Physical: sarifPhysical{Artifact: s.artifact(p.File), Region: region(p)}}
	if text := sp.Text(); text != "" {
		loc.Physical.Region.Snippet = &sarifText{text}
	}
	return loc, true
}

func region(p place) sarifRegion {
	return sarifRegion{StartLine: p.Line, StartColumn: p.Column, EndLine: p.EndLine, EndColumn: p.EndColumn}
}

// artifact is a file as a URI: relative where it can be, file:///... otherwise.
func (s *sarifWriter) artifact(name string) sarifArtifact {
	rel := relative(name, s.root)
	u := url.URL{Path: rel}
	if filepath.IsAbs(name) && rel == filepath.ToSlash(name) {
		u.Scheme = "file"
	}
	return sarifArtifact{u.String()}
}

func (s *sarifWriter) fix(d *diag.Diagnostic) (sarifFix, bool) {
	var f sarifFix
	f.Description.Text = d.Title
	if len(d.Helps) > 0 {
		f.Description.Text = d.Helps[0]
	}
	for _, x := range d.Fixes {
		p, ok := placeOf(x.Span)
		if !ok {
			continue
		}
		rep := sarifReplacement{Deleted: region(p)}
		if x.Text != "" {
			rep.Inserted = &sarifText{x.Text}
		}
		at := s.artifact(p.File)
		i := slices.IndexFunc(f.Changes, func(c sarifChange) bool { return c.Artifact == at })
		if i < 0 {
			i = len(f.Changes)
			f.Changes = append(f.Changes, sarifChange{Artifact: at})
		}
		f.Changes[i].Replacements = append(f.Changes[i].Replacements, rep)
	}
	return f, len(f.Changes) > 0
}

// fingerprint knows a finding again when lines above it come or go: its code, its title and the text it is about.
func fingerprint(d *diag.Diagnostic) string {
	sum := sha256.Sum256([]byte(d.Code + "\x00" + d.Span.File.Name + "\x00" + d.Title + "\x00" + d.Span.Text()))
	return hex.EncodeToString(sum[:12])
}
