// Package registry is a client of Confluent Schema Registry's HTTP interface: it reads schemas by their numbers, and registers them.
package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/avro"

	"weir/connectors/formats"
	"weir/connectors/spec"
	"weir/exec"
	"weir/planner/catalog"
)

const (
	media = "application/vnd.schemaregistry.v1+json"
	// attempts is how often all addresses are tried while none answers; between two of them the client waits pause, then twice that.
	attempts = 3
	pause    = 200 * time.Millisecond
	// timeout is for one request.
	timeout = 10 * time.Second
	// maxAnswer is the most bytes of an answer, and maxReferences the most schemas that one may be made of.
	maxAnswer     = 16 << 20
	maxReferences = 1000
)

// Client asks one registry. It belongs to one goroutine.
type Client struct {
	name  string // of the format, for messages
	ctx   context.Context
	urls  []*url.URL
	login func(*http.Request)
	http  *http.Client
	now   int // the address that answered last
}

// New makes a client by the options of a format of the given name (spec.RegistryOption), which the planner has checked. It does not connect.
// Requests end with ctx; nil: nothing but their timeout ends them.
func New(ctx context.Context, format string, o catalog.Options) (*Client, error) {
	get := func(key string) string {
		if opt := spec.RegistryOption(o, key); opt != nil {
			return opt.Value
		}
		return ""
	}
	if ctx == nil {
		ctx = context.Background()
	}
	c := &Client{name: format, ctx: ctx, login: func(*http.Request) {}}
	for _, v := range strings.Split(get("url"), ",") {
		u, err := url.Parse(strings.TrimSpace(v))
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("'%s' is not the address of a schema registry", v)
		}
		c.urls = append(c.urls, u)
	}
	switch source := get("basic-auth.credentials-source"); {
	case strings.EqualFold(source, "USER_INFO"):
		user, password, _ := strings.Cut(get("basic-auth.user-info"), ":")
		c.login = func(r *http.Request) { r.SetBasicAuth(user, password) }
	case strings.EqualFold(source, "URL"): // net/http takes them from the address
	case strings.EqualFold(get("bearer-auth.credentials-source"), "STATIC_TOKEN"):
		token := get("bearer-auth.token")
		c.login = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	if get("basic-auth.credentials-source") == "" {
		for _, u := range c.urls {
			u.User = nil // Confluent's client does not send them either
		}
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := get("ssl.truststore.location"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("ssl.truststore.location: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ssl.truststore.location: %s has no certificate in PEM", file)
		}
	}
	if file := get("ssl.keystore.location"); file != "" {
		pair, err := tls.LoadX509KeyPair(file, file)
		if err != nil {
			return nil, fmt.Errorf("ssl.keystore.location: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	// Requests are few: a connection that stayed would only be in the way.
	c.http = &http.Client{Timeout: timeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, DisableKeepAlives: true, TLSHandshakeTimeout: timeout}}
	return c, nil
}

// Address is where the client asks, without credentials.
func (c *Client) Address() string { return c.urls[c.now].Redacted() }

// statusError is an answer that says no.
type statusError struct {
	status  int
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func (e *statusError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	}
	return fmt.Sprintf("%d %s: %s", e.status, http.StatusText(e.status), e.Message)
}

// The registry's own numbers of what is wrong.
const (
	codeNoSubject = 40401
	codeNoSchema  = 40403
)

// reference is another schema that one names types of.
type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

type answer struct {
	Schema     string      `json:"schema"`
	SchemaType string      `json:"schemaType"`
	References []reference `json:"references"`
	ID         int32       `json:"id"`
}

// Schema is the schema of number id. The error is an *exec.Error: the job restarts where the registry does not answer, and ends where
// it says no.
func (c *Client) Schema(id int32) (*avro.Schema, error) {
	doing := fmt.Sprintf("read schema %d from the schema registry %s", id, c.Address())
	a, err := c.call("GET", "/schemas/ids/"+strconv.Itoa(int(id)), nil)
	var s *statusError
	if errors.As(err, &s) && s.status == http.StatusNotFound {
		return nil, exec.Fatalf("the record was written with another registry, or is not in its wire format: correct '"+c.name+".url'", doing, fmt.Errorf("it has no schema of this number (%w)", err))
	}
	if err != nil {
		return nil, c.failed(doing, err)
	}
	if a.SchemaType != "" && a.SchemaType != "AVRO" {
		return nil, exec.Fatalf("read such records with format 'raw'", doing, fmt.Errorf("it is a schema of %s, not of Avro", a.SchemaType))
	}
	var cache avro.SchemaCache
	seen := map[reference]bool{}
	if err := c.references(&cache, a.References, seen); err != nil {
		return nil, c.failed(doing, err)
	}
	schema, err := cache.Parse(a.Schema, avro.WithLaxNames(func(string) error { return nil }))
	if err != nil {
		return nil, exec.Fatalf("", doing, fmt.Errorf("it is no Avro schema that weir can read: %w", err))
	}
	return schema, nil
}

// references reads what a schema names, each before those that name it.
func (c *Client) references(cache *avro.SchemaCache, refs []reference, seen map[reference]bool) error {
	for _, r := range refs {
		r.Name = ""
		if seen[r] {
			continue
		}
		if seen[r] = true; len(seen) > maxReferences {
			return fmt.Errorf("a schema of more than %d others", maxReferences)
		}
		a, err := c.call("GET", "/subjects/"+url.PathEscape(r.Subject)+"/versions/"+strconv.Itoa(r.Version), nil)
		if err != nil {
			return err
		}
		if err := c.references(cache, a.References, seen); err != nil {
			return err
		}
		if _, err := cache.Parse(a.Schema, avro.WithLaxNames(func(string) error { return nil })); err != nil {
			return fmt.Errorf("schema %s version %d: %w", r.Subject, r.Version, err)
		}
	}
	return nil
}

// Register is the number of a schema under a subject. Where register is false it has to be there. The error is as that of Schema.
func (c *Client) Register(subject, schema string, register bool) (int32, error) {
	path, verb := "/subjects/"+url.PathEscape(subject), "find the schema"
	if register {
		path, verb = path+"/versions", "register the schema"
	}
	doing := fmt.Sprintf("%s of subject %s in the schema registry %s", verb, subject, c.Address())
	body, err := json.Marshal(struct {
		Schema string `json:"schema"`
	}{schema})
	if err != nil {
		return 0, err
	}
	a, err := c.call("POST", path, body)
	var s *statusError
	if errors.As(err, &s) {
		switch {
		case s.status == http.StatusConflict:
			return 0, exec.Fatalf("change the table so that its schema is compatible with what is registered (new columns without NOT NULL), choose another '"+c.name+".subject', or let the registry take it: PUT /config/"+subject,
				doing, fmt.Errorf("it is not compatible with the versions that are there (%w)", err))
		case !register && (s.Code == codeNoSubject || s.Code == codeNoSchema || s.status == http.StatusNotFound):
			return 0, exec.Fatalf("register it, or set '"+c.name+".auto.register.schemas' = 'true'; the schema is "+schema, doing, fmt.Errorf("it is not there (%w)", err))
		}
	}
	if err != nil {
		return 0, c.failed(doing, err)
	}
	return a.ID, nil
}

// failed words an error by the reaction that it demands.
func (c *Client) failed(doing string, err error) error {
	var s *statusError
	switch {
	case !errors.As(err, &s):
		return exec.Restartf("start the registry, or correct '"+c.name+".url'", doing, err)
	case s.status == http.StatusUnauthorized || s.status == http.StatusForbidden:
		return exec.Fatalf("set '"+c.name+".basic-auth.credentials-source' = 'USER_INFO' and '"+c.name+".basic-auth.user-info' = 'user:password', of a user who may do this", doing,
			fmt.Errorf("it refuses the credentials (%w)", err))
	case s.status >= 500 || s.status == http.StatusTooManyRequests:
		return exec.Restartf("look into the log of the registry", doing, err)
	case s.status == http.StatusNotFound && s.Code == 0:
		return exec.Fatalf("correct '"+c.name+".url'", doing, fmt.Errorf("this is no schema registry, or its address has another path (%w)", err))
	}
	return exec.Fatalf("", doing, err)
}

// call asks, at one address after the other, until one answers.
func (c *Client) call(method, path string, body []byte) (a answer, err error) {
	begun := time.Now()
	for try := range attempts {
		for range c.urls {
			a, err = c.ask(method, path, body)
			var s *statusError
			if err == nil || errors.As(err, &s) && s.status < 500 && s.status != http.StatusTooManyRequests {
				return a, err
			}
			if c.ctx.Err() != nil {
				return a, context.Cause(c.ctx)
			}
			c.now = (c.now + 1) % len(c.urls)
		}
		if time.Since(begun) > timeout {
			break // a barrier may wait for this task
		}
		if try < attempts-1 {
			select {
			case <-time.After(pause << try):
			case <-c.ctx.Done():
				return a, context.Cause(c.ctx)
			}
		}
	}
	return a, err
}

func (c *Client) ask(method, path string, body []byte) (a answer, err error) {
	u := *c.urls[c.now]
	user := u.User
	u.User = nil
	r, err := http.NewRequestWithContext(c.ctx, method, strings.TrimSuffix(u.String(), "/")+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Accept", media+", application/json")
	if body != nil {
		r.Header.Set("Content-Type", media)
	}
	if user != nil {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	c.login(r)
	resp, err := c.http.Do(r)
	if err != nil {
		if e := new(url.Error); errors.As(err, &e) {
			err = e.Err // the address is named already
		}
		return a, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return a, err
	}
	if resp.StatusCode/100 != 2 {
		s := &statusError{status: resp.StatusCode}
		if json.Unmarshal(text, s) != nil {
			s.Message = formats.Excerpt(text, 0) // a proxy, say
		}
		return a, s
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("it answers %q, which is not JSON: %w", formats.Excerpt(text, 0), err)
	}
	return a, nil
}
