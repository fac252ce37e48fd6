package wire

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"emulator/api"
	"emulator/api/model"
)

// check holds the constraints of a shape in the form in which they are checked.
type check struct {
	min, max *float64
	enum     []string
	pattern  *pattern
	// Each in AWS's words; the zero value of what there is none.
	least, most, oneOf, matches constraint
}

// constraint is what a value must do, and the reason of an InvalidInputException if it does not.
type constraint struct{ reason, text string }

// newCheck returns nil for a shape without constraints.
func newCheck(s *model.Shape) (*check, error) {
	if s.Min == nil && s.Max == nil && s.Pattern == "" && len(s.Enum) == 0 {
		return nil, nil
	}
	c := &check{min: s.Min, max: s.Max, enum: inAWSOrder(s)}
	measure, less, more := "value", tooSmall, tooLarge
	switch s.Type {
	case "string", "blob", "list", "map":
		measure, less, more = "length", tooShort, tooLong
	}
	if s.Min != nil {
		c.least = constraint{less, "have " + measure + " greater than or equal to " + strconv.FormatFloat(*s.Min, 'f', -1, 64)}
	}
	if s.Max != nil {
		c.most = constraint{more, "have " + measure + " less than or equal to " + strconv.FormatFloat(*s.Max, 'f', -1, 64)}
	}
	if len(s.Enum) > 0 {
		c.oneOf = constraint{badEnum, "satisfy enum value set: [" + strings.Join(c.enum, ", ") + "]"}
	}
	if s.Pattern != "" {
		c.matches = constraint{badPattern, "satisfy regular expression pattern: " + s.Pattern}
		var err error
		if c.pattern, err = compilePattern(s.Pattern); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// enumOrders are the orders in which AWS names the values of enumerations, by shape, as they were recorded
// (https://github.com/localstack/localstack/blob/main/tests/aws/services/kms/test_kms.snapshot.json). They are no rule's.
var enumOrders = map[string]string{
	"KeySpec":          "RSA_2048 ECC_NIST_P384 ECC_NIST_P256 ECC_NIST_P521 HMAC_384 RSA_3072 ECC_SECG_P256K1 RSA_4096 SYMMETRIC_DEFAULT HMAC_256 HMAC_224 HMAC_512",
	"KeyUsageType":     "ENCRYPT_DECRYPT SIGN_VERIFY GENERATE_VERIFY_MAC",
	"MacAlgorithmSpec": "HMAC_SHA_384 HMAC_SHA_256 HMAC_SHA_224 HMAC_SHA_512",
	// measured by others (https://github.com/floci-io/floci/blob/main/src/test/java/io/github/hectorvent/floci/services/kms/KmsIntegrationTest.java)
	"EncryptionAlgorithmSpec": "RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256 SM2PKE SYMMETRIC_DEFAULT",
}

// inAWSOrder returns the values of an enumeration: first those whose order was recorded, then those that AWS added since.
func inAWSOrder(s *model.Shape) []string {
	recorded := strings.Fields(enumOrders[s.Name])
	if len(recorded) == 0 {
		return s.Enum
	}
	added := slices.DeleteFunc(slices.Clone(s.Enum), func(value string) bool { return slices.Contains(recorded, value) })
	return append(recorded, added...)
}

// validate checks the input against every constraint of the model, and words what it
// finds as AWS does.
func (o *Operation) validate(in reflect.Value) error {
	if !o.in.deep {
		return nil
	}
	w := violations{wording: o.wording}
	w.structure(o.in, in)
	if w.sentence != "" {
		return api.Errorf("ValidationError", "%s", w.sentence)
	}
	if len(w.found) == 0 {
		return nil
	}
	if s := o.invalidInput(); s != nil {
		return api.Errorf(s.Name, "%s", invalidInputs[w.reason]).With("Reason", w.reason)
	}
	plural := ""
	if len(w.found) > 1 {
		plural = "s"
	}
	return api.Errorf("ValidationError", "%d validation error%s detected: %s", len(w.found), plural, strings.Join(w.found, "; "))
}

// invalidInput returns the error that stands for a ValidationError where an operation declares it, as Organizations' do: it has a
// reason, and says nothing of the value. Nil if there is none.
func (o *Operation) invalidInput() *model.Shape {
	for _, s := range o.model.Errors {
		if s.Name == "InvalidInputException" && slices.ContainsFunc(s.Members, func(m model.Member) bool { return m.Name == "Reason" }) {
			return s
		}
	}
	return nil
}

// The reasons, for kinds of constraints.
const (
	required   = "INPUT_REQUIRED"
	badPattern = "INVALID_PATTERN"
	badEnum    = "INVALID_ENUM"
	tooShort   = "MIN_LENGTH_EXCEEDED"
	tooLong    = "MAX_LENGTH_EXCEEDED"
	tooSmall   = "MIN_VALUE_EXCEEDED"
	tooLarge   = "MAX_VALUE_EXCEEDED"
	badList    = "INVALID_LIST_MEMBER"
)

// invalidInputs are the texts of an InvalidInputException by its reason: that of a pattern as users saw it (boto/boto3 issue 4565), the
// others as AWS's reference has them (https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListRoots.html).
var invalidInputs = map[string]string{
	required:   "You must include a value for all required parameters.",
	badPattern: "You provided a value that does not match the required pattern.",
	badEnum:    "You specified an invalid value.",
	tooShort:   "You provided a string parameter that is shorter than allowed.",
	tooLong:    "You provided a string parameter that is longer than allowed.",
	tooSmall:   "You provided a numeric parameter that has a smaller value than allowed.",
	tooLarge:   "You provided a numeric parameter that has a larger value than allowed.",
	badList:    "You provided a list to a parameter that contains at least one invalid value.",

	"INVALID_SYNTAX_POLICY_ID":  "You specified an invalid policy ID.",
	"INVALID_PATTERN_TARGET_ID": "You specified a policy target ID that doesn't match the required pattern.",
	"INVALID_ENUM_POLICY_TYPE":  "You specified an invalid policy type string.",
}

// ownReasons are those of values of a shape that have another reason than their kind of constraint.
var ownReasons = map[string]string{
	"PolicyId " + badPattern:       "INVALID_SYNTAX_POLICY_ID",
	"PolicyTargetId " + badPattern: "INVALID_PATTERN_TARGET_ID",
	"PolicyType " + badEnum:        "INVALID_ENUM_POLICY_TYPE",
}

type violations struct {
	wording
	path     []string
	found    []string
	sentence string // the service's own, which stands alone
	reason   string // of the first
}

// What is said of an input is bounded, however much of it is wrong.
const (
	maxViolations = 100
	maxDescribed  = 1024 // bytes of a value
)

func (w *violations) full() bool { return len(w.found) >= maxViolations }

// add notes a violation. A sensitive value is not repeated.
func (w *violations) add(p *plan, v reflect.Value, c constraint) {
	c.reason = cmp.Or(ownReasons[p.shape.Name+" "+c.reason], c.reason)
	value := "Value"
	if !p.shape.Sensitive && p.kind != blobKind && (!w.brief || p.check != nil && c == p.check.oneOf) {
		text := describe(nil, v)
		if len(text) > maxDescribed {
			text = append(bytes.ToValidUTF8(text[:maxDescribed], nil), "…"...)
		}
		value = "Value '" + string(text) + "'"
	}
	w.note(value, c)
}

func (w *violations) note(value string, c constraint) {
	if w.reason == "" {
		w.reason = c.reason
	}
	w.found = append(w.found, fmt.Sprintf("%s at '%s' failed to satisfy constraint: Member must %s", value, strings.Join(w.path, "."), c.text))
}

// describe appends a value as Java prints it, and stops once it is longer than what is said of one.
func describe(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer:
		return describe(dst, v.Elem())
	case reflect.String:
		return append(dst, v.String()[:min(v.Len(), maxDescribed+1)]...)
	case reflect.Slice:
		dst = append(dst, '[')
		for i := 0; i < v.Len() && len(dst) <= maxDescribed; i++ {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = describe(dst, v.Index(i))
		}
		return append(dst, ']')
	case reflect.Struct:
		dst = append(append(dst, v.Type().Name()...), '(')
		separator := ""
		for i := range v.NumField() {
			f := v.Type().Field(i)
			value, ok := present(v.Field(i))
			if !f.IsExported() || !ok || len(dst) > maxDescribed {
				continue
			}
			dst = append(append(append(dst, separator...), lowerFirst(f.Name)...), '=')
			dst = describe(dst, value)
			separator = ", "
		}
		return append(dst, ')')
	default:
		return fmt.Append(dst, v.Interface())
	}
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func (w *violations) structure(p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if !f.required && !f.plan.deep {
			continue
		}
		w.path = append(w.path, lowerFirst(f.name))
		value, ok := present(v.FieldByIndex(f.index))
		switch {
		case ok && f.plan.deep:
			w.value(f.plan, value)
		case !ok && f.required:
			null := "Value null"
			if w.brief || f.plan.shape.Sensitive {
				null = "Value"
			}
			w.note(null, constraint{required, "not be null"})
		}
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *violations) value(p *plan, v reflect.Value) {
	if p.check != nil {
		w.constraints(p, v)
	}
	switch {
	case p.kind == structureKind:
		w.structure(p, v)
	case p.kind == unionKind:
		w.union(p, v)
	case p.kind == listKind && p.element.kind == stringKind && p.element.check != nil && w.brief:
		w.stringList(p, v)
	case p.kind == listKind && p.element.deep:
		first := w.reason == "" && p.element.kind == stringKind
		for i := 0; i < v.Len() && !w.full(); i++ {
			w.path = append(w.path, strconv.Itoa(i+1), "member")
			if item, ok := present(v.Index(i)); ok || item.Kind() == reflect.String {
				w.value(p.element, item)
			}
			w.path = w.path[:len(w.path)-2]
		}
		if first && w.reason != "" {
			w.reason = badList // whatever is wrong with one of its values
		}
	case p.kind == mapKind && p.element.deep:
		for _, key := range sortedKeys(v) {
			if w.full() {
				break
			}
			w.path = append(w.path, key.String(), "member")
			w.value(p.element, v.MapIndex(key))
			w.path = w.path[:len(w.path)-2]
		}
	}
}

func (w *violations) union(p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if v.IsNil() || v.Elem().Elem().Type() != f.member || !f.plan.deep {
			continue
		}
		w.path = append(w.path, lowerFirst(f.name))
		if value, ok := present(v.Elem().Elem().FieldByIndex(f.index)); ok {
			w.value(f.plan, value)
		}
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *violations) constraints(p *plan, v reflect.Value) {
	c := p.check
	// A value that is too long by far is refused for its length, and not matched at its own expense.
	if c.pattern != nil && p.kind == stringKind && (c.max == nil || float64(v.Len()) <= 8*(*c.max)) && !c.pattern.match(v.String()) {
		if own := w.patterns[strings.Join(w.path, ".")]; own == "" {
			w.add(p, v, c.matches)
		} else if w.sentence == "" {
			w.sentence = "The specified value for " + w.path[0] + " is invalid. It must " + own
		}
	}
	if len(c.enum) > 0 && p.kind == stringKind && !slices.Contains(c.enum, v.String()) {
		w.add(p, v, c.oneOf)
	}
	if c.min == nil && c.max == nil {
		return
	}
	n := 0.0
	switch p.kind {
	case stringKind:
		n = float64(utf8.RuneCountInString(v.String()))
	case blobKind, listKind, mapKind:
		n = float64(v.Len())
	case integerKind:
		n = float64(v.Int())
	case floatKind:
		n = v.Float()
	default:
		return
	}
	if c.min != nil && n < *c.min {
		w.add(p, v, c.least)
	}
	if c.max != nil && n > *c.max {
		w.add(p, v, c.most)
	}
}

// stringList checks a list of strings of which some break a constraint: all that there are, are told, once.
func (w *violations) stringList(p *plan, v reflect.Value) {
	c := p.element.check
	var each violations
	for i := 0; i < v.Len() && len(each.found) == 0; i++ {
		each.constraints(p.element, v.Index(i))
	}
	if len(each.found) == 0 {
		return
	}
	var all []string
	for _, one := range []constraint{c.most, c.least, c.oneOf, c.matches} {
		if one.text != "" {
			all = append(all, "Member must "+one.text)
		}
	}
	if c.matches.text != "" { // as recorded of TagKeys, and not of ClientIDList
		all = append(all, "Member must not be null")
	}
	w.add(p, v, constraint{badList, "satisfy constraint: [" + strings.Join(all, ", ") + "]"})
}

// pattern is a regular expression that a whole value must match.
type pattern struct {
	regexp  *regexp.Regexp
	ascii   *[128]bool // of a pattern that is one class, repeated: most are
	minimum int
}

var (
	unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)
	oneClass      = regexp.MustCompile(`^\[[^\]]+\][*+]$`)
)

// compilePattern translates a pattern of the model, which is Java's, to Go's syntax.
func compilePattern(text string) (*pattern, error) {
	translated, ok := rewritten[text]
	if !ok {
		translated = unicodeEscape.ReplaceAllString(text, `\x{$1}`)
	}
	re, err := regexp.Compile(`^(?s:` + translated + `)$`)
	if err != nil {
		return nil, err
	}
	p := &pattern{regexp: re}
	if oneClass.MatchString(translated) {
		p.ascii = new([128]bool)
		for c := range p.ascii {
			p.ascii[c] = re.MatchString(string(rune(c)))
		}
		if strings.HasSuffix(translated, "+") {
			p.minimum = 1
		}
	}
	return p, nil
}

func (p *pattern) match(s string) bool {
	if p.ascii == nil || strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return p.regexp.MatchString(s)
	}
	for i := range len(s) {
		if !p.ascii[s[i]] {
			return false
		}
	}
	return len(s) >= p.minimum
}

// rewritten are the patterns that Go's syntax has no words for, as equivalents by hand.
var rewritten = map[string]string{
	// An account alias: no hyphen follows another. The length has a constraint of its own.
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: `[a-z0-9](-?[a-z0-9])*`,
}
