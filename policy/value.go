package policy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// value is a value of a condition in a policy, read the way its operator reads it.
type value struct {
	text template
	// operand is what operators read that do not compare text: a number, time.Time, netip.Prefix, []byte
	// or bool, or the six templates of an ARN. A value that can't be read has none, and never matches.
	operand any
}

// compileValue reads a value. Variables exist only for String, Arn and Bool operators.
func (op *operator) compileValue(source, version string) value {
	switch op.kind {
	case opNumeric, opDate, opNull, opIP, opBinary:
		version = ""
	}
	v := value{text: compileTemplate(source, version, op.kind == opStringLike)}
	var operand any
	var ok bool
	switch op.kind {
	case opARN:
		operand, ok = compileARN(source, version)
	case opNumeric:
		operand, ok = parseNumber(source)
	case opDate:
		operand, ok = parseDate(source)
	case opNull:
		operand, ok = parseBool(source)
	case opIP:
		operand, ok = parseIP(source)
	case opBinary:
		b, err := base64.StdEncoding.DecodeString(source)
		operand, ok = b, err == nil
	}
	if ok {
		v.operand = operand
	}
	return v
}

// readable reports whether the value is one that its operator can read.
func (v *value) readable(op *operator) bool {
	switch op.kind {
	case opString, opStringIgnoreCase, opStringLike:
		return true
	case opBool:
		_, ok := parseBool(v.text.fixed.literal)
		return ok || v.text.parts() != nil
	}
	return v.operand != nil
}

// read reads a value of the request as the values of the policy were read: nil if it can't be, or
// is compared as text.
func (op *operator) read(request string) any {
	var read any
	var ok bool
	switch op.kind {
	case opNumeric:
		read, ok = parseNumber(request)
	case opDate:
		read, ok = parseDate(request)
	case opIP:
		a, err := netip.ParseAddr(request)
		read, ok = a.Unmap(), err == nil // sockets of both families show IPv4 as ::ffff:…
	case opBinary:
		b, err := base64.StdEncoding.DecodeString(request)
		read, ok = b, err == nil
	}
	if !ok {
		return nil
	}
	return read
}

// matches compares with a value of the request, and with what was read of it, as if the operator
// were not negated. It is not resolved if a variable in it has no value.
func (v *value) matches(c *condition, request string, read any, e *evaluation) (matched, resolved bool) {
	anyOf := c.deny != c.operator.negated // of several values of a variable
	switch c.operator.kind {
	case opString:
		return v.text.matches(e, anyOf, func(p *pattern) bool { return p.literal == request })
	case opStringIgnoreCase:
		return v.text.matches(e, anyOf, func(p *pattern) bool { return strings.EqualFold(p.literal, request) })
	case opStringLike:
		return v.text.matches(e, anyOf, func(p *pattern) bool { return e.match(p, request) })
	case opBool:
		return v.text.matches(e, anyOf, func(p *pattern) bool {
			a, ok1 := parseBool(p.literal)
			b, ok2 := parseBool(request)
			return ok1 && ok2 && a == b
		})
	}
	switch operand := v.operand.(type) {
	case []template:
		return matchARN(operand, anyOf, request, e)
	case number:
		n, ok := read.(number)
		return ok && c.operator.compare.holds(n.compare(operand)), true
	case time.Time:
		t, ok := read.(time.Time)
		return ok && c.operator.compare.holds(t.Compare(operand)), true
	case netip.Prefix:
		a, ok := read.(netip.Addr)
		return ok && operand.Contains(a), true
	case []byte:
		b, ok := read.([]byte)
		return ok && bytes.Equal(b, operand), true
	}
	return false, true
}

// compileARN compiles each part of an ARN for itself: a wildcard in one of the first
// five does not reach into the next. It fails for what has no six parts. Colons
// within variables, and those behind the fifth, divide nothing.
func compileARN(source, version string) (parts []template, ok bool) {
	if source == "*" {
		source = "*:*:*:*:*:*"
	}
	start := 0
	for i := 0; i < len(source) && len(parts) < 5; i++ {
		if version == "2012-10-17" && strings.HasPrefix(source[i:], "${") {
			if end := strings.IndexByte(source[i:], '}'); end > 0 {
				i += end
				continue
			}
		}
		if source[i] == ':' {
			parts = append(parts, compileTemplate(source[start:i], version, true))
			start = i + 1
		}
	}
	if len(parts) < 5 {
		return nil, false
	}
	return append(parts, compileTemplate(source[start:], version, true)), true
}

