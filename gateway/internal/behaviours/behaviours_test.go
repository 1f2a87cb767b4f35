package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestNamesCarryNumbers(t *testing.T) {
	for name, want := range map[string][]int{
		"TestB105_lifetime_over_bounces":          {105},
		"TestB106NullSender":                      nil, // no end of the number
		"TestB74toB78_WholeSchedule":              {74, 75, 76, 77, 78},
		"TestB97to101_states":                     {97, 98, 99, 100, 101},
		"TestB97_to_B99_states":                   {97, 98, 99},
		"TestB116_sent_B117_deferred":             {116, 117},
		"TestOutcomes/B118_bounced":               {118},
		"TestOutcomes/B118_bounced/B119_too":      {119},
		"TestB124_to_B129_answers/B125_full":      {125},
		"TestB124_B125_answers/full":              {124, 125},
		"TestB20a_stalled":                        {20},
		"TestScripts/b138_b139_delivery_log":      {138, 139},
		"TestScripts/b124_to_b126_x":              {124, 125, 126},
		"TestScripts/B138_x":                      nil,
		"TestBase64/b64_is_an_encoding":           nil,
		"TestDecode/b64":                          nil,
		"TestB999_x":                              nil,
		"TestB0_x":                                nil,
		"TestBuffer":                              nil,
		"TestSizes_B2B":                           nil,
		"TestB64_direct_B66_refusal_passed_back":  {64, 66},
		"TestB110_B111_B112_B113_why_it_stands_x": {110, 111, 112, 113},
	} {
		if got := behavioursOf(name); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestScope(t *testing.T) {
	got, err := parseScope("64-66, 116,65")
	if err != nil || !slices.Equal(got, []int{64, 65, 66, 116}) {
		t.Error(got, err)
	}
	for _, bad := range []string{"", "x", "0", "5-3", "1-155", "1-", "-4"} {
		if _, err := parseScope(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

const output = `
{"Action":"run","Package":"m/queue","Test":"TestB105_x"}
{"Action":"output","Package":"m/queue","Test":"TestB105_x","Output":"--- PASS: TestB106_no (0.00s)\n"}
{"Action":"pass","Package":"m/queue","Test":"TestB105_x"}
{"Action":"pass","Package":"m/flow","Test":"TestB105_y"}
{"Action":"pass","Package":"m/flow","Test":"TestB106_y"}
{"Action":"fail","Package":"m/queue","Test":"TestB106_y"}
{"Action":"skip","Package":"m/queue","Test":"TestB107_y"}
{"Action":"skip","Package":"m/queue","Test":"TestB108_y"}
{"Action":"pass","Package":"m/a","Test":"TestB108_z"}
{"Action":"run","Package":"m/a","Test":"TestB109_panics"}
# a line of a build
{"Action":"fail","Package":"m/a"}
{"Action":"pass","Package":"m/queue"}
`

// TestTable: what passes, fails, is skipped, never ends and is not there.
func TestTable(t *testing.T) {
	var out, errs bytes.Buffer
	ok, err := run([]string{"-read", "-", "-scope", "105-110"}, strings.NewReader(output), &out, &errs)
	if err != nil || ok {
		t.Errorf("%v, %v", ok, err)
	}
	for _, want := range []string{
		"B105  pass     flow.TestB105_y, queue.TestB105_x\n",
		"B106  FAIL     flow.TestB106_y, queue.TestB106_y\n",
		"B107  skip     queue.TestB107_y\n",
		"B108  pass     a.TestB108_z, queue.TestB108_y\n",
		"B109  FAIL     a.TestB109_panics\n",
		"B110  MISSING  \n",
		"6 behaviours: 2 pass, 2 fail, 1 skipped, 1 without a test\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, &out)
		}
	}
	out.Reset()
	if ok, err := run([]string{"-read", "-", "-scope", "105,108"}, strings.NewReader(output), &out, &errs); err != nil || !ok {
		t.Errorf("%v, %v\n%s", ok, err, &out)
	}
	if _, err := run([]string{"-read", "nowhere.json"}, nil, &out, &errs); err == nil {
		t.Error("a file that is not there passes")
	}
	if _, err := run([]string{"-scope", "x"}, nil, &out, &errs); err == nil {
		t.Error("a bad scope passes")
	}
}

// TestOrderDoesNotMatter: a failure counts whichever test is told first.
func TestOrderDoesNotMatter(t *testing.T) {
	for range 20 { // maps are walked in any order
		tab := newTable()
		for _, e := range []event{{Action: "fail", Package: "a", Test: "TestB1_x"}, {Action: "pass", Package: "b", Test: "TestB1_y"}, {Action: "skip", Package: "c", Test: "TestB1_z"}} {
			tab.take(e)
		}
		if got := tab.behaviours()[1].result; got != failed {
			t.Fatal(got)
		}
	}
}

// TestEcho: a run of all tests is shown as go test shows it, and a package that
// fails is a failure, whatever the numbers say.
func TestEcho(t *testing.T) {
	const broken = `
{"ImportPath":"m/x","Action":"build-output","Output":"x.go:1: no\n"}
{"Action":"output","Package":"m/a","Test":"TestB1_x","Output":"noise\n"}
{"Action":"pass","Package":"m/a","Test":"TestB1_x"}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t1s\n"}
{"Action":"pass","Package":"m/a"}
{"Action":"output","Package":"m/b","Test":"TestY","Output":"y.go:2: why\n"}
{"Action":"fail","Package":"m/b","Test":"TestY"}
{"Action":"output","Package":"m/b","Test":"TestZ","Output":"z hangs\n"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b\t1s\n"}
{"Action":"fail","Package":"m/b"}
{"Action":"output","Package":"m/c","Output":"?   \tm/c\t[no test files]\n"}
{"Action":"skip","Package":"m/c"}
make: said by make
`
	var out, errs bytes.Buffer
	ok, err := run([]string{"-read", "-", "-scope", "1", "-echo"}, strings.NewReader(broken), &out, &errs)
	if err != nil || ok {
		t.Errorf("%v, %v", ok, err)
	}
	want := "\nx.go:1: no\nok  \tm/a\t1s\ny.go:2: why\nFAIL\tm/b\t1s\nz hangs\nmake: said by make\n" +
		"B1    pass     a.TestB1_x\n1 behaviours: 1 pass, 0 fail, 0 skipped, 0 without a test\n1 of 3 packages failed\n"
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", &out, want)
	}
	if ok, err := run([]string{"-read", "-", "-scope", "105,108", "-echo"}, strings.NewReader(output), &out, &errs); err != nil || ok {
		t.Errorf("a package that failed passes: %v, %v", ok, err)
	}
	if ok, err := run([]string{"-read", "-", "-scope", "1", "-echo"}, strings.NewReader(`{"Action":"pass","Package":"m/a","Test":"TestB1_x"}`), &out, &errs); err != nil || ok {
		t.Errorf("a run that told the end of no package passes: %v, %v", ok, err)
	}
}
