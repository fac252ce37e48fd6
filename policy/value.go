package policy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// value is a value of a condition in a policy, read the way its operator reads it.
type value struct {
	source  string
	valid   bool       // it can be read; else it never matches
	text    template   // String operators, Bool
	arn     []template // Arn operators: six parts
	number  number
	time    time.Time
	ip      netip.Prefix
	binary  []byte
	boolean bool
}

// compileValue reads a value. Variables exist only for String, Arn and Bool operators.
func (op *operator) compileValue(source, version string) value {
	v := value{source: source, valid: true}
	switch op.kind {
	case opString, opStringIgnoreCase:
		v.text = compileTemplate(source, version, false)
	case opStringLike:
		v.text = compileTemplate(source, version, true)
	case opARN:
		v.arn = compileARN(source, version)
		v.valid = v.arn != nil
	case opNumeric:
		v.number, v.valid = parseNumber(source)
	case opDate:
		v.time, v.valid = parseDate(source)
	case opBool:
		v.text = compileTemplate(source, version, false)
		_, v.valid = parseBool(source)
		v.valid = v.valid || v.text.parts != nil
	case opNull:
		v.boolean, v.valid = parseBool(source)
	case opIP:
		v.ip, v.valid = parseIP(source)
	case opBinary:
		var err error
		v.binary, err = base64.StdEncoding.DecodeString(source)
		v.valid = err == nil
	}
	return v
}

// matches compares with a value of the request, as if the operator were not negated.
// It is not resolved if a variable in it has no value.
func (v *value) matches(op *operator, request string, ctx Context) (matched, resolved bool) {
	if !v.valid {
		return false, true
	}
	switch op.kind {
	case opString, opStringIgnoreCase, opStringLike, opBool:
		p, ok := v.text.resolve(ctx)
		switch {
		case !ok:
			return false, false
		case op.kind == opString:
			return p.literal == request, true
		case op.kind == opStringIgnoreCase:
			return strings.EqualFold(p.literal, request), true
		case op.kind == opBool:
			a, ok1 := parseBool(p.literal)
			b, ok2 := parseBool(request)
			return ok1 && ok2 && a == b, true
		}
		return p.match(request), true
	case opARN:
		return v.matchARN(request, ctx)
	case opNumeric:
		n, ok := parseNumber(request)
		return ok && op.compare.holds(n.compare(v.number)), true
	case opDate:
		t, ok := parseDate(request)
		return ok && op.compare.holds(t.Compare(v.time)), true
	case opIP:
		a, err := netip.ParseAddr(request)
		return err == nil && v.ip.Contains(a.Unmap()), true // sockets of both families show IPv4 as ::ffff:…
	case opBinary:
		b, err := base64.StdEncoding.DecodeString(request)
		return err == nil && bytes.Equal(b, v.binary), true
	}
	return false, true
}

// compileARN compiles each part of an ARN for itself: a wildcard in one of the first
// five does not reach into the next. It returns nil for what has no six parts. Colons
// within variables, and those behind the fifth, divide nothing.
func compileARN(source, version string) []template {
	if source == "*" {
		source = "*:*:*:*:*:*"
	}
	var parts []template
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
		return nil
	}
	return append(parts, compileTemplate(source[start:], version, true))
}

func (v *value) matchARN(request string, ctx Context) (matched, resolved bool) {
	matched = true
	for i := range v.arn {
		part, rest, found := request, "", true
		if i < 5 {
			part, rest, found = strings.Cut(request, ":")
		}
		p, ok := v.arn[i].resolve(ctx)
		if !ok {
			return false, false
		}
		matched = matched && found && p.match(part)
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

// dateLayouts are the forms of ISO 8601 that W3C's note on dates and times has, which is what
// AWS refers to.
var dateLayouts = []string{
	"2006-01-02T15:04:05Z07:00", // also with a fraction
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02",
	"2006-01",
	"2006",
}

// parseDate reads a date, or the seconds since 1970.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
func parseDate(s string) (time.Time, bool) {
	if n, ok := parseNumber(s); ok && !isYear(s) {
		if n.exact {
			return time.Unix(n.integer, 0).UTC(), true
		}
		if n.decimal < -1e12 || n.decimal > 1e12 {
			return time.Time{}, false
		}
		whole := int64(n.decimal)
		return time.Unix(whole, int64((n.decimal-float64(whole))*1e9)).UTC(), true
	}
	s = strings.ToUpper(s)
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
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