func matchARN(parts []template, anyOf bool, request string, e *evaluation) (matched, resolved bool) {
	matched = true
	for i := range parts {
		part, rest, found := request, "", true
		if i < 5 {
			part, rest, found = strings.Cut(request, ":")
		}
		m, ok := parts[i].matches(e, anyOf, func(p *pattern) bool { return e.match(p, part) })
		if !ok {
			return false, false
		}
		matched = matched && found && m
		request = rest
	}
	return matched, true
}

// number is an integer, exactly, or a decimal.
type number struct {
	integer int64
	decimal float64
	exact   bool
}

func parseNumber(s string) (number, bool) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{integer: i, decimal: float64(i), exact: true}, true
	}
	// ParseFloat also knows "inf", "nan", "0x1p-2" and "1_000".
	if s == "" || strings.Trim(s, "+-.0123456789eE") != "" {
		return number{}, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return number{decimal: f}, err == nil
}

func (n number) compare(m number) int {
	if n.exact && m.exact {
		return cmp.Compare(n.integer, m.integer)
	}
	return cmp.Compare(n.decimal, m.decimal)
}

// isoDate is a date of ISO 8601 as AWS reads it: any part may be left out from the right, a number
// have no leading zero, and the T stand without a time. Letters are in upper case.
var isoDate = regexp.MustCompile(`^(-?\d{1,9})(?:-(\d\d?)(?:-(\d\d?))?)?(?:T(?:(\d\d?)(?::(\d\d?)(?::(\d\d?)(?:\.(\d+))?)?)?)?(?:Z|([+-]\d\d)(?::?(\d\d))?)?)?$`)

// Years and the other numbers of isoDate, in the order of its groups.
var dateLimits = [...]struct{ least, most, missing int }{
	{-292275054, 292278993, 0}, {1, 12, 1}, {1, 31, 1}, {0, 23, 0}, {0, 59, 0}, {0, 59, 0}, {0, math.MaxInt, 0}, {-23, 23, 0}, {0, 59, 0},
}

// parseDate reads a date, or the seconds since 1970.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
func parseDate(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil { // which most are
		return t.UTC(), true
	}
	if isYear(s) || strings.ContainsAny(s, "-tT") {
		if t, ok := parseISO(strings.ToUpper(s)); ok {
			return t, true
		}
	}
	n, ok := parseNumber(s)
	switch {
	case n.exact:
		return time.Unix(n.integer, 0).UTC(), ok
	case n.decimal < -1e12 || n.decimal > 1e12:
		return time.Time{}, false
	}
	whole := int64(n.decimal)
	return time.Unix(whole, int64((n.decimal-float64(whole))*1e9)).UTC(), ok
}

func parseISO(s string) (time.Time, bool) {
	groups := isoDate.FindStringSubmatch(s)
	if groups == nil {
		return time.Time{}, false
	}
	groups[7] = (groups[7] + "000000000")[:9] // to nanoseconds
	var n [len(dateLimits)]int
	for i, limit := range dateLimits {
		n[i] = limit.missing
		if text := groups[i+1]; text != "" {
			n[i], _ = strconv.Atoi(text) // digits, and few
		}
		if n[i] < limit.least || n[i] > limit.most {
			return time.Time{}, false
		}
	}
	if strings.HasPrefix(groups[8], "-") {
		n[8] = -n[8]
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6], time.UTC)
	if t.Day() != n[2] {
		return time.Time{}, false // there is no such day in the month
	}
	return t.Add(-time.Duration(n[7]*60+n[8]) * time.Minute), true
}

// writableDate reports whether AWS takes a date that parseDate can read: seconds must be an integer, and a
// fraction has nanoseconds at most.
func writableDate(s string) bool {
	if n, ok := parseNumber(s); ok {
		return n.exact
	}
	_, fraction, _ := strings.Cut(s, ".")
	return len(fraction)-len(strings.TrimLeft(fraction, "0123456789")) <= 9
}

// isYear reports whether s is a date of a year only, rather than seconds.
func isYear(s string) bool {
	return len(s) == 4 && strings.Trim(s, "0123456789") == ""
}

func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseIP reads a range, or an address as a range of one.
func parseIP(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
