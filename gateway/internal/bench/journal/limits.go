package journal

import (
	"fmt"
	"strings"
	"time"
)

// limits are what a history of a size may cost at the most.
type limits struct {
	page   time.Duration // first page of a search on indexed fields, alone or two together: 99 in a hundred
	scan   time.Duration // over its time, of a page that no index answers: the step that was begun is ended
	count  time.Duration // a count: each
	share  float64       // of the rate of recording, that remains while searches run
	memory int64         // octets that are the process's own and no file's, at any time
}

// million is how many records are still judged by the shorter limit of a page.
const million = 1_000_000

func limitsFor(records int) limits {
	l := limits{page: 100 * time.Millisecond, scan: 400 * time.Millisecond, count: 500 * time.Millisecond, share: 0.8, memory: 500 << 20}
	if records > million+million/10 { // the last message may have had more than one recipient, and recording goes on
		l.page = 250 * time.Millisecond
	}
	return l
}

// ExceededError says which limits a run exceeded.
type ExceededError struct{ Limits []string }

func (e *ExceededError) Error() string {
	return "exceeded: " + strings.Join(e.Limits, "; ")
}

// Remedy says what may be done about it.
func (e *ExceededError) Remedy() string {
	return "other programs that were running count too; repeat it on a quiet machine"
}

// judge notes what is exceeded.
func (b *bench) judge(ok bool, format string, args ...any) {
	if !ok {
		b.over = append(b.over, fmt.Sprintf(format, args...))
	}
}

// verdict is nil where nothing is exceeded.
func (b *bench) verdict() error {
	if len(b.over) > 0 {
		return &ExceededError{b.over}
	}
	b.printf("limits      kept: first pages %v, counts %v, recording %.2f, memory %d MiB", b.limits.page, b.limits.count, b.limits.share, b.limits.memory>>20)
	return nil
}
