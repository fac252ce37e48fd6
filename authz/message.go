package authz

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
)

// messageBinding keeps authorization messages apart from anything else that is sealed.
const messageBinding = "authorization message v1"

// The form of a decoded authorization message
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html). Lists are
// objects with "items".
type (
	message struct {
		Allowed           bool           `json:"allowed"`
		ExplicitDeny      bool           `json:"explicitDeny"`
		MatchedStatements items          `json:"matchedStatements"`
		Failures          items          `json:"failures"`
		Context           messageContext `json:"context"`
	}
	messageContext struct {
		Principal struct {
			ID   string `json:"id"`
			Name string `json:"name,omitempty"`
			ARN  string `json:"arn"`
		} `json:"principal"`
		Action     string `json:"action"`
		Resource   string `json:"resource"`
		Conditions items  `json:"conditions"`
	}
	messageStatement struct {
		StatementID string `json:"statementId"`
		Effect      string `json:"effect"`
		Principals  items  `json:"principals"`
		Actions     items  `json:"actions"`
		Resources   items  `json:"resources"`
		Conditions  items  `json:"conditions"`
	}
	messageKey struct {
		Key    string `json:"key"`
		Values items  `json:"values"`
	}
	messageValue struct {
		Value string `json:"value"`
	}
	items struct {
		Items []any `json:"items"`
	}
)

func listItems[T any](all []T, item func(T) any) items {
	list := items{Items: []any{}}
	for _, v := range all {
		list.Items = append(list.Items, item(v))
	}
	return list
}

func valueItems(values []string) items {
	return listItems(values, func(v string) any { return messageValue{v} })
}

// encodedMessage returns what a denial's encoded authorization message would be, sealed so that only
// DecodeMessage reads it.
func (q *asked) encodedMessage(k *identity.Keyring) (string, error) {
	text, err := json.Marshal(q.message())
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(k.Seal(text, messageBinding)), nil
}

// DecodeMessage returns the JSON in an encoded authorization message, or
// InvalidAuthorizationMessageException.
func DecodeMessage(k *identity.Keyring, encoded string) (string, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err == nil {
		if text, err := k.Open(sealed, messageBinding); err == nil {
			return string(text), nil
		}
	}
	return "", api.Errorf("InvalidAuthorizationMessageException", "Message is not valid")
}

func (q *asked) message() message {
	d := q.decision
	m := message{Allowed: d.Effect == policy.Allowed, ExplicitDeny: d.Effect == policy.ExplicitlyDenied, MatchedStatements: items{Items: []any{}}, Failures: items{Items: []any{}}}
	if d.Statement != nil {
		m.MatchedStatements.Items = append(m.MatchedStatements.Items, q.statement(d))
	}
	m.Context.Principal.ID, m.Context.Principal.Name, m.Context.Principal.ARN = q.caller.id, q.caller.name, q.question.Principal.ARN
	m.Context.Action, m.Context.Resource = q.question.Action, q.question.Resource
	keys := q.context.keys()
	m.Context.Conditions = listItems(slices.Sorted(maps.Keys(keys)), func(key string) any { return messageKey{key, valueItems(keys[key])} })
	return m
}

// statement shows the statement that decided, as its document has it.
func (q *asked) statement(d policy.Decision) messageStatement {
	s := messageStatement{StatementID: d.Statement.Sid, Effect: strings.ToUpper(d.Statement.Effect()), Conditions: items{Items: []any{}}}
	var source struct {
		Principal, NotPrincipal, Action, NotAction, Resource, NotResource any
		Condition                                                         map[string]map[string]any
	}
	// What was parsed once parses again.
	json.Unmarshal([]byte(q.source(d.Statement)), &source)
	s.Principals = valueItems(texts(source.Principal, source.NotPrincipal))
	s.Actions = valueItems(texts(source.Action, source.NotAction))
	s.Resources = valueItems(texts(source.Resource, source.NotResource))
	for _, operator := range slices.Sorted(maps.Keys(source.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(source.Condition[operator])) {
			s.Conditions.Items = append(s.Conditions.Items, messageKey{key, valueItems(texts(source.Condition[operator][key]))})
		}
	}
	return s
}

// source returns the text of a statement of one of the policies.
func (q *asked) source(statement *policy.Statement) string {
	for n := range q.policies.All() {
		if n.Policy != nil && statement.Index < len(n.Policy.Statements) && &n.Policy.Statements[statement.Index] == statement {
			return n.Policy.Text[statement.Start.Offset:statement.End.Offset]
		}
	}
	return "{}"
}

// texts returns the strings in values that are one, a list of them, or an object of such.
func texts(values ...any) []string {
	var all []string
	for _, value := range values {
		switch v := value.(type) {
		case nil:
		case []any:
			all = append(all, texts(v...)...)
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				all = append(all, texts(v[key])...)
			}
		default:
			all = append(all, fmt.Sprint(v))
		}
	}
	return all
}
