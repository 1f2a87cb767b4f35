package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// SocketName is the name of the unix socket in data_dir.
const SocketName = "weir.sock"

// maxSocketPath is the longest path of a unix socket that every system takes.
const maxSocketPath = 103

// ListenSocket opens the unix socket at path with mode 0600. A socket left by
// a process that is gone is replaced; one that answers is an error.
func ListenSocket(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("opening the socket: %s is longer than %d characters; choose a shorter data_dir", path, maxSocketPath)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("opening the socket: %s exists and is no socket; move it away", path)
		}
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			c.Close()
			return nil, fmt.Errorf("opening the socket: another gateway answers at %s; stop it, or use another data_dir", path)
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("opening the socket: %w", err)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("opening the socket: %w", err)
		}
	}
	// Bound in a private folder and moved, so that the socket never stands
	// open to others, whatever the umask.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("opening the socket: %w", err)
	}
	defer os.RemoveAll(dir)
	tmp := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("opening the socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(tmp, 0o600)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("opening the socket: %w", err)
	}
	return &socket{l, path}, nil
}

// socket removes its file when it is closed.
type socket struct {
	*net.UnixListener
	path string
}

func (s *socket) Close() error {
	err := s.UnixListener.Close()
	if rm := os.Remove(s.path); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

// NewServer is an HTTP server with the limits that every listener of the API
// needs. The caller serves and shuts it down.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      10 * time.Minute, // a large message over a slow line
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext:       withPeer,
	}
}

type peerKey struct{}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	if name := peerOf(c); name != "" {
		return context.WithValue(ctx, peerKey{}, name)
	}
	return ctx
}

// peerName is who opened the socket, for events.
func peerName(ctx context.Context) string {
	if name, _ := ctx.Value(peerKey{}).(string); name != "" {
		return name + " (socket)"
	}
	return "socket"
}
