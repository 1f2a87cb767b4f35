package badgerstore

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/storetest"
)

// testOptions are small enough for any machine the tests run on.
func testOptions(t testing.TB, dir string) *settings {
	o := Options{Dir: dir, FreeWatermark: 1, BallastSize: -1, Fatal: func(err error) { t.Errorf("fatal: %v", err) }}.defaults()
	o.linger = 2e6
	o.reserve = 1 << 20
	return o
}

func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := open(testOptions(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string) store.Store { return openTest(t, dir) })
}

// TestConformanceWithIndex is the same with the search index.
func TestConformanceWithIndex(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string) store.Store { return openIndexed(t, dir) })
}

func openIndexed(t testing.TB, dir string) *Store {
	t.Helper()
	o := testOptions(t, dir)
	o.IndexDir, o.Logger = filepath.Join(dir, "index"), quiet
	s, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var quiet = slog.New(slog.DiscardHandler)

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
