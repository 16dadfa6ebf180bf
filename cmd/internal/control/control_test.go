package control

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A start removes what killed jobs left behind, and leaves alone what belongs to those that run or are about to.
func TestSocketsOfKilledJobsAreRemoved(t *testing.T) {
	tmp, err := os.MkdirTemp("", "w") // a short path: that of a socket may have a hundred characters
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	t.Setenv("TMPDIR", tmp)
	folder := func(name string, age time.Duration, fill func(socket string)) string {
		t.Helper()
		place := filepath.Join(tmp, socketFolder+name)
		if err := os.Mkdir(place, 0o700); err != nil {
			t.Fatal(err)
		}
		fill(filepath.Join(place, socketFile))
		then := time.Now().Add(-age)
		if err := os.Chtimes(place, then, then); err != nil {
			t.Fatal(err)
		}
		return place
	}
	listen := func(socket string) *net.UnixListener {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	killed := func(socket string) {
		l := listen(socket)
		l.SetUnlinkOnClose(false)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	lives := func(socket string) {
		l := listen(socket)
		t.Cleanup(func() { l.Close() })
	}
	nothing := func(string) {}
	stays := map[string]bool{
		folder("killed", time.Hour, killed):        false,
		folder("killed-early", time.Hour, nothing): false,
		folder("lives", time.Hour, lives):          true,
		folder("killed-now", 0, killed):            true, // the next start removes it
		folder("is-about-to-listen", 0, nothing):   true,
	}
	state := t.TempDir()
	own := folder("own", 0, killed)
	stays[own] = false
	if err := tell(state, filepath.Join(own, socketFile)); err != nil {
		t.Fatal(err)
	}
	end, err := Serve(state, func(context.Context, Request) (any, error) { return "here", nil })
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range stays {
		if _, err := os.Stat(place); (err == nil) != want {
			t.Errorf("%s: %v", place, err)
		}
	}
	var answer string
	if err := Ask(t.Context(), state, Request{}, &answer); err != nil || answer != "here" {
		t.Errorf("%q, %v", answer, err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if Running(state) {
		t.Error("it answers after its end")
	}
}
