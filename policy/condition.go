package policy

import "strings"

// condition is one key of one operator of a statement's Condition. All of a
// statement's conditions must hold.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type condition struct {
	operator operator
	key      string // as written
	lowerKey string
	values   []value
	deny     bool // it is a Deny's
}

// operator is a condition operator taken apart.
type operator struct {
	written  string
	kind     operatorKind
	compare  comparison
	negated  bool // …Not…: no value of the policy may match
	ifExists bool
	set      setOperator
}

// operatorKind is how values are read.
type operatorKind int

const (
	opString operatorKind = iota
	opStringIgnoreCase
	opStringLike
	opNumeric
	opDate
	opBool
	opBinary
	opIP
	opARN
	opNull
)

// comparison is what Numeric and Date operators ask for; the request's value stands on the left.
type comparison int

const (
	equal comparison = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// holds reports whether the result of a three-way comparison is the wanted one.
func (c comparison) holds(order int) bool {
	switch c {
	case less:
		return order < 0
	case lessOrEqual:
		return order <= 0
	case greater:
		return order > 0
	case greaterOrEqual:
		return order >= 0
	default:
		return order == 0
	}
}

// setOperator says how a key with several values is compared.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
type setOperator int

const (
	single setOperator = iota
	forAnyValue
	forAllValues
)

// operators by their names without set operator and IfExists.
var operators = map[string]operator{
	"StringEquals":              {kind: opString},
	"StringNotEquals":           {kind: opString, negated: true},
	"StringEqualsIgnoreCase":    {kind: opStringIgnoreCase},
	"StringNotEqualsIgnoreCase": {kind: opStringIgnoreCase, negated: true},
	"StringLike":                {kind: opStringLike},
	"StringNotLike":             {kind: opStringLike, negated: true},
	"NumericEquals":             {kind: opNumeric},
	"NumericNotEquals":          {kind: opNumeric, negated: true},
	"NumericLessThan":           {kind: opNumeric, compare: less},
	"NumericLessThanEquals":     {kind: opNumeric, compare: lessOrEqual},
	"NumericGreaterThan":        {kind: opNumeric, compare: greater},
	"NumericGreaterThanEquals":  {kind: opNumeric, compare: greaterOrEqual},
	"DateEquals":                {kind: opDate},
	"DateNotEquals":             {kind: opDate, negated: true},
	"DateLessThan":              {kind: opDate, compare: less},
	"DateLessThanEquals":        {kind: opDate, compare: lessOrEqual},
	"DateGreaterThan":           {kind: opDate, compare: greater},
	"DateGreaterThanEquals":     {kind: opDate, compare: greaterOrEqual},
	"Bool":                      {kind: opBool},
	"BinaryEquals":              {kind: opBinary},
	"IpAddress":                 {kind: opIP},
	"NotIpAddress":              {kind: opIP, negated: true},
	"ArnEquals":                 {kind: opARN},
	"ArnLike":                   {kind: opARN},
	"ArnNotEquals":              {kind: opARN, negated: true},
	"ArnNotLike":                {kind: opARN, negated: true},
	"Null":                      {kind: opNull},
}

// operatorNames maps names in lower case to names as they are documented: IAM takes
// them in any case.
var operatorNames = func() map[string]string {
	m := make(map[string]string, len(operators))
	for name := range operators {
		m[strings.ToLower(name)] = name
	}
	return m
}()

func parseOperator(written string) (operator, bool) {
	name := strings.ToLower(written)
	set := single
	if rest, ok := strings.CutPrefix(name, "foranyvalue:"); ok {
		name, set = rest, forAnyValue
	} else if rest, ok := strings.CutPrefix(name, "forallvalues:"); ok {
		name, set = rest, forAllValues
	}
	name, ifExists := strings.CutSuffix(name, "ifexists")
	op, ok := operators[operatorNames[name]]
	if op.kind == opNull && ifExists {
		ok = false // Null itself is about existence
	}
	op.written, op.set, op.ifExists = written, set, ifExists
	return op, ok
}

// holds reports whether the condition holds for a request. Where an operator for single values meets
// several, that of a Deny holds if it does for any of them, that of an Allow only if it
// does for all: whoever adds a value gains nothing.
func (c *condition) holds(e *evaluation) bool {
	request, _ := e.context.Values(c.lowerKey)
	op := &c.operator
	if op.kind == opNull {
		return c.null(len(request) == 0)
	}
	if len(request) == 0 {
		switch op.set {
		case forAllValues:
			return true
		case forAnyValue:
			return false // IfExists or not: there is no value that could be any
		default:
			return op.negated || op.ifExists
		}
	}
	all := op.set == forAllValues || op.set == single && !c.deny
	for _, v := range request {
		if c.accepts(v, e) != all {
			return !all
		}
	}
	return all
}

// null reports whether one of the values of a Null condition is what was found.
func (c *condition) null(absent bool) bool {
	for i := range c.values {
		if c.values[i].operand == absent {
			return true
		}
	}
	return false
}

// accepts reports whether one value of the request satisfies the operator: equals any of the
// policy's values or, negated, none. A value with a variable that has no value satisfies neither.
func (c *condition) accepts(request string, e *evaluation) bool {
	read := c.operator.read(request)
	e.spend(8 * len(request))
	for i := range c.values {
		e.spend(64)
		matched, resolved := c.values[i].matches(c, request, read, e)
		switch {
		case c.operator.negated && (matched || !resolved):
			return false
		case matched:
			return true
		}
	}
	return c.operator.negated
}
