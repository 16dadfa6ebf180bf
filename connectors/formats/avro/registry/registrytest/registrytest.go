// Package registrytest is a schema registry in memory, for tests: it answers as Confluent's does.
package registrytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"

	"github.com/twmb/avro"
)

// Server is a registry that listens. Its methods are any goroutine's.
type Server struct {
	*httptest.Server

	mu       sync.Mutex
	schemas  []string         // of number i + 1
	subjects map[string][]int // the numbers of a subject's versions
	asked    []string         // requests, in order
	refs     map[int][]Reference
	user     string // user:password, or Bearer token; empty: everybody
	down     bool
}

// Reference is a schema that another one names types of.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Start starts a registry; the caller closes it.
func Start() *Server {
	s := &Server{subjects: map[string][]int{}, refs: map[int][]Reference{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/ids/{id}", s.byID)
	mux.HandleFunc("POST /subjects/{subject}/versions", s.register)
	mux.HandleFunc("POST /subjects/{subject}", s.lookup)
	mux.HandleFunc("GET /subjects/{subject}/versions", s.versions)
	mux.HandleFunc("GET /subjects/{subject}/versions/{version}", s.version)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		want, down := s.user, s.down
		s.mu.Unlock()
		user, password, _ := r.BasicAuth()
		switch {
		case down:
			refuse(w, http.StatusServiceUnavailable, 50300, "The registry is not there yet")
		case want != "" && user+":"+password != want && r.Header.Get("Authorization") != want:
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte("Unauthorized"))
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	return s
}

// Only lets nobody in but who comes with user:password, or with a header of Authorization.
func (s *Server) Only(user string) { s.mu.Lock(); s.user = user; s.mu.Unlock() }

// Down lets the registry answer with 503.
func (s *Server) Down(down bool) { s.mu.Lock(); s.down = down; s.mu.Unlock() }

// Asked is the requests so far.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

// Latest is the newest schema of a subject, "" where there is none, and its number.
func (s *Server) Latest(subject string) (schema string, id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.subjects[subject]
	if len(v) == 0 {
		return "", 0
	}
	return s.schemas[v[len(v)-1]-1], v[len(v)-1]
}

// Add registers a schema, and what it refers to, and gives its number, whatever the schema is.
func (s *Server) Add(subject, schema string, refs ...Reference) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.add(subject, schema)
	s.refs[id] = refs
	return id
}

func (s *Server) add(subject, schema string) int {
	id := 0
	for i, known := range s.schemas {
		if known == schema {
			id = i + 1
		}
	}
	if id == 0 {
		s.schemas = append(s.schemas, schema)
		id = len(s.schemas)
	}
	for _, v := range s.subjects[subject] {
		if v == id {
			return id
		}
	}
	s.subjects[subject] = append(s.subjects[subject], id)
	return id
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error_code": code, "message": message})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	json.NewEncoder(w).Encode(v)
}

func (s *Server) byID(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > len(s.schemas) {
		refuse(w, http.StatusNotFound, 40403, fmt.Sprintf("Schema %s not found", r.PathValue("id")))
		return
	}
	answer(w, map[string]any{"schema": s.schemas[id-1], "references": s.refs[id]})
}

// posted is the schema of a request; nil where it is refused.
func posted(w http.ResponseWriter, r *http.Request) (string, *avro.Schema) {
	var body struct{ Schema string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, 400, "Unrecognized request body")
		return "", nil
	}
	schema, err := avro.Parse(body.Schema)
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, 42201, "Invalid schema: "+err.Error())
		return "", nil
	}
	return body.Schema, schema
}

// register takes a schema that is compatible with the newest version: BACKWARD, the registry's default.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	text, schema := posted(w, r)
	if schema == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := r.PathValue("subject")
	if v := s.subjects[subject]; len(v) > 0 {
		if err := avro.CheckCompatibility(avro.MustParse(s.schemas[v[len(v)-1]-1]), schema); err != nil {
			refuse(w, http.StatusConflict, 409, fmt.Sprintf("Schema being registered is incompatible with an earlier schema for subject %q", subject))
			return
		}
	}
	answer(w, map[string]any{"id": s.add(subject, text)})
}

func (s *Server) lookup(w http.ResponseWriter, r *http.Request) {
	text, schema := posted(w, r)
	if schema == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := r.PathValue("subject")
	if len(s.subjects[subject]) == 0 {
		refuse(w, http.StatusNotFound, 40401, fmt.Sprintf("Subject '%s' not found.", subject))
		return
	}
	for i, id := range s.subjects[subject] {
		if s.schemas[id-1] == text {
			answer(w, map[string]any{"subject": subject, "version": i + 1, "id": id, "schema": text})
			return
		}
	}
	refuse(w, http.StatusNotFound, 40403, "Schema not found")
}

func (s *Server) versions(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []int{}
	for i := range s.subjects[r.PathValue("subject")] {
		out = append(out, i+1)
	}
	answer(w, out)
}

func (s *Server) version(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := strconv.Atoi(r.PathValue("version"))
	ids := s.subjects[r.PathValue("subject")]
	if err != nil || v < 1 || v > len(ids) {
		refuse(w, http.StatusNotFound, 40402, fmt.Sprintf("Version %s not found.", r.PathValue("version")))
		return
	}
	answer(w, map[string]any{"subject": r.PathValue("subject"), "version": v, "id": ids[v-1], "schema": s.schemas[ids[v-1]-1], "references": s.refs[ids[v-1]]})
}
