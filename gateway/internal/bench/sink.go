package main

import (
	"bufio"
	"bytes"
	"net"
	"sync/atomic"
)

// sink takes mail as fast as it can and counts it.
type sink struct {
	addr string
	n    atomic.Int64
}

func startSink() (*sink, error) {
	s := &sink{}
	addr, err := accept("127.0.0.1:0", s.serve)
	if err != nil {
		return nil, err
	}
	s.addr = addr.String()
	return s, nil
}

// accept listens for as long as the process lives and has each connection
// served.
func accept(addr string, serve func(net.Conn)) (*net.TCPAddr, error) {
	ln, err := net.Listen("tcp4", addr)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return ln.Addr().(*net.TCPAddr), nil
}

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	w := bufio.NewWriter(c)
	say := func(t string) { _, _ = w.WriteString(t + "\r\n") }
	say("220 sink ESMTP")
	for {
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch verb := string(bytes.ToUpper(line[:min(4, len(line))])); verb {
		case "EHLO":
			say("250-sink")
			say("250-PIPELINING")
			say("250-8BITMIME")
			say("250 SIZE")
		case "DATA":
			say("354 go")
			if w.Flush() != nil || !body(r) {
				return
			}
			s.n.Add(1)
			say("250 ok")
		case "QUIT":
			say("221 bye")
			_ = w.Flush()
			return
		default:
			say("250 ok")
		}
	}
}

// body reads to the final dot.
func body(r *bufio.Reader) bool {
	start := true
	for {
		line, err := r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			start = false
			continue
		}
		if err != nil {
			return false
		}
		if start && len(line) == 3 && line[0] == '.' {
			return true
		}
		start = true
	}
}
