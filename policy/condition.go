package policy

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// condition is one key under one operator.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type condition struct {
	operator operator
	key      string // as written
	lowerKey string
	values   []operand
}

type operator struct {
	name     string // as written: "ForAnyValue:StringLikeIfExists"
	test     test
	negated  bool
	ifExists bool
	set      set
}

// set is how an operator goes about keys with several values.
type set uint8

const (
	single set = iota
	forAny
	forAll
)

// test compares one value of the request with one of the policy.
type test uint8

const (
	stringEquals test = iota
	stringEqualsIgnoreCase
	stringLike
	numericEquals
	numericLess
	numericLessEquals
	numericGreater
	numericGreaterEquals
	dateEquals
	dateLess
	dateLessEquals
	dateGreater
	dateGreaterEquals
	boolEquals
	binaryEquals
	ipAddress
	arnLike
	null
)

// operators by their lower-case names, without prefix and suffix.
var operators = map[string]struct {
	test    test
	negated bool
}{
	"stringequals":              {stringEquals, false},
	"stringnotequals":           {stringEquals, true},
	"stringequalsignorecase":    {stringEqualsIgnoreCase, false},
	"stringnotequalsignorecase": {stringEqualsIgnoreCase, true},
	"stringlike":                {stringLike, false},
	"stringnotlike":             {stringLike, true},
	"numericequals":             {numericEquals, false},
	"numericnotequals":          {numericEquals, true},
	"numericlessthan":           {numericLess, false},
	"numericlessthanequals":     {numericLessEquals, false},
	"numericgreaterthan":        {numericGreater, false},
	"numericgreaterthanequals":  {numericGreaterEquals, false},
	"dateequals":                {dateEquals, false},
	"datenotequals":             {dateEquals, true},
	"datelessthan":              {dateLess, false},
	"datelessthanequals":        {dateLessEquals, false},
	"dategreaterthan":           {dateGreater, false},
	"dategreaterthanequals":     {dateGreaterEquals, false},
	"bool":                      {boolEquals, false},
	"binaryequals":              {binaryEquals, false},
	"ipaddress":                 {ipAddress, false},
	"notipaddress":              {ipAddress, true},
	"arnequals":                 {arnLike, false}, // behaves as ArnLike
	"arnlike":                   {arnLike, false},
	"arnnotequals":              {arnLike, true},
	"arnnotlike":                {arnLike, true},
	"null":                      {null, false},
}

func parseOperator(name string) (operator, bool) {
	op := operator{name: name}
	base := strings.ToLower(name)
	if rest, ok := strings.CutPrefix(base, "foranyvalue:"); ok {
		op.set, base = forAny, rest
	} else if rest, ok := strings.CutPrefix(base, "forallvalues:"); ok {
		op.set, base = forAll, rest
	}
	if rest, ok := strings.CutSuffix(base, "ifexists"); ok {
		op.ifExists, base = true, rest
	}
	known, ok := operators[base]
	op.test, op.negated = known.test, known.negated
	return op, ok && !(op.test == null && (op.ifExists || op.set != single))
}

// operand is a value of the policy, parsed as far as it has no variables.
type operand struct {
	template
	number *big.Rat
	date   *time.Time
	prefix netip.Prefix
	binary []byte
}

func (op operator) compile(text, version string) operand {
	v := operand{template: compileTemplate(text, version)}
	if v.parts == nil {
		v.parse(op.test, v.literal())
	}
	return v
}

// literal is the text of a template without variables, its wildcards as written.
func (t *template) literal() string { return t.fixed.String() }

// parse parses what tests of numbers, dates, addresses and bytes need. What does
// not parse stays as it is and matches nothing.
func (v *operand) parse(t test, text string) {
	switch {
	case t >= numericEquals && t <= numericGreaterEquals:
		v.number = parseNumber(text)
	case t >= dateEquals && t <= dateGreaterEquals:
		v.date = parseDate(text)
	case t == ipAddress:
		v.prefix = parsePrefix(text)
	case t == binaryEquals:
		v.binary, _ = base64.StdEncoding.DecodeString(text)
	}
}

// match reports whether the condition holds.
func (c *condition) match(ctx Context) bool {
	values, ok := ctx.Values(c.lowerKey)
	op := &c.operator
	if op.test == null {
		return c.matchNull(ok)
	}
	if !ok {
		switch op.set {
		case forAll:
			return true
		case forAny:
			return false // with IfExists too: there is no value that could match
		default:
			return op.ifExists || op.negated
		}
	}
	switch op.set {
	case forAll:
		for _, v := range values {
			if !c.matchValue(v, ctx) {
				return false
			}
		}
		return true
	case forAny:
		for _, v := range values {
			if c.matchValue(v, ctx) {
				return true
			}
		}
		return false
	}
	// Without a set operator AWS leaves several values undefined: a negated operator
	// then holds for all of them, others for one.
	for _, v := range values {
		if c.matchValue(v, ctx) != op.negated {
			return !op.negated
		}
	}
	return op.negated
}

