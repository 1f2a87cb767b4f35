package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// limit is a bound that the kernel puts on the memory of a process: all of it,
// with the pages of files that it keeps for the process. What a process does
// within it, it does with no more memory than that, whatever its RSS says.
type limit struct {
	dir  string
	most int64
	v2   bool
}

// newLimit makes a memory cgroup; an error says why there is none (it takes
// root, and a hierarchy that may be written to).
func newLimit(most int64) (*limit, error) {
	for _, l := range []*limit{
		{dir: "/sys/fs/cgroup/memory", most: most},
		{dir: "/sys/fs/cgroup", most: most, v2: true},
	} {
		if _, err := os.Stat(filepath.Join(l.dir, "cgroup.procs")); err != nil {
			continue
		}
		l.dir = filepath.Join(l.dir, fmt.Sprintf("weir-bench-%d", os.Getpid()))
		if err := os.Mkdir(l.dir, 0o755); err != nil {
			return nil, err
		}
		if err := l.write(l.name("memory.limit_in_bytes", "memory.max"), strconv.FormatInt(most, 10)); err != nil {
			l.close()
			return nil, err
		}
		return l, nil
	}
	return nil, fmt.Errorf("there is no memory cgroup hierarchy at /sys/fs/cgroup")
}

func (l *limit) name(v1, v2 string) string {
	if l.v2 {
		return v2
	}
	return v1
}

func (l *limit) write(file, text string) error {
	return os.WriteFile(filepath.Join(l.dir, file), []byte(text), 0o644)
}

// enter puts a process under the limit.
func (l *limit) enter(pid int) error { return l.write("cgroup.procs", strconv.Itoa(pid)) }

// used is the most memory there was so far, octets, and how much of what there
// is now no kernel can take back without swap.
func (l *limit) used() (peak, anon int64) {
	b, err := os.ReadFile(filepath.Join(l.dir, l.name("memory.max_usage_in_bytes", "memory.peak")))
	if err == nil {
		peak, _ = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	}
	b, _ = os.ReadFile(filepath.Join(l.dir, "memory.stat"))
	for line := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		if k == l.name("rss", "anon") {
			anon, _ = strconv.ParseInt(v, 10, 64)
		}
	}
	return peak, anon
}

func (l *limit) close() { _ = os.Remove(l.dir) }
