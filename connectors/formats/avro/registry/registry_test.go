package registry

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/connectors/formats/avro/registry/registrytest"
	"weir/exec"
	"weir/planner/catalog"
)

func client(t *testing.T, options ...string) *Client {
	t.Helper()
	var o catalog.Options
	for i := 0; i < len(options); i += 2 {
		o = append(o, catalog.Option{Key: options[i], Value: options[i+1]})
	}
	c, err := New(t.Context(), "avro-confluent", o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSchemasThatASchemaNamesAreReadBeforeIt(t *testing.T) {
	reg := registrytest.Start()
	defer reg.Close()
	reg.Add("zip", `{"type":"fixed","name":"a.Zip","size":5}`)
	reg.Add("address", `{"type":"record","name":"a.Address","fields":[{"name":"zip","type":"Zip"}]}`, registrytest.Reference{Name: "a.Zip", Subject: "zip", Version: 1})
	id := reg.Add("person", `{"type":"record","name":"Person","fields":[{"name":"home","type":"a.Address"},{"name":"work","type":["null","a.Address"]},{"name":"zip","type":"a.Zip"}]}`,
		registrytest.Reference{Name: "a.Address", Subject: "address", Version: 1}, registrytest.Reference{Name: "a.Zip", Subject: "zip", Version: 1})
	s, err := client(t, "url", reg.URL).Schema(int32(id))
	if err != nil {
		t.Fatal(err)
	}
	if root := s.Root(); root.Fields[0].Type.Type != "record" || root.Fields[0].Type.Fields[0].Type.Size != 5 {
		t.Fatalf("%s", s)
	}
	if asked := strings.Join(reg.Asked(), ", "); asked != "GET /schemas/ids/3, GET /subjects/address/versions/1, GET /subjects/zip/versions/1" {
		t.Fatal(asked)
	}
}

func TestTheNextAddressIsAskedWhereOneDoesNotAnswer(t *testing.T) {
	reg := registrytest.Start()
	defer reg.Close()
	id := reg.Add("t", `"string"`)
	c := client(t, "url", "http://127.0.0.1:1,"+reg.URL)
	for range 2 {
		if _, err := c.Schema(int32(id)); err != nil {
			t.Fatal(err)
		}
	}
	if c.Address() != reg.URL {
		t.Fatal(c.Address())
	}
}

func TestARegistryThatFailsRestartsTheJobAndOneThatRefusesEndsIt(t *testing.T) {
	reg := registrytest.Start()
	defer reg.Close()
	c := client(t, "url", reg.URL)
	if _, err := c.Schema(7); !errors.Is(err, exec.ErrFatal) {
		t.Error(err)
	}
	reg.Down(true)
	if _, err := c.Schema(7); !errors.Is(err, exec.ErrRestart) {
		t.Error(err)
	}
	if _, err := c.Register("s", `"string"`, true); !errors.Is(err, exec.ErrRestart) {
		t.Error(err)
	}
	reg.Down(false)
	reg.Only("ada:secret")
	if _, err := c.Register("s", `"string"`, true); !errors.Is(err, exec.ErrFatal) {
		t.Error(err)
	}
	user := strings.Replace(reg.URL, "http://", "http://ada:secret@", 1)
	if _, err := client(t, "url", user, "basic-auth.credentials-source", "URL").Register("s", `"string"`, true); err != nil {
		t.Error(err)
	}
	if _, err := client(t, "url", user).Register("s", `"string"`, true); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

// TestCertificates: a registry with a certificate of its own that wants to see one of the client.
func TestCertificates(t *testing.T) {
	reg := registrytest.Start()
	defer reg.Close()
	id := reg.Add("t", `"string"`)
	secure := httptest.NewUnstartedServer(reg.Config.Handler)
	secure.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	secure.StartTLS()
	defer secure.Close()
	pair := secure.TLS.Certificates[0]
	key, err := marshalKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	ca, own := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "own.pem")
	for file, text := range map[string][]byte{ca: cert, own: append(cert[:len(cert):len(cert)], key...)} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client(t, "url", secure.URL, "ssl.truststore.location", ca, "ssl.keystore.location", own).Schema(int32(id)); err != nil {
		t.Error(err)
	}
	if _, err := client(t, "url", secure.URL, "ssl.truststore.location", ca).Schema(int32(id)); err == nil {
		t.Error("nobody asked for the client's certificate")
	}
	if _, err := client(t, "url", secure.URL).Schema(int32(id)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}

func marshalKey(key any) ([]byte, error) {
	b, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}), err
}
