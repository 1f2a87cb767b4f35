// Command behaviours prints which behaviours (B1–B154) tests show: number,
// tests and whether they passed, out of what "go test -json" says and of
// nothing else. A test shows the behaviours that its name carries:
//
//	TestB105_lifetime_over_bounces            B105
//	TestB74toB78_WholeSchedule                B74 to B78
//	TestB116_sent_B117_deferred               B116, B117
//	TestOutcomes/B118_bounced                 B118
//	TestScripts/b138_b139_delivery_log        B138, B139
//
// It is not a test itself, and knows no list of what ought to be there but the
// range that it is asked about.
//
//	go run ./gateway/internal/behaviours -scope 64-132,138-139,153-154
//	go test -json ./... | go run ./gateway/internal/behaviours -read -
//
// With -echo it also prints what go test would, so that one run of all tests
// shows both, and a package that fails is a failure:
//
//	go test -json ./... | go run ./gateway/internal/behaviours -read - -echo
//
// It ends with 1 when a behaviour of the scope has no test, or one that did
// not pass.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	ok, err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "behaviours:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// tests are those whose own name carries a number; a number of a subtest alone
// counts with -run "" only. Scripts are subtests of one test.
const tests = `B[0-9]|^TestScripts$/^b[0-9]`

func run(args []string, in io.Reader, out, errs io.Writer) (bool, error) {
	f := flag.NewFlagSet("behaviours", flag.ContinueOnError)
	f.SetOutput(errs)
	scope := f.String("scope", "1-154", "numbers to ask about, as in 64-108,116")
	read := f.String("read", "", "read the output of go test -json from this file, - for standard input, in place of running it")
	only := f.String("run", tests, "tests to run, as go test's -run; \"\" all")
	packages := f.String("packages", "./...", "packages to test, blanks between them")
	follow := f.Bool("echo", false, "print what go test would, too, and fail when a package does")
	all := f.Bool("v", false, "name every test, not the first three of a number")
	if err := f.Parse(args); err != nil {
		return false, err
	}
	numbers, err := parseScope(*scope)
	if err != nil {
		return false, err
	}
	t := newTable()
	if *follow {
		t.echo = newEcho(out)
	}
	switch *read {
	case "":
		err = runTests(t, *only, strings.Fields(*packages), errs)
	case "-":
		err = t.read(in)
	default:
		err = readFile(t, *read)
	}
	if err != nil {
		return false, err
	}
	ok := t.print(out, numbers, *all)
	if *follow && (t.broken > 0 || t.packages == 0) {
		fmt.Fprintf(out, "%d of %d packages failed\n", t.broken, t.packages)
		ok = false
	}
	return ok, nil
}

func readFile(t *table, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return t.read(f)
}

// runTests runs go test. Tests that fail are in its output; that it ends with
// an error is none of ours, unless it said nothing at all.
func runTests(t *table, only string, packages []string, errs io.Writer) error {
	args := []string{"test", "-json"}
	if only != "" {
		args = append(args, "-run", only)
	}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Stderr = errs
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running go test: %w", err)
	}
	err = t.read(pipe)
	ended := cmd.Wait()
	if err != nil {
		return err
	}
	var exit *exec.ExitError
	if ended != nil && (!errors.As(ended, &exit) || t.packages == 0) {
		return fmt.Errorf("go test: %w", ended)
	}
	return nil
}