// matchNull: "true" wants the key absent, "false" present.
func (c *condition) matchNull(present bool) bool {
	for i := range c.values {
		if text := c.values[i].source; strings.EqualFold(text, "true") && !present || strings.EqualFold(text, "false") && present {
			return true
		}
	}
	return false
}

// matchValue compares one value of the request with all of the policy's: one must
// match, or for a negated operator none. A variable without a value makes the condition fail either way.
func (c *condition) matchValue(value string, ctx Context) bool {
	for i := range c.values {
		v := &c.values[i]
		resolved, ok := v.resolve(ctx)
		if !ok {
			if c.operator.negated {
				return false
			}
			continue
		}
		if v.parts != nil {
			parsed := *v
			parsed.parse(c.operator.test, resolved.String())
			v = &parsed
		}
		if v.compare(c.operator.test, resolved, value) {
			return !c.operator.negated
		}
	}
	return c.operator.negated
}

// compare applies a test to one pair of values; p is the policy's as a pattern.
func (v *operand) compare(t test, p pattern, value string) bool {
	switch t {
	case stringEquals:
		return p.equals(value)
	case stringEqualsIgnoreCase:
		return strings.EqualFold(p.String(), value)
	case stringLike:
		return p.match(value)
	case boolEquals:
		return isBool(value) && strings.EqualFold(p.String(), value)
	case binaryEquals:
		b, err := base64.StdEncoding.DecodeString(value)
		return err == nil && v.binary != nil && bytes.Equal(b, v.binary)
	case ipAddress:
		a, err := netip.ParseAddr(value)
		return err == nil && v.prefix.IsValid() && v.prefix.Contains(a.Unmap())
	case arnLike:
		return matchARN(p, value)
	}
	if t >= dateEquals {
		d := parseDate(value)
		return d != nil && v.date != nil && ordered(t-dateEquals, d.Compare(*v.date))
	}
	n := parseNumber(value)
	return n != nil && v.number != nil && ordered(t-numericEquals, n.Cmp(v.number))
}

// equals compares without wildcards. Most patterns have none, and need no conversion.
func (p pattern) equals(s string) bool {
	if len(p) != len(s) {
		return false
	}
	for i := range len(p) {
		c := p[i]
		switch c {
		case anyRun:
			c = '*'
		case anyChar:
			c = '?'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

// ordered tells whether a comparison's result is what the test wants; the tests of
// numbers and of dates stand in the same order.
func ordered(t test, result int) bool {
	switch t {
	case 0:
		return result == 0
	case 1:
		return result < 0
	case 2:
		return result <= 0
	case 3:
		return result > 0
	default:
		return result >= 0
	}
}

func isBool(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

// parseNumber takes integers and decimals.
func parseNumber(s string) *big.Rat {
	if s == "" || len(s) > 64 || strings.Trim(s, "+-.0123456789eE") != "" {
		return nil
	}
	if f, err := strconv.ParseFloat(s, 64); err != nil || f > 1e30 || f < -1e30 {
		return nil // also keeps exponents small
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return n
}

var dateLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02",
	"2006-01-02T15:04:05Z0700", "20060102T150405Z", "2006-01", "2006",
}

// parseDate takes ISO 8601, with or without time and fraction, and seconds since the epoch.
func parseDate(s string) *time.Time {
	if len(s) > 4 || strings.HasPrefix(s, "-") { // else a year
		if n, err := strconv.ParseFloat(s, 64); err == nil {
			if n > 1e12 || n < -1e12 {
				return nil
			}
			t := time.UnixMilli(int64(n * 1000)).UTC()
			return &t
		}
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC()
			return &t
		}
	}
	return nil
}

// parsePrefix takes an address, or a range in CIDR notation.
func parsePrefix(s string) netip.Prefix {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked()
	}
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen())
	}
	return netip.Prefix{}
}

// matchARN matches each of the first five parts of an ARN on its own.
func matchARN(p pattern, value string) bool {
	if p == pattern([]byte{anyRun}) {
		return true
	}
	want, got := strings.SplitN(string(p), ":", 6), strings.SplitN(value, ":", 6)
	if len(want) != 6 || len(got) != 6 {
		return false
	}
	for i := range want {
		if !pattern(want[i]).match(got[i]) {
			return false
		}
	}
	return true
}
