package badgerstore

import (
	"fmt"
	"io"

	"github.com/mailweir/weir/gateway/internal/mail"
)

func (l *segLog) wakeCleaner() {
	select {
	case l.cleanC <- struct{}{}:
	default:
	}
}

// clean moves what is still needed out of sealed segments that are mostly
// dead, so that the spool takes at most about twice what it holds, plus two
// segments.
func (l *segLog) clean() {
	defer l.wg.Done()
	for {
		select {
		case <-l.stop:
			return
		case <-l.cleanC:
		}
		for {
			s := l.victim()
			if s == nil {
				break
			}
			if err := l.evacuate(s); err != nil {
				l.log.Warn("cleaning the spool's segments", "error", err)
				break
			}
			select {
			case <-l.stop:
				return
			default:
			}
		}
	}
}

// victim is the sealed segment with the least in it, once the dead weight of
// all of them is worth the work; nil none.
func (l *segLog) victim() *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	var total, live int64
	var best *segment
	for _, s := range l.segs {
		if !s.sealed {
			continue
		}
		total += s.end
		live += s.liveBytes
		if best == nil || s.liveBytes*best.end < best.liveBytes*s.end {
			best = s
		}
	}
	if best == nil || total-live < max(2*l.size, live) {
		return nil
	}
	return best
}

// evacuate appends what lives in s to the segment being written. The last
// one moved removes s.
func (l *segLog) evacuate(s *segment) error {
	l.mu.Lock()
	s.readers++
	var ids []mail.ID
	var refs []segRef
	for id, ref := range l.refs {
		if ref.seg == s {
			ids, refs = append(ids, id), append(refs, ref)
		}
	}
	l.mu.Unlock()
	defer func() { _ = l.unread(s) }()
	const together = 64
	for i := 0; i < len(ids); i += together {
		end := min(i+together, len(ids))
		errs := make(chan error, end-i)
		for j := i; j < end; j++ {
			go func() { errs <- l.move(ids[j], refs[j]) }()
		}
		var first error
		for j := i; j < end; j++ {
			if err := <-errs; err != nil && first == nil {
				first = err
			}
		}
		if first != nil {
			return first
		}
	}
	return nil
}

func (l *segLog) move(id mail.ID, ref segRef) error {
	b := make([]byte, ref.len)
	if _, err := io.ReadFull(io.NewSectionReader(ref.seg.f, ref.off+frameHeadLen, ref.len), b); err != nil {
		return fmt.Errorf("move body %s: %w", id, err)
	}
	return l.submit(&segWrite{id: id, body: b, moved: &ref, done: make(chan error, 1)})
}
